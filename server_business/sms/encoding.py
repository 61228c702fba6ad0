"""Texts as the bytes of a short message, and back (GSM 03.38 unpacked, UCS-2, user data header of GSM 03.40). Pure."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from server_business.sms.rules import TABLE, Alphabet

_ESCAPE: Final = 0x1B
_EXTENSION: Final = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
_OF_EXTENSION: Final = {code: one for one, code in _EXTENSION.items()}
_WRITTEN: Final[dict[int, int | bytes | None]] = {
    **{ord(one): place for place, one in enumerate(TABLE) if place != _ESCAPE},
    **{ord(one): bytes((_ESCAPE, code)) for one, code in _EXTENSION.items()},
}
"""As `codecs` has a table of characters."""
_NOT_LATIN1: Final = frozenset(one for one in map(chr, _WRITTEN) if ord(one) > 0xFF)  # noqa: PLR2004 - its last place
_ROOM: Final = (70, 67)
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
    return codecs.charmap_encode(text, "strict", _WRITTEN)[0]


def as_latin1(parts: Sequence[str], number: int) -> tuple[Alphabet, bytes]:
    """Return one part of several in the default alphabet for a centre whose data_coding 0 means Latin-1.

    What Latin-1 has no sign for, such as €, makes all of them UCS-2 if they fit, else it becomes a question mark.
    """
    text = parts[number - 1]
    room = _ROOM[len(parts) > 1]
    if all(len(one) <= room for one in parts) and any(_NOT_LATIN1.intersection(one) for one in parts):
        return Alphabet.UCS2, encode(text, Alphabet.UCS2)
    return Alphabet.GSM7, text.encode("latin-1", "replace")


def coding(alphabet: Alphabet, *, flash: bool) -> int:
    """Return the data coding scheme."""
    return _CODING[alphabet] | (_FLASH if flash else 0)


def header(piece: Piece) -> bytes:
    """Return the user data header of one part of several."""
    return bytes((5, _CONCATENATED_8, 3, piece.reference & 0xFF, piece.total, piece.number))


def decode(body: bytes, scheme: int, *, latin1: bool = False) -> str:
    """Return what a message says that was received; bytes that mean nothing become U+FFFD.

    Args:
        body: without a header.
        scheme: its data coding scheme.
        latin1: the default alphabet of who sends it is Latin-1.
    """
    kind = scheme & 0x0F if scheme < 0x20 or scheme >= 0xF0 else 0x00  # noqa: PLR2004 - GSM 03.38 section 4
    if kind in (0x08, 0x09, 0x0A, 0x0B):
        return body.decode("utf-16-be", "replace")
    if kind == _LATIN1 or (latin1 and kind == 0):
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
