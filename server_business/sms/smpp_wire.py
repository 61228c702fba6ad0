"""A connection to an SMS centre: bytes in and out, cut into PDUs (SMPP 3.4, section 3.2).

What comes with every message is made and read in `pdus`, the rest by smpplib. Its client is not used: it connects over
IPv4 only, checks no host name in a certificate, and loses the bytes of a PDU that a time limit cut in two.
"""

import contextlib
import logging
import select
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from smpplib import exceptions, smpp
from smpplib.client import SimpleSequenceGenerator

from server_business.sms import pdus

_LONGEST: Final = 70_000
"""A message_payload has up to 64 kB."""
_PIECE: Final = 256 * 1024
_BROKEN: Final = (exceptions.UnknownCommandError, exceptions.PDUError, LookupError, TypeError, ValueError, struct.error)
"""What is raised for bytes that are no PDU."""


class Lost(Exception):
    """The connection is gone, or of no use any more; says why."""


class Silent(Lost):
    """The connection stands, and nobody answers."""


class Garbled(Exception):
    """A PDU that cannot be read.

    Attributes:
        command: its command id.
        sequence: its number, for the answer.
    """

    def __init__(self, command: int, sequence: int) -> None:
        super().__init__(f"PDU {command:#010x} cannot be read")
        self.command = command
        self.sequence = sequence


class Wire:
    """One TCP connection.

    Args:
        host: name or address.
        port: TCP port.
        context: for TLS; None: without.
        timeout: seconds to wait for the connection, and for the other side to take what we send.

    Raises:
        Lost: there is nobody.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, timeout: float) -> None:
        logging.getLogger("smpplib").setLevel(logging.ERROR)  # it warns of every TLV of a vendor, receipt by receipt
        self.numbers = SimpleSequenceGenerator()
        self._timeout = timeout
        self._rest = b""
        try:
            plain = socket.create_connection((host, port), timeout)
        except OSError as error:
            raise Lost(f"{host}:{port} cannot be reached: {error.strerror or error}") from error
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = context.wrap_socket(plain, server_hostname=host) if context else plain
        except OSError as error:
            plain.close()
            raise Lost(f"{host}:{port}: {error}") from error
        self._readable = self.readable()

    def readable(self) -> select.poll:
        """Return what waits for something to read; each thread needs one of its own."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return poll

    def make(self, command: str, **said: Any) -> tuple[int, bytes]:
        """Return a PDU with its sequence number."""
        pdu = smpp.make_pdu(command, client=self.numbers, **said)
        if (sequence := said.get("sequence")) is not None:
            pdu.sequence = sequence
        return pdu.sequence, pdu.generate()

    def send(self, data: bytes) -> None:
        """Send. Raises Lost: some of it may have arrived."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Lost(f"the connection was lost: {error.strerror or error}") from error

    def read(self, seconds: float) -> list[bytes]:
        """Return the whole PDUs that come within so many seconds; possibly none.

        Raises:
            Lost: the other side hung up, or sends what is no SMPP.
        """
        if not self._readable.poll(seconds * 1000):
            return []
        self._socket.settimeout(0)
        try:
            data = self._socket.recv(_PIECE)
            while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():  # no poll sees these
                data += self._socket.recv(_PIECE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return []  # TLS had something to say to itself
        except OSError as error:
            raise Lost(f"the connection was lost: {error.strerror or error}") from error
        finally:
            with contextlib.suppress(OSError):
                self._socket.settimeout(self._timeout)
        if not data:
            raise Lost("the other side hung up")
        return self._cut(self._rest + data if self._rest else data)

    def close(self) -> None:
        self._socket.close()

    def _cut(self, data: bytes) -> list[bytes]:
        found, at = [], 0
        while len(data) - at >= pdus.HEADER:
            length = int.from_bytes(data[at : at + 4], "big")
            if not pdus.HEADER <= length <= _LONGEST:
                raise Lost("the other side sends what is no SMPP")
            if len(data) - at < length:
                break
            found.append(data[at : at + length])
            at += length
        self._rest = data[at:]
        return found


def parse(frame: bytes) -> Any:
    """Return a PDU, one of `pdus` or as smpplib has it. Raises Garbled."""
    command = int.from_bytes(frame[4:8], "big")
    try:
        read = _READ.get(command)
        return read(frame) if read else smpp.parse_pdu(frame, client=_NUMBERS, allow_unknown_opt_params=True)
    except _BROKEN as error:
        raise Garbled(command, int.from_bytes(frame[12:16], "big")) from error


_READ: Final[Mapping[int, Callable[[bytes], object]]] = {
    pdus.SUBMIT | pdus.RESPONSE: pdus.submit_sm_resp, pdus.DELIVER: pdus.deliver_sm, pdus.DATA: pdus.data_sm,
}  # fmt: skip
_NUMBERS: Final = SimpleSequenceGenerator()
"""smpplib draws a number for every request it reads, and then forgets it."""
