"""Who is told of a handoff (Übergabe), and when the next one has to be told. Pure.

Told is who begins, when he does and a while before, and who ends. After a downtime only what still holds is told:
nobody hears that he began what is over.
"""

from enum import IntEnum
from typing import NamedTuple

from server_es.duty.rosters import Roster
from server_es.duty.shifts import next_change, shifts


class Kind(IntEnum):
    """What somebody is told."""

    BEGINS = 1
    ENDS = 2
    SOON = 3


class Handoff(NamedTuple):
    """Something an employee is told.

    Attributes:
        kind: what.
        at: the instant of the handoff.
        employee: whom.
    """

    kind: Kind
    at: int
    employee: str


def due(roster: Roster, told: int, now: int, lead: int) -> list[Handoff]:
    """Return what is to be told after `told` up to `now`, in the order in which it happens.

    Args:
        roster: as it is now.
        told: through when handoffs were told.
        now: the present.
        lead: so many seconds before his shift somebody is told of it.
    """
    on_duty = _crew(roster, now)
    found: dict[tuple[Kind, str], int] = {}
    for at in roster.changes(told, now + 1):
        before, after = _crew(roster, at - 1), _crew(roster, at)
        found.update({(Kind.BEGINS, one): at for one in (after - before) & on_duty})
        found.update({(Kind.ENDS, one): at for one in before - after - on_duty})
    if lead:
        for at in roster.changes(max(told + lead, now), now + lead + 1):
            starting = _crew(roster, at) - _crew(roster, at - 1)
            found.update({(Kind.SOON, one): at for one in starting})
    return sorted(Handoff(kind, at, one) for (kind, one), at in found.items())


def next_due(roster: Roster, now: int, lead: int) -> int | None:
    """Return when something has to be told next; None when nothing changes within 400 days."""
    begins = next_change(roster, now)
    if begins is None or not lead:
        return begins
    announced = next_change(roster, now + lead)
    return begins if announced is None else min(begins, announced - lead)


def changed(before: Roster | None, after: Roster, now: int, until: int) -> set[str]:
    """Return whose time on duty from `now` to `until` is another one than before."""
    old, new = _times(before, now, until), _times(after, now, until)
    return {one for one in old.keys() | new.keys() if old.get(one) != new.get(one)}


def _times(roster: Roster | None, start: int, end: int) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for one in shifts(roster, start, end) if roster is not None and start < end else ():
        spans = found.setdefault(one.on_duty.employee, [])
        if spans and spans[-1][1] == one.start:
            spans[-1] = spans[-1][0], one.end
        else:
            spans.append((one.start, one.end))
    return found


def _crew(roster: Roster, instant: int) -> set[str]:
    return {one.employee for one in roster.at(instant)}
