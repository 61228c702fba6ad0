"""Many rows by one statement, at the driver's price.

SQLAlchemy prepares the parameters of every row anew, by name, at ten times the cost of the driver's `executemany`. Here
the statement is compiled once, and a row is a tuple of its values.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler

_FEW: Final = 20  # compiling would cost more than it spares


def execute_many(connection: Connection, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> int:
    """Execute an INSERT, or an UPDATE or DELETE with bind parameters, for every row.

    Args:
        connection: of the unit.
        statement: one that returns nothing; column defaults made in Python are not applied.
        rows: values by name, all of the same names.

    Returns:
        How many rows an UPDATE or DELETE met.
    """
    if len(rows) <= _FEW:
        return connection.execute(statement, rows[0] if len(rows) == 1 else list(rows)).rowcount if rows else 0
    compiled = statement.compile(connection, column_keys=list(rows[0]))  # type: ignore[attr-defined]
    assert isinstance(compiled, SQLCompiler)
    names = list(compiled.positiontup or compiled.params)
    columns = [_column(compiled, name, connection, rows) for name in names]
    values: Sequence[Any] = list(zip(*columns, strict=True))
    if not compiled.positional:
        values = [dict(zip(names, one, strict=True)) for one in values]
    return connection.exec_driver_sql(str(compiled), values).rowcount


def _column(
    compiled: SQLCompiler, name: str, connection: Connection, rows: Sequence[Mapping[str, Any]]
) -> Sequence[Any]:
    """Return one parameter's values as the driver takes them."""
    bind, dialect = compiled.binds[name], connection.dialect
    convert: Callable[[Any], Any] | None = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if name not in rows[0]:
        fixed = compiled.params[name]
        return [convert(fixed) if convert else fixed] * len(rows)
    given = [row[name] for row in rows]
    return [convert(one) for one in given] if convert else given
