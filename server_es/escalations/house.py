"""Who can be reached, as absences and duty know it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from mesh.database import UnitOfWork
from mesh.errors import NotFound
from server_es.absences import facts as absences
from server_es.directory.names import SYSTEM
from server_es.duty import facts as duty
from server_es.escalations.names import ROSTER


class House:
    """Asks the rooms of the house."""

    def absent(self, unit: UnitOfWork, employees: Collection[str], at: datetime) -> Mapping[str, str]:
        """Return which of them are away, each with his substitute or an empty word."""
        return absences.absent(unit, employees, at)

    def on_duty(self, unit: UnitOfWork, roster: str, at: datetime, system: str | None) -> Sequence[str]:
        """Return who is on duty; nobody when the roster is gone, so that the chain goes on and somebody is told."""
        try:
            return duty.on_duty(unit, ROSTER.build(roster), at, SYSTEM.build(system) if system else None)
        except NotFound:
            return ()

    def existing_rosters(self, unit: UnitOfWork, rosters: Collection[str]) -> Collection[str]:
        """Return which of these rosters there are."""
        return [one for one in rosters if _exists(unit, one)]


def _exists(unit: UnitOfWork, roster: str) -> bool:
    try:
        duty.ROSTERS.get(unit, ROSTER.build(roster))
    except NotFound:
        return False
    return True
