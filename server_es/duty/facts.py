"""What other rooms ask: who is on duty, and when somebody is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from mesh.database import UnitOfWork
from mesh.errors import NotFound
from server_es.directory.names import SYSTEM
from server_es.directory.tables import address, component, system
from server_es.duty import store
from server_es.duty.compiled import Compiled, Rosters
from server_es.duty.fitness import Called, SystemFacts, called, fit_for
from server_es.duty.shifts import shifts
from server_es.duty.wall import moment, seconds

ROSTERS: Final = Rosters()
"""The compiled rosters of this process."""


def on_duty(unit: UnitOfWork, roster: str, at: datetime, system: str | None = None) -> list[str]:
    """Return the personnel numbers of who is called first; empty when nobody is on duty.

    Args:
        unit: of the caller.
        roster: `rosters/{id}`.
        at: when.
        system: `systems/{number}`: only who is fit for it; everybody on duty when nobody is.

    Raises:
        NotFound: there is no such roster or system.
    """
    found = who(unit, ROSTERS.get(unit, roster), at, system)
    return [one.on_duty.employee for one in found if one.level == 1]


def who(unit: UnitOfWork, roster: Compiled, at: datetime, system: str | None = None) -> list[Called]:
    """Return everybody who is on duty, those of level 1 first. Raises as `on_duty`."""
    instant = seconds(at)
    about = system_facts(unit, system) if system else None
    fit = fit_for(roster.qualifications.at(instant) or {}, about)
    return called(roster.roster.levels(instant), fit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """A shift of an employee, cut at the span that was asked about; `roster` is its roster's title."""

    roster: str
    start: datetime
    end: datetime


def duties(unit: UnitOfWork, employee: str, start: datetime, end: datetime) -> list[Standby]:
    """Return when an employee is on duty between two instants, in any roster, ordered by start."""
    first, beyond = seconds(start), seconds(end)
    found = [
        Standby(
            roster=said.title if (said := roster.said.at(one.start)) else "",
            start=moment(one.start),
            end=moment(one.end),
        )
        for roster in ROSTERS.several(unit, store.marks(unit, employee=employee))
        for one in shifts(roster.roster, first, beyond)
        if one.on_duty.employee == employee
    ]
    return sorted(found, key=lambda one: (one.start, one.roster))


def system_facts(unit: UnitOfWork, name: str) -> SystemFacts:
    """Return where a system stands and what it is.

    Raises:
        NotFound: there is none of this name.
    """
    (number,) = SYSTEM.parse(name, field="system")
    query = select(system.c.model, system.c.postal_address, address.c.postal_address.label("of_address"))
    row = unit.connection.execute(query.join(address).where(system.c.number == number)).one_or_none()
    if row is None:
        raise NotFound(f"{name} does not exist", resource=name)
    parts = unit.connection.execute(select(component.c.model).where(component.c.system == number)).scalars()
    place = row.postal_address or row.of_address or {}
    return SystemFacts(
        postal_code=place.get("postal_code", ""), models=tuple(one for one in (row.model, *parts) if one)
    )
