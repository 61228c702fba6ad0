"""The four catalogues of one shape: what their names, columns and references are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Generic, TypeVar

from esoffice.es.v1 import service_levels_pb2 as pb
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from sqlalchemy import Table

from mesh import etags
from mesh.names import NamePattern
from server_es.calendars import tables as calendar_tables
from server_es.calendars.names import CALENDAR
from server_es.service_levels import names, tables

Entry = TypeVar("Entry", bound=Message)
Key = int | str

_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How a field of the contract becomes a column of the same name, and back."""

    to_row: Callable[[Any], Any] = lambda value: value
    to_message: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A field that holds the name of something else."""

    name: NamePattern
    table: Table
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue(Generic[Entry]):
    """One kind of entry.

    Attributes:
        kind: the field of the contract's requests that holds an entry.
        plural: the field of the list's answer.
        message: the contract's resource.
        name: its resource names.
        table: where the entries are.
        key: the table's key column.
        fields: what may be changed, in the order of the contract.
        references: fields that must name something that exists.
    """

    kind: str
    plural: str
    message: type[Entry]
    name: NamePattern
    table: Table
    key: str = "number"
    fields: Mapping[str, Field]
    references: Mapping[str, Reference] = field(default_factory=dict)

    def key_of(self, name: str, *, field: str = "name") -> Key:
        """Return the key in a resource name, or raise InvalidArgument."""
        (text,) = self.name.parse(name, field=field)
        return int(text) if self.key == "number" else text

    def row_of(self, entry: Any) -> dict[str, Any]:
        """Return the columns of an entry, without its key."""
        return {
            name: one.to_row(getattr(entry, name) if not _unset(entry, name) else None)
            for name, one in self.fields.items()
        }

    def message_of(self, row: Mapping[str, Any]) -> Entry:
        """Return a stored entry as the contract's resource."""
        said = {name: one.to_message(row[name]) for name, one in self.fields.items()}
        return self.message(name=self.name.build(row[self.key]), etag=etag_of(row), **said)


def etag_of(row: Mapping[str, Any]) -> str:
    return etags.etag(row["revision"], row["update_time"].timestamp())


def _unset(entry: Message, name: str) -> bool:
    descriptor = entry.DESCRIPTOR.fields_by_name[name]
    return descriptor.has_presence and not entry.HasField(name)


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
