"""By which calendar the days of an employee are counted (Arbeitszeit)."""

from typing import Any

from esoffice.es.v1 import absences_pb2 as pb
from sqlalchemy import delete, insert, select

from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition, InvalidArgument, NotFound, Violation
from mesh.pages import page_of
from server_es.absences.settings import AbsenceSettings
from server_es.absences.tables import working_time
from server_es.calendars import store as calendars
from server_es.calendars.compiled import Compiled
from server_es.calendars.hours import Calendar
from server_es.calendars.names import CALENDAR
from server_es.directory.facts import missing
from server_es.directory.names import EMPLOYEE


class NoWorkingTime(FailedPrecondition):
    """There is nothing to count days by."""

    reason = "NO_WORKING_TIME"


class WorkingTimes:
    """The employees' own calendars, else the site's.

    Args:
        compiled: calendars ready to reckon with.
        settings: of the room.
    """

    def __init__(self, compiled: Compiled, settings: AbsenceSettings) -> None:
        self._compiled = compiled
        self._settings = settings

    def calendar(self, unit: UnitOfWork, employee: str) -> Calendar:
        """Return the calendar an employee works by.

        Raises:
            NoWorkingTime: there is none, or the one the site names does not exist.
        """
        own = working_time.c
        query = select(own.calendar).where(own.employee == employee)
        assigned = unit.connection.execute(query).scalar_one_or_none()
        name = CALENDAR.build(assigned) if assigned else self._settings.calendar
        if not name:
            raise NoWorkingTime(
                f"employees/{employee} has no working times and the site has none for everybody: "
                "set one by SetWorkingTime, or the setting server_es.absences.calendar."
            )
        try:
            return self._compiled.of(calendars.message_of(calendars.get(unit, name)))
        except NotFound:
            text = f"{name} does not exist; correct the setting server_es.absences.calendar."
            raise NoWorkingTime(text) from None


def assign(unit: UnitOfWork, request: pb.SetWorkingTimeRequest) -> pb.WorkingTime:
    """Assign a calendar to an employee, or none."""
    given = request.working_time
    named = [("employee", given.employee), ("calendar", given.calendar)]
    gone = missing(unit, [given.employee])
    if given.calendar:
        try:
            calendars.get(unit, given.calendar, lock=True)
        except NotFound:
            gone.add(given.calendar)
    wrong = [Violation(f"working_time.{field}", f"{name} does not exist") for field, name in named if name in gone]
    if wrong:
        raise InvalidArgument(wrong)
    employee = EMPLOYEE.parse(given.employee)[0]
    unit.connection.execute(delete(working_time).where(working_time.c.employee == employee))
    if given.calendar:
        row = {"employee": employee, "calendar": CALENDAR.parse(given.calendar)[0]}
        unit.connection.execute(insert(working_time).values(row))
    return given


def page(unit: UnitOfWork, request: pb.ListWorkingTimesRequest) -> pb.ListWorkingTimesResponse:
    """Return who works by a calendar of his own."""
    page = page_of(request)
    query = select(working_time).order_by(working_time.c.employee).limit(page.size + 1)
    if page.after:
        query = query.where(working_time.c.employee > str(page.after[0]))
    rows: list[Any] = list(unit.connection.execute(query).mappings())
    listed = [
        pb.WorkingTime(employee=EMPLOYEE.build(row["employee"]), calendar=CALENDAR.build(row["calendar"]))
        for row in rows[: page.size]
    ]
    return pb.ListWorkingTimesResponse(working_times=listed, next_page_token=page.token(rows, ("employee",)))
