"""Many rows by one statement, at the driver's price.

SQLAlchemy prepares the parameters of every row anew, by name, and writes a list of a thousand keys out as a thousand
parameters, which psycopg looks for one by one. Here a statement's text does not grow with the rows: SQLite gets tuples
by `executemany` and keys as one JSON array, PostgreSQL one array a column.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from mesh.columns import UtcDateTime

_MOST_VALUES: Final = 30_000  # SQLite takes 32,766 in a statement


def insert_many(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    returning: Sequence[Column[Any]] = (),
    passing_over: bool = False,
) -> list[tuple[Any, ...]]:
    """Insert rows; numbers that the database gives them ascend in their order.

    Args:
        connection: of the unit.
        table: where.
        rows: values by column, all of the same columns; defaults made in Python are not applied.
        returning: numbers or texts to return of every row that is new, in no order.
        passing_over: a row that is there already is left as it is; without, it is an error of the database.
    """
    if not rows:
        return []
    names = list(rows[0])
    quoted = connection.dialect.identifier_preparer.quote
    into = f"INSERT INTO {quoted(table.name)} ({', '.join(map(quoted, names))})"
    end = " ON CONFLICT DO NOTHING" if passing_over else ""
    if returning:
        end += f" RETURNING {', '.join(quoted(one.name) for one in returning)}"
    postgres = connection.dialect.name == "postgresql"
    as_taken = _array if postgres else _values
    columns = [as_taken(table.c[name], connection, [row[name] for row in rows]) for name in names]
    if postgres:
        places = ", ".join(f"new.{number}" for number in map(_numbered, range(len(names))))
        text = f"{into} SELECT {places} FROM {_unnested(table, names, connection)} ORDER BY new.place{end}"  # noqa: S608 - names of columns
        done = connection.exec_driver_sql(text, tuple(columns))
        return [tuple(row) for row in done] if returning else []
    each = f"({', '.join('?' * len(names))})"
    values = list(zip(*columns, strict=True))
    if not returning:
        connection.exec_driver_sql(f"{into} VALUES {each}{end}", values)
        return []
    found: list[tuple[Any, ...]] = []
    at_once = _MOST_VALUES // len(names)
    for start in range(0, len(values), at_once):
        part = values[start : start + at_once]
        text = f"{into} VALUES {', '.join([each] * len(part))}{end}"
        flat = tuple(value for row in part for value in row)
        found += [tuple(row) for row in connection.exec_driver_sql(text, flat)]
    return found


def update_many(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    by: Sequence[str],
    only: Mapping[str, Any] | None = None,
) -> int:
    """Give each row its own values.

    Args:
        connection: of the unit.
        table: where.
        rows: values by column, all of the same columns.
        by: the columns that say which row is meant.
        only: values a row must have, by column, to be changed.

    Returns:
        How many rows were met.
    """
    if not rows:
        return 0
    quoted = connection.dialect.identifier_preparer.quote
    changed = [name for name in rows[0] if name not in by]
    names = [*changed, *by]
    postgres = connection.dialect.name == "postgresql"
    as_taken = _array if postgres else _values
    columns = [as_taken(table.c[name], connection, [row[name] for row in rows]) for name in names]
    wanted = {name: _values(table.c[name], connection, [value])[0] for name, value in (only or {}).items()}
    target = quoted(table.name)
    if postgres:
        new = dict(zip(names, map(_numbered, range(len(names))), strict=True))
        sets = ", ".join(f"{quoted(name)} = new.{new[name]}" for name in changed)
        keys = [f"{target}.{quoted(name)} = new.{new[name]}" for name in by]
        keys += [f"{target}.{quoted(name)} = %s" for name in wanted]
        text = f"UPDATE {target} SET {sets} FROM {_unnested(table, names, connection)} WHERE {' AND '.join(keys)}"  # noqa: S608 - names of columns
        return connection.exec_driver_sql(text, (*columns, *wanted.values())).rowcount
    sets = ", ".join(f"{quoted(name)} = ?" for name in changed)
    keys = [f"{quoted(name)} = ?" for name in (*by, *wanted)]
    text = f"UPDATE {target} SET {sets} WHERE {' AND '.join(keys)}"  # noqa: S608 - names of columns
    fixed = tuple(wanted.values())
    return connection.exec_driver_sql(text, [(*row, *fixed) for row in zip(*columns, strict=True)]).rowcount


def _values(column: Column[Any], connection: Connection, given: list[Any]) -> list[Any]:
    """Return one column's values as the driver takes them."""
    dialect = connection.dialect
    convert: Callable[[Any], Any] | None = column.type.dialect_impl(dialect).bind_processor(dialect)
    return [None if one is None else convert(one) for one in given] if convert else given


def _array(column: Column[Any], connection: Connection, given: list[Any]) -> Any:
    """Return one column's values as an array of PostgreSQL: written out here, at a tenth of the driver's price."""
    write = next((write for kind, write in _WRITTEN if isinstance(column.type, kind)), None)
    if write is None:
        return _values(column, connection, given)
    return f"{{{','.join(['NULL' if one is None else write(one) for one in given])}}}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _number(number: int) -> str:
    return str(int(number))  # a member of an IntEnum too


def _truth(truth: bool) -> str:  # noqa: FBT001
    return "t" if truth else "f"


def _instant(instant: datetime) -> str:
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone; only aware instants are stored")
    return instant.isoformat()


_WRITTEN: Final[Sequence[tuple[type[TypeEngine[Any]], Callable[[Any], str]]]] = (
    (Integer, _number),
    (Boolean, _truth),
    (String, _quoted),
    (UtcDateTime, _instant),
    (JSON, lambda value: _quoted(json.dumps(value))),
    (LargeBinary, lambda value: f'"\\\\x{value.hex()}"'),
)


def _unnested(table: Table, names: Sequence[str], connection: Connection) -> str:
    """Return a table `new` of arrays: columns v0, v1 … of the types of the named ones, and `place`."""
    arrays = ", ".join(f"CAST(%s AS {_array_of(table.c[name].type, connection)})" for name in names)
    columns = ", ".join(map(_numbered, range(len(names))))
    return f"unnest({arrays}) WITH ORDINALITY AS new ({columns}, place)"


def _array_of(kind: TypeEngine[Any], connection: Connection) -> str:
    # Without a length: a cast would cut a text that is too long, the insert refuses it.
    plain = "text" if isinstance(kind, String) else connection.dialect.type_compiler_instance.process(kind)
    return f"{plain}[]"


def _numbered(place: int) -> str:
    return f"v{place}"


def among(connection: Connection, column: ColumnElement[Any], values: Iterable[int | str]) -> ColumnElement[bool]:
    """Return that a column has one of these values, however many: one parameter."""
    wanted = sorted(set(values))
    if connection.dialect.name == "postgresql":
        kind: TypeEngine[Any] = Text() if isinstance(column.type, String) else column.type
        return column == any_(bindparam(None, wanted, postgresql.ARRAY(kind), unique=True))
    listed = func.json_each(bindparam(None, json.dumps(wanted), Text(), unique=True)).table_valued("value")
    return column.in_(select(listed.c.value))
