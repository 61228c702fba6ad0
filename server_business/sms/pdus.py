"""The PDUs that come and go with every message, made and read at a tenth of smpplib's price (SMPP 3.4). Pure.

What is rare, such as a bind, stays with smpplib.
"""

import struct
from dataclasses import dataclass, field
from typing import Final

HEADER: Final = 16
RESPONSE: Final = 0x80000000
SUBMIT, DELIVER, DATA = 0x00000004, 0x00000005, 0x00000103
_HEAD: Final = struct.Struct(">LLLL")
_TLV: Final = struct.Struct(">HH")
_OF_MESSAGE: Final = {
    0x001E: "receipted_message_id", 0x0424: "message_payload", 0x0427: "message_state", 0x020C: "sar_msg_ref_num",
    0x020E: "sar_total_segments", 0x020F: "sar_segment_seqnum",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answer to a submit.

    Attributes:
        sequence: number of the submit.
        status: 0: it was taken.
        message_id: how the centre names it.
    """

    sequence: int
    status: int
    message_id: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A deliver_sm or data_sm: a receipt or a message.

    Attributes:
        command: DELIVER or DATA.
        sequence: for the answer.
        sender: who it comes from, `sender_ton` says how that is written.
        recipient: who it goes to.
        esm_class: what it is.
        data_coding: how `body` is written.
        body: what it says.
        more: the optional fields we know, by the names the standard gives them.
    """

    command: int
    sequence: int
    sender_ton: int
    sender: str
    recipient: str
    esm_class: int
    data_coding: int
    body: bytes
    more: dict[str, bytes] = field(default_factory=dict)

    def number(self, name: str) -> int | None:
        """Return an optional field that is a number; None when it is not there."""
        said = self.more.get(name)
        return int.from_bytes(said, "big") if said else None

    def text(self, name: str) -> str:
        """Return an optional field that ends with NUL; empty when it is not there."""
        return self.more.get(name, b"").split(b"\0", 1)[0].decode("latin-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """What a submit_sm says; see SMPP 3.4, section 4.4.1.

    Attributes:
        sender: type of number, numbering plan and address.
        to: digits of an international number.
        esm_class: whether `body` begins with a header.
        validity: empty: as the centre has it.
        data_coding: how `body` is written.
        body: at most 254 bytes.
    """

    sender: tuple[int, int, str]
    to: str
    esm_class: int
    validity: str
    data_coding: int
    body: bytes


def submit_sm(sequence: int, said: Submit) -> bytes:
    """Return a submit_sm that asks for a receipt."""
    ton, npi, address = said.sender
    body = b"".join(
        (
            bytes((0, ton, npi)), address.encode("latin-1", "replace"), b"\0\1\1", said.to.encode("ascii"),
            bytes((0, said.esm_class, 0, 0, 0)), said.validity.encode("ascii"),
            bytes((0, 1, 0, said.data_coding, 0, len(said.body))), said.body,
        )
    )  # fmt: skip
    return _HEAD.pack(HEADER + len(body), SUBMIT, 0, sequence) + body


def acknowledgement(sequence: int, command: int = DELIVER, status: int = 0) -> bytes:
    """Return the answer to a deliver_sm or data_sm; status 0: it is kept."""
    return _HEAD.pack(HEADER + 1, command | RESPONSE, status, sequence) + b"\0"


def submit_sm_resp(frame: bytes) -> Submitted:
    """Read the answer to a submit; one that refuses it has no body."""
    _, _, status, sequence = _HEAD.unpack_from(frame)
    end = frame.find(b"\0", HEADER)
    return Submitted(sequence, status, frame[HEADER : end if end >= 0 else len(frame)].decode("latin-1"))


def deliver_sm(frame: bytes) -> Delivered:
    """Read a deliver_sm. Raises ValueError, IndexError or struct.error: its fields do not end where they should."""
    ton, sender, recipient, at = _addresses(frame)
    esm_class, at = frame[at], at + 3
    at = frame.index(b"\0", frame.index(b"\0", at) + 1) + 1  # schedule_delivery_time, validity_period
    data_coding, length, at = frame[at + 2], frame[at + 4], at + 5
    body, end = frame[at : at + length], at + length
    if end > len(frame):
        raise ValueError("the text is longer than the PDU")
    more = _more(frame, end)
    return Delivered(
        DELIVER, _sequence(frame), ton, sender, recipient, esm_class, data_coding,
        body or more.get("message_payload", b""), more,
    )  # fmt: skip


def data_sm(frame: bytes) -> Delivered:
    """Read a data_sm: its text is a message_payload. Raises as `deliver_sm`."""
    ton, sender, recipient, at = _addresses(frame)
    more = _more(frame, at + 3)
    body = more.get("message_payload", b"")
    return Delivered(DATA, _sequence(frame), ton, sender, recipient, frame[at], frame[at + 2], body, more)


def _addresses(frame: bytes) -> tuple[int, str, str, int]:
    """Return the sender's type of number, sender and recipient, and where they end."""
    at = frame.index(b"\0", HEADER) + 1  # service_type
    ton, end = frame[at], frame.index(b"\0", at + 2)
    sender, at = frame[at + 2 : end].decode("latin-1"), end + 3
    end = frame.index(b"\0", at)
    return ton, sender, frame[at:end].decode("latin-1"), end + 1


def _more(frame: bytes, at: int) -> dict[str, bytes]:
    """Return the optional fields we know, which begin at `at`."""
    more: dict[str, bytes] = {}
    while at < len(frame):
        tag, length = _TLV.unpack_from(frame, at)
        at += _TLV.size + length
        if at > len(frame):
            raise ValueError("an optional field is longer than the PDU")
        if tag in _OF_MESSAGE:
            more[_OF_MESSAGE[tag]] = frame[at - length : at]
    return more


def _sequence(frame: bytes) -> int:
    return int.from_bytes(frame[12:16], "big")
