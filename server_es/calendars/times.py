"""Times of day and weekdays, and how a wall clock's time becomes an instant where the clock jumps (DST)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from typing import Self
from zoneinfo import ZoneInfo

from mesh import errors

MINUTES_A_DAY = 24 * 60

_TIME_OF_DAY = re.compile(r"([0-9]{1,2}):([0-5][0-9])")


class NaiveTimeError(ValueError):
    """A date-time without a time zone reached a rule; a programming mistake, never the caller's."""

    def __init__(self, at: datetime) -> None:
        super().__init__(f"{at.isoformat()} has no time zone; rules take aware date-times only")


def utc(at: datetime) -> datetime:
    """Return the same instant in UTC.

    Raises:
        NaiveTimeError: it has no time zone.
    """
    if at.tzinfo is UTC:
        return at
    if at.tzinfo is None or at.utcoffset() is None:
        raise NaiveTimeError(at)
    return at.astimezone(UTC)


class Weekday(IntEnum):
    """Numbered as `date.weekday()` does."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


@dataclass(frozen=True, slots=True, order=True)
class TimeOfDay:
    """What a wall clock shows, to the minute. `minutes` since 00:00, 1440 is 24:00, the end of the day."""

    minutes: int

    def __post_init__(self) -> None:
        if not 0 <= self.minutes <= MINUTES_A_DAY:
            raise _wrong(f"{self.minutes} minutes lie outside 00:00 to 24:00")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "8:00", "08:00" or "24:00"."""
        found = _TIME_OF_DAY.fullmatch(text)
        if found is None:
            raise _wrong(f"{text!r} is no time of day such as 08:00 or 24:00")
        return cls(int(found[1]) * 60 + int(found[2]))

    def __str__(self) -> str:
        return f"{self.minutes // 60:02}:{self.minutes % 60:02}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From `opens` (inclusive) to `closes` (exclusive); a close not after it is on the next day: 22:00-06:00."""

    opens: TimeOfDay
    closes: TimeOfDay

    def __post_init__(self) -> None:
        if self.opens.minutes == MINUTES_A_DAY:
            raise _wrong("a window cannot open at 24:00, 00:00 of the next day is meant", field="opens")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "08:00-17:00" or "22:00-06:00"."""
        opens, _, closes = text.partition("-")
        return cls(opens=TimeOfDay.parse(opens.strip()), closes=TimeOfDay.parse(closes.strip()))

    @property
    def end_minutes(self) -> int:
        """Minutes from 00:00 of the day it opens on to its close; above 1440 on the next day."""
        return self.closes.minutes + (MINUTES_A_DAY if self.closes <= self.opens else 0)

    def __str__(self) -> str:
        return f"{self.opens}-{self.closes}"


def windows(*texts: str) -> tuple[Window, ...]:
    """Read several windows: `windows("08:00-12:00", "13:00-17:00")`."""
    return tuple(Window.parse(text) for text in texts)


def first_instant(zone: ZoneInfo, day: date, minutes: int) -> datetime:
    """Return the instant (UTC) at which the wall clock shows `minutes` after 00:00 of `day`; from 1440 on the next day.

    A time the clock skips in spring moves forward by the gap (RFC 5545, 3.3.5). A time that comes twice in autumn is
    the first one: for deadlines, and for the start of a duty shift.
    """
    days, rest = divmod(minutes, MINUTES_A_DAY)
    # fold=0 reads a skipped time with the offset from before the gap, and that is the move forward.
    local = datetime.combine(day + timedelta(days=days), time(*divmod(rest, 60)), tzinfo=zone)
    return local.astimezone(UTC)


def last_instant(zone: ZoneInfo, day: date, minutes: int) -> datetime:
    """Return as `first_instant`, but of a time that comes twice the second one: for the end of a duty shift."""
    days, rest = divmod(minutes, MINUTES_A_DAY)
    local = datetime.combine(day + timedelta(days=days), time(*divmod(rest, 60)), tzinfo=zone)
    # fold=1 of a skipped time lies before fold=0, of a doubled time after it.
    return max(local.astimezone(UTC), local.replace(fold=1).astimezone(UTC))


def zone_violations(name: str) -> Iterable[errors.Violation]:
    """Say what is wrong with a zone's name, nothing if it can be used."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, not a relative path, a directory
        yield errors.Violation("zone", f"{name!r} is no IANA time zone such as Europe/Berlin")


def _wrong(description: str, *, field: str = "time_of_day") -> errors.InvalidArgument:
    return errors.InvalidArgument([errors.Violation(field, description)])
