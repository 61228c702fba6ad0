"""What other rooms ask: who is away at an instant or in a span, and who stands in for him.

Approved absences and what the directory itself says of an employee (by hand, or a period of absence) count together.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, exists, literal, or_, select

from mesh.bulk import ByKeys
from mesh.database import UnitOfWork
from server_es.absences.names import ABSENCE
from server_es.absences.rules import State, away
from server_es.absences.tables import absence
from server_es.directory import facts as directory
from server_es.directory import tables
from server_es.directory.staff import Employee, Staff

_C: Final = absence.c
_E: Final = tables.employee.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A time in which an employee is away.

    Attributes:
        employee: personnel number.
        start: inclusive.
        end: exclusive.
        origin: `absences/{id}`, or `employees/{personnel_number}` when the directory says so.
    """

    employee: str
    start: datetime
    end: datetime
    origin: str


_ANY: Final = ByKeys(
    lambda among: select(literal(1)).where(
        exists().where(
            among(_C.employee, "employees"),
            _C.state == int(State.APPROVED),
            _C.start_time <= bindparam("at"),
            _C.end_time > bindparam("at"),
        )
        | exists().where(
            among(_E.personnel_number, "employees"),
            or_(_E.absent, _E.absence_start_time.is_not(None), _E.absence_end_time.is_not(None)),
        )
    )
)


def absent(unit: UnitOfWork, employees: Collection[str], at: datetime) -> Mapping[str, str]:
    """Return which of the employees are away at `at`, each with who stands in for him.

    That is the first in the chain of substitutes who is there himself; empty when there is nobody. A few queries,
    however many are asked about; a small one when nobody of them is away, which is the rule.
    """
    wanted = set(employees)
    if not wanted or not _any_away(unit, wanted, at):
        return {}
    all_away = everybody(unit, replace(directory.staff(unit), now=at))
    return {number: all_away[number] for number in wanted & all_away.keys()}


def _any_away(unit: UnitOfWork, employees: Collection[str], at: datetime) -> bool:
    """Say whether somebody of them may be away; the directory's own periods are looked at closely by who reads it."""
    return _ANY.run(unit.connection, employees=set(employees), at=at).first() is not None


def everybody(unit: UnitOfWork, staff: Staff) -> Mapping[str, str]:
    """Return who of the staff is away at its instant, each with who stands in for him."""
    at = staff.now
    query = select(_C.employee).where(_C.state == State.APPROVED, _C.start_time <= at, _C.end_time > at)
    return away(staff, set(unit.connection.execute(query).scalars()))


def spans(unit: UnitOfWork, employees: Collection[str], start: datetime, end: datetime) -> list[Away]:
    """Return when the employees are away between `start` and `end`, cut at both; ordered by start, then employee."""
    wanted = set(employees)
    if not wanted or end <= start:
        return []
    query = select(_C.id, _C.employee, _C.start_time, _C.end_time).where(
        _C.state == State.APPROVED, _C.start_time < end, _C.end_time > start
    )
    found = [
        Away(
            employee=row.employee,
            start=max(start, row.start_time),
            end=min(end, row.end_time),
            origin=ABSENCE.build(row.id),
        )
        for row in unit.connection.execute(query)
        if row.employee in wanted
    ]
    for one in directory.staff(unit).employees.values():
        if one.number in wanted:
            found += _of_directory(one, start, end)
    return sorted(found, key=lambda one: (one.start, one.employee, one.origin))


def _of_directory(one: Employee, start: datetime, end: datetime) -> Iterator[Away]:
    if one.absent:
        begins, ends = start, end
    elif one.absence_start is None and one.absence_end is None:
        return
    else:
        begins, ends = max(start, one.absence_start or start), min(end, one.absence_end or end)
    if begins < ends:
        yield Away(employee=one.number, start=begins, end=ends, origin=f"employees/{one.number}")
