"""Texts as the bytes of a short message, and back (GSM 03.38 unpacked, UCS-2, user data header of GSM 03.40). Pure."""

from dataclasses import dataclass
from typing import Final

from server_business.sms.rules import EXTENDED, TABLE, Alphabet

_ESCAPE: Final = 0x1B
_EXTENSION: Final = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
_OF_EXTENSION: Final = {code: one for one, code in _EXTENSION.items()}
_PLACE: Final = {one: place for place, one in enumerate(TABLE)}
_CODING: Final = {Alphabet.GSM7: 0x00, Alphabet.UCS2: 0x08}
_FLASH: Final = 0x10  # message class 0, GSM 03.38 section 4
_CONCATENATED_8, _CONCATENATED_16 = 0x00, 0x08
_LATIN1: Final = 0x03


@dataclass(frozen=True, slots=True)
class Piece:
    """Which part of several a message is; `reference` tells the parts of one text from those of another."""

    reference: int
    total: int
    number: int


def encode(text: str, alphabet: Alphabet) -> bytes:
    """Return the bytes of a text that its alphabet can write."""
    if alphabet is Alphabet.UCS2:
        return text.encode("utf-16-be", "surrogatepass")
    out = bytearray()
    for one in text:
        if one in EXTENDED:
            out += bytes((_ESCAPE, _EXTENSION[one]))
        else:
            out.append(_PLACE[one])
    return bytes(out)


def coding(alphabet: Alphabet, *, flash: bool) -> int:
    """Return the data coding scheme."""
    return _CODING[alphabet] | (_FLASH if flash else 0)


def header(piece: Piece) -> bytes:
    """Return the user data header of one part of several."""
    return bytes((5, _CONCATENATED_8, 3, piece.reference & 0xFF, piece.total, piece.number))


def decode(body: bytes, scheme: int) -> str:
    """Return what a message says that was received; bytes that mean nothing become U+FFFD."""
    kind = scheme & 0x0F if scheme < 0x20 or scheme >= 0xF0 else 0x00  # noqa: PLR2004 - GSM 03.38 section 4
    if kind in (0x08, 0x09, 0x0A, 0x0B):
        return body.decode("utf-16-be", "replace")
    if kind == _LATIN1:
        return body.decode("latin-1")
    out, escaped = [], False
    for code in body:
        if escaped:
            out.append(_OF_EXTENSION.get(code, TABLE[code & 0x7F]))
            escaped = False
        elif code == _ESCAPE:
            escaped = True
        else:
            out.append(TABLE[code] if code < len(TABLE) else "\N{REPLACEMENT CHARACTER}")
    return "".join(out)


def without_header(body: bytes) -> tuple[Piece | None, bytes]:
    """Take the user data header off; say which part of several it is, if it says so. A header that is none stays."""
    length = body[0] + 1 if body else 0
    if not body or length > len(body):
        return None, body
    at, piece = 1, None
    while at + 2 <= length:
        kind, size = body[at], body[at + 1]
        value = body[at + 2 : min(at + 2 + size, length)]
        if kind == _CONCATENATED_8 and len(value) == 3:  # noqa: PLR2004 - reference, total, number
            piece = Piece(value[0], value[1], value[2])
        elif kind == _CONCATENATED_16 and len(value) == 4:  # noqa: PLR2004 - a reference of two bytes
            piece = Piece(value[0] << 8 | value[1], value[2], value[3])
        at += 2 + size
    sane = piece is not None and 1 <= piece.number <= piece.total
    return piece if sane else None, body[length:]
