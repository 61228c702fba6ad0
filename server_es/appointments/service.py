"""The servicer of the appointments."""

from datetime import datetime
from typing import Any

from esoffice.es.v1 import appointments_pb2 as pb
from esoffice.es.v1 import appointments_pb2_grpc as grpc_
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import select

from mesh.database import Database, UnitOfWork
from mesh.errors import InvalidArgument, Violation
from mesh.instants import instant
from mesh.pages import page_of
from server_es.appointments import store
from server_es.appointments.messages import message_of
from server_es.appointments.names import APPOINTMENT
from server_es.appointments.tables import appointment
from server_es.directory.names import EMPLOYEE


class Appointments(grpc_.AppointmentServiceServicer):
    """Serves what other rooms have written.

    Args:
        database: of server_es.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetAppointment(self, request: pb.GetAppointmentRequest, _context: Any) -> pb.Appointment:
        number = int(APPOINTMENT.parse(request.name)[0])
        return await self._database.read(lambda unit: message_of(store.get(unit, number)))

    async def ListAppointments(self, request: pb.ListAppointmentsRequest, _context: Any) -> pb.ListAppointmentsResponse:
        return await self._database.read(_list, request)


def _list(unit: UnitOfWork, request: pb.ListAppointmentsRequest) -> pb.ListAppointmentsResponse:
    page = page_of(request)
    query = select(appointment)
    if request.employee:
        query = query.where(appointment.c.employee == EMPLOYEE.parse(request.employee, field="employee")[0])
    if request.HasField("start_time"):
        query = query.where(appointment.c.end_time > _instant(request.start_time, "start_time"))
    if request.HasField("end_time"):
        query = query.where(appointment.c.start_time < _instant(request.end_time, "end_time"))
    rows = store.page(unit, query, int(page.after[0]) if page.after else 0, page.size + 1)
    token = page.token_after((rows[page.size - 1].id,)) if len(rows) > page.size else ""
    return pb.ListAppointmentsResponse(
        appointments=[message_of(row) for row in rows[: page.size]], next_page_token=token
    )


def _instant(said: Timestamp, field: str) -> datetime:
    try:
        return instant(said)
    except (ValueError, OverflowError):
        raise InvalidArgument([Violation(field, "is no instant between the years 1 and 9999")]) from None
