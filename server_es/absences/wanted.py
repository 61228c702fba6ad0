"""What is asked for, understood and checked, before it is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from esoffice.es.v1 import absences_pb2 as pb
from sqlalchemy import select

from mesh.database import UnitOfWork
from mesh.errors import DomainError, FailedPrecondition, InvalidArgument, Violation
from server_es.absences import letters, store
from server_es.absences.askers import Asker
from server_es.absences.balance import Entitlement, Taken, balance, own_left
from server_es.absences.cases import Case
from server_es.absences.days import count
from server_es.absences.leave import Leave, taken_by
from server_es.absences.names import ABSENCE, GROUP, KIND, STRESS_PERIOD
from server_es.absences.office import Office
from server_es.absences.quantities import date_of, days_of
from server_es.absences.rules import Content
from server_es.absences.spans import Span
from server_es.absences.surroundings import Place, stress_periods
from server_es.absences.tables import absence_kind
from server_es.absences.working_times import WorkingTimes
from server_es.calendars.hours import Calendar
from server_es.directory.facts import missing
from server_es.directory.names import EMPLOYEE


class Overlaps(FailedPrecondition):
    """Nobody is away twice at a time."""

    reason = "ABSENCE_OVERLAPS"


class Overdrawn(FailedPrecondition):
    """There is not so much leave left."""

    reason = "LEAVE_OVERDRAWN"


class StressPeriod(FailedPrecondition):
    """Leave in a stress period has to be confirmed."""

    reason = "STRESS_PERIOD"


class NoApprover(FailedPrecondition):
    """A request that nobody could decide on would wait for ever."""

    reason = "NO_APPROVER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for.

    Attributes:
        employee: personnel number.
        kind: its row.
        span: when.
        calendar: by which its days are counted.
        half_days: of work.
        informed: personnel numbers.
        number: of the absence that is changed; 0 for a new one.
    """

    employee: str
    kind: Any
    span: Span
    calendar: Calendar
    half_days: int
    informed: tuple[str, ...]
    number: int

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.calendar.zone)

    @property
    def place(self) -> Place:
        return Place(employee=self.employee, span=self.span, zone=self.zone, but=self.number)

    @property
    def content(self) -> Content:
        return Content(employee=self.employee, kind=self.kind.id, span=self.span, half_days=self.half_days)

    def columns(self) -> dict[str, Any]:
        """Return the columns of the table `absence` that say this."""
        start, end = self.span.instants(self.zone)
        return {
            "employee": self.employee,
            "kind": self.kind.id,
            "start_slot": self.span.start,
            "end_slot": self.span.end,
            "start_time": start,
            "end_time": end,
            "half_days": self.half_days,
        }


def understood(unit: UnitOfWork, said: pb.Absence, working_times: WorkingTimes, *, keep: bool = True) -> Wanted:
    """Return what a message asks for, its days counted; with `keep` whom it names is not deleted until the unit ends.

    Raises:
        InvalidArgument: references that name nothing, dates that are none, no working day; every violation at once.
        NoWorkingTime: there is nothing to count the days by.
    """
    wrong = list(_references(unit, said, keep=keep))
    span = None
    try:
        first, last = (date_of(getattr(said, field), field) for field in ("start_date", "end_date"))
        span = Span.of(first, last, starts_at_noon=said.starts_at_noon, ends_at_noon=said.ends_at_noon)
    except InvalidArgument as error:
        wrong += [Violation(f"absence.{one.field}", one.description) for one in error.violations]
    kind = _kind(unit, said.kind, keep=keep)
    if kind is None:
        wrong.append(Violation("absence.kind", f"{said.kind} does not exist"))
    if wrong or span is None or kind is None:
        raise InvalidArgument(wrong)
    employee = EMPLOYEE.parse(said.employee)[0]
    calendar = working_times.calendar(unit, employee)
    half_days = count(calendar, span)
    if kind.takes_leave and not half_days:
        raise InvalidArgument(
            [Violation("absence.end_date", f"there is no day of work in {said.start_date} to {last}")]
        )
    return Wanted(
        employee=employee,
        kind=kind,
        span=span,
        calendar=calendar,
        half_days=half_days,
        informed=tuple(EMPLOYEE.parse(one)[0] for one in said.informed),
        number=int(ABSENCE.parse(said.name, field="absence.name")[0]) if said.name else 0,
    )


