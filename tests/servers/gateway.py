"""An HTTP gateway for short messages that answers as the test says."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


@dataclass
class Running:
    """The gateway.

    Attributes:
        url: of it.
        answer: to a request's data: status and body; `drop` hangs up, `hang` says nothing.
        asked: path, data and headers of what it was asked.
    """

    url: str = ""
    answer: Callable[[Any], Any] = field(default=lambda _: (200, ""))
    asked: list[tuple[str, Any, dict[str, str]]] = field(default_factory=list)


@contextlib.contextmanager
def running() -> Iterator[Running]:
    """Run it in threads until the block ends."""
    gateway = Running()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            is_json = self.headers.get("content-type") == "application/json"
            data = json.loads(body) if is_json else dict(parse_qsl(body))
            gateway.asked.append((self.path, data, {key.lower(): value for key, value in self.headers.items()}))
            said = gateway.answer(data)
            if said == "hang":
                over.wait(10)
            elif said == "drop":
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                content = json.dumps(said[1]).encode() if said[1] != "" else b""
                self.send_response(said[0])
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    gateway.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield gateway
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
