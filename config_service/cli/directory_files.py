"""Files of directory records: CSV and JSON Lines in, records of the contract out, with the line each stands in."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from esoffice.es.v1 import directory_pb2 as pb
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError

# In the order of their references: what comes later refers to what comes before.
KINDS: Final[Mapping[str, str]] = {
    "significance": "significances/{}",
    "employee": "employees/{}",
    "team": "teams/{}",
    "address": "addresses/{}",
    "contact_person": "addresses/{address}/contactPersons/{}",
    "system": "systems/{}",
    "component": "systems/{system}/components/{}",
    "contract": "contracts/{}",
}
SEPARATOR: Final = "|"
"""Between the values of a field that has several, in a CSV file."""

_REFERRED: Final[Mapping[str, str]] = {
    "address": KINDS["address"],
    "system": KINDS["system"],
    "significance": KINDS["significance"],
    "substitute": KINDS["employee"],
    "members": KINDS["employee"],
    "service_level": "serviceLevels/{}",
}
_PARENTS: Final[Mapping[str, str]] = {"contact_person": "address", "component": "system"}
_TRUE: Final = frozenset({"1", "true", "ja", "yes", "x"})
_FALSE: Final = frozenset({"0", "false", "nein", "no"})
_INTEGERS: Final = frozenset({FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64})


class UnreadableFile(Exception):
    """A file as a whole cannot be read; the message is one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One record in a file."""

    file: str
    number: int
    record: pb.Record

    @property
    def kind(self) -> str:
        """The kind of the record, such as `address`."""
        return self.record.WhichOneof("record") or ""

    @property
    def name(self) -> str:
        """The resource name of the record."""
        name: str = getattr(self.record, self.kind).name
        return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """One record that was refused, here or by the server. `field` is empty when the whole line is wrong."""

    file: str
    number: int
    field: str
    reason: str


def read(path: Path, *, encoding: str = "utf-8-sig") -> Iterator[Line | Rejected]:
    """Read a file line by line: CSV when it ends in `.csv`, otherwise JSON Lines.

    Raises:
        UnreadableFile: it is missing, in another encoding, or a CSV file whose header names no kind or unknown columns.
    """
    try:
        with path.open(encoding=encoding, newline="") as text:
            yield from _read_csv(path.name, text) if path.suffix.lower() == ".csv" else _read_json(path.name, text)
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            f"{path} is not written in {encoding}; save it as UTF-8, or name its encoding, as in --encoding cp1252"
        ) from error
    except csv.Error as error:
        raise UnreadableFile(f"{path} is no CSV file: {error}") from error


def _read_json(file: str, text: TextIO) -> Iterator[Line | Rejected]:
    for number, line in enumerate(text, start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except ValueError as error:
            yield Rejected(file=file, number=number, field="", reason=f"is no JSON: {error}")
            continue
        if not isinstance(values, dict):
            yield Rejected(file=file, number=number, field="", reason="is no JSON object")
            continue
        yield _record(file, number, values.pop("type", None), values)


def _read_csv(file: str, text: TextIO) -> Iterator[Line | Rejected]:
    first = text.readline()
    delimiter = max(";,\t", key=first.count)  # Excel in German writes semicolons
    header = [column.strip() for column in next(csv.reader([first], delimiter=delimiter), [])]
    kind = header[0] if header and header[0] in KINDS else None
    if kind is None and not {"type", "name"} <= set(header):
        raise UnreadableFile(
            f"{file}: the first column must be called after the kind of record ({', '.join(KINDS)}), "
            "or there must be the columns 'type' and 'name'"
        )
    if kind is not None:
        _check_columns(file, kind, header)
    rows = csv.reader(text, delimiter=delimiter)
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        number = rows.line_num + 1
        if len(row) > len(header):
            reason = f"has {len(row)} columns, the header {len(header)}"
            yield Rejected(file=file, number=number, field="", reason=reason)
            continue
        cells = {column: cell.strip() for column, cell in zip(header, row, strict=False) if cell.strip()}
        yield _from_cells(file, number, kind or cells.pop("type", None), cells)


def _check_columns(file: str, kind: str, header: list[str]) -> None:
    unknown = [column for column in header[1:] if _descriptor(kind, column) is None and column != _PARENTS.get(kind)]
    if unknown:
        known = [field.name for field in _message(pb.Record(), kind).DESCRIPTOR.fields if field.name != "name"]
        raise UnreadableFile(f"{file}: unknown columns {', '.join(unknown)}; known are {', '.join(known)}")


def _from_cells(file: str, number: int, kind: str | None, cells: dict[str, str]) -> Line | Rejected:
    if kind is None or kind not in KINDS:
        return _record(file, number, kind, {})
    values: dict[str, Any] = {}
    if kind in cells:
        parent = _PARENTS.get(kind)
        own = cells.pop(kind)
        around = {parent: cells.pop(parent, "").rpartition("/")[2]} if parent else {}
        values["name"] = KINDS[kind].format(own, **around)
    for column, cell in cells.items():
        descriptor = _descriptor(kind, column)
        if descriptor is None:
            return Rejected(file=file, number=number, field=column, reason=f"is no field of {kind}")
        try:
            value = _value(descriptor, cell)
        except ValueError as error:
            return Rejected(file=file, number=number, field=f"{kind}.{column}", reason=str(error))
        outer, _, inner = column.partition(".")
        if inner:
            values.setdefault(outer, {})[inner] = value
        else:
            values[outer] = value
    return _record(file, number, kind, values)


def _value(descriptor: Any, cell: str) -> Any:
    if descriptor.is_repeated:
        return [_text(descriptor.name, one.strip()) for one in cell.split(SEPARATOR) if one.strip()]
    if descriptor.type == FieldDescriptor.TYPE_BOOL:
        if cell.lower() in _TRUE | _FALSE:
            return cell.lower() in _TRUE
        raise ValueError(f"'{cell}' is neither true nor false")
    if descriptor.type in _INTEGERS:
        return int(cell) if cell.lstrip("-").isdecimal() else _no_number(cell)
    return _text(descriptor.name, cell)


def _no_number(cell: str) -> int:
    raise ValueError(f"'{cell}' is no whole number")


def _text(field: str, cell: str) -> str:
    return _REFERRED[field].format(cell) if field in _REFERRED and "/" not in cell else cell


def _record(file: str, number: int, kind: Any, values: dict[str, Any]) -> Line | Rejected:
    if kind not in KINDS:
        reason = f"'{kind}' is no kind of record; known are {', '.join(KINDS)}" if kind else "says no 'type'"
        return Rejected(file=file, number=number, field="type", reason=reason)
    record = pb.Record()
    message = _message(record, kind)
    message.SetInParent()
    try:
        ParseDict(values, message)
    except ParseError as error:
        return Rejected(file=file, number=number, field=kind, reason=str(error).splitlines()[0])
    return Line(file=file, number=number, record=record)


def _message(record: pb.Record, kind: str) -> Any:
    return getattr(record, kind)


def _descriptor(kind: str, column: str) -> Any:
    """Return the field a column such as `matchcode` or `postal_address.city` stands for, or None."""
    outer, _, inner = column.partition(".")
    field: Any = _message(pb.Record(), kind).DESCRIPTOR.fields_by_name.get(outer)
    structure = field.message_type if field is not None else None
    plain = structure is None or structure.full_name == "google.protobuf.Timestamp"
    if inner:
        return structure.fields_by_name.get(inner) if structure is not None else None
    return field if plain else None
