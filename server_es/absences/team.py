"""On which days several of a team are away (Überschneidungen). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from server_es.absences.spans import Span

_SEVERAL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A day on which several are away at a time; `nobody_left`: for a half of it all of them."""

    date: date
    employees: tuple[str, ...]
    nobody_left: bool


def conflicts(members: Sequence[str], absences: Iterable[tuple[str, Span]], within: Span) -> list[Conflict]:
    """Return the days within a span on which more than one member is away in the same half, in order."""
    spans = [(employee, span) for employee, span in absences if employee in members and span.overlaps(within)]
    found = []
    for day in within.days():
        halves = [
            {employee for employee, span in spans if span.covers(day)[half] and within.covers(day)[half]}
            for half in (0, 1)
        ]
        several = set[str]().union(*(half for half in halves if len(half) >= _SEVERAL))
        if several:
            everybody = set(members)
            found.append(
                Conflict(
                    date=day,
                    employees=tuple(one for one in members if one in several),
                    nobody_left=any(half == everybody for half in halves),
                )
            )
    return found
