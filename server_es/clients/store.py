"""Reads and writes clients and updates."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from esoffice.es.v1 import clients_pb2 as pb
from sqlalchemy import Row, bindparam, func, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from mesh.database import UnitOfWork
from server_es.clients.rules import Connected
from server_es.clients.tables import client, client_update, counter

INITIATED: Final = pb.CLIENT_UPDATE_STATE_INITIATED
_DIALECTS: Final[Mapping[str, Any]] = {"sqlite": sqlite, "postgresql": postgresql}
_ONE: Final = 1
_AT_ONCE: Final = 1000
_connected = client.c.end_time.is_(None)


def next_revision(unit: UnitOfWork, count: int = 1) -> int:
    """Take the numbers of `count` changes and return the first; others wait here until this unit is done."""
    add = _DIALECTS[unit.connection.dialect.name].insert(counter).values(id=_ONE, revision=count, forgotten=0)
    add = add.on_conflict_do_update(index_elements=[counter.c.id], set_={"revision": counter.c.revision + count})
    return int(unit.connection.execute(add.returning(counter.c.revision)).scalar_one()) - count + 1


def position(unit: UnitOfWork) -> tuple[int, int]:
    """Return the number of the newest change, and through which one changes are forgotten."""
    row = unit.connection.execute(select(counter.c.revision, counter.c.forgotten)).one_or_none()
    return (row.revision, row.forgotten) if row else (0, 0)


# -- clients -----------------------------------------------------------------------------------------------------------


def connected(unit: UnitOfWork) -> list[Connected]:
    """Return who is connected now."""
    query = select(client.c.id, client.c.employee, client.c.connect_time).where(_connected)
    return [Connected(*row) for row in unit.connection.execute(query)]


def add(unit: UnitOfWork, **columns: Any) -> Row[Any]:
    """Write a new client and return it."""
    row = {
        "id": str(uuid.uuid4()), "connect_time": unit.now, "heard_time": unit.now, "revision": next_revision(unit),
        "update_answer": 0, "end_reason": 0, "end_text": "", **columns,
    }  # fmt: skip
    return unit.connection.execute(insert(client).values(row).returning(client)).one()


def get(unit: UnitOfWork, id_: str) -> Row[Any] | None:
    return unit.connection.execute(select(client).where(client.c.id == id_)).one_or_none()


def change(unit: UnitOfWork, id_: str, **columns: Any) -> Row[Any]:
    """Change a client and return it."""
    values = {"revision": next_revision(unit), **columns}
    done = update(client).where(client.c.id == id_).values(values).returning(client)
    return unit.connection.execute(done).one()


def end(unit: UnitOfWork, ids: Collection[str], reason: int, text: str = "") -> int:
    """End those of these clients that are connected; return how many."""
    first = next_revision(unit, len(ids)) if ids else 0
    ended = (
        update(client)
        .where(client.c.id == bindparam("which"), _connected)
        .values(revision=bindparam("number"), end_time=unit.now, end_reason=reason, end_text=text)
        .returning(client.c.id)
    )
    return sum(
        len(unit.connection.execute(ended, {"which": id_, "number": first + place}).all())
        for place, id_ in enumerate(sorted(ids))
    )


def heard(unit: UnitOfWork, times: Mapping[tuple[str, str], datetime]) -> None:
    """Write down when clients, by id and employee, were heard of; a later instant of another replica stays."""
    if times:
        same = (client.c.id == bindparam("which")) & (client.c.employee == bindparam("whose"))
        stamp = update(client).where(same, client.c.heard_time < bindparam("at")).values(heard_time=bindparam("at"))
        rows = [{"which": id_, "whose": employee, "at": at} for (id_, employee), at in sorted(times.items())]
        unit.connection.execute(stamp, rows)


def silent(unit: UnitOfWork, since: datetime) -> list[str]:
    """Return the connected clients that were not heard of since."""
    query = select(client.c.id).where(_connected, client.c.heard_time < since)
    return list(unit.connection.execute(query).scalars())


def gone(unit: UnitOfWork, ids: Sequence[str]) -> list[Row[Any]]:
    """Return those of these clients that are not connected any more."""
    found: list[Row[Any]] = []
    for start in range(0, len(ids), _AT_ONCE):
        some = client.c.id.in_(ids[start : start + _AT_ONCE])
        found += unit.connection.execute(select(client).where(some, ~_connected)).all()
    return found


def changed(unit: UnitOfWork, after: int, limit: int | None = None) -> Sequence[Row[Any]]:
    """Return the clients whose last change is a later one, by its number."""
    query = select(client).where(client.c.revision > after).order_by(client.c.revision)
    return unit.connection.execute(query.limit(limit)).all()


def all_connected(unit: UnitOfWork) -> Sequence[Row[Any]]:
    return unit.connection.execute(select(client).where(_connected).order_by(client.c.revision)).all()


def page(
    unit: UnitOfWork, *, closed: bool, employee: str, after: tuple[datetime, str] | None, limit: int
) -> Sequence[Row[Any]]:
    """Return clients, those connected last first."""
    query = select(client).where(client.c.end_time.is_not(None) if closed else _connected)
    if employee:
        query = query.where(client.c.employee == employee)
    place = tuple_(client.c.connect_time, client.c.id)
    if after:
        query = query.where(place < tuple_(bindparam("since", after[0], client.c.connect_time.type), after[1]))
    return unit.connection.execute(query.order_by(client.c.connect_time.desc(), client.c.id.desc()).limit(limit)).all()


def forget(unit: UnitOfWork, before: datetime, limit: int) -> int:
    """Delete clients that were gone before an instant; return how many."""
    old = (
        select(client.c.id, client.c.revision)
        .where(client.c.end_time < before)
        .order_by(client.c.end_time)
        .limit(limit)
    )
    rows = unit.connection.execute(old).all()
    if rows:
        last = max(row.revision for row in rows)
        forgotten = update(counter).values(forgotten=func.max(counter.c.forgotten, last))
        if unit.connection.dialect.name == "postgresql":
            forgotten = update(counter).values(forgotten=func.greatest(counter.c.forgotten, last))
        unit.connection.execute(forgotten)
        unit.connection.execute(client.delete().where(client.c.id.in_([row.id for row in rows])))
    return len(rows)


# -- updates -----------------------------------------------------------------------------------------------------------


def newest_update(unit: UnitOfWork) -> Row[Any] | None:
    """Return the update that is initiated, or the last one; None when there was none."""
    return unit.connection.execute(select(client_update).order_by(client_update.c.id.desc()).limit(1)).one_or_none()


def start_update(unit: UnitOfWork, **columns: Any) -> Row[Any]:
    row = {"id": next_revision(unit), "start_time": unit.now, "state": INITIATED, **columns}
    return unit.connection.execute(insert(client_update).values(row).returning(client_update)).one()


def finish_update(unit: UnitOfWork, id_: int, state: int) -> Row[Any]:
    """End an update; what was answered to it is forgotten."""
    asked = select(client.c.id).where(_connected, client.c.update_answer != 0)
    for one in unit.connection.execute(asked).scalars().all():
        change(unit, one, update_answer=0)
    done = update(client_update).where(client_update.c.id == id_).values(state=state, finish_time=unit.now)
    return unit.connection.execute(done.returning(client_update)).one()
