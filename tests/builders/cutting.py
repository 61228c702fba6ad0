"""A proxy that hangs up in the middle of what one side is saying, at any byte."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Cutting:
    """The proxy.

    Attributes:
        port: where it listens.
        limits: for each connection to come, how many bytes of the client and of the server go through; None: all.
    """

    port: int
    limits: list[tuple[int | None, int | None]] = field(default_factory=list)


@contextmanager
def cutting(target: int) -> Iterator[Cutting]:
    """Stand in front of a port until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = Cutting(listener.getsockname()[1])

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", target))
            except OSError:
                return
            of_client, of_server = proxy.limits.pop(0) if proxy.limits else (None, None)
            for pair in ((client, server, of_client), (server, client, of_server)):
                threading.Thread(target=_pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield proxy
    finally:
        listener.close()


def _pump(source: socket.socket, sink: socket.socket, left: int | None) -> None:
    with closing(source):
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data if left is None else data[:left])
                if left is not None and len(data) >= left:
                    break
                left = None if left is None else left - len(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
