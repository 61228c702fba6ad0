"""The record of what has fired: the queries of the audit of escalations."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select, update

from mesh.bulk import insert_many
from mesh.database import UnitOfWork
from mesh.errors import NotFound
from server_es.escalations.names import ESCALATION
from server_es.escalations.tables import escalation

_C: Final = escalation.c


def append(unit: UnitOfWork, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Write firings and return their ids, in order. One that was written before breaks the unit: it fires once."""
    return sorted(id_ for (id_,) in insert_many(unit.connection, escalation, rows, returning=[_C.id]))


def get(unit: UnitOfWork, id_: int) -> Any:
    """Return one, or raise NotFound."""
    row = unit.connection.execute(select(escalation).where(_C.id == id_)).one_or_none()
    if row is None:
        name = ESCALATION.build(id_)
        raise NotFound(f"{name} does not exist", resource=name)
    return row


def page(
    unit: UnitOfWork, *, servicecall: int | None, unacknowledged: bool, before: int | None, limit: int
) -> list[Any]:
    """Return up to `limit`, the newest first, before that one."""
    query = select(escalation).order_by(_C.id.desc()).limit(limit)
    if servicecall is not None:
        query = query.where(_C.servicecall == servicecall)
    if unacknowledged:
        query = query.where(_C.acknowledge_time.is_(None))
    return list(unit.connection.execute(query if before is None else query.where(_C.id < before)))


def of_cycle(unit: UnitOfWork, servicecall: int, cycle: int) -> list[Any]:
    """Return what has fired in a cycle of a call, the newest first."""
    query = select(escalation).where(_C.servicecall == servicecall, _C.cycle == cycle)
    return list(unit.connection.execute(query.order_by(_C.id.desc())))


def acknowledge(unit: UnitOfWork, servicecall: int, cycle: int, by: str) -> list[int]:
    """Write who takes care into what nobody has acknowledged yet, and return the ids of that."""
    open_ = (_C.servicecall == servicecall) & (_C.cycle == cycle) & _C.acknowledge_time.is_(None)
    taken = update(escalation).where(open_).values(acknowledge_time=unit.now, acknowledger=by).returning(_C.id)
    return list(unit.connection.execute(taken).scalars())
