"""A private Dovecot: own folder, loopback, free ports, one Maildir per user, stopped by pid.

Users sign in with their name and `PASSWORD`, or by XOAUTH2 with `TOKEN.<name>`, which an introspection server of ours
knows.
"""

import contextlib
import getpass
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PASSWORD = "correct-horse"
TOKEN = "token-of-the-day"
BARE = "IMAP4rev1 LITERAL+ NAMESPACE AUTH=PLAIN"  # a server from the nineties: no MOVE, no UIDPLUS, no IDLE
UIDPLUS = "IMAP4rev1 LITERAL+ UIDPLUS IDLE AUTH=PLAIN"  # no MOVE, no NAMESPACE
_BINARY = "/usr/sbin/dovecot"

_CONFIG = """
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{root}/cert.pem
ssl_key = <{root}/key.pem
disable_plaintext_auth = no
auth_failure_delay = 0
auth_mechanisms = plain login xoauth2 oauthbearer
mail_location = maildir:{root}/mail/%u
mail_max_userip_connections = 100
first_valid_uid = 0
{capability}
passdb {{
  driver = static
  args = password={password}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {root}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={root}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""

_OAUTH2 = """
introspection_mode = post
introspection_url = http://127.0.0.1:{port}/introspect
username_attribute = username
active_attribute = active
active_value = true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dovecot:
    """A running server; `plain_port` also speaks STARTTLS."""

    plain_port: int
    tls_port: int
    ca_file: str
    root: Path


def missing() -> str:
    """Return why Dovecot cannot run here, or an empty string."""
    return "" if Path(_BINARY).exists() else "dovecot-imapd is not installed (apt-get install dovecot-imapd)"


@contextlib.contextmanager
def running(*, capability: str = "", separator: str = "/", prefix: str = "") -> Iterator[Dovecot]:
    """Run a Dovecot until the block ends.

    Args:
        capability: what it claims to know instead of what it knows.
        separator: between folder levels.
        prefix: of all folders but INBOX, such as `INBOX.`.
    """
    root = Path(tempfile.mkdtemp(prefix="dovecot-", dir="/tmp"))  # short: the paths of its sockets are limited
    user = "nobody" if os.getuid() == 0 else getpass.getuser()
    account = pwd.getpwnam(user)
    with _token_server() as introspection:
        try:
            plain, tls = _free_ports(2)
            _certificate(root)
            (root / "mail").mkdir()
            (root / "oauth2.conf").write_text(_OAUTH2.format(port=introspection))
            (root / "dovecot.conf").write_text(
                _CONFIG.format(
                    root=root,
                    user=user,
                    group=_group(account.pw_gid),
                    password=PASSWORD,
                    plain=plain,
                    tls=tls,
                    separator=separator,
                    prefix=prefix,
                    capability=f"imap_capability = {capability}" if capability else "",
                )
            )
            if os.getuid() == 0:
                for path in (root, *root.rglob("*")):
                    os.chown(path, account.pw_uid, account.pw_gid)
            with _process(root, plain, account):
                yield Dovecot(plain_port=plain, tls_port=tls, ca_file=str(root / "cert.pem"), root=root)
        finally:
            shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def _process(root: Path, port: int, account: pwd.struct_passwd) -> Iterator[None]:
    as_nobody = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    with (root / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [_BINARY, "-F", "-c", str(root / "dovecot.conf")],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            cwd=root,
            **as_nobody,
        )
    try:
        _await_port(port, process, root)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def _await_port(port: int, process: subprocess.Popen[bytes], root: Path) -> None:
    until = time.monotonic() + 15
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.settimeout(5)
            if probe.recv(4) == b"* OK":
                return
        threading.Event().wait(0.05)
    said = (root / "stderr").read_text() + ((root / "log").read_text() if (root / "log").exists() else "")
    raise RuntimeError(f"Dovecot did not start: {said[-2000:]}")


def _free_ports(count: int) -> list[int]:
    """Choose below 32768, where the kernel gives out no port by itself."""
    free: list[int] = []
    while len(free) < count:
        port = random.randint(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in free:
                free.append(port)
    return free


def _group(gid: int) -> str:
    import grp

    return grp.getgrgid(gid).gr_name


def _certificate(root: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)  # noqa: TID251 - the server reads the machine's clock
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (root / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (root / "key.pem").write_bytes(pem)
    (root / "key.pem").chmod(0o600)


class _Introspection(BaseHTTPRequestHandler):
    """RFC 7662: says which token is active, and whose; here `TOKEN.<user>`."""

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        token, _, user = asked.partition("token=")[2].partition("&")[0].rpartition(".")
        body = json.dumps({"active": token == TOKEN, "username": user}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextlib.contextmanager
def _token_server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Introspection) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
