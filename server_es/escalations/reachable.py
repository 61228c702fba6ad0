"""Who would be told at an instant: asks the directory, absences and duty once for many calls."""

from datetime import datetime
from typing import Any

from mesh.database import UnitOfWork
from server_es.directory import facts
from server_es.directory.staff import Staff
from server_es.escalations import recipients
from server_es.escalations.recipients import Event, Responsible, Told
from server_es.escalations.telling import Reach


class Reachable:
    """Everybody as of one instant; what was asked once is kept.

    Args:
        unit: the transaction.
        reach: knows who is away and who is on duty.
        at: the instant.
    """

    def __init__(self, unit: UnitOfWork, reach: Reach, at: datetime) -> None:
        self._unit = unit
        self._reach = reach
        self._at = at
        self.staff: Staff = facts.staff(unit)
        self._away = reach.absent(unit, self.staff.employees, at) if self.staff.employees else {}
        self._duty: dict[tuple[str, str | None], tuple[str, ...]] = {}
        self._told: dict[tuple[str, str | None, str | None, str | None], tuple[Told, ...]] = {}

    def told(self, event: Event, call: Any) -> tuple[Told, ...]:
        """Return who is told of a call, a row with `responsible_employee`, `responsible_team` and `system`."""
        key = (event.id, call.responsible_employee, call.responsible_team, call.system)
        found = self._told.get(key)
        if found is None:
            responsible = Responsible(employee=call.responsible_employee or "", team=call.responsible_team or "")
            found = self._told[key] = recipients.told(
                event,
                responsible,
                self.staff,
                away=self._away,
                on_duty=lambda roster: self._on_duty(roster, call.system),
            )
        return found

    def in_place_of(self, employee: str) -> str:
        """Return who stands in for somebody who is away; himself when he is there, or when nobody does."""
        return self._away.get(employee) or employee

    def _on_duty(self, roster: str, system: str | None) -> tuple[str, ...]:
        key = (roster, system)
        if key not in self._duty:
            self._duty[key] = tuple(self._reach.on_duty(self._unit, roster, self._at, system))
        return self._duty[key]
