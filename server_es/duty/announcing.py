"""Tells people of handoffs: when they happen, a while before, and at once when a change moves their next shifts."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from esoffice.es.v1 import duty_pb2 as pb

from mesh.database import UnitOfWork
from server_es.directory import facts as directory
from server_es.duty import handoffs, mapping, store, wording
from server_es.duty.compiled import Compiled
from server_es.duty.facts import ROSTERS
from server_es.duty.handoffs import Handoff, Kind
from server_es.duty.names import ROSTER
from server_es.duty.rosters import Roster
from server_es.duty.shifts import shifts
from server_es.duty.telling import Tell, to
from server_es.duty.wall import DAY, WallClock, moment, seconds, wall_clock
from server_es.notices.rules import Notice

_LOOK_AGAIN: Final = 30 * DAY
_LISTED_AHEAD: Final = 90 * DAY
_LISTED: Final = 3
_SUBJECTS: Final = {
    Kind.BEGINS: "Bereitschaft {title}: Sie haben jetzt Dienst{until}",
    Kind.ENDS: "Bereitschaft {title}: Ihr Dienst ist zu Ende",
    Kind.SOON: "Bereitschaft {title}: Ihr Dienst beginnt {at}",
}


class Announcing:
    """Tells of handoffs.

    Args:
        tell: tells people.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def tell_due(self, unit: UnitOfWork, rows: Iterable[Any]) -> None:
        """Tell what is due in locked rosters, and note when something is next."""
        self._tell(unit, [one for row in rows for one in self._due(unit, row)])

    @contextmanager
    def change(self, unit: UnitOfWork, row: Any, *, but: Collection[str]) -> Iterator[list[Notice]]:
        """Tell whose shifts a change moves within the roster's lead.

        Args:
            unit: of the change.
            row: the locked roster.
            but: who makes the change, and who is told of it otherwise.

        Yields:
            What is told besides; the change may add to it.
        """
        notices = self._due(unit, row)
        name = ROSTER.build(row.id)
        before = ROSTERS.get(unit, name).roster
        yield notices
        self._tell(unit, [*notices, *self._changed(unit, name, before, but)])

    def made(self, unit: UnitOfWork, name: str, *, but: Collection[str]) -> None:
        """Tell who is on duty soon in a new roster."""
        self._tell(unit, self._changed(unit, name, None, but))

    def _due(self, unit: UnitOfWork, row: Any) -> list[Notice]:
        roster, now = ROSTERS.get(unit, ROSTER.build(row.id)), seconds(unit.now)
        lead = _lead(roster, now)
        voice = _Voice(unit, roster, now)
        due = handoffs.due(roster.roster, seconds(row.told_time), now, lead)
        self._noted(unit, roster, now)
        return [notice for one in due for notice in voice.handoff(one)]

    def _changed(self, unit: UnitOfWork, name: str, before: Roster | None, but: Collection[str]) -> list[Notice]:
        roster, now = ROSTERS.get(unit, name), seconds(unit.now)
        moved = handoffs.changed(before, roster.roster, now, now + _lead(roster, now))
        voice = _Voice(unit, roster, now)
        self._noted(unit, roster, now)
        cause = f"{name}/changes/{store.get(unit, name, deleted=True).mark}"
        return [notice for employee in sorted(moved.difference(but)) for notice in voice.change(employee, cause)]

    def _noted(self, unit: UnitOfWork, roster: Compiled, now: int) -> None:
        following = handoffs.next_due(roster.roster, now, _lead(roster, now))
        store.noted(unit, roster.name, told=moment(now), following=moment(following or now + _LOOK_AGAIN))


class _Voice:
    """What is said of a roster at an instant."""

    def __init__(self, unit: UnitOfWork, roster: Compiled, now: int) -> None:
        said = _said(roster, now)
        self.title = said.title
        self._roster, self._now = roster, now
        self._clock: WallClock = wall_clock(said.time_zone or mapping.ZONE)
        self._unit = unit
        self._names: dict[str, str] = {}

    def change(self, employee: str, cause: str) -> list[Notice]:
        """Return what somebody hears whose shifts were moved."""
        subject = f"Bereitschaft {self.title}: Ihre Dienste haben sich geändert"
        name = self._roster.name
        text = self.next_shifts(employee)
        return to([employee], cause=cause, about=name, subject=subject, text=text, urgent=True)

    def handoff(self, one: Handoff) -> list[Notice]:
        """Return what somebody hears of a handoff."""
        until = self._until(one.employee, one.at) if one.kind is Kind.BEGINS else ""
        subject = _SUBJECTS[one.kind].format(title=self.title, until=until, at=self._when(one.at))
        before = self._people(one.at - 1, but=one.employee)
        after = self._people(one.at, but=one.employee)
        lines = [f"Bisher: {before}" if before and one.kind is not Kind.ENDS else ""]
        lines.append(f"Mit Ihnen: {after}" if after and one.kind is not Kind.ENDS else "")
        lines.append(f"Es übernimmt: {after or 'niemand'}" if one.kind is Kind.ENDS else "")
        lines.append(self.next_shifts(one.employee))
        text = "\n".join(filter(None, lines))
        name = self._roster.name
        cause = f"{name}/handoffs/{one.at}/{one.kind.name.lower()}"
        urgent = one.kind is Kind.BEGINS
        return to([one.employee], cause=cause, about=name, subject=subject, text=text, urgent=urgent)

    def next_shifts(self, employee: str) -> str:
        """Return the next shifts of somebody, a line each."""
        found = [
            one
            for one in shifts(self._roster.roster, self._now, self._now + _LISTED_AHEAD)
            if one.on_duty.employee == employee
        ]
        lines = [
            f"{self._when(one.start)} bis {'auf weiteres' if one.ends_after else self._when(one.end)}"
            for one in found[:_LISTED]
        ]
        return "Ihre nächsten Dienste:\n" + ("\n".join(lines) or "keine in den nächsten 90 Tagen")

    def _until(self, employee: str, at: int) -> str:
        for one in shifts(self._roster.roster, at, at + _LISTED_AHEAD):
            if one.on_duty.employee == employee and not one.ends_after:
                return f" bis {self._when(one.end)}"
        return ""

    def _people(self, instant: int, *, but: str) -> str:
        return ", ".join(self._named(one.employee for one in self._roster.roster.at(instant) if one.employee != but))

    def _named(self, employees: Iterable[str]) -> list[str]:
        if not self._names:
            everybody = directory.staff(self._unit).employees
            self._names = {number: one.name or number for number, one in everybody.items()}
        return [self._names.get(one, one) for one in employees]

    def _when(self, instant: int) -> str:
        return wording.when(instant, "de", self._clock)


def _said(roster: Compiled, now: int) -> pb.Roster:
    """Return what the roster says now, will say first, or said last."""
    for at in (now, now + _LISTED_AHEAD, now - 1):
        said = roster.said.at(at)
        if said is not None:
            return said
    return pb.Roster(title=roster.name)


def _lead(roster: Compiled, now: int) -> int:
    return mapping.lead_of(_said(roster, now))
