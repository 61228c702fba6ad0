"""Many rows by one statement, at the driver's price.

SQLAlchemy prepares the parameters of every row anew, by name, and writes a list of a thousand keys out as a thousand
parameters, which psycopg looks for one by one. Here a statement's text does not grow with the rows: SQLite gets tuples
by `executemany` and keys as one JSON array, PostgreSQL one array a column.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
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
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from mesh.columns import UtcDateTime
from mesh.errors import InvalidArgument, Violation

_POSTGRES: Final[Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]
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
        text = f"{into} SELECT {places} FROM {_unnested(table, tuple(names))} ORDER BY new.place{end}"  # noqa: S608 - names of columns
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
        flat = tuple(chain.from_iterable(part))
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
        bounds: list[Any] = []
        if len(by) == 1 and isinstance(table.c[by[0]].type, Integer):
            # Else the planner may walk the whole index to merge it with thousands of neighbours.
            keys.append(f"{target}.{quoted(by[0])} BETWEEN %s AND %s")
            numbers = [row[by[0]] for row in rows]
            bounds = [min(numbers), max(numbers)]
        text = f"UPDATE {target} SET {sets} FROM {_unnested(table, tuple(names))} WHERE {' AND '.join(keys)}"  # noqa: S608 - names of columns
        return connection.exec_driver_sql(text, (*columns, *wanted.values(), *bounds)).rowcount
    sets = ", ".join(f"{quoted(name)} = ?" for name in changed)
    keys = [f"{quoted(name)} = ?" for name in (*by, *wanted)]
    text = f"UPDATE {target} SET {sets} WHERE {' AND '.join(keys)}"  # noqa: S608 - names of columns
    fixed = tuple(wanted.values())
    return connection.exec_driver_sql(text, [(*row, *fixed) for row in zip(*columns, strict=True)]).rowcount


def _values(column: Column[Any], connection: Connection, given: list[Any]) -> list[Any]:
    """Return one column's values as the driver takes them."""
    dialect = connection.dialect
    convert: Callable[[Any], Any] | None = column.type.dialect_impl(dialect).bind_processor(dialect)
    if convert is None:
        return given
    if isinstance(column.type, JSON):
        return _each_once(convert, given)
    if given.count(given[0]) == len(given):  # such as an instant or a state that all rows have
        return [None if given[0] is None else convert(given[0])] * len(given)
    return [None if one is None else convert(one) for one in given]


def _array(column: Column[Any], connection: Connection, given: list[Any]) -> Any:
    """Return one column's values as an array of PostgreSQL: written out here, at a tenth of the driver's price."""
    write = next((write for kind, write in _WRITTEN if isinstance(column.type, kind)), None)
    if write is None:
        return _values(column, connection, given)
    if isinstance(column.type, JSON):
        given = _each_once(json.dumps, given)
    return f"{{{_listed(given, write)}}}"


def _each_once(convert: Callable[[Any], Any], given: list[Any]) -> list[Any]:
    """Convert the same object once; what is only equal may be written otherwise, as 1 and true."""
    made = {id(one): None if one is None else convert(one) for one in {id(one): one for one in given}.values()}
    return [made[id(one)] for one in given]


def _listed(given: list[Any], write: Callable[[list[Any]], str]) -> str:
    if given.count(given[0]) == len(given):
        return ",".join(["NULL" if given[0] is None else write(given[:1])] * len(given))
    if None in given:
        return ",".join(["NULL" if one is None else write([one]) for one in given])
    return write(given)


def _texts(texts: list[Any]) -> str:
    """Write all of them at once: NUL is in none, or the database refuses it."""
    joined = "\0".join(texts)
    if joined.count("\0") >= len(texts):
        raise InvalidArgument([Violation("request", "a text contains the character NUL")])
    inside = joined.replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","')
    return f'"{inside}"'


def _numbers(numbers: list[Any]) -> str:
    return ",".join(map(str, map(int, numbers)))  # a member of an IntEnum too


def _truths(truths: list[Any]) -> str:
    return ",".join(["t" if one else "f" for one in truths])


def _instants(instants: list[Any]) -> str:
    naive = next((one for one in instants if one.tzinfo is None), None)
    if naive is not None:
        raise ValueError(f"{naive} has no time zone; only aware instants are stored")
    return ",".join([one.isoformat() for one in instants])


_WRITTEN: Final[Sequence[tuple[type[TypeEngine[Any]], Callable[[list[Any]], str]]]] = (
    (Integer, _numbers),
    (Boolean, _truths),
    (String, _texts),
    (UtcDateTime, _instants),
    (JSON, _texts),
    (LargeBinary, lambda values: ",".join([f'"\\\\x{one.hex()}"' for one in values])),
)


@lru_cache(maxsize=1000)
def _unnested(table: Table, names: tuple[str, ...]) -> str:
    """Return a table `new` of arrays: columns v0, v1 … of the types of the named ones, and `place`."""
    arrays = ", ".join(f"CAST(%s AS {_array_of(table.c[name].type)})" for name in names)
    columns = ", ".join(map(_numbered, range(len(names))))
    return f"unnest({arrays}) WITH ORDINALITY AS new ({columns}, place)"


def _array_of(kind: TypeEngine[Any]) -> str:
    # Without a length: a cast would cut a text that is too long, the insert refuses it.
    return f"{'text' if isinstance(kind, String) else kind.compile(dialect=_POSTGRES)}[]"


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


Among = Callable[[ColumnElement[Any], str], ColumnElement[bool]]
"""Says that a column has one of the keys of a name."""


class ByKeys:
    """A query by keys, however many, made once for each database product: to make it costs more than to run it.

    Args:
        make: makes it; further parameters are `bindparam` of their names.
    """

    def __init__(self, make: Callable[[Among], Executable]) -> None:
        self._make = make
        self._made: dict[str, Executable] = {}

    def run(self, connection: Connection, /, **parameters: Any) -> CursorResult[Any]:
        """Run it; a set is keys, everything else a value."""
        product = connection.dialect.name
        query = self._made.get(product)
        if query is None:
            query = self._made[product] = self._make(_AMONG[product])
        taken = {
            name: _keys(product, value) if isinstance(value, set | frozenset) else value
            for name, value in parameters.items()
        }
        return connection.execute(query, taken)


def _keys(product: str, keys: Iterable[int | str]) -> Any:
    wanted = sorted(keys)
    return wanted if product == "postgresql" else json.dumps(wanted)


def _among_array(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    kind: TypeEngine[Any] = Text() if isinstance(column.type, String) else column.type
    return column == any_(bindparam(name, type_=postgresql.ARRAY(kind)))


def _among_listed(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    listed = func.json_each(bindparam(name, type_=Text())).table_valued("value")
    return column.in_(select(listed.c.value))


_AMONG: Final[Mapping[str, Among]] = {"postgresql": _among_array, "sqlite": _among_listed}
