"""Working time as a list of minutes: what the laws reckon deadlines with. Shares nothing with server_es.

Every minute of the run is asked what the clock in Berlin shows, and marked open or closed; sums over the marks do the
rest. The holidays are written down by hand.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
_MICROSECONDS = 60_000_000
_MIDNIGHT = 24 * 60

_NATIONWIDE = """2026-01-01 2026-04-03 2026-04-06 2026-05-01 2026-05-14 2026-05-25 2026-10-03 2026-12-25 2026-12-26
2027-01-01 2027-03-26 2027-03-29 2027-05-01 2027-05-06 2027-05-17"""
HOLIDAYS = {
    "BE": frozenset(map(date.fromisoformat, f"{_NATIONWIDE} 2026-03-08 2027-03-08".split())),
    "NW": frozenset(map(date.fromisoformat, f"{_NATIONWIDE} 2026-06-04 2026-11-01 2027-05-27".split())),
    "BY": frozenset(map(date.fromisoformat, f"{_NATIONWIDE} 2026-01-06 2026-06-04 2026-11-01 2027-01-06".split())),
}


@dataclass(frozen=True)
class Hours:
    """When a calendar is open.

    Attributes:
        windows: weekday (Monday = 1), minutes of opening and closing; closing at or before opening is on the next day.
        state: whose holidays are free; empty for none.
        closed: single days that are free.
        early: (month, day): minute at which windows of that day close at the latest.
        accept_until: by weekday, the minute up to which a report counts on the same day.
    """

    windows: tuple[tuple[int, int, int], ...]
    state: str = ""
    closed: frozenset[date] = frozenset()
    early: Mapping[tuple[int, int], int] = field(default_factory=dict)
    accept_until: Mapping[int, int] = field(default_factory=dict)

    def opens(self, day: date) -> list[tuple[int, int]]:
        """Return the windows that open on a day, in minutes of its wall clock."""
        if day in self.closed or day in HOLIDAYS.get(self.state, ()):
            return []
        limit = self.early.get((day.month, day.day))
        found = []
        for weekday, start, end in self.windows:
            if weekday == day.isoweekday():
                until = end if end > start else end + _MIDNIGHT
                if limit is not None:
                    until = min(until, limit)
                if start < until:
                    found.append((start, until))
        return sorted(found)


class WorkTime:
    """The minutes of a calendar from `begin` (a midnight in UTC) on."""

    def __init__(self, hours: Hours, begin: datetime, days: int) -> None:
        self._hours = hours
        self._begin = begin
        marks = bytearray(days * _MIDNIGHT)
        for hour in range(days * 24):  # within an hour of UTC the clock in Berlin goes on evenly
            wall = (begin + 60 * hour * MINUTE).astimezone(BERLIN)
            today, shown = wall.date(), wall.hour * 60 + wall.minute
            for day, first in ((today, shown), (today - DAY, shown + _MIDNIGHT)):
                for start, until in hours.opens(day):
                    for minute in range(max(start, first) - first, min(until, first + 60) - first):
                        marks[hour * 60 + minute] = 1
        self._marks = marks
        self._sums = [0, *accumulate(marks)]

    def _place(self, at: datetime) -> tuple[int, int]:
        return divmod((at - self._begin) // timedelta(microseconds=1), _MICROSECONDS)

    def _until(self, at: datetime) -> int:
        """Return the working microseconds up to an instant."""
        minute, rest = self._place(at)
        return self._sums[minute] * _MICROSECONDS + rest * self._marks[minute]

    def worked(self, a: datetime, b: datetime) -> timedelta:
        return timedelta(microseconds=self._until(b) - self._until(a))

    def due(self, start: datetime, working: timedelta, pauses: Iterable[tuple[datetime, datetime]]) -> datetime | None:
        """Return when so much time has been worked outside the pauses; None when that is after all we look at."""
        if working <= timedelta(0):
            return start
        for begins, ends in pauses:
            if ends <= start:
                continue
            if begins > start:
                before = self.worked(start, begins)
                if before >= working:
                    break
                working -= before
            start = max(start, ends)
        wanted = self._until(start) + working // timedelta(microseconds=1)
        minute = bisect_left(self._sums, -(-wanted // _MICROSECONDS))
        if minute == len(self._sums):
            return None
        rest = wanted - self._sums[minute - 1] * _MICROSECONDS
        return self._begin + (minute - 1) * MINUTE + timedelta(microseconds=rest)

    def received(self, at: datetime) -> datetime:
        """Return from when on a report counts."""
        wall = at.astimezone(BERLIN)
        until = self._hours.accept_until.get(wall.isoweekday())
        shown = timedelta(hours=wall.hour, minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
        if until is None or not self._hours.opens(wall.date()) or shown <= until * MINUTE:
            return at
        day = wall.date() + DAY
        while not self._hours.opens(day):
            day += DAY
        start = self._hours.opens(day)[0][0]
        return datetime(day.year, day.month, day.day, start // 60, start % 60, tzinfo=BERLIN).astimezone(UTC)


class AlwaysOpen:
    """The same around the clock."""

    def worked(self, a: datetime, b: datetime) -> timedelta:
        return b - a

    def due(self, start: datetime, working: timedelta, pauses: Iterable[tuple[datetime, datetime]]) -> datetime:
        at = start
        for begins, ends in pauses:
            if ends <= at:
                continue
            if begins > at:
                if begins - at >= working:
                    break
                working -= begins - at
            at = max(at, ends)
        return at + working

    def received(self, at: datetime) -> datetime:
        return at
