"""The queries of the visits."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import func, insert, select, update

from mesh.database import UnitOfWork
from mesh.errors import NotFound
from server_es.visits.names import VISIT
from server_es.visits.tables import visit

_C: Final = visit.c


def get(unit: UnitOfWork, servicecall: int, number: int) -> Any:
    """Return a visit.

    Raises:
        NotFound: there is none of this number.
    """
    query = select(visit).where(_C.servicecall == servicecall, _C.number == number)
    row = unit.connection.execute(query).one_or_none()
    if row is None:
        name = VISIT.build(servicecall, number)
        raise NotFound(f"{name} does not exist", resource=name)
    return row


def create(unit: UnitOfWork, servicecall: int, row: Mapping[str, Any]) -> Any:
    """Write a visit of a call that is locked, under the next number, and return its row."""
    last = unit.connection.execute(select(func.max(_C.number)).where(_C.servicecall == servicecall)).scalar()
    kept = {"servicecall": servicecall, "number": (last or 0) + 1, "revision": 1, "cancelled": False}
    made = insert(visit).values(**row, **kept, create_time=unit.now, update_time=unit.now)
    return unit.connection.execute(made.returning(visit)).one()


def change(unit: UnitOfWork, old: Any, row: Mapping[str, Any]) -> Any:
    """Write what a visit is from now on and return its row."""
    wanted = update(visit).where(_C.servicecall == old.servicecall, _C.number == old.number)
    wanted = wanted.values(**row, revision=old.revision + 1, update_time=unit.now)
    return unit.connection.execute(wanted.returning(visit)).one()


def page(unit: UnitOfWork, servicecall: int, after: int, limit: int) -> list[Any]:
    """Return up to `limit` visits of a call after that number."""
    query = select(visit).where(_C.servicecall == servicecall, _C.number > after).order_by(_C.number).limit(limit)
    return list(unit.connection.execute(query))
