"""The contract's appointments and tasks as items of the sync, and back."""

from collections.abc import Mapping
from datetime import date, datetime
from datetime import time as clock_time
from typing import Any, Final
from zoneinfo import ZoneInfo

from esoffice.es.v1 import appointments_pb2 as pb

from mesh.instants import instant, timestamp
from server_business.exchange.calendar import Item
from server_business.exchange.items import (
    DELETED,
    EXCEPTION,
    YES,
    Fields,
    When,
    differing,
    is_private,
    moment,
    moment_text,
    occurrence,
    plain_text,
    spoken,
)
from server_business.exchange.zones import canonical

AVAILABILITIES: Final = {1: "free", 2: "tentative", 3: "busy", 4: "away", 5: "elsewhere"}
STATUSES: Final = {1: "open", 2: "in-progress", 3: "completed", 4: "waiting", 5: "deferred"}
IMPORTANCES: Final = {1: "low", 2: "normal", 3: "high"}


def item_of(said: pb.Appointment | pb.Task) -> Item:
    """Return an item of the sync."""
    fields = _appointment_fields(said) if isinstance(said, pb.Appointment) else _task_fields(said)
    return Item(
        id=said.name,
        uid=said.uid,
        version=said.etag,
        modified=instant(said.update_time),
        fields=spoken(fields),
        conference=isinstance(said, pb.Appointment) and said.conference,
        fixed=isinstance(said, pb.Appointment) and bool(said.origin),
    )


def _appointment_fields(said: pb.Appointment) -> dict[str, str]:
    start, end = instant(said.start_time), instant(said.end_time)
    zone = ZoneInfo(said.time_zone)
    series = bool(said.recurrence)
    if said.all_day:
        when = When(start.astimezone(zone).date(), end.astimezone(zone).date())
    else:
        when = When(start, end, canonical(said.time_zone) if series else None)
    fields = {
        "title": plain_text(said.title),
        "description": plain_text(said.description),
        "location": plain_text(said.location),
        "when": when.text(),
        "availability": AVAILABILITIES[said.availability or pb.AVAILABILITY_BUSY],
        "private": YES if said.private else "",
        "recurrence": said.recurrence,
    }
    for one in said.exceptions:
        at = instant(one.original_start_time)
        original: datetime | date = at.astimezone(zone).date() if said.all_day else at
        fields[EXCEPTION + moment_text(original, when.zone)] = _exception(one, said.all_day, zone)
    return fields


def _exception(one: pb.AppointmentException, all_day: bool, zone: ZoneInfo) -> str:  # noqa: FBT001
    if one.deleted:
        return DELETED
    said = {"title": one.title, "location": one.location}
    if one.HasField("start_time"):
        start, end = instant(one.start_time), instant(one.end_time)
        moved = When(start.astimezone(zone).date(), end.astimezone(zone).date()) if all_day else When(start, end)
        said["when"] = moved.text()
    return differing(spoken(said))


def _task_fields(said: pb.Task) -> dict[str, str]:
    return {
        "title": plain_text(said.title),
        "description": plain_text(said.description),
        "start": said.start_date,
        "due": said.due_date,
        "status": STATUSES[said.status or pb.TASK_STATUS_OPEN],
        "percent": str(said.percent_complete or ""),
        "importance": IMPORTANCES[said.importance or pb.IMPORTANCE_NORMAL],
        "private": YES if said.private else "",
    }


def appointment_of(fields: Fields, *, name: str, uid: str, site_zone: str) -> pb.Appointment:
    """Return what is to be written. Whole days are those of the site."""
    when = When.of(fields["when"])
    zone = when.zone or site_zone
    made = pb.Appointment(
        name=name,
        uid="" if name else uid,
        title=fields.get("title", "")[:255],
        description=fields.get("description", "")[:32000],
        location=fields.get("location", "")[:255],
        start_time=timestamp(_instant(when.start, zone)),
        end_time=timestamp(_instant(when.end, zone)),
        all_day=when.all_day,
        time_zone=zone,
        availability=_number(AVAILABILITIES, fields.get("availability", "busy")),
        private=is_private(fields),
        recurrence=fields.get("recurrence", ""),
    )
    if made.recurrence:
        for key, value in sorted(fields.items()):
            if key.startswith(EXCEPTION):
                made.exceptions.append(_exception_of(key.removeprefix(EXCEPTION), value, when.zone, zone))
    return made


def _exception_of(original: str, value: str, zone: str | None, here: str) -> pb.AppointmentException:
    made = pb.AppointmentException(original_start_time=timestamp(_instant(moment(original, zone), here)))
    if value == DELETED:
        made.deleted = True
        return made
    said = occurrence(value)
    made.title, made.location = said.get("title", "")[:255], said.get("location", "")[:255]
    if "when" in said:
        when = When.of(said["when"])
        made.start_time.CopyFrom(timestamp(_instant(when.start, here)))
        made.end_time.CopyFrom(timestamp(_instant(when.end, here)))
    return made


def task_of(fields: Fields, *, name: str, uid: str) -> pb.Task:
    """Return what is to be written."""
    return pb.Task(
        name=name,
        uid="" if name else uid,
        title=fields.get("title", "")[:255],
        description=fields.get("description", "")[:32000],
        start_date=fields.get("start", ""),
        due_date=fields.get("due", ""),
        status=_number(STATUSES, fields.get("status", "open")),
        percent_complete=int(fields.get("percent", "0")),
        importance=_number(IMPORTANCES, fields.get("importance", "normal")),
        private=is_private(fields),
    )


def _instant(said: datetime | date, zone: str) -> datetime:
    if isinstance(said, datetime):
        return said
    return datetime.combine(said, clock_time(), tzinfo=ZoneInfo(zone))


def _number(words: Mapping[int, str], word: str) -> Any:
    return next(number for number, one in words.items() if one == word)
