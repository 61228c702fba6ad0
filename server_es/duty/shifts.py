"""Shifts: uninterrupted time on duty, between two instants. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from server_es.duty.rosters import NOBODY, Crew, OnDuty, Roster
from server_es.duty.wall import DAY

_HORIZONS: Final = (DAY, 8 * DAY, 40 * DAY, 400 * DAY)


class Watch(NamedTuple):
    """A time in which the same people are on duty. Start inclusive, end exclusive."""

    start: int
    end: int
    crew: Crew


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
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


def watches(roster: Roster, start: int, end: int) -> Iterator[Watch]:
    """Return who is on duty from `start` to `end`, without a gap: times with an empty crew are returned too."""
    since, crew = start, roster.at(start)
    for at in roster.changes(start, end):
        following = roster.at(at)
        if following != crew:
            yield Watch(since, at, crew)
            since, crew = at, following
    yield Watch(since, end, crew)


def shifts(roster: Roster, start: int, end: int) -> list[Shift]:
    """Return the shifts between two instants, ordered by start; those that reach beyond are cut and say so."""
    before, after = roster.at(start - 1), roster.at(end)
    begun: dict[OnDuty, int] = {}
    found: list[Shift] = []

    def close(one: OnDuty, at: int) -> None:
        since = begun.pop(one)
        found.append(
            Shift(
                start=since,
                end=at,
                on_duty=one,
                begins_before=since == start and one in before,
                ends_after=at == end and one in after,
            )
        )

    crew = NOBODY
    for watch in watches(roster, start, end):
        for one in crew:
            if one not in watch.crew:
                close(one, watch.start)
        for one in watch.crew:
            begun.setdefault(one, watch.start)
        crew = watch.crew
    for one in crew:
        close(one, end)
    return sorted(found, key=lambda one: (one.start, one.end, one.on_duty))


def next_change(roster: Roster, instant: int) -> int | None:
    """Return when the crew changes next; None when it does not within 400 days."""
    crew, since = roster.at(instant), instant
    for horizon in _HORIZONS:
        for at in roster.changes(since, instant + horizon):
            if roster.at(at) != crew:
                return at
        since = instant + horizon - 1
    return None
