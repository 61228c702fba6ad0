"""Between the contract's messages and the store's rows, field by field as the contract's descriptors say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from esoffice.es.v1 import directory_pb2 as pb
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.errors import InvalidArgument, Violation
from mesh.names import NamePattern
from server_es.directory import names
from server_es.directory.families import FAMILIES, Family, Key, Row
from server_es.directory.store import etag_of

MESSAGES: Final[Mapping[str, type[Message]]] = {
    "significance": pb.Significance,
    "employee": pb.Employee,
    "team": pb.Team,
    "address": pb.Address,
    "contact_person": pb.ContactPerson,
    "system": pb.System,
    "component": pb.Component,
    "contract": pb.Contract,
}
REFERRED: Final[Mapping[str, NamePattern]] = {
    "address": names.ADDRESS,
    "system": names.SYSTEM,
    "team": names.TEAM,
    "member": names.EMPLOYEE,
    "members": names.EMPLOYEE,
    "teams": names.TEAM,
    "substitute": names.EMPLOYEE,
    "significance": names.SIGNIFICANCE,
    "service_level": names.SERVICE_LEVEL,
}
"""Fields that hold a resource name; a row holds the number in it."""

_NOT_COLUMNS: Final = frozenset({"name", "etag", "teams"})


@dataclass(frozen=True, slots=True)
class _Field:
    """How one field becomes a column, and back."""

    name: str
    to_row: Callable[[Any], Any]
    to_message: Callable[[Any], Any]


def row_of(family: Family, message: Any) -> Row:
    """Return the row of a message whose field rules hold.

    Raises:
        InvalidArgument: with what the field rules cannot say.
    """
    row: Row = dict(zip(family.key, family.name.parse(message.name, field=f"{family.kind}.name"), strict=True))
    wrong = []
    for field in _FIELDS[family.kind]:
        try:
            row[field.name] = value = field.to_row(message)
        except (ValueError, OverflowError):
            wrong.append(Violation(f"{family.kind}.{field.name}", "is no instant between the years 1 and 9999"))
            continue
        if _has_nul(value):
            wrong.append(Violation(f"{family.kind}.{field.name}", "contains the character NUL"))
    if wrong:
        raise InvalidArgument(wrong)
    return row


def _has_nul(value: Any) -> bool:
    """PostgreSQL refuses the character in every text."""
    if isinstance(value, list):
        return any("\0" in one for one in value)
    if isinstance(value, dict):
        return any("\0" in one for one in value.values())
    return isinstance(value, str) and "\0" in value


def family_of(message: type[Message]) -> Family:
    """Return the family whose resource a message type is."""
    return _BY_MESSAGE[message]


def message_of(family: Family, row: Mapping[str, Any]) -> Any:
    """Return a stored row as the contract's resource."""
    said = {field.name: field.to_message(row[field.name]) for field in _FIELDS[family.kind]}
    if "teams" in row:
        said["teams"] = [names.TEAM.build(team) for team in row["teams"]]
    return MESSAGES[family.kind](name=name_of(family, family.key_of(row)), etag=etag_of(row), **said)


def record_of(family: Family, row: Mapping[str, Any]) -> pb.Record:
    """Return a stored row as a record of any kind."""
    record = pb.Record()
    getattr(record, family.kind).CopyFrom(message_of(family, row))
    return record


def name_of(family: Family, key: Key) -> str:
    """Return the resource name of a key."""
    return family.name.build(*key)


def _field(descriptor: Any) -> _Field:
    name = descriptor.name
    if name == "service_level":
        return _Field(name, lambda one: _number(one.service_level), _level)
    if name in REFERRED:
        return _reference(name, REFERRED[name], many=descriptor.is_repeated)
    if descriptor.message_type is not None:
        return _structure(name, descriptor.message_type is Timestamp.DESCRIPTOR)
    if descriptor.is_repeated:
        return _Field(name, lambda one: list(getattr(one, name)), lambda value: value)
    return _Field(name, lambda one: getattr(one, name), lambda value: value)


def _reference(name: str, pattern: NamePattern, *, many: bool) -> _Field:
    if many:
        return _Field(
            name,
            lambda one: [pattern.parse(each)[0] for each in getattr(one, name)],
            lambda ids: [pattern.build(each) for each in ids],
        )
    return _Field(
        name,
        lambda one: pattern.parse(getattr(one, name))[0] if getattr(one, name) else None,
        lambda id_: pattern.build(id_) if id_ else "",
    )


def _structure(name: str, instant: bool) -> _Field:  # noqa: FBT001 - the one place that asks
    if instant:
        return _Field(name, lambda one: _instant(one, name), lambda value: value)
    return _Field(
        name,
        lambda one: MessageToDict(getattr(one, name), preserving_proto_field_name=True) or None,
        lambda value: ParseDict(value, pb.PostalAddress()) if value else None,
    )


def _number(name: str) -> int | None:
    return int(names.SERVICE_LEVEL.parse(name)[0]) if name else None


def _level(number: int | None) -> str:
    return names.SERVICE_LEVEL.build(number) if number else ""


def _instant(message: Any, name: str) -> datetime | None:
    if not message.HasField(name):
        return None
    instant: datetime = getattr(message, name).ToDatetime(tzinfo=UTC)
    return instant


_BY_MESSAGE: Final = {message: FAMILIES[kind] for kind, message in MESSAGES.items()}
_FIELDS: Final[Mapping[str, tuple[_Field, ...]]] = {
    kind: tuple(_field(one) for one in MESSAGES[kind].DESCRIPTOR.fields if one.name not in _NOT_COLUMNS)
    for kind in FAMILIES
}
