"""What is written into a calendar from outside: by hand, and by the sync with Exchange."""

from typing import Any, Final

from esoffice.es.v1 import appointments_pb2 as pb
from google.protobuf.empty_pb2 import Empty
from sqlalchemy import Table

from mesh import etags, status
from mesh.database import UnitOfWork
from mesh.errors import AlreadyExists, DomainError, FailedPrecondition, InvalidArgument, NotFound, Violation
from server_es.appointments import store
from server_es.appointments.messages import appointment_row, message_of, task_of, task_row
from server_es.appointments.names import APPOINTMENT, TASK
from server_es.appointments.tables import appointment, task
from server_es.directory.names import EMPLOYEE

_TABLES: Final = {"appointment": appointment, "task": task}


def write_all(unit: UnitOfWork, request: pb.BatchWriteCalendarRequest, site_zone: str) -> pb.BatchWriteCalendarResponse:
    """Write one after the other; one that is refused has no effect, and the others have theirs.

    Raises:
        NotFound: there is no such employee.
    """
    whose = EMPLOYEE.parse(request.employee, field="employee")[0]
    store.check_employee(unit, whose)
    store.lock(unit, whose)
    return pb.BatchWriteCalendarResponse(results=[_result(unit, whose, one, site_zone) for one in request.writes])


def _result(unit: UnitOfWork, whose: str, write: pb.CalendarWrite, site_zone: str) -> pb.CalendarWriteResult:
    try:
        if write.WhichOneof("write") == "deleted":
            _delete(unit, whose, write)
            return pb.CalendarWriteResult(deleted=Empty())
        row = _put(unit, whose, write, site_zone)
    except DomainError as error:
        return pb.CalendarWriteResult(status=status.status_of(error))
    if write.WhichOneof("write") == "task":
        return pb.CalendarWriteResult(task=task_of(row))
    return pb.CalendarWriteResult(appointment=message_of(row))


def _put(unit: UnitOfWork, whose: str, write: pb.CalendarWrite, site_zone: str) -> Any:
    which = write.WhichOneof("write")
    assert which is not None
    said: Any = getattr(write, which)
    table = _TABLES[which]
    row, wrong = task_row(said) if which == "task" else appointment_row(said, site_zone)
    if wrong:
        raise InvalidArgument(wrong)
    if said.name:
        if _table(said.name) is not table:
            raise InvalidArgument([Violation(f"{which}.name", f"names no {which}: {said.name}")])
        return store.change(unit, table, _there(unit, whose, said.name, write.etag), row)
    if said.uid and store.uid_is_taken(unit, table, whose, said.uid):
        raise AlreadyExists(f"the uid {said.uid} is taken in this calendar", uid=said.uid)
    if which == "appointment":
        row |= {"activity_type": said.activity_type, "origin": None}
    return store.create(unit, table, whose, said.uid, row)


def _delete(unit: UnitOfWork, whose: str, write: pb.CalendarWrite) -> None:
    row = _there(unit, whose, write.deleted, write.etag)
    store.erase(unit, _table(write.deleted), whose, row.id)


def _there(unit: UnitOfWork, whose: str, name: str, etag: str) -> Any:
    table = _table(name)
    pattern = TASK if table is task else APPOINTMENT
    row = store.get(unit, table, int(pattern.parse(name)[0]))
    if row.employee != whose:
        raise NotFound(f"{name} is not in this calendar", resource=name)
    if table is appointment and row.origin:
        raise FailedPrecondition(f"{name} belongs to {row.origin}; change that instead.", origin=row.origin)
    etags.check(etag, etags.etag(row.id, row.revision), name)
    return row


def _table(name: str) -> Table:
    return task if name.startswith("tasks/") else appointment
