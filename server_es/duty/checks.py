"""What is wrong with a roster: nobody on duty, somebody who is away, too little rest, too much load. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from server_es.duty.shifts import Shift, Watch
from server_es.duty.wall import DAY, MINUTE, WallClock, weekday

_FAIR_PART: Final = 4
"""More than a fourth above the average is unfair, unless it is less than one shift."""


class Kind(IntEnum):
    """What is wrong; the numbers of the contract."""

    GAP = 1
    OPEN_TURN = 2
    ABSENCE = 3
    REST = 4
    LOAD = 5
    SPECIAL_LOAD = 6


class Finding(NamedTuple):
    """Something that is wrong.

    Attributes:
        roster: `rosters/{id}`.
        start: from when on.
        end: until when.
        kind: what.
        employee: personnel number; empty where nobody is concerned.
        other: the layer of an open turn, the absence, the roster of the shift before; else empty.
        seconds: of rest, or of load; else 0.
        usual: seconds there should be: least rest, average load; else 0.
    """

    roster: str
    start: int
    end: int
    kind: Kind
    employee: str = ""
    other: str = ""
    seconds: int = 0
    usual: int = 0


class Away(NamedTuple):
    """A time in which somebody is away. `origin` names why."""

    employee: str
    start: int
    end: int
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Hours of a weekday in which somebody must be on duty, in minutes after its midnight; they may end on the next."""

    weekday: int
    start: int
    end: int


def required(clock: WallClock, windows: Sequence[Window], start: int, end: int) -> list[tuple[int, int]]:
    """Return when somebody must be on duty between two instants; without windows always."""
    if not windows:
        return [(start, end)]
    found = list[tuple[int, int]]()
    for day in range(clock.wall(start) // DAY - 2, clock.wall(end) // DAY + 2):
        for one in windows:
            if weekday(day) == one.weekday:
                opens = clock.first(day * DAY + one.start * MINUTE)
                found.append((max(opens, start), min(clock.last(day * DAY + one.end * MINUTE), end)))
    return sorted(one for one in found if one[0] < one[1])


def gaps(roster: str, watches: Iterable[Watch], spans: Sequence[tuple[int, int]]) -> list[Finding]:
    """Return when nobody is on duty though somebody must be; neighbours are drawn together."""
    found: list[Finding] = []
    for watch in watches:
        if watch.crew:
            continue
        for start, end in spans:
            since, until = max(watch.start, start), min(watch.end, end)
            if since >= until:
                continue
            if found and found[-1].end >= since:
                found[-1] = found[-1]._replace(end=max(found[-1].end, until))
            else:
                found.append(Finding(roster, since, until, Kind.GAP))
    return found


def absent(roster: str, shifts: Iterable[Shift], away: Iterable[Away]) -> list[Finding]:
    """Return who is on duty while he is away."""
    by_employee = defaultdict[str, list[Away]](list)
    for one in away:
        by_employee[one.employee].append(one)
    return [
        Finding(roster, max(shift.start, one.start), min(shift.end, one.end), Kind.ABSENCE, one.employee, one.origin)
        for shift in shifts
        for one in by_employee.get(shift.on_duty.employee, ())
        if shift.start < one.end and one.start < shift.end
    ]


def rest(shifts: Mapping[str, Iterable[Shift]], least: Mapping[str, int]) -> list[Finding]:
    """Return who has too little rest between two shifts, in whichever roster. Shifts that touch are one.

    Args:
        shifts: by roster.
        least: seconds of rest each roster wants before a shift of it.
    """
    by_employee = defaultdict[str, list[tuple[int, int, str]]](list)
    for roster, of_roster in shifts.items():
        for one in of_roster:
            by_employee[one.on_duty.employee].append((one.start, one.end, roster))
    found = []
    for employee, spans in by_employee.items():
        spans.sort()
        _, end, before = spans[0]
        for start, until, roster in spans[1:]:
            if 0 < start - end < least[roster]:
                found.append(Finding(roster, end, start, Kind.REST, employee, before, start - end, least[roster]))
            if until > end:
                end, before = until, roster
    return found


class Load(NamedTuple):
    """How much of the duty somebody bears, in seconds."""

    employee: str
    seconds: int
    special: int


def loads(shifts: Iterable[Shift], special: Callable[[int, int], int]) -> list[Load]:
    """Return what everybody who is on duty bears, ordered by employee; `special` counts weekends and holidays."""
    total, weekend = defaultdict[str, int](int), defaultdict[str, int](int)
    for one in shifts:
        total[one.on_duty.employee] += one.end - one.start
        weekend[one.on_duty.employee] += special(one.start, one.end)
    return [Load(employee, total[employee], weekend[employee]) for employee in sorted(total)]


def unfair(
    roster: str, shifts: Sequence[Shift], start: int, end: int, special: Callable[[int, int], int]
) -> list[Finding]:
    """Return who bears clearly more than the average, in all or on weekends and holidays.

    What one shift more makes cannot be helped, and is not told.
    """
    borne = loads(shifts, special)
    most = max((one.end - one.start for one in shifts), default=0)
    most_special = max((special(one.start, one.end) for one in shifts), default=0)
    found = []
    for kind, values, shift in (
        (Kind.LOAD, {one.employee: one.seconds for one in borne}, most),
        (Kind.SPECIAL_LOAD, {one.employee: one.special for one in borne}, most_special),
    ):
        average = sum(values.values()) // max(len(values), 1)
        too_much = average + max(average // _FAIR_PART, shift)
        found += [
            Finding(roster, start, end, kind, employee, "", seconds, average)
            for employee, seconds in values.items()
            if seconds > too_much
        ]
    return found
