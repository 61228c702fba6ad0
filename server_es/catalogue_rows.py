"""The queries of catalogues, the same for all of them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert, select, update

from mesh.database import UnitOfWork
from mesh.errors import AlreadyExists, InvalidArgument, NotFound, Violation
from server_es.catalogues import Catalogue, Key


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
