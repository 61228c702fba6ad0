"""The virus scanner ClamAV: its daemon is sent the bytes (INSTREAM of clamd(8)) and answers what it found."""

import socket
import struct
from collections.abc import Iterable
from contextlib import closing
from typing import Final, Protocol

from mesh.errors import Unavailable

_PIECE: Final = 1 << 18
_LONGEST_ANSWER: Final = 4096
_LENGTH: Final = struct.Struct("!I")
_FOUND: Final = " FOUND"


class ScannerAway(Unavailable):
    """The scanner does not answer; nothing is known of the bytes."""


class NotScanned(Exception):
    """The scanner answered, but has no verdict, such as for more bytes than it takes."""


class Scanner(Protocol):
    """Looks for viruses. Used by one thread at a time."""

    def scan(self, pieces: Iterable[bytes]) -> str:
        """Return the name of what was found; empty: nothing.

        Raises:
            ScannerAway: it does not answer.
            NotScanned: it has no verdict.
        """


class Clamd:
    """A clamd at a socket.

    Args:
        address: `unix:/run/clamav/clamd.ctl` or `host:port`.
        timeout: seconds an answer is waited for.
    """

    def __init__(self, address: str, *, timeout: float = 300.0) -> None:
        self._address = address
        self._timeout = timeout

    def scan(self, pieces: Iterable[bytes]) -> str:
        try:
            with closing(self._connected()) as one:
                _send(one, pieces)
                answer = _received(one)
        except OSError as error:
            raise ScannerAway(f"The virus scanner at {self._address} does not answer: {error}.") from error
        said = answer.removeprefix("stream: ")
        if said == "OK":
            return ""
        if said.endswith(_FOUND):
            return said.removesuffix(_FOUND)
        if not said:
            raise ScannerAway(f"The virus scanner at {self._address} broke off.")
        raise NotScanned(f"the virus scanner says: {said}")

    def _connected(self) -> socket.socket:
        if self._address.startswith("unix:"):
            one = socket.socket(socket.AF_UNIX)
            one.settimeout(self._timeout)
            try:
                one.connect(self._address.removeprefix("unix:"))
            except OSError:
                one.close()
                raise
            return one
        host, _, port = self._address.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), self._timeout)


def _send(one: socket.socket, pieces: Iterable[bytes]) -> None:
    """Send everything. It breaks off early when it has had enough; its answer then says why."""
    # What reads the pieces may fail with an OSError of its own, so it stands outside of what is passed over.
    parts = (piece[at : at + _PIECE] for piece in pieces for at in range(0, len(piece), _PIECE))
    one.sendall(b"zINSTREAM\0")
    for part in parts:
        try:
            one.sendall(_LENGTH.pack(len(part)) + part)
        except (BrokenPipeError, ConnectionResetError):
            return
    one.sendall(_LENGTH.pack(0))


def _received(one: socket.socket) -> str:
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < _LONGEST_ANSWER:
        piece = one.recv(_LONGEST_ANSWER)
        if not piece:
            break
        answer += piece
    return answer.rstrip(b"\0\n").decode("utf-8", "replace")
