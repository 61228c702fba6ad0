"""The queries of status-change events."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import case, select
from sqlalchemy.dialects import postgresql, sqlite

from mesh.database import UnitOfWork
from server_es.status_events.rules import Row, StatusEvent
from server_es.status_events.tables import status_event, status_mail_count

_EVENT: Final = status_event.c
_COUNT: Final = status_mail_count.c
_INSERTS: Final[Mapping[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def events_of(unit: UnitOfWork, states: Collection[int]) -> list[StatusEvent]:
    """Return the events that happen when a call gets one of these states, ordered by id."""
    query = select(status_event).where(_EVENT.new_state.in_(sorted(states)), ~_EVENT.disabled).order_by(_EVENT.id)
    return [_event(row) for row in unit.connection.execute(query)]


def _event(row: Any) -> StatusEvent:
    return StatusEvent(
        id=row.id,
        start=row.previous_state_from,
        end=row.previous_state_to,
        state=row.new_state,
        text_module=row.text_module,
        customer=row.notify_customer,
        employee=row.notify_responsible_employee,
        team=row.notify_responsible_team,
        channels=frozenset(row.channels),
        rows=tuple(
            Row(
                employee=_id(one.get("employee", "")),
                team=_id(one.get("team", "")),
                mail=one.get("mail_address", ""),
                mobile=one.get("mobile", ""),
            )
            for one in row.recipients
        ),
    )


def _id(name: str) -> str:
    return name.rpartition("/")[2]


def count_mails(unit: UnitOfWork, wanted: Mapping[str, int], day: date) -> dict[str, int]:
    """Count so many mails more to each address, and return how many each has had on the day, these among them.

    The addresses are locked until the unit ends.
    """
    had = {}
    for address in sorted(wanted):  # sorted: two transactions do not cross
        new = _INSERTS[unit.connection.dialect.name](status_mail_count)
        new = new.values(address=address, day=day, mails=wanted[address])
        mails = case((_COUNT.day == new.excluded.day, _COUNT.mails + new.excluded.mails), else_=new.excluded.mails)
        new = new.on_conflict_do_update(index_elements=["address"], set_={"day": new.excluded.day, "mails": mails})
        had[address] = unit.connection.execute(new.returning(_COUNT.mails)).scalar_one()
    return had
