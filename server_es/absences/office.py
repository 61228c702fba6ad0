"""Everybody and every approval group at the instant of a unit: who decides on whose requests, who is told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select

from mesh.database import UnitOfWork
from server_es.absences import facts
from server_es.absences.rules import Group, deciders
from server_es.absences.tables import approval_group
from server_es.directory import facts as directory
from server_es.directory.names import EMPLOYEE
from server_es.directory.staff import Staff


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What decisions are made by.

    Attributes:
        staff: employees and teams.
        away: who is away, with who stands in for him.
        groups: by id, in the order of their ids.
        approve_own: whether a member decides on requests of his own.
    """

    staff: Staff
    away: Mapping[str, str]
    groups: Mapping[str, Group]
    approve_own: bool

    def called(self, actor: str) -> str:
        """Return how people know an actor: the name of an employee, else what the log calls him."""
        ids = EMPLOYEE.ids(actor)
        one = self.staff.employees.get(ids[0]) if ids else None
        return one.name if one else actor

    def groups_for(self, employee: str) -> list[Group]:
        """Return the groups that have to agree to requests of an employee."""
        teams = self.staff.teams_of(employee)
        return [one for one in self.groups.values() if one.applies_to(employee, teams)]

    def deciders(self, group: str, applicant: str) -> dict[str, str]:
        """Return who may decide for a group now, each with the absent member he stands in for; see the rule."""
        known = self.groups.get(group)
        return deciders(known, applicant, self.away, approve_own=self.approve_own) if known else {}

    def decides_on_team(self, employee: str, team: str) -> bool:
        """Say whether an employee decides for a group whose business a team is."""
        groups = (one for one in self.groups.values() if one.decides_on_team(team))
        return any(employee in self.deciders(one.id, "") for one in groups)

    def mine(self, employee: str, applicant: str, groups: Iterable[str]) -> dict[str, str]:
        """Return for which of the groups an employee decides on a request, and for whom he stands in there."""
        found = {}
        for group in groups:
            may = self.deciders(group, applicant)
            if employee in may:
                found[group] = may[employee]
        return found


def office(unit: UnitOfWork, *, approve_own: bool) -> Office:
    """Return the office as of the unit's `now`."""
    staff = directory.staff(unit)
    groups = {
        row.id: Group(
            id=row.id,
            title=row.title,
            members=tuple(row.members),
            employees=frozenset(row.employees),
            teams=frozenset(row.teams),
            informed=tuple(row.informed),
        )
        for row in unit.connection.execute(select(approval_group).order_by(approval_group.c.id))
    }
    return Office(staff=staff, away=facts.everybody(unit, staff), groups=groups, approve_own=approve_own)
