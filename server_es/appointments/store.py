"""The queries of the appointments, and what other rooms write and remove in their own transaction (Termine)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, delete, insert, select

from mesh.database import UnitOfWork
from mesh.errors import NotFound
from server_es.appointments.names import APPOINTMENT
from server_es.appointments.tables import appointment

_C: Final = appointment.c


def get(unit: UnitOfWork, number: int) -> Any:
    """Return an appointment's row.

    Raises:
        NotFound: there is none of this number.
    """
    row = unit.connection.execute(select(appointment).where(_C.id == number)).one_or_none()
    if row is None:
        name = APPOINTMENT.build(number)
        raise NotFound(f"{name} does not exist", resource=name)
    return row


def page(unit: UnitOfWork, query: Select[Any], after: int, limit: int) -> list[Any]:
    """Return up to `limit` rows of a query in the order of their numbers, after that one."""
    return list(unit.connection.execute(query.where(_C.id > after).order_by(_C.id).limit(limit)))


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
    origin: str,
) -> None:
    """Write the one appointment of its origin."""
    row: Mapping[str, Any] = {
        "employee": employee,
        "title": title,
        "activity_type": activity_type,
        "start_time": start,
        "end_time": end,
        "origin": origin,
        "create_time": unit.now,
    }
    unit.connection.execute(insert(appointment).values(row))


def remove(unit: UnitOfWork, origin: str) -> None:
    """Remove what the origin has written."""
    unit.connection.execute(delete(appointment).where(_C.origin == origin))
