"""The queries of the forwardings."""

from typing import Any, Final

from sqlalchemy import select

from mesh.bulk import insert_many
from mesh.database import UnitOfWork
from server_es.forwarding.tables import forwarding

_C: Final = forwarding.c


def current(unit: UnitOfWork, servicecall: int) -> Any:
    """Return the newest forwarding of a call, None when there is none."""
    newest = page(unit, servicecall, None, 1)
    return newest[0] if newest else None


def append(unit: UnitOfWork, row: dict[str, Any]) -> None:
    """Append a forwarding."""
    insert_many(unit.connection, forwarding, [row])


def page(unit: UnitOfWork, servicecall: int, before: int | None, limit: int) -> list[Any]:
    """Return up to `limit` forwardings of a call below that number, the newest first."""
    query = select(forwarding).where(_C.servicecall == servicecall).order_by(_C.number.desc()).limit(limit)
    return list(unit.connection.execute(query if before is None else query.where(_C.number < before)))
