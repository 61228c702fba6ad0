"""Kannel as a peer: messages over its HTTP interface to an SMS centre, until every receipt was reported to us."""

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote_plus

_CONFIG = """
group = core
admin-port = {admin}
admin-password = secret
smsbox-port = {smsbox}
box-allow-ip = 127.0.0.1
log-level = 4
dlr-storage = internal
store-type = spool
store-location = {folder}/spool

group = smsc
smsc = smpp
smsc-id = null
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = us
smsc-password = secret
system-type =
interface-version = 34
max-pending-submits = {window}
msg-id-type = 0

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
log-level = 4

group = sendsms-user
username = us
password = secret
max-messages = 10

group = sms-service
keyword = default
text = no
"""
_CALLERS = 8
_LIMIT_SECONDS = 120


def missing() -> str:
    """Return why Kannel cannot be measured; empty when it can."""
    return "" if shutil.which("bearerbox") and shutil.which("smsbox") else "Debian's package kannel is not installed"


def per_second(smsc_port: int, count: int, window: int) -> float:
    """Return messages a second, from the first request to the last reported receipt."""
    with tempfile.TemporaryDirectory() as folder, _reports(count) as (report_port, done):
        ports = [_free_port() for _ in range(3)]
        with _running(Path(folder), smsc_port, ports, window):
            started = time.perf_counter()
            with ThreadPoolExecutor(_CALLERS) as callers:
                for one in [
                    callers.submit(_send, ports[2], report_port, range(at, count, _CALLERS)) for at in range(_CALLERS)
                ]:
                    one.result()
            if not done.wait(_LIMIT_SECONDS):
                raise TimeoutError("not every message was reported")
            return count / (time.perf_counter() - started)


def _send(port: int, report_port: int, numbers: range) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    report = quote_plus(f"http://127.0.0.1:{report_port}/?d=%d")
    for number in numbers:
        text = quote_plus(f"Anlage {number} steht, bitte melden.")
        place = f"/cgi-bin/sendsms?username=us&password=secret&from=4930123&to=49170{number:07}"
        connection.request("GET", f"{place}&text={text}&dlr-mask=3&dlr-url={report}")
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.ACCEPTED:
            raise RuntimeError(f"Kannel answers {answer.status}")
    connection.close()


@contextlib.contextmanager
def _reports(count: int) -> Iterator[tuple[int, threading.Event]]:
    done, seen = threading.Event(), [0]
    counting = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
            with counting:
                seen[0] += 1
                if seen[0] >= count:
                    done.set()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, done
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def _running(folder: Path, smsc: int, ports: list[int], window: int) -> Iterator[None]:
    admin, smsbox, sendsms = ports
    (folder / "spool").mkdir()
    config = folder / "kannel.conf"
    config.write_text(
        _CONFIG.format(admin=admin, smsbox=smsbox, sendsms=sendsms, smsc=smsc, folder=folder, window=window)
    )
    boxes: list[subprocess.Popen[bytes]] = []
    try:
        for name, port in (("bearerbox", smsbox), ("smsbox", sendsms)):
            program = shutil.which(name)
            assert program
            with (folder / f"{name}.log").open("wb") as log:
                boxes.append(subprocess.Popen([program, str(config)], stdout=log, stderr=log, env={**os.environ}))
            _reachable(port)
        time.sleep(1.5)  # noqa: TID251 - until it is bound; it tells nobody
        yield
    finally:
        for box in reversed(boxes):
            box.kill()
            box.wait(10)


def _reachable(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        threading.Event().wait(0.05)
    raise TimeoutError(f"nothing listens on {port}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
