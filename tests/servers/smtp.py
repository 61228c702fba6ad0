"""SMTP servers for tests: a private Exim that keeps mails in a Maildir, and one that misbehaves as the test says."""

import asyncio
import contextlib
import email
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

PASSWORD = "correct-horse"
_BINARY = "/usr/sbin/exim4"

_CONFIG = """
exim_user = {user}
exim_group = {group}
spool_directory = {root}/spool
log_file_path = {root}/log/%slog
pid_file_path = {root}/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {plain} : {tls}
tls_on_connect_ports = {tls}
tls_advertise_hosts = *
tls_certificate = {root}/cert.pem
tls_privatekey = {root}/key.pem
primary_hostname = mx.firma.example
smtputf8_advertise_hosts = *
acl_smtp_rcpt = rcpt
acl_smtp_data = data
rfc1413_hosts =
host_lookup =
never_users =
smtp_accept_max = 100
message_size_limit = 1M
begin acl
rcpt:
  deny message = no such mailbox
       local_parts = nobody
  defer message = try again later
       condition = ${{if exists{{{root}/later}}}}
  accept
data:
  accept
begin routers
gone:
  driver = redirect
  local_parts = gone
  allow_fail
  data = :fail: no such user here
full:
  driver = redirect
  local_parts = full
  allow_fail
  data = :fail: 452 4.2.2 mailbox full
all:
  driver = accept
  transport = keep
begin transports
keep:
  driver = appendfile
  directory = {root}/mail
  envelope_to_add
  maildir_format
  create_directory
  user = {user}
  group = {group}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if eq{{$auth3}}{{{password}}}}}
  server_set_id = $auth2
"""


@dataclass
class Exim:
    """A running server. `later` lets it put everything off."""

    root: Path
    plain_port: int
    tls_port: int

    def mails(self, mailbox: str) -> list[EmailMessage]:
        """Return what a mailbox got, in order."""
        files = sorted((self.root / "mail" / "new").glob("*"))
        parsed = (email.message_from_bytes(one.read_bytes(), policy=policy.default) for one in files)
        return [cast("EmailMessage", one) for one in parsed if str(one["Envelope-to"]).startswith(f"{mailbox}@")]

    def raw(self, mailbox: str) -> list[bytes]:
        """Return what a mailbox got, as it came, in order."""
        files = sorted((self.root / "mail" / "new").glob("*"))
        return [raw for one in files if f"Envelope-to: {mailbox}@".encode() in (raw := one.read_bytes())]

    def wait_for(self, mailbox: str, count: int, seconds: float = 10) -> list[EmailMessage]:
        until = time.monotonic() + seconds
        while len(found := self.mails(mailbox)) < count and time.monotonic() < until:
            threading.Event().wait(0.02)
        return found

    @contextlib.contextmanager
    def later(self) -> Iterator[None]:
        (self.root / "later").touch()
        try:
            yield
        finally:
            (self.root / "later").unlink()


def missing() -> str:
    """Say why there is no Exim here; empty if there is."""
    if not Path(_BINARY).exists():
        return f"{_BINARY} is not installed (Debian: exim4-daemon-light)"
    return "" if os.geteuid() == 0 else "Exim takes a configuration of its own from root only"


@contextlib.contextmanager
def running(certificate: bytes, key: bytes) -> Iterator[Exim]:
    """Run an Exim with this certificate until the block ends."""
    root = Path(tempfile.mkdtemp(prefix="esmesh-exim-"))
    user = pwd.getpwnam("Debian-exim")
    server = Exim(root, _free_port(), _free_port())
    for folder in ("spool", "log", "mail"):
        (root / folder).mkdir()
    (root / "cert.pem").write_bytes(certificate)
    (root / "key.pem").write_bytes(key)
    config = root / "exim.conf"
    text = _CONFIG.format(
        root=root, plain=server.plain_port, tls=server.tls_port, user=user.pw_uid, group=user.pw_gid, password=PASSWORD
    )
    config.write_text(text)
    root.chmod(0o755)
    for one in root.rglob("*"):
        if one != config:
            os.chown(one, user.pw_uid, user.pw_gid)
    os.chown(root, user.pw_uid, user.pw_gid)
    process = subprocess.Popen([_BINARY, "-C", str(config), "-bdf", "-q1h"], stderr=subprocess.PIPE)
    try:
        for _ in range(500):
            if process.poll() is not None:
                raise RuntimeError(process.stderr.read().decode() if process.stderr else "Exim ended")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.plain_port), timeout=1):
                break
            threading.Event().wait(0.02)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        if process.stderr:
            process.stderr.close()
        shutil.rmtree(root, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Moody:
    """A server that does what the test says; it keeps what it has taken.

    Attributes:
        rcpt: answer to each recipient, such as `450 later`.
        data: answer to a mail; `drop` hangs up after it was taken without a word, `lose` before.
    """

    port: int = 0
    rcpt: Callable[[str], str] = field(default=lambda _: "250 OK")
    data: Callable[[], str] = field(default=lambda: "250 OK")
    taken: list[bytes] = field(default_factory=list)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        answer = self.rcpt(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Any) -> str:
        answer = self.data()
        if answer in ("drop", "lose"):
            if answer == "drop":
                self.taken.append(envelope.content)
            transport = cast("asyncio.Transport", server.transport)
            transport.abort()
            return "250 nobody reads this"
        if answer.startswith("250"):
            self.taken.append(envelope.content)
        return answer


@contextlib.contextmanager
def moody() -> Iterator[Moody]:
    """Run a moody server in a thread until the block ends."""
    handler = Moody(port=_free_port())
    controller = Controller(handler, hostname="127.0.0.1", port=handler.port)
    controller.start()
    try:
        yield handler
    finally:
        controller.stop()
