"""The contract's appointment and task, made of rows, and rows made of them."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from esoffice.es.v1 import appointments_pb2 as pb
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.errors import Violation
from mesh.etags import etag
from mesh.instants import instant, timestamp
from mesh.recurrence import Recurrence
from server_es.appointments.names import APPOINTMENT, TASK
from server_es.directory.names import EMPLOYEE

Row = Mapping[str, Any]


def message_of(row: Any) -> pb.Appointment:
    """Return a stored appointment as the contract's resource."""
    return pb.Appointment(
        name=APPOINTMENT.build(row.id),
        employee=EMPLOYEE.build(row.employee),
        title=row.title,
        description=row.description,
        location=row.location,
        activity_type=row.activity_type,
        start_time=timestamp(row.start_time),
        end_time=timestamp(row.end_time),
        all_day=row.all_day,
        time_zone=row.time_zone,
        availability=row.availability,
        private=row.private,
        conference=row.conference,
        recurrence=row.recurrence,
        exceptions=[json_format.ParseDict(one, pb.AppointmentException()) for one in row.exceptions],
        origin=row.origin or "",
        uid=row.uid,
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        etag=etag(row.id, row.revision),
    )


def task_of(row: Any) -> pb.Task:
    """Return a stored task as the contract's resource."""
    return pb.Task(
        name=TASK.build(row.id),
        employee=EMPLOYEE.build(row.employee),
        title=row.title,
        description=row.description,
        start_date=row.start_date.isoformat() if row.start_date else "",
        due_date=row.due_date.isoformat() if row.due_date else "",
        status=row.status,
        percent_complete=row.percent_complete,
        importance=row.importance,
        private=row.private,
        uid=row.uid,
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        etag=etag(row.id, row.revision),
    )


def appointment_row(said: pb.Appointment, site_zone: str) -> tuple[dict[str, Any], list[Violation]]:
    """Return what may be written of an appointment, and what is wrong with it."""
    wrong: list[Violation] = []
    start, end = (_instant(getattr(said, field), field, wrong) for field in ("start_time", "end_time"))
    zone = said.time_zone or site_zone
    if start and end and start >= end:
        wrong.append(Violation("appointment.end_time", "must be after the start"))
    if not _zone(zone):
        wrong.append(Violation("appointment.time_zone", f"'{zone}' is no IANA time zone, such as Europe/Berlin"))
    elif said.all_day and start and end and not (_midnight(start, zone) and _midnight(end, zone)):
        wrong.append(Violation("appointment.all_day", f"start and end must be midnight in {zone}"))
    if said.recurrence:
        try:
            Recurrence.of(said.recurrence)
        except ValueError as error:
            wrong.append(Violation("appointment.recurrence", str(error)))
    elif said.exceptions:
        wrong.append(Violation("appointment.exceptions", "only a series has exceptions"))
    row = {
        "title": said.title,
        "description": said.description,
        "location": said.location,
        "start_time": start,
        "end_time": end,
        "all_day": said.all_day,
        "time_zone": zone,
        "availability": said.availability or pb.AVAILABILITY_BUSY,
        "private": said.private,
        "conference": said.conference,
        "recurrence": said.recurrence,
        "exceptions": [json_format.MessageToDict(one) for one in said.exceptions],
    }
    return row, wrong


def task_row(said: pb.Task) -> tuple[dict[str, Any], list[Violation]]:
    """Return what may be written of a task, and what is wrong with it."""
    wrong: list[Violation] = []
    row = {
        "title": said.title,
        "description": said.description,
        "start_date": _date(said.start_date, "start_date", wrong),
        "due_date": _date(said.due_date, "due_date", wrong),
        "status": said.status or pb.TASK_STATUS_OPEN,
        "percent_complete": said.percent_complete,
        "importance": said.importance or pb.IMPORTANCE_NORMAL,
        "private": said.private,
    }
    return row, wrong


def _instant(said: Timestamp, field: str, wrong: list[Violation]) -> datetime | None:
    try:
        found = instant(said)
    except (ValueError, OverflowError):
        found = None
    if found is None or not said.seconds:
        wrong.append(Violation(f"appointment.{field}", "must be said, between the years 1 and 9999"))
    return found


def _date(said: str, field: str, wrong: list[Violation]) -> date | None:
    try:
        return date.fromisoformat(said) if said else None
    except ValueError:
        wrong.append(Violation(f"task.{field}", f"'{said}' is no day"))
        return None


def _zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _midnight(moment: datetime, zone: str) -> bool:
    local = moment.astimezone(ZoneInfo(zone))
    return (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
