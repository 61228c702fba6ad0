"""What falls into the span of a request: duty shifts, appointments, due calls, absent colleagues, stress periods."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from esoffice.es.v1 import absences_pb2 as pb
from sqlalchemy import select

from mesh.database import UnitOfWork
from mesh.instants import timestamp
from server_es.absences import facts, store
from server_es.absences.catalogue import STRESS_PERIOD
from server_es.absences.names import ABSENCE, KIND
from server_es.absences.office import Office
from server_es.absences.rules import State
from server_es.absences.spans import Span
from server_es.absences.tables import stress_period
from server_es.appointments import store as appointments
from server_es.appointments.messages import message_of
from server_es.directory.names import EMPLOYEE
from server_es.servicecalls.facts import due_calls
from server_es.servicecalls.names import SERVICECALL

_CALLS_AT_MOST: Final = 50
_SHIFTS_AT_MOST: Final = 100
_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A duty shift of an employee; `roster` is its title."""

    roster: str
    start: datetime
    end: datetime


class Shifts(Protocol):
    """The room of duty rosters, as absences see it."""

    def __call__(self, unit: UnitOfWork, employee: str, start: datetime, end: datetime) -> Sequence[Shift]:
        """Return the shifts of an employee of which a part lies in the span, ordered by start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose span is looked at, and where it lies in time.

    Attributes:
        employee: personnel number.
        span: in half days.
        zone: of the employee's working times.
        but: number of the absence itself, which is not its own surroundings.
    """

    employee: str
    span: Span
    zone: ZoneInfo
    but: int = 0


def surroundings(unit: UnitOfWork, office: Office, place: Place, shifts: Shifts | None) -> pb.AbsenceSurroundings:
    """Return what a decision should know; the kinds of the colleagues' absences are left out."""
    employee, span = place.employee, place.span
    start, end = span.instants(place.zone)
    teams = office.staff.teams_of(employee)
    colleagues = {one for team in teams for one in office.staff.members(team)} - {employee}
    return pb.AbsenceSurroundings(
        shifts=[
            pb.AbsenceShift(roster=one.roster, start_time=timestamp(one.start), end_time=timestamp(one.end))
            for one in (shifts(unit, employee, start, end)[:_SHIFTS_AT_MOST] if shifts else ())
        ],
        appointments=[
            message_of(row)
            for row in appointments.between(unit, employee, start, end)
            if row.origin != ABSENCE.build(place.but)
        ],
        due_calls=[
            pb.AbsenceDueCall(
                servicecall=SERVICECALL.build(row.number), title=row.title, due_time=timestamp(row.due_time)
            )
            for row in due_calls(unit, employee, start, end, limit=_CALLS_AT_MOST)
        ],
        colleagues=team_absences(unit, colleagues, span, place.zone, shows_kind=lambda _: False),
        stress_periods=[STRESS_PERIOD.message_of(row) for row in stress_periods(unit, span, teams)],
    )


def stress_periods(unit: UnitOfWork, span: Span, teams: Collection[str]) -> list[dict[str, Any]]:
    """Return the rows of the stress periods in a span that hold for one of these teams, ordered by start."""
    period = stress_period.c
    query = select(stress_period).where(period.start_date <= span.last, period.end_date >= span.first)
    found = unit.connection.execute(query.order_by(period.start_date, period.id)).mappings()
    return [dict(row) for row in found if not row["teams"] or not set(row["teams"]).isdisjoint(teams)]


def team_absences(
    unit: UnitOfWork, members: Collection[str], span: Span, zone: ZoneInfo, *, shows_kind: Callable[[Any], bool]
) -> list[pb.TeamAbsence]:
    """Return when these employees are away, or have asked to be, ordered by start, then employee."""
    found = []
    for row in store.in_force(unit, members, span):
        made = _team_absence(row.employee, store.span_of(row), approved=row.state == State.APPROVED)
        made.absence = ABSENCE.build(row.id)
        if shows_kind(row):
            made.kind = KIND.build(row.kind)
        found.append(made)
    start, end = span.instants(zone)
    for one in facts.spans(unit, members, start, end):
        if one.origin.startswith("employees/"):
            last = (one.end - _INSTANT).astimezone(zone).date()
            days = Span.of(one.start.astimezone(zone).date(), last)
            found.append(_team_absence(one.employee, days, approved=True))
    return sorted(found, key=lambda one: (one.start_date, one.starts_at_noon, one.employee))


def span_of(absence: pb.TeamAbsence) -> Span:
    """Return the span of an absence as the contract says it."""
    return Span.of(
        date.fromisoformat(absence.start_date),
        date.fromisoformat(absence.end_date),
        starts_at_noon=absence.starts_at_noon,
        ends_at_noon=absence.ends_at_noon,
    )


def _team_absence(employee: str, span: Span, *, approved: bool) -> pb.TeamAbsence:
    return pb.TeamAbsence(
        employee=EMPLOYEE.build(employee),
        start_date=span.first.isoformat(),
        end_date=span.last.isoformat(),
        starts_at_noon=span.starts_at_noon,
        ends_at_noon=span.ends_at_noon,
        approved=approved,
    )
