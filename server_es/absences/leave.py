"""How much leave an employee has, from entitlements and absences in the tables (Resturlaub, Übertrag)."""

from datetime import date
from typing import Any, Final

from esoffice.es.v1 import absences_pb2 as pb

from mesh.database import UnitOfWork
from server_es.absences import entitlements, store
from server_es.absences.balance import Balance, Entitlement, Taken, balance, carried_over
from server_es.absences.days import count
from server_es.absences.entitlements import Row
from server_es.absences.quantities import date_of, days_of, half_days_of
from server_es.absences.rules import State
from server_es.absences.spans import Span
from server_es.absences.working_times import WorkingTimes
from server_es.calendars.hours import Calendar
from server_es.directory.names import EMPLOYEE

_FIRST_DAY: Final = date(2000, 1, 1)
_ALL: Final = 2 * 366 * 3


class Leave:
    """The leave of all employees.

    Args:
        working_times: by what an absence is parted at the day on which carried leave expires.
    """

    def __init__(self, working_times: WorkingTimes) -> None:
        self._working_times = working_times

    def stands(self, unit: UnitOfWork, employee: str, year: int, *, but: int = 0) -> tuple[Entitlement, list[Taken]]:
        """Return what an employee may take in a year, and what is taken or asked for without the absence `but`."""
        entitlement = _entitlement(entitlements.find(unit, (employee, year)))
        absences = [row for row in store.taking_leave(unit, [employee], _whole(year)) if row.id != but]
        return entitlement, [self._taken(unit, row, entitlement) for row in absences]

    def balance(self, unit: UnitOfWork, employee: str, year: int, on: date, *, but: int = 0) -> pb.LeaveBalance:
        """Return how an employee's year stands on a day."""
        entitlement, taken = self.stands(unit, employee, year, but=but)
        return _message(employee, year, entitlement, balance(entitlement, taken, on))

    def carry_over(self, unit: UnitOfWork, request: pb.CarryLeaveOverRequest) -> pb.CarryLeaveOverResponse:
        """Write what is left of a year into the next one, or only say what that would be."""
        until = request.carried_until_date
        row = {"carried_until": date_of(until, "carried_until_date") if until else None}
        most = half_days_of(request.most_days, "most_days") or _ALL
        employees = [EMPLOYEE.parse(one, field="employees")[0] for one in request.employees]
        made = []
        for old in entitlements.of_year(unit, request.year, employees):
            entitlement, taken = self.stands(unit, old["employee"], request.year)
            carried = carried_over(entitlement, taken, request.year, most)
            made.append(_carried(unit, old, {**row, "carried_half_days": carried}, write=not request.validate_only))
        return pb.CarryLeaveOverResponse(leave_entitlements=made)

    def _taken(self, unit: UnitOfWork, row: Any, entitlement: Entitlement) -> Taken:
        span, approved = store.span_of(row), row.state == State.APPROVED
        if not _may_be_parted(span, entitlement):
            return taken_by(None, span, row.half_days, entitlement, approved=approved)
        calendar = self._working_times.calendar(unit, row.employee)
        return taken_by(calendar, span, row.half_days, entitlement, approved=approved)


def taken_by(
    calendar: Calendar | None, span: Span, half_days: int, entitlement: Entitlement, *, approved: bool
) -> Taken:
    """Return what an absence takes; its calendar is only asked when carried leave expires within it."""
    early = half_days
    until = entitlement.carried_until
    if until is not None and until < span.last:
        before = span.cut(_FIRST_DAY, until)
        early = min(half_days, count(calendar, before)) if calendar and before else 0
    return Taken(half_days=half_days, early=early, approved=approved)


def _may_be_parted(span: Span, entitlement: Entitlement) -> bool:
    until = entitlement.carried_until
    return until is not None and span.first <= until < span.last


def _carried(unit: UnitOfWork, old: Row, changed: Row, *, write: bool) -> pb.LeaveEntitlement:
    key = (old["employee"], old["year"] + 1)
    there = entitlements.find(unit, key, lock=write)
    kept = there or {"half_days": old["half_days"], "note": ""}
    values = {"half_days": kept["half_days"], "note": kept["note"], **changed}
    return entitlements.put(unit, key, values, there, write=write)


def _whole(year: int) -> Span:
    return Span.of(date(year, 1, 1), date(year, 12, 31))


def _entitlement(row: Row | None) -> Entitlement:
    if row is None:
        return Entitlement()
    return Entitlement(half_days=row["half_days"], carried=row["carried_half_days"], carried_until=row["carried_until"])


def _message(employee: str, year: int, entitlement: Entitlement, stands: Balance) -> pb.LeaveBalance:
    return pb.LeaveBalance(
        employee=EMPLOYEE.build(employee),
        year=year,
        entitled_days=days_of(stands.entitled),
        carried_days=days_of(stands.carried),
        carried_until_date=entitlement.carried_until.isoformat() if entitlement.carried_until else "",
        expired_days=days_of(stands.expired),
        approved_days=days_of(stands.approved),
        requested_days=days_of(stands.requested),
        remaining_days=days_of(stands.remaining),
        remaining_days_after_requests=days_of(stands.remaining_after_requests),
    )
