"""Standby hours (Bereitschaftsstunden) by kind of day and by night, as they are paid. Pure.

Hours are real ones: the night on which the clock goes back has one more.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Final, NamedTuple

from server_es.duty.wall import DAY, MINUTE, WallClock, day_of

_SATURDAY: Final = 5
_SUNDAY: Final = 6

IsHoliday = Callable[[date], bool]


class DayKind(IntEnum):
    """What a day is paid as; a holiday is nothing else beside it."""

    WEEKDAY = 1
    SATURDAY = 2
    SUNDAY = 3
    HOLIDAY = 4


class Hours(NamedTuple):
    """What an hour is paid as."""

    day: DayKind
    night: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """Which hours are night, in minutes after midnight; 23:00 to 06:00 unless a roster says otherwise (§ 2 ArbZG)."""

    start: int = 23 * 60
    end: int = 6 * 60

    def edges(self) -> list[int]:
        return sorted({0, self.start * MINUTE, self.end * MINUTE} - {DAY})

    def covers(self, second_of_day: int) -> bool:
        start, end = self.start * MINUTE, self.end * MINUTE
        if start < end:
            return start <= second_of_day < end
        return second_of_day >= start or second_of_day < end


def kind_of(day: date, is_holiday: IsHoliday) -> DayKind:
    if is_holiday(day):
        return DayKind.HOLIDAY
    weekday = day.weekday()
    return {_SATURDAY: DayKind.SATURDAY, _SUNDAY: DayKind.SUNDAY}.get(weekday, DayKind.WEEKDAY)


def counted(clock: WallClock, start: int, end: int, *, night: Night, is_holiday: IsHoliday) -> Counter[Hours]:
    """Return the seconds between two instants by what they are paid as."""
    found = Counter[Hours]()
    for wall, since, until in _parts(clock, start, end, night):
        day, second = divmod(wall, DAY)
        found[Hours(kind_of(day_of(day), is_holiday), night.covers(second))] += until - since
    return found


def special(clock: WallClock, start: int, end: int, is_holiday: IsHoliday) -> int:
    """Return the seconds between two instants that lie on weekends and holidays."""
    hours = counted(clock, start, end, night=Night(), is_holiday=is_holiday)
    return sum(spent for kind, spent in hours.items() if kind.day is not DayKind.WEEKDAY)


def _parts(clock: WallClock, start: int, end: int, night: Night) -> Iterator[tuple[int, int, int]]:
    """Return the wall time at the edge before each part, and the part; parts follow each other without a gap."""
    edges = night.edges()
    day = clock.wall(start) // DAY - 1
    edge, since = day * DAY, start
    while since < end:
        day += 1
        for following in (day * DAY + second for second in edges):
            until = min(clock.first(following), end)
            if until > since:
                yield edge, since, until
                since = until
            edge = following
