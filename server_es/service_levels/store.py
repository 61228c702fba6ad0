"""The queries of the rules that choose a level, and of what other rooms ask about the catalogues."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Column, delete, insert, select, tuple_

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, Violation
from mesh.names import NamePattern
from server_es.catalogues import Key
from server_es.directory.tables import significance as significances
from server_es.service_levels import names, tables

_ROW: Final = 1


def existing_levels(unit: UnitOfWork, numbers: Collection[int]) -> set[int]:
    """Return which of these service levels there are; what the directory asks before it stores one of them."""
    column = tables.service_level.c.number
    return set(unit.connection.execute(select(column).where(column.in_(sorted(numbers)))).scalars())


def existing_categories(unit: UnitOfWork, ids: Collection[str]) -> set[str]:
    """Return which of these problem categories there are."""
    column = tables.problem_category.c.id
    return set(unit.connection.execute(select(column).where(column.in_(sorted(ids)))).scalars()) if ids else set()


def assignments(unit: UnitOfWork, after: tuple[str, str] | None, limit: int) -> list[Mapping[str, Any]]:
    """Return up to `limit` rows, ordered by category, then significance."""
    table = tables.level_assignment
    key = (table.c.problem_category, table.c.significance)
    query = select(table).order_by(*key).limit(limit)
    found = unit.connection.execute(query if after is None else query.where(tuple_(*key) > tuple_(*after)))
    return [dict(row) for row in found.mappings()]


def assign(unit: UnitOfWork, category: str, significance: str, level: int | None) -> None:
    """Give a pair of problem category and significance a level; none removes the row."""
    table = tables.level_assignment
    same = (table.c.problem_category == category) & (table.c.significance == significance)
    unit.connection.execute(delete(table).where(same))
    if level is not None:
        row = {"problem_category": category, "significance": significance, "service_level": level}
        unit.connection.execute(insert(table).values(row))


def check_assignment(unit: UnitOfWork, category: str, significance: str, level: int | None) -> None:
    """Let an assignment pass whose parts exist.

    Raises:
        InvalidArgument: they do not; every violation at once.
    """
    _check_parts(
        unit,
        "level_assignment",
        (
            ("problem_category", tables.problem_category.c.id, category, names.PROBLEM_CATEGORY),
            ("significance", significances.c.id, significance, names.SIGNIFICANCE),
            ("service_level", tables.service_level.c.number, level, names.SERVICE_LEVEL),
        ),
    )


def check_defaults(unit: UnitOfWork, level: int | None, category: str | None) -> None:
    """Let defaults pass whose parts exist.

    Raises:
        InvalidArgument: they do not; every violation at once.
    """
    _check_parts(
        unit,
        "defaults",
        (
            ("service_level", tables.service_level.c.number, level, names.SERVICE_LEVEL),
            ("problem_category", tables.problem_category.c.id, category, names.PROBLEM_CATEGORY),
        ),
    )


def _check_parts(
    unit: UnitOfWork, field: str, parts: Iterable[tuple[str, Column[Any], Key | None, NamePattern]]
) -> None:
    wrong = []
    for name, column, value, pattern in parts:
        if value is not None and unit.connection.execute(select(column).where(column == value)).first() is None:
            wrong.append(Violation(f"{field}.{name}", f"{pattern.build(value)} does not exist"))
    if wrong:
        raise InvalidArgument(wrong)


def defaults(unit: UnitOfWork, *, lock: bool = False) -> Mapping[str, Any] | None:
    """Return the defaults' row; None before they were set for the first time."""
    query = select(tables.servicecall_defaults)
    row = unit.connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return None if row is None else dict(row)


def set_defaults(unit: UnitOfWork, level: int | None, category: str | None, revision: int) -> None:
    table = tables.servicecall_defaults
    unit.connection.execute(delete(table))
    row = {"service_level": level, "problem_category": category, "revision": revision, "update_time": unit.now}
    unit.connection.execute(insert(table).values(id=_ROW, **row))
