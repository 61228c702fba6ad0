"""Employees and teams as other rooms need to see them: who is in, who is away, who stands in. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Employee:
    """What other rooms need to know about an employee.

    Attributes:
        number: personnel number.
        name: for people.
        mail_address: empty if none.
        mobile: E.164, empty if none.
        substitute: personnel number of who stands in; empty if nobody does.
        absent: marked absent by hand.
        absence_start: inclusive; None if unset.
        absence_end: exclusive; None if unset.
        service_user: a user of a service, not a person.
    """

    number: str
    name: str = ""
    mail_address: str = ""
    mobile: str = ""
    substitute: str = ""
    absent: bool = False
    absence_start: datetime | None = None
    absence_end: datetime | None = None
    service_user: bool = False

    def is_absent(self, now: datetime) -> bool:
        """Tell whether the employee is away: by hand, or within the period (start inclusive, end exclusive)."""
        if self.absent:
            return True
        if self.absence_start is None and self.absence_end is None:
            return False
        begun = self.absence_start is None or self.absence_start <= now
        return begun and (self.absence_end is None or now < self.absence_end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Employees and teams at one instant.

    Attributes:
        now: the instant absences are seen from.
        employees: by personnel number.
        teams: personnel numbers of the members, by team id.
    """

    now: datetime
    employees: Mapping[str, Employee] = field(default_factory=dict)
    teams: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def members(self, team: str) -> tuple[str, ...]:
        """Return the members of a team in its order; empty when there is no such team."""
        return tuple(self.teams.get(team, ()))

    def teams_of(self, employee: str) -> tuple[str, ...]:
        """Return the ids of the teams an employee is in, sorted."""
        return tuple(sorted(team for team, members in self.teams.items() if employee in members))

    def substitute(self, employee: str) -> str | None:
        """Return who stands in for an absent employee: the first in the chain of substitutes who is there himself.

        None when the employee is there, is not known, or everybody in the chain is away.
        """
        seen = set[str]()
        one = self.employees.get(employee)
        if one is None or not one.is_absent(self.now):
            return None
        while one is not None and one.number not in seen:
            if not one.is_absent(self.now):
                return one.number
            seen.add(one.number)
            one = self.employees.get(one.substitute)
        return None
