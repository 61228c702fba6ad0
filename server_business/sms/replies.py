"""What somebody means who writes to us. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

_STOP: Final = frozenset({"stop", "stopp", "stopall", "ende", "abmelden", "unsubscribe", "cancel", "quit"})
_START: Final = frozenset({"start", "unstop", "anmelden"})
_CODE: Final = re.compile(r"(?<![0-9a-z])q(?=[a-z]{0,3}[0-9])[0-9a-z]{4}(?![0-9a-z])")
AGAIN: Final = timedelta(minutes=2)
"""A provider that had no answer hands the same message over once more, usually within a minute."""


class Wish(Enum):
    """What is wanted."""

    STOP = "stop"
    START = "start"
    ACKNOWLEDGE = "acknowledge"
    SAY = "say"


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody means; `code` is that of an escalation."""

    wish: Wish
    code: str = ""


def meaning(text: str) -> Reply:
    """Return what a received message means. STOP and START are the only word; a code may stand anywhere."""
    word = text.strip().strip(".!\"'„“ ").casefold()
    if word in _STOP:
        return Reply(Wish.STOP)
    if word in _START:
        return Reply(Wish.START)
    found = _CODE.search(text.casefold())
    return Reply(Wish.ACKNOWLEDGE, found[0].upper()) if found else Reply(Wish.SAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One part of a longer message, as it was received."""

    id: int
    number: int
    total: int
    text: str
    receive_time: datetime


WHOLE_WITHIN: Final = timedelta(minutes=10)


def joined(segments: list[Segment], now: datetime) -> str | None:
    """Return the text of a longer message once all parts are there, or the missing ones have had time enough."""
    known = {one.number: one.text for one in segments}
    total = max(one.total for one in segments)
    if len(known) < total and now < min(one.receive_time for one in segments) + WHOLE_WITHIN:
        return None
    return "".join(known.get(number, " […] ") for number in range(1, total + 1))
