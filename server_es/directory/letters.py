"""What texts to people say of records: whole rows, many at once, a query per kind."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Table, select, tuple_

from mesh.bulk import ByKeys
from mesh.database import UnitOfWork
from server_es.directory import tables

_AT_ONCE: Final = 1000
_KEYS: Final[Mapping[str, tuple[Table, str]]] = {
    "address": (tables.address, "number"),
    "system": (tables.system, "number"),
    "contract": (tables.contract, "number"),
    "employee": (tables.employee, "personnel_number"),
    "team": (tables.team, "id"),
}


def _by_key(table: Table, key: str) -> ByKeys:
    return ByKeys(lambda among: select(table).where(among(table.c[key], "keys")))


_QUERIES: Final = {kind: _by_key(*where) for kind, where in _KEYS.items()}


def records(unit: UnitOfWork, kind: str, keys: Iterable[str | None]) -> dict[str, Any]:
    """Return the rows of those of these records that there are, by number. `kind` is such as `address`."""
    _, key = _KEYS[kind]
    wanted = {one for one in keys if one}
    if not wanted:
        return {}
    return {getattr(row, key): row for row in _QUERIES[kind].run(unit.connection, keys=wanted)}


def components(unit: UnitOfWork, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    """Return the rows of those of these components that there are, by system and id."""
    wanted = sorted(set(keys))
    component = tables.component.c
    found: dict[tuple[str, str], Any] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        query = select(tables.component).where(tuple_(component.system, component.id).in_(part))
        found |= {(row.system, row.id): row for row in unit.connection.execute(query)}
    return found
