"""An appointment or a task as both sides can say it: named fields, each a text in one spelling.

One spelling only, so that what comes back from the other side is equal to what was sent, however that side writes it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import IntEnum
from typing import Final, Self
from zoneinfo import ZoneInfo

Fields = Mapping[str, str]
"""What is said of an item. A field that is missing or empty is not said."""


class Kind(IntEnum):
    """The numbers are those of the contract's `CalendarKind`."""

    APPOINTMENT = 1
    TASK = 2


TEXTS: Final = frozenset({"title", "description", "location"})
"""What a private item does not tell."""
SERIES: Final = frozenset({"when", "recurrence"})
EXCEPTION: Final = "exception/"
"""Followed by the start of an occurrence as the series has it; the value is `DELETED`, or what differs in it."""
DELETED: Final = "deleted"
YES: Final = "yes"
COMPLETED: Final = "completed"
PRIVATE_TITLE: Final = "Privat"

CARRIED: Final = {
    Kind.APPOINTMENT: frozenset({"title", "description", "location", "when", "availability", "private", "recurrence"}),
    Kind.TASK: frozenset({"title", "description", "start", "due", "status", "percent", "importance", "private"}),
}


@dataclass(frozen=True, slots=True)
class When:
    """Start, inclusive, and end, exclusive.

    Attributes:
        start: aware; for a whole day a date.
        end: likewise.
        zone: in which a series repeats; None for a single appointment, of which only the instants count.
    """

    start: datetime | date
    end: datetime | date
    zone: str | None = None

    @property
    def all_day(self) -> bool:
        return not isinstance(self.start, datetime)

    def text(self) -> str:
        """Return the one spelling."""
        if self.zone is not None and not self.all_day:
            return f"{_wall(self.start, self.zone)}/{_wall(self.end, self.zone)} {self.zone}"
        return f"{_instant(self.start)}/{_instant(self.end)}"

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what `text` has written."""
        span, _, zone = text.partition(" ")
        start, _, end = span.partition("/")
        return cls(_moment(start, zone), _moment(end, zone), zone or None)


def moment_text(moment: datetime | date, zone: str | None = None) -> str:
    """Return an instant or a day as `When` writes it; with a zone as the clock on the wall there."""
    return _wall(moment, zone) if zone is not None and isinstance(moment, datetime) else _instant(moment)


def moment(text: str, zone: str | None = None) -> datetime | date:
    """Read what `moment_text` has written."""
    return _moment(text, zone or "")


def _wall(moment_: datetime | date, zone: str) -> str:
    assert isinstance(moment_, datetime)
    return moment_.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S")


def _instant(moment_: datetime | date) -> str:
    if isinstance(moment_, datetime):
        return moment_.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return moment_.isoformat()


def _moment(text: str, zone: str) -> datetime | date:
    if "T" not in text:
        return date.fromisoformat(text)
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=ZoneInfo(zone) if zone else UTC)


def plain_text(said: str) -> str:
    """Return a text without what mail programs change on the way: line ends and blanks at ends of lines."""
    lines = (line.rstrip() for line in said.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    return "\n".join(lines).strip("\n")


def differing(said: Fields) -> str:
    """Write what differs in an occurrence."""
    return json.dumps(dict(said), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def occurrence(text: str) -> dict[str, str]:
    """Read what differs in an occurrence."""
    found: dict[str, str] = json.loads(text)
    return found


def is_private(said: Fields) -> bool:
    return said.get("private") == YES


def busy_time_only(said: Fields) -> dict[str, str]:
    """Return what others may know of a private item: that there is something, and when."""
    masked = {name: _masked(name, value) for name, value in said.items() if name not in TEXTS}
    return {**masked, "title": PRIVATE_TITLE}


def shown(said: Fields) -> dict[str, str]:
    """Return what an item tells the other side."""
    return busy_time_only(said) if is_private(said) else dict(said)


def _masked(name: str, value: str) -> str:
    if not name.startswith(EXCEPTION) or value == DELETED:
        return value
    return differing({field: one for field, one in occurrence(value).items() if field not in TEXTS})


def spoken(said: Fields) -> dict[str, str]:
    """Leave out what is not said."""
    return {name: value for name, value in said.items() if value}
