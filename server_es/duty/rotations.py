"""Rotations: whose turn it is, by arithmetic on the wall clock.

A rotation is a row of *duty days*: one begins on each matching weekday at the handoff time and lasts up to 24 hours.
Turns are counted over matching days only, so after a weekend that is left out the next in turn follows, not the next
but two.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from typing import Final, NamedTuple

from server_es.duty.wall import DAY, MINUTE, WallClock, day_number, day_of, weekday

EVERY_DAY: Final = frozenset(range(7))
MINUTES_A_DAY: Final = 24 * 60

_WEEK: Final = 7
_MONTHS: Final = 12
_EVERY_MONTH: Final = 28  # the last day that every month has

Group = tuple[str, ...]


class Kind(IntEnum):
    """After what the next one takes over; the numbers of the contract."""

    HOURLY = 1
    DAILY = 2
    WEEKLY = 3
    MONTHLY = 4


class Stretch(NamedTuple):
    """A group's uninterrupted turn on the wall clock. Start inclusive, end exclusive."""

    start: int
    end: int
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Who follows whom.

    Attributes:
        kind: after hours, days, weeks or months.
        length: of a turn, in these.
        first: the first duty day.
        handoff: minutes after midnight at which a duty day begins.
        minutes: how long a duty day lasts, up to 24 h.
        weekdays: on which of them duty days begin; 0 is Monday.
        groups: who is on duty together, in the order of their turns. An empty group is a turn nobody has taken yet.
    """

    kind: Kind
    length: int
    first: date
    handoff: int = 0
    minutes: int = MINUTES_A_DAY
    weekdays: frozenset[int] = EVERY_DAY
    groups: tuple[Group, ...]
    _first_day: int = field(init=False, repr=False, compare=False)
    _counted: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _origin: int = field(init=False, repr=False, compare=False)
    _months: tuple[int, int] = field(init=False, repr=False, compare=False)
    _begin: int = field(init=False, repr=False, compare=False)
    _period: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        counted, total = [], 0
        for one in range(_WEEK):
            counted.append(total)
            total += weekday(one) in self.weekdays
        object.__setattr__(self, "_counted", (*counted, total))
        object.__setattr__(self, "_first_day", day_number(self.first))
        object.__setattr__(self, "_origin", self._matching_before(self._first_day))
        object.__setattr__(self, "_begin", self._first_day * DAY + self.handoff * MINUTE)
        object.__setattr__(self, "_period", self._steady())
        object.__setattr__(self, "_months", (self.first.year * _MONTHS + self.first.month, self.first.day))

    @property
    def slot(self) -> int:
        """Minutes of the shortest shift: a duty day, or an hourly turn."""
        return min(self.minutes, self.length * 60) if self.kind is Kind.HOURLY else self.minutes

    def group(self, turn: int) -> Group:
        return self.groups[turn % len(self.groups)]

    def turn_at(self, wall: int) -> int | None:
        """Return whose turn it is by the wall clock: a number that counts up; None when nobody's."""
        if self._period:
            return (wall - self._begin) // self._period if wall >= self._begin else None
        day, into = divmod(wall - self.handoff * MINUTE, DAY)
        if into >= self.minutes * MINUTE:
            return None
        turn = self._turn(day)
        if turn is None or self.kind is not Kind.HOURLY:
            return turn
        return turn + into // (self.length * 60 * MINUTE)

    def turns_near(self, clock: WallClock, instant: int) -> list[int]:
        """Return whose turn it is by the instants at which each slot begins and ends; both where they overlap."""
        wall = clock.wall(instant)
        slots: Iterable[Stretch]
        if self._period:
            slots = self.stretches(wall, wall + 1, around=clock.around)
        else:
            day = (wall - self.handoff * MINUTE) // DAY
            slots = self.slots(day - clock.around, day + clock.around + 1)
        return [one.turn for one in slots if clock.first(one.start) <= instant < clock.last(one.end)]

    def slots(self, first: int, beyond: int) -> Iterator[Stretch]:
        """Return the slots of the duty days from the first number to before the other, in order."""
        size = self.slot * MINUTE
        for day in range(max(first, self._first_day), beyond):
            turn = self._turn(day)
            if turn is None:
                continue
            start = day * DAY + self.handoff * MINUTE
            end = start + self.minutes * MINUTE
            if self.kind is not Kind.HOURLY:
                yield Stretch(start, end, turn)
                continue
            while start < end:
                yield Stretch(start, min(start + size, end), turn)
                start, turn = start + size, turn + 1

    def stretches(self, start: int, end: int, *, around: int) -> list[Stretch]:
        """Return the turns that reach into a time of the wall clock, and those that lie so many days around it.

        Neighbours of one turn are drawn together.
        """
        if self._period:
            period, begin = self._period, self._begin
            first = max((start - around * DAY - begin) // period, 0)
            turns = range(first, -((begin - end - around * DAY) // period))
            return [Stretch(begin + turn * period, begin + (turn + 1) * period, turn) for turn in turns]
        shift = self.handoff * MINUTE
        first, beyond = (start - shift) // DAY - around - 1, (end - shift) // DAY + around + 1
        drawn: list[Stretch] = []
        for one in self.slots(first, beyond):
            if drawn and drawn[-1].turn == one.turn and drawn[-1].end == one.start:
                drawn[-1] = Stretch(drawn[-1].start, one.end, one.turn)
            else:
                drawn.append(one)
        return drawn

    def _steady(self) -> int:
        """Return how many seconds a turn has when all have the same and follow each other; else 0."""
        if self.minutes < MINUTES_A_DAY or self.weekdays != EVERY_DAY or self.kind is Kind.MONTHLY:
            return 0
        if self.kind is Kind.HOURLY:
            return 0 if MINUTES_A_DAY % (self.length * 60) else self.length * 60 * MINUTE
        return self.length * DAY * (_WEEK if self.kind is Kind.WEEKLY else 1)

    def _turn(self, day: int) -> int | None:
        """Return the first turn of the duty day that begins on a day; None when none begins."""
        if day < self._first_day or weekday(day) not in self.weekdays:
            return None
        if self.kind is Kind.WEEKLY:
            return (day - self._first_day) // (_WEEK * self.length)
        if self.kind is Kind.MONTHLY:
            return self._months_since(day) // self.length
        counted = self._matching_before(day) - self._origin
        if self.kind is Kind.HOURLY:
            return counted * -(-self.minutes // (self.length * 60))
        return counted // self.length

    def _matching_before(self, day: int) -> int:
        weeks, rest = divmod(day, _WEEK)
        return weeks * self._counted[_WEEK] + self._counted[rest]

    def _months_since(self, day: int) -> int:
        """Return how many months are over; one that lacks the day of the first begins on its last."""
        at = day_of(day)
        months, of_month = self._months
        begins = of_month if of_month <= _EVERY_MONTH else min(of_month, monthrange(at.year, at.month)[1])
        return at.year * _MONTHS + at.month - months - (at.day < begins)
