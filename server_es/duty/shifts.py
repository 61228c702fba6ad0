"""Shifts: uninterrupted time on duty, between two instants. Pure."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from server_es.duty.rosters import NOBODY, Crew, OnDuty, Roster
from server_es.duty.wall import DAY

_HORIZONS: Final = (DAY, 8 * DAY, 40 * DAY, 400 * DAY)


class Watch(NamedTuple):
    """A time in which the same people are on duty. Start inclusive, end exclusive."""

    start: int
    end: int
    crew: Crew


class Shift(NamedTuple):
    """Somebody's uninterrupted time on duty for one reason.

    Attributes:
        start: inclusive; never before the time that was asked about.
        end: exclusive; likewise.
        on_duty: who, and why.
        begins_before: it began earlier than `start`.
        ends_after: it goes on after `end`.
    """

    start: int
    end: int
    on_duty: OnDuty
    begins_before: bool = False
    ends_after: bool = False


def watches(roster: Roster, start: int, end: int) -> list[Watch]:
    """Return who is on duty from `start` to `end`, without a gap: times with an empty crew are returned too."""
    found: list[tuple[int, int, Crew]] = []
    for section in roster.sections(start, end):
        if section.offset is None:
            found += _asked(roster, section.start, section.end)
        else:
            section.crews(found)
    drawn: list[Watch] = []
    since, crew = start, found[0][2]
    for at, _, following in found:
        if following != crew:
            drawn.append(Watch(since, at, crew))
            since, crew = at, following
    drawn.append(Watch(since, end, crew))
    return drawn


def _asked(roster: Roster, start: int, end: int) -> Iterator[tuple[int, int, Crew]]:
    """Return who is on duty by asking at every instant at which that may change."""
    bounds = [start, *roster.changes(start, end), end]
    for since, until in pairwise(bounds):
        yield since, until, roster.at(since)


def shifts(roster: Roster, start: int, end: int) -> list[Shift]:
    """Return the shifts between two instants, ordered by start; those that reach beyond are cut and say so."""
    begun: dict[OnDuty, int] = {}
    found: list[Shift] = []
    for at, _, crew in watches(roster, start, end):
        if begun:
            found += [Shift(begun.pop(one), at, one) for one in [*begun] if one not in crew]
        for one in crew:
            begun.setdefault(one, at)
    after = roster.at(end) if begun else NOBODY
    found += [Shift(since, end, one, ends_after=one in after) for one, since in begun.items()]
    if found:
        before = roster.at(start - 1)
        found = [
            one._replace(begins_before=True) if one.start == start and one.on_duty in before else one for one in found
        ]
    found.sort()
    return found


def next_change(roster: Roster, instant: int) -> int | None:
    """Return when the crew changes next; None when it does not within 400 days."""
    crew, since = roster.at(instant), instant
    for horizon in _HORIZONS:
        for at in roster.changes(since, instant + horizon):
            if roster.at(at) != crew:
                return at
        since = instant + horizon - 1
    return None
