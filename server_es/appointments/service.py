"""The servicer of appointments and tasks."""

from datetime import datetime
from typing import Any

from esoffice.es.v1 import appointments_pb2 as pb
from esoffice.es.v1 import appointments_pb2_grpc as grpc_
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import select

from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import InvalidArgument, OutOfRange, Violation
from mesh.instants import instant
from mesh.pages import DEFAULT_SIZE, page_of
from mesh.tokens import Caller
from server_es.appointments import store
from server_es.appointments.messages import message_of, task_of
from server_es.appointments.names import APPOINTMENT, TASK
from server_es.appointments.tables import appointment, task
from server_es.appointments.writing import write_all
from server_es.directory.names import EMPLOYEE
from server_es.schema import REQUESTS


class Appointments(grpc_.AppointmentServiceServicer):
    """Serves calendars.

    Args:
        database: of server_es.
        site_zone: of appointments that name none.
    """

    def __init__(self, database: Database, site_zone: str = "Europe/Berlin") -> None:
        self._database = database
        self._site_zone = site_zone

    async def GetAppointment(self, request: pb.GetAppointmentRequest, _context: Any) -> pb.Appointment:
        number = int(APPOINTMENT.parse(request.name)[0])
        return await self._database.read(lambda unit: message_of(store.get(unit, appointment, number)))

    async def ListAppointments(self, request: pb.ListAppointmentsRequest, _context: Any) -> pb.ListAppointmentsResponse:
        return await self._database.read(_list, request)

    async def GetTask(self, request: pb.GetTaskRequest, _context: Any) -> pb.Task:
        number = int(TASK.parse(request.name)[0])
        return await self._database.read(lambda unit: task_of(store.get(unit, task, number)))

    async def ListTasks(self, request: pb.ListTasksRequest, _context: Any) -> pb.ListTasksResponse:
        return await self._database.read(_list_tasks, request)

    async def ListCalendarChanges(
        self, request: pb.ListCalendarChangesRequest, _context: Any
    ) -> pb.ListCalendarChangesResponse:
        return await self._database.read(_changes, request)

    async def BatchWriteCalendar(
        self, request: pb.BatchWriteCalendarRequest, _context: Any
    ) -> pb.BatchWriteCalendarResponse:
        return await self._database.run(self._write, request, caller())

    def _write(
        self, unit: UnitOfWork, request: pb.BatchWriteCalendarRequest, who: Caller
    ) -> pb.BatchWriteCalendarResponse:
        return REQUESTS.once(
            unit,
            request,
            lambda: write_all(unit, request, self._site_zone),
            answer=pb.BatchWriteCalendarResponse,
            caller=who.name,
        )


def _list(unit: UnitOfWork, request: pb.ListAppointmentsRequest) -> pb.ListAppointmentsResponse:
    page = page_of(request)
    query = select(appointment)
    if request.employee:
        query = query.where(appointment.c.employee == EMPLOYEE.parse(request.employee, field="employee")[0])
    if request.HasField("start_time"):
        query = query.where(appointment.c.end_time > _instant(request.start_time, "start_time"))
    if request.HasField("end_time"):
        query = query.where(appointment.c.start_time < _instant(request.end_time, "end_time"))
    rows = store.page(unit, query, appointment, int(page.after[0]) if page.after else 0, page.size + 1)
    token = page.token_after((rows[page.size - 1].id,)) if len(rows) > page.size else ""
    return pb.ListAppointmentsResponse(
        appointments=[message_of(row) for row in rows[: page.size]], next_page_token=token
    )


def _list_tasks(unit: UnitOfWork, request: pb.ListTasksRequest) -> pb.ListTasksResponse:
    page = page_of(request)
    query = select(task)
    if request.employee:
        query = query.where(task.c.employee == EMPLOYEE.parse(request.employee, field="employee")[0])
    rows = store.page(unit, query, task, int(page.after[0]) if page.after else 0, page.size + 1)
    token = page.token_after((rows[page.size - 1].id,)) if len(rows) > page.size else ""
    return pb.ListTasksResponse(tasks=[task_of(row) for row in rows[: page.size]], next_page_token=token)


def _changes(unit: UnitOfWork, request: pb.ListCalendarChangesRequest) -> pb.ListCalendarChangesResponse:
    whose = EMPLOYEE.parse(request.employee, field="employee")[0]
    store.check_employee(unit, whose)
    after, newest = int(request.cursor or 0), store.revision_of(unit, whose)
    if after > newest:
        raise OutOfRange(
            f"the cursor {after} is from the future: the calendar is at {newest}; read it from the beginning"
        )
    size = request.page_size or DEFAULT_SIZE
    found = store.changes(unit, whose, request.kind, after, size + 1)
    part = found[:size]
    table = store.TABLES[request.kind]
    rows = store.several(unit, table, [one.item for one in part])
    changes = []
    for one in part:
        change = pb.CalendarChange(name=store.name_of(table, one.item))
        row = rows.get(one.item)
        if row is not None and table is task:
            change.task.CopyFrom(task_of(row))
        elif row is not None:
            change.appointment.CopyFrom(message_of(row))
        elif not request.cursor:
            continue
        changes.append(change)
    more = len(found) > size
    # At the end the cursor goes past what has changed in the other kind.
    cursor = part[-1].revision if more else newest
    return pb.ListCalendarChangesResponse(changes=changes, next_cursor=str(cursor), has_more=more)


def _instant(said: Timestamp, field: str) -> datetime:
    try:
        return instant(said)
    except (ValueError, OverflowError):
        raise InvalidArgument([Violation(field, "is no instant between the years 1 and 9999")]) from None
