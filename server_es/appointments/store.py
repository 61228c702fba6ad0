"""The queries of appointments and tasks, and what other rooms write and remove in their own transaction (Termine).

Every change passes `_changed`, in the transaction of the change: it is what the sync asks for.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, Table, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mesh.database import UnitOfWork
from mesh.errors import NotFound
from server_es.appointments.tables import appointment, calendar_change, calendar_revision, task
from server_es.directory.tables import employee

TABLES: Final[Mapping[int, Table]] = {1: appointment, 2: task}
"""By the contract's `CalendarKind`."""

_C: Final = appointment.c


def get(unit: UnitOfWork, table: Table, number: int) -> Any:
    """Return a row.

    Raises:
        NotFound: there is none of this number.
    """
    row = unit.connection.execute(select(table).where(table.c.id == number)).one_or_none()
    if row is None:
        name = name_of(table, number)
        raise NotFound(f"{name} does not exist", resource=name)
    return row


def page(unit: UnitOfWork, query: Select[Any], table: Table, after: int, limit: int) -> list[Any]:
    """Return up to `limit` rows of a query in the order of their numbers, after that one."""
    return list(unit.connection.execute(query.where(table.c.id > after).order_by(table.c.id).limit(limit)))


def between(unit: UnitOfWork, employee: str, start: datetime, end: datetime) -> list[Any]:
    """Return the appointments of an employee of which a part lies in the span, ordered by start."""
    query = select(appointment).where(_C.employee == employee, _C.start_time < end, _C.end_time > start)
    return list(unit.connection.execute(query.order_by(_C.start_time, _C.id)))


def of_origins(unit: UnitOfWork, origins: list[str]) -> dict[str, int]:
    """Return the number of the appointment that each of these has written."""
    query = select(_C.origin, _C.id).where(_C.origin.in_(origins))
    return {row.origin: row.id for row in unit.connection.execute(query)} if origins else {}


def write(
    unit: UnitOfWork,
    *,
    employee: str,
    title: str,
    activity_type: str,
    start: datetime,
    end: datetime,
    all_day: bool,
    time_zone: str,
    origin: str,
) -> None:
    """Write the one appointment of its origin: its employee is away then."""
    row = {
        "title": title,
        "description": "",
        "location": "",
        "activity_type": activity_type,
        "start_time": start,
        "end_time": end,
        "all_day": all_day,
        "time_zone": time_zone,
        "availability": 4,
        "private": False,
        "conference": False,
        "recurrence": "",
        "exceptions": [],
        "origin": origin,
    }
    create(unit, appointment, employee, "", row)


def put(unit: UnitOfWork, employee: str, origin: str, row: Mapping[str, Any]) -> None:
    """Write the one appointment of its origin in somebody's calendar, or what it is from now on."""
    there = unit.connection.execute(select(appointment).where(_C.origin == origin)).one_or_none()
    if there is None:
        create(unit, appointment, employee, "", {**row, "origin": origin})
    else:
        change(unit, appointment, there, row)


def remove(unit: UnitOfWork, origin: str) -> None:
    """Remove what the origin has written."""
    for row in unit.connection.execute(select(_C.id, _C.employee).where(_C.origin == origin)).all():
        erase(unit, appointment, row.employee, row.id)


def create(unit: UnitOfWork, table: Table, whose: str, uid: str, row: Mapping[str, Any]) -> Any:
    """Write an item and return its row."""
    kept = {"employee": whose, "uid": uid or str(uuid.uuid4()), "revision": 1}
    made = insert(table).values(**row, **kept, create_time=unit.now, update_time=unit.now).returning(table)
    stored = unit.connection.execute(made).one()
    _changed(unit, table, whose, stored.id)
    return stored


def change(unit: UnitOfWork, table: Table, old: Any, row: Mapping[str, Any]) -> Any:
    """Write what an item is from now on and return its row."""
    wanted = update(table).where(table.c.id == old.id).values(**row, revision=old.revision + 1, update_time=unit.now)
    stored = unit.connection.execute(wanted.returning(table)).one()
    _changed(unit, table, old.employee, old.id)
    return stored


def erase(unit: UnitOfWork, table: Table, whose: str, number: int) -> None:
    unit.connection.execute(delete(table).where(table.c.id == number))
    _changed(unit, table, whose, number)


def uid_is_taken(unit: UnitOfWork, table: Table, whose: str, uid: str) -> bool:
    query = select(table.c.id).where(table.c.employee == whose, table.c.uid == uid)
    return unit.connection.execute(query).one_or_none() is not None


def several(unit: UnitOfWork, table: Table, numbers: Collection[int]) -> dict[int, Any]:
    """Return the rows of these numbers, without those that do not exist."""
    found = unit.connection.execute(select(table).where(table.c.id.in_(numbers)))
    return {row.id: row for row in found}


def check_employee(unit: UnitOfWork, whose: str) -> None:
    """Raises NotFound: there is no such employee (any more)."""
    found = unit.connection.execute(select(employee.c.matchcode).where(employee.c.personnel_number == whose))
    if found.one_or_none() is None:
        name = f"employees/{whose}"
        raise NotFound(f"{name} does not exist", resource=name)


def lock(unit: UnitOfWork, whose: str) -> None:
    """Let nobody else change this calendar until the unit ends."""
    query = select(calendar_revision.c.revision).where(calendar_revision.c.employee == whose)
    unit.connection.execute(query.with_for_update())


def revision_of(unit: UnitOfWork, whose: str) -> int:
    """Return how many changes there were in a calendar."""
    query = select(calendar_revision.c.revision).where(calendar_revision.c.employee == whose)
    return unit.connection.execute(query).scalar() or 0


def revisions(unit: UnitOfWork) -> dict[str, int]:
    """Return how many changes there were in each calendar that ever had one."""
    columns = calendar_revision.c
    found = unit.connection.execute(select(columns.employee, columns.revision))
    return {row.employee: row.revision for row in found}


def changes(unit: UnitOfWork, whose: str, kind: int, after: int, limit: int) -> Sequence[Any]:
    """Return the items that were changed after that revision, in the order of their changes."""
    columns = calendar_change.c
    query = select(columns.item, columns.revision).where(
        columns.employee == whose, columns.kind == kind, columns.revision > after
    )
    return unit.connection.execute(query.order_by(columns.revision).limit(limit)).all()


def _changed(unit: UnitOfWork, table: Table, whose: str, number: int) -> None:
    dialect: Any = sqlite if unit.connection.dialect.name == "sqlite" else postgresql
    counted = calendar_revision.c.revision + 1
    revision = unit.connection.execute(
        dialect.insert(calendar_revision)
        .values(employee=whose, revision=1)
        .on_conflict_do_update(index_elements=[calendar_revision.c.employee], set_={"revision": counted})
        .returning(calendar_revision.c.revision)
    ).scalar_one()
    kind = next(kind for kind, one in TABLES.items() if one is table)
    unit.connection.execute(
        dialect.insert(calendar_change)
        .values(employee=whose, kind=kind, item=number, revision=revision)
        .on_conflict_do_update(
            index_elements=[calendar_change.c.kind, calendar_change.c.item], set_={"revision": revision}
        )
    )


def name_of(table: Table, number: int) -> str:
    """Return the resource name of a row."""
    name: str = table.info["name"].format(id=number)
    return name
