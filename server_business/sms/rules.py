"""How a text is written as short messages: alphabet and parts (GSM 03.38, GSM 03.40)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

TABLE: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The 128 places of the default alphabet, the escape among them."""
BASIC: Final = frozenset(TABLE) - {"\x1b"}
EXTENDED: Final = frozenset("\f^{}\\[~]|€")
"""These are written as an escape and a character: they count twice, and a part never ends between the two."""
_WRITABLE: Final = BASIC | EXTENDED
MOST_PARTS: Final = 10
_BASIC_PLANE: Final = 0xFFFF


class Alphabet(IntEnum):
    """The numbers are those of the contract's `SmsAlphabet`."""

    GSM7 = 1
    UCS2 = 2


class Priority(IntEnum):
    """What goes first; the numbers are those of the contract's `SmsPriority`."""

    URGENT = 1
    NORMAL = 2
    BULK = 3


_PLAIN: Final = str.maketrans(
    {
        **dict.fromkeys("„“”‟«»″", '"'),
        **dict.fromkeys("‚‘’‛‹›′´`", "'"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u2002\u2003", " "),
        **dict.fromkeys("\u00ad\u200b\ufeff", ""),
        **dict.fromkeys("•·", "*"),
        "…": "...",
        "™": "(TM)",
        "×": "x",
        "\t": " ",
    }
)
"""Typographic characters that mean the same as plain ones; letters are left alone."""

_ROOM: Final = {Alphabet.GSM7: (160, 153), Alphabet.UCS2: (70, 67)}
"""Places in a single part, and in each of several."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text as it is sent.

    Attributes:
        alphabet: how it is written.
        parts: what each part says; together they are the text.
        remaining: places left in the last part.
        foreign: characters because of which GSM7 is not enough, each once, in their order.
    """

    alphabet: Alphabet
    parts: tuple[str, ...]
    remaining: int
    foreign: tuple[str, ...]


def write(text: str) -> Written:
    """Choose the alphabet and cut the text into as few parts as there can be."""
    strange = frozenset(text) - _WRITABLE
    foreign = tuple(dict.fromkeys(one for one in text if one in strange)) if strange else ()
    alphabet = Alphabet.UCS2 if foreign else Alphabet.GSM7
    single, several = _ROOM[alphabet]
    total = len(text) + sum(text.count(one) for one in frozenset(text) if places(one, alphabet) > 1)
    if total <= single:
        return Written(alphabet, (text,), single - total, foreign)
    parts = tuple(_cut(text, alphabet, several))
    return Written(alphabet, parts, several - sum(places(one, alphabet) for one in parts[-1]), foreign)


def transliterated(text: str) -> str | None:
    """Return the text with typographic characters written plainly, None when that saves no part."""
    plain = text.translate(_PLAIN)
    return plain if len(write(plain).parts) < len(write(text).parts) else None


def places(character: str, alphabet: Alphabet) -> int:
    """Return how many places a character takes: one or two."""
    if alphabet is Alphabet.GSM7:
        return 2 if character in EXTENDED else 1
    return 2 if ord(character) > _BASIC_PLANE else 1


def _cut(text: str, alphabet: Alphabet, room: int) -> Iterator[str]:
    start, used = 0, 0
    for at, character in enumerate(text):
        needed = places(character, alphabet)
        if used + needed > room:
            yield text[start:at]
            start, used = at, 0
        used += needed
    yield text[start:]
