"""The queries of the follow-ups."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, bindparam, insert, or_, select, tuple_, update

from mesh.database import UnitOfWork
from server_es.follow_ups.tables import follow_up

_C: Final = follow_up.c


def add(unit: UnitOfWork, rows: Sequence[Mapping[str, Any]], creator: str) -> list[Row[Any]]:
    """Write follow-ups down and return them, in order."""
    if not rows:
        return []
    shared = {"create_time": unit.now, "creator": creator, "revision": 1}
    values = [{**shared, "tell_time": row["due_time"], **row} for row in rows]
    made = insert(follow_up).returning(follow_up, sort_by_parameter_order=True)
    return list(unit.connection.execute(made, values).all())


def get(unit: UnitOfWork, id_: int, *, lock: bool = False) -> Row[Any] | None:
    query = select(follow_up).where(_C.id == id_)
    return unit.connection.execute(query.with_for_update() if lock else query).one_or_none()


def change(unit: UnitOfWork, row: Row[Any], **values: Any) -> Row[Any]:
    done = update(follow_up).where(_C.id == row.id).values(revision=row.revision + 1, **values).returning(follow_up)
    return unit.connection.execute(done).one()


def page(
    unit: UnitOfWork,
    *,
    employee: str,
    teams: Collection[str],
    about: str,
    include_done: bool,
    before: datetime | None,
    after: tuple[datetime, int] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return follow-ups, those due first first, from behind `after` on."""
    query = select(follow_up).order_by(_C.due_time, _C.id).limit(limit)
    if employee:
        query = query.where(or_(_C.employee == employee, _C.team.in_(teams)))
    if about:
        query = query.where(_C.about == about)
    if not include_done:
        query = query.where(_C.done_time.is_(None))
    if before is not None:
        query = query.where(_C.due_time < before)
    if after is not None:
        last = tuple_(bindparam("last_due", after[0], _C.due_time.type), bindparam("last_id", after[1], _C.id.type))
        query = query.where(tuple_(_C.due_time, _C.id) > last)
    return unit.connection.execute(query).all()


def take_due(unit: UnitOfWork, limit: int) -> Sequence[Row[Any]]:
    """Return those of which somebody is to be told now, and note that this is done with this unit."""
    due = select(_C.id).where(_C.tell_time <= unit.now).order_by(_C.tell_time).limit(limit)
    ids = unit.connection.execute(due.with_for_update(skip_locked=True)).scalars().all()
    told = update(follow_up).where(_C.id.in_(ids)).values(tell_time=None).returning(follow_up)
    return unit.connection.execute(told).all() if ids else []
