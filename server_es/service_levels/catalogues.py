"""The four catalogues of this room: what their names, columns and references are."""

from datetime import timedelta
from typing import Final

from esoffice.es.v1 import service_levels_pb2 as pb
from google.protobuf.duration_pb2 import Duration

from server_es.calendars import tables as calendar_tables
from server_es.calendars.names import CALENDAR
from server_es.catalogues import Catalogue, Field, Reference
from server_es.service_levels import names, tables

_MICROSECOND: Final = timedelta(microseconds=1)


def _microseconds(duration: Duration | None) -> int | None:
    return None if duration is None else duration.ToTimedelta() // _MICROSECOND


def _duration(microseconds: int | None) -> timedelta | None:
    return None if microseconds is None else timedelta(microseconds=microseconds)


_TITLE: Final = {"title": Field()}
_PROMISE: Final = Field(to_row=_microseconds, to_message=_duration)

PRIORITY: Final = Catalogue(
    kind="priority",
    plural="priorities",
    message=pb.Priority,
    name=names.PRIORITY,
    table=tables.priority,
    fields=_TITLE,
)
PROBLEM_CATEGORY: Final = Catalogue(
    kind="problem_category",
    plural="problem_categories",
    message=pb.ProblemCategory,
    name=names.PROBLEM_CATEGORY,
    table=tables.problem_category,
    key="id",
    fields=_TITLE,
)
STATE: Final = Catalogue(
    kind="servicecall_state",
    plural="servicecall_states",
    message=pb.ServicecallState,
    name=names.STATE,
    table=tables.servicecall_state,
    fields={**_TITLE, "meaning": Field(), "stops_clock": Field()},
)
SERVICE_LEVEL: Final = Catalogue(
    kind="service_level",
    plural="service_levels",
    message=pb.ServiceLevel,
    name=names.SERVICE_LEVEL,
    table=tables.service_level,
    fields={
        "language": Field(to_row=lambda said: said or "de"),
        **_TITLE,
        "translations": Field(to_row=dict),
        "priority": Field(to_row=lambda name: int(names.PRIORITY.parse(name)[0]), to_message=names.PRIORITY.build),
        "calendar": Field(
            to_row=lambda name: CALENDAR.parse(name)[0] if name else None,
            to_message=lambda id_: CALENDAR.build(id_) if id_ else "",
        ),
        "reaction_working_duration": _PROMISE,
        "arrival_working_duration": _PROMISE,
        "solution_working_duration": _PROMISE,
    },
    references={
        "priority": Reference(name=names.PRIORITY, table=tables.priority, column="number"),
        "calendar": Reference(name=CALENDAR, table=calendar_tables.calendar, column="id"),
    },
)
