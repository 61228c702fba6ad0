"""What other rooms of the service ask about servicecalls, inside their own unit of work."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from mesh.database import UnitOfWork
from server_es.servicecalls.tables import servicecall


def due_calls(unit: UnitOfWork, employee: str, start: datetime, end: datetime, *, limit: int) -> list[Any]:
    """Return the open calls in charge of an employee whose next due time lies in the span, ordered by it."""
    call = servicecall.c
    query = select(call.number, call.title, call.cached_due_time.label("due_time")).where(
        call.responsible_employee == employee, call.cached_due_time >= start, call.cached_due_time < end
    )
    return list(unit.connection.execute(query.order_by(call.cached_due_time, call.number).limit(limit)))
