"""The queries of the calendars. A row's definition is the contract's message without name and etag."""

from collections.abc import Iterable
from typing import Any

from esoffice.es.v1 import calendars_pb2 as pb
from sqlalchemy import delete, insert, select, update

from mesh import etags
from mesh.database import UnitOfWork
from mesh.errors import AlreadyExists, NotFound
from server_es.calendars import mark
from server_es.calendars.names import CALENDAR
from server_es.calendars.tables import calendar


def message_of(row: Any) -> pb.Calendar:
    """Return a stored calendar as the contract's resource."""
    made = pb.Calendar.FromString(row.definition)
    made.name, made.etag = CALENDAR.build(row.id), etag_of(row)
    return made


def etag_of(row: Any) -> str:
    """Return the etag of a state: two with the same etag are compiled once, so what it says is part of it."""
    return etags.etag(row.revision, row.update_time.timestamp(), row.definition)


def get(unit: UnitOfWork, name: str, *, lock: bool = False) -> Any:
    """Return a calendar's row; with `lock` nobody else changes it until the unit ends.

    Raises:
        NotFound: there is none of this name.
    """
    query = select(calendar).where(calendar.c.id == CALENDAR.parse(name)[0])
    row = unit.connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"{name} does not exist", resource=name)
    return row


def page(unit: UnitOfWork, after: str, limit: int) -> list[Any]:
    """Return up to `limit` calendars in the order of their ids, after that one."""
    query = select(calendar).where(calendar.c.id > after).order_by(calendar.c.id).limit(limit)
    return list(unit.connection.execute(query))


def several(unit: UnitOfWork, ids: Iterable[str]) -> list[Any]:
    """Return the rows of these calendars."""
    return list(unit.connection.execute(select(calendar).where(calendar.c.id.in_(sorted(ids)))))


def create(unit: UnitOfWork, message: pb.Calendar) -> pb.Calendar:
    """Make a calendar and return it as stored.

    Raises:
        AlreadyExists: the name is taken.
    """
    mark.change(unit)
    (id_,) = CALENDAR.parse(message.name, field="calendar.name")
    if unit.connection.execute(select(calendar.c.id).where(calendar.c.id == id_)).one_or_none() is not None:
        raise AlreadyExists(f"{message.name} exists already", resource=message.name)
    unit.connection.execute(insert(calendar).values(id=id_, revision=1, **_values(unit, message)))
    return message_of(get(unit, message.name))


def replace(unit: UnitOfWork, old: Any, message: pb.Calendar) -> pb.Calendar:
    """Write a changed calendar and return it as stored."""
    changed = update(calendar).where(calendar.c.id == old.id)
    unit.connection.execute(changed.values(revision=old.revision + 1, **_values(unit, message)))
    return message_of(get(unit, message.name))


def remove(unit: UnitOfWork, row: Any) -> None:
    unit.connection.execute(delete(calendar).where(calendar.c.id == row.id))


def _values(unit: UnitOfWork, message: pb.Calendar) -> dict[str, Any]:
    kept = pb.Calendar()
    kept.CopyFrom(message)
    kept.ClearField("name")
    kept.ClearField("etag")
    return {
        "title": message.title,
        "definition": kept.SerializeToString(deterministic=True),
        "update_time": unit.now,
    }
