"""The queries of the catalogues, the same for all four, and of the rules that choose a level."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Column, delete, insert, select, tuple_, update

from mesh.database import UnitOfWork
from mesh.errors import AlreadyExists, InvalidArgument, NotFound, Violation
from mesh.names import NamePattern
from server_es.directory.tables import significance as significances
from server_es.service_levels import names, tables
from server_es.service_levels.catalogues import Catalogue, Key

_ROW: Final = 1


def get(unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, *, lock: bool = False) -> Mapping[str, Any]:
    """Return an entry's row; with `lock` nobody else changes it until the unit ends.

    Raises:
        NotFound: there is none of this key.
    """
    query = select(catalogue.table).where(catalogue.table.c[catalogue.key] == key)
    row = unit.connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        name = catalogue.name.build(key)
        raise NotFound(f"{name} does not exist", resource=name)
    return dict(row)


def page(unit: UnitOfWork, catalogue: Catalogue[Any], after: Key | None, limit: int) -> list[Mapping[str, Any]]:
    """Return up to `limit` entries in the order of their keys, after that one."""
    column = catalogue.table.c[catalogue.key]
    query = select(catalogue.table).order_by(column).limit(limit)
    found = unit.connection.execute(query if after is None else query.where(column > after))
    return [dict(row) for row in found.mappings()]


def check_free(unit: UnitOfWork, catalogue: Catalogue[Any], key: Key) -> None:
    """Let a creation pass.

    Raises:
        AlreadyExists: the key is taken.
    """
    column = catalogue.table.c[catalogue.key]
    if unit.connection.execute(select(column).where(column == key)).one_or_none() is not None:
        name = catalogue.name.build(key)
        raise AlreadyExists(f"{name} exists already", resource=name)


def check_references(unit: UnitOfWork, catalogue: Catalogue[Any], row: Mapping[str, Any]) -> None:
    """Let an entry pass whose references exist.

    Raises:
        InvalidArgument: what they name does not; every violation at once.
    """
    wrong = []
    for field, to in catalogue.references.items():
        column, value = to.table.c[to.column], row[field]
        if value is not None and unit.connection.execute(select(column).where(column == value)).one_or_none() is None:
            wrong.append(Violation(f"{catalogue.kind}.{field}", f"{to.name.build(value)} does not exist"))
    if wrong:
        raise InvalidArgument(wrong)


def create(unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, row: Mapping[str, Any]) -> None:
    kept = {catalogue.key: key, "revision": 1, "update_time": unit.now}
    unit.connection.execute(insert(catalogue.table).values(**row, **kept))


def replace(unit: UnitOfWork, catalogue: Catalogue[Any], old: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    changed = update(catalogue.table).where(catalogue.table.c[catalogue.key] == old[catalogue.key])
    unit.connection.execute(changed.values(**row, revision=old["revision"] + 1, update_time=unit.now))


def remove(unit: UnitOfWork, catalogue: Catalogue[Any], key: Key) -> None:
    unit.connection.execute(delete(catalogue.table).where(catalogue.table.c[catalogue.key] == key))


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
