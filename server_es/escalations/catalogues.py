"""The three catalogues of this room: what their names, columns and references are."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from esoffice.es.v1 import escalations_pb2 as pb
from esoffice.es.v1 import servicecalls_pb2 as calls_pb
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.names import NamePattern
from server_es.calendars import mapping
from server_es.catalogues import Catalogue, Field, Reference
from server_es.directory import names as directory
from server_es.directory import tables as directory_tables
from server_es.escalations import names, tables
from server_es.service_levels import names as levels
from server_es.service_levels import tables as level_tables
from server_es.text_modules.catalogue import NAME as TEXT_MODULE
from server_es.text_modules.tables import text_module

_MICROSECOND: Final = timedelta(microseconds=1)


def _microseconds(duration: Duration | None) -> int | None:
    return None if duration is None else duration.ToTimedelta() // _MICROSECOND


def _duration(microseconds: int | None) -> timedelta | None:
    return None if microseconds is None else timedelta(microseconds=microseconds)


def _instant(at: Timestamp | None) -> datetime | None:
    return None if at is None else at.ToDatetime(tzinfo=UTC)


def _named(pattern: NamePattern, *, numeric: bool = False) -> Field:
    def to_row(name: str) -> Any:
        if not name:
            return None
        (found,) = pattern.parse(name)
        return int(found) if numeric else found

    return Field(to_row=to_row, to_message=lambda key: "" if key is None else pattern.build(key))


def _rows(message: type[Message]) -> Field:
    def to_message(kept: Sequence[Mapping[str, Any]]) -> list[Message]:
        return [ParseDict(dict(one), message()) for one in kept]

    return Field(
        to_row=lambda said: [MessageToDict(one, preserving_proto_field_name=True) for one in said],
        to_message=to_message,
    )


_TITLE: Final = {"title": Field()}
_DURATION: Final = Field(to_row=_microseconds, to_message=_duration)
_TIME: Final = Field(to_row=_instant, to_message=mapping.timestamp)

EVENT: Final = Catalogue(
    kind="escalation_event",
    plural="escalation_events",
    message=pb.EscalationEvent,
    name=names.EVENT,
    table=tables.escalation_event,
    key="id",
    fields={
        **_TITLE,
        "subject_text_module": _named(TEXT_MODULE),
        "message_text_module": _named(TEXT_MODULE),
        "channels": Field(to_row=lambda said: [int(one) for one in said]),
        "notify_responsible_employee": Field(),
        "notify_by_forwarding": Field(),
        "recipients": _rows(pb.EscalationRecipient),
    },
    references={
        "subject_text_module": Reference(name=TEXT_MODULE, table=text_module, column="id"),
        "message_text_module": Reference(name=TEXT_MODULE, table=text_module, column="id"),
    },
)
POINT: Final = Catalogue(
    kind="escalation_point",
    plural="escalation_points",
    message=pb.EscalationPoint,
    name=names.POINT,
    table=tables.escalation_point,
    fields={
        **_TITLE,
        "event": _named(names.EVENT),
        "milestone": Field(to_row=lambda said: int(said or calls_pb.MILESTONE_KIND_SOLUTION)),
        "percent": Field(),
        "delay_working_duration": _DURATION,
        "delay_duration": _DURATION,
        "state_ceiling": Field(),
        "new_state": _named(levels.STATE, numeric=True),
        "assignments": _rows(pb.EscalationAssignment),
        "repeat_working_duration": _DURATION,
        "repeat_duration": _DURATION,
        "repeat_limit": Field(),
        "after_acknowledgement": Field(),
        "disabled": Field(),
    },
    references={
        "event": Reference(name=names.EVENT, table=tables.escalation_event, column="id"),
        "new_state": Reference(name=levels.STATE, table=level_tables.servicecall_state, column="number"),
    },
)
MAINTENANCE_WINDOW: Final = Catalogue(
    kind="maintenance_window",
    plural="maintenance_windows",
    message=pb.MaintenanceWindow,
    name=names.MAINTENANCE_WINDOW,
    table=tables.maintenance_window,
    key="id",
    fields={
        **_TITLE,
        "address": _named(directory.ADDRESS),
        "system": _named(directory.SYSTEM),
        "start_time": _TIME,
        "end_time": _TIME,
    },
    references={
        "address": Reference(name=directory.ADDRESS, table=directory_tables.address, column="number"),
        "system": Reference(name=directory.SYSTEM, table=directory_tables.system, column="number"),
    },
)
