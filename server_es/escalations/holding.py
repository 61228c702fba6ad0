"""Maintenance windows in the database: which hold now, and what looks again when one is changed."""

from datetime import datetime

from sqlalchemy import bindparam, select, update

from mesh.database import UnitOfWork
from server_es.calendars.timeline import Span
from server_es.escalations.rules import Window
from server_es.escalations.tables import escalation_timer, maintenance_window
from server_es.servicecalls.tables import servicecall

_WINDOW = maintenance_window.c
_TIMER = escalation_timer.c
_AFTER = select(_WINDOW.address, _WINDOW.system, _WINDOW.start_time, _WINDOW.end_time).where(
    _WINDOW.end_time > bindparam("after")
)


def windows(unit: UnitOfWork, after: datetime) -> list[Window]:
    """Return the windows that end after an instant."""
    return [
        Window(span=Span(row.start_time, row.end_time), address=row.address, system=row.system)
        for row in unit.connection.execute(_AFTER, {"after": after})
    ]


def look_again(unit: UnitOfWork, *, address: str | None, system: str | None) -> None:
    """Let whoever a window held be looked at now: it may be over, or hold others from now on."""
    concerned = select(servicecall.c.number)
    if address:
        concerned = concerned.where(servicecall.c.address == address)
    if system:
        concerned = concerned.where(servicecall.c.system == system)
    held = select(_TIMER.servicecall).where(_TIMER.held, _TIMER.due_time > unit.now, _TIMER.servicecall.in_(concerned))
    calls = list(unit.connection.execute(held.order_by(_TIMER.servicecall).with_for_update()).scalars())
    if calls:
        unit.connection.execute(update(escalation_timer).where(_TIMER.servicecall.in_(calls)).values(due_time=unit.now))