def of_case(unit: UnitOfWork, case: Case, working_times: WorkingTimes) -> Wanted:
    """Return what a request asks for, its days as they were counted when it was made."""
    row = case.row
    return Wanted(
        employee=row.employee,
        kind=case.kind,
        span=case.span,
        calendar=working_times.calendar(unit, row.employee),
        half_days=row.half_days,
        informed=tuple(case.informed),
        number=row.id,
    )


def problems(
    unit: UnitOfWork, wanted: Wanted, office: Office, leave: Leave, *, confirmed: bool
) -> Iterator[DomainError]:
    """Say what stands against a request, in the order in which it is refused."""
    other = store.overlapping(unit, wanted.employee, wanted.span, but=wanted.number)
    if other is not None:
        name = ABSENCE.build(other.id)
        yield Overlaps(f"employees/{wanted.employee} is away then already: {name}.", absence=name)
    yield from overdrawn(unit, wanted, leave)
    if not confirmed:
        yield from stressed(unit, wanted, office)
    yield from _undecidable(wanted, office)


def overdrawn(unit: UnitOfWork, wanted: Wanted, leave: Leave, *, approved_only: bool = False) -> Iterator[Overdrawn]:
    """Say when more leave is taken than there is, the request included; other requests too unless `approved_only`."""
    if not wanted.kind.takes_leave or wanted.kind.may_overdraw:
        return
    year = wanted.span.year
    entitlement, taken = leave.stands(unit, wanted.employee, year, but=wanted.number)
    others = [one for one in taken if one.approved or not approved_only]
    left = own_left(entitlement, [*others, _own(wanted, entitlement)])
    if left < 0:
        days = letters.number(days_of(wanted.half_days))
        more = letters.number(days_of(-left))
        yield Overdrawn(
            f"{days} days are {more} more than employees/{wanted.employee} has left in {year}.", year=str(year)
        )


def days_left(unit: UnitOfWork, wanted: Wanted, leave: Leave) -> float | None:
    """Return the days of leave left after a request and all others; None when its kind takes none."""
    if not wanted.kind.takes_leave:
        return None
    year = wanted.span.year
    entitlement, taken = leave.stands(unit, wanted.employee, year, but=wanted.number)
    after = balance(entitlement, [*taken, _own(wanted, entitlement)], wanted.span.last)
    return days_of(after.remaining_after_requests)


def stressed(unit: UnitOfWork, wanted: Wanted, office: Office) -> Iterator[StressPeriod]:
    """Say when leave falls into a time that is kept free of it."""
    if wanted.kind.takes_leave:
        for row in stress_periods(unit, wanted.span, office.staff.teams_of(wanted.employee)):
            name = STRESS_PERIOD.build(row["id"])
            yield StressPeriod(
                f"From {row['start_date']} to {row['end_date']} nobody should be on leave ({row['title']}); "
                "confirm it by stress_confirmed.",
                stress_period=name,
            )


def _undecidable(wanted: Wanted, office: Office) -> Iterator[NoApprover]:
    groups = office.groups_for(wanted.employee)
    if not groups:
        yield NoApprover(f"No approval group decides on employees/{wanted.employee}; make one that does.")
    for group in groups:
        if not office.deciders(group.id, wanted.employee):
            yield NoApprover(
                f"Nobody may decide for {GROUP.build(group.id)} but the applicant; name another member of it.",
                group=GROUP.build(group.id),
            )


def _own(wanted: Wanted, entitlement: Entitlement) -> Taken:
    return taken_by(wanted.calendar, wanted.span, wanted.half_days, entitlement, approved=True)


def asked_by(said: pb.Absence, by: Asker) -> pb.Absence:
    """Return what was said, about the caller where it names nobody."""
    whole = pb.Absence()
    whole.CopyFrom(said)
    if not whole.employee and by.employee:
        whole.employee = EMPLOYEE.build(by.employee)
    return whole


def _references(unit: UnitOfWork, said: pb.Absence, *, keep: bool) -> Iterator[Violation]:
    if not said.employee:
        yield Violation("absence.employee", "is required")
        return
    named = {"employee": said.employee, **{f"informed[{place}]": one for place, one in enumerate(said.informed)}}
    gone = missing(unit, set(named.values()), keep=keep)
    for field, name in named.items():
        if name in gone:
            yield Violation(f"absence.{field}", f"{name} does not exist")


def _kind(unit: UnitOfWork, name: str, *, keep: bool) -> Any:
    query = select(absence_kind).where(absence_kind.c.id == KIND.parse(name, field="absence.kind")[0])
    kept = query.with_for_update(read=True, key_share=True) if keep else query
    return unit.connection.execute(kept).one_or_none()
