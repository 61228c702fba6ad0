"""Catalogues: entries of one shape that administrators keep, such as priorities or text modules.

A catalogue says what its names, columns and references are; `server_es.entries` reads and changes the entries of any.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message
from sqlalchemy import Table

from mesh import etags
from mesh.names import NamePattern

Entry = TypeVar("Entry", bound=Message)
Key = int | str


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
