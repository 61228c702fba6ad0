"""A place's wall clock in whole seconds: what it shows at an instant, and when it shows a time.

Rosters reckon in two kinds of seconds since 1970-01-01 00:00: *instants* are real ones, *wall* seconds are what a clock
on the wall has counted. Where the clock jumps, the start of a duty takes the first of two instants and its end the
last; a time that is skipped moves forward by the gap for both. So no jump makes a gap between two shifts that follow
each other on the wall clock.
"""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = 24 * 60 * 60
MINUTE: Final = 60
FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2200

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_EPOCH_WEEKDAY: Final = 3  # a Thursday
_WEEK: Final = 7
_LOOK: Final = 3 * DAY
"""Jumps are looked for so far apart; no zone has had two within this time since 1990."""


class WallClock:
    """The clock of one time zone, from 1990 to 2200; before and after them it does not jump.

    Args:
        zone: IANA name, such as `Europe/Berlin`.

    Attributes:
        around: within so many days of a time of the clock lies every duty day that can be on at it; 1, but where the
            clock once skipped a whole day (Samoa, 2011-12-30).
    """

    def __init__(self, zone: str) -> None:
        self._jumps, self._offsets = _jumps(ZoneInfo(zone))
        pairs = list(zip(self._offsets, self._offsets[1:], strict=False))
        # From the first to the second the wall clock's time is skipped, or shown twice.
        self._begins = [at + min(pair) for at, pair in zip(self._jumps, pairs, strict=True)]
        self._ends = [at + max(pair) for at, pair in zip(self._jumps, pairs, strict=True)]
        # Only between these instants one offset does not tell all: as long before and after a jump as it is wide.
        widths = [abs(one - two) for one, two in pairs]
        self._near = [at - width for at, width in zip(self._jumps, widths, strict=True)]
        self._over = [at + width for at, width in zip(self._jumps, widths, strict=True)]
        self.around = 1 + max(widths, default=0) // (DAY // 2)

    def wall(self, instant: int) -> int:
        """Return what the clock shows."""
        return instant + self._offsets[bisect_right(self._jumps, instant)]

    def first(self, wall: int) -> int:
        """Return the first instant at which the clock shows this; of a skipped time the one moved by the gap."""
        return wall - self._offsets[bisect_right(self._ends, wall)]

    def last(self, wall: int) -> int:
        """Return the last instant at which the clock shows this; of a skipped time the one moved by the gap."""
        at = bisect_right(self._ends, wall)
        if at < len(self._begins) and wall >= self._begins[at] and self._offsets[at + 1] < self._offsets[at]:
            at += 1
        return wall - self._offsets[at]

    def steady(self, start: int, end: int) -> list[tuple[int, int, int | None]]:
        """Return the parts of a time with the offset between wall clock and instant; None near a jump."""
        at = bisect_right(self._over, start)
        found: list[tuple[int, int, int | None]] = []
        while at < len(self._near) and self._near[at] < end:
            if start < self._near[at]:
                found.append((start, self._near[at], self._offsets[at]))
                start = self._near[at]
            until = min(self._over[at], end)
            found.append((start, until, None))
            start, at = until, at + 1
        if start < end:
            found.append((start, end, self._offsets[at]))
        return found

    def plain_wall(self, instant: int) -> int | None:
        """Return what the clock shows; None near a jump, where one time of the clock may be two instants or none."""
        at = bisect_right(self._over, instant)
        if at < len(self._near) and self._near[at] <= instant:
            return None
        return instant + self._offsets[at]


@lru_cache(maxsize=64)
def wall_clock(zone: str) -> WallClock:
    """Return the clock of a zone; made once per process, which takes some milliseconds."""
    return WallClock(zone)


def seconds(at: datetime) -> int:
    """Return an instant in whole seconds since 1970, rounded down.

    Raises:
        TypeError: it has no time zone.
    """
    return (at - _EPOCH) // timedelta(seconds=1)


def moment(instant: int) -> datetime:
    """Return an instant as an aware date-time in UTC."""
    return _EPOCH + timedelta(seconds=instant)


def day_number(day: date) -> int:
    """Return a date as the number of days since 1970-01-01."""
    return day.toordinal() - _EPOCH_DAY


def weekday(number: int) -> int:
    """Return the weekday of a day number; 0 is Monday."""
    return (number + _EPOCH_WEEKDAY) % _WEEK


def day_of(number: int) -> date:
    return date.fromordinal(number + _EPOCH_DAY)


def _jumps(zone: ZoneInfo) -> tuple[list[int], list[int]]:
    """Return the instants at which the offset to UTC changes, and the offsets: one more, before, between, after."""

    def offset(instant: int) -> int:
        return round((moment(instant).astimezone(zone).utcoffset() or timedelta(0)).total_seconds())

    at = seconds(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
    end = seconds(datetime(LAST_YEAR, 1, 1, tzinfo=UTC))
    jumps: list[int] = []
    offsets = [offset(at)]
    while at < end:
        following = offset(at + _LOOK)
        if following != offsets[-1]:
            before, after = at, at + _LOOK
            while after - before > 1:
                middle = (before + after) // 2
                before, after = (middle, after) if offset(middle) == offsets[-1] else (before, middle)
            jumps.append(after)
            offsets.append(following)
        at += _LOOK
    return jumps, offsets
