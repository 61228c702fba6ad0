"""The queries of the web documents."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import RowMapping, delete, insert, or_, select, update

from mesh.database import UnitOfWork
from server_es.directory.tables import address, mail_identity, system
from server_es.service_levels.tables import servicecall_state
from server_es.servicecalls.tables import servicecall
from server_es.web_documents.tables import access_code, ticket

_CODE: Final = access_code.c
_TICKET: Final = ticket.c
_SYSTEM: Final = (system.c.number, system.c.matchcode, system.c.model, system.c.address)
_KEPT: Final = timedelta(days=1)


# -- systems and calls ------------------------------------------------------------------------------------------------


def find_system(unit: UnitOfWork, number: str) -> RowMapping | None:
    """Return a system's row, or None."""
    return unit.connection.execute(select(*_SYSTEM).where(system.c.number == number)).mappings().one_or_none()


def systems(
    unit: UnitOfWork, words: Sequence[str], among: Collection[str] | None, after: str, limit: int
) -> list[RowMapping]:
    """Return systems by number, of which every word is in number, title or model; among these numbers, or any."""
    query = select(*_SYSTEM).where(system.c.number > after).order_by(system.c.number).limit(limit)
    for word in words:
        query = query.where(
            or_(
                *(
                    column.icontains(word, autoescape=True)
                    for column in (system.c.number, system.c.matchcode, system.c.model)
                )
            )
        )
    if among is not None:
        query = query.where(system.c.number.in_(sorted(among)))
    return list(unit.connection.execute(query).mappings())


def customer_of(unit: UnitOfWork, number: str, mail_address: str) -> str:
    """Return the customer of a system if the mail address is the customer's; otherwise an empty string."""
    query = (
        select(system.c.address)
        .join(address, address.c.number == system.c.address)
        .join(mail_identity, mail_identity.c.address == address.c.number)
        .where(system.c.number == number, mail_identity.c.mail_address == mail_address)
        .limit(1)
    )
    return unit.connection.execute(query).scalar_one_or_none() or ""


def systems_of(unit: UnitOfWork, customer: str, first: str, limit: int) -> list[str]:
    """Return the numbers of a customer's systems, `first` first."""
    query = select(system.c.number).where(system.c.address == customer)
    query = query.order_by(system.c.number != first, system.c.number).limit(limit)
    return list(unit.connection.execute(query).scalars())


def published_calls(unit: UnitOfWork, number: str, before: int | None, limit: int) -> list[RowMapping]:
    """Return the published calls of a system, the newest first."""
    call = servicecall.c
    query = (
        select(
            call.number,
            call.title,
            call.meaning,
            call.receive_time,
            call.update_time,
            servicecall_state.c.title.label("state"),
        )
        .join(servicecall_state, servicecall_state.c.number == call.state)
        .where(call.system == number, call.published)
        .order_by(call.number.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(call.number < before)
    return list(unit.connection.execute(query).mappings())


# -- access codes -----------------------------------------------------------------------------------------------------


def asked(unit: UnitOfWork, since: datetime, **by: str) -> list[datetime]:
    """Return when codes were asked for since then, by columns such as `place`."""
    query = select(_CODE.create_time).where(_CODE.create_time > since)
    for column, value in by.items():
        query = query.where(_CODE[column] == value)
    return list(unit.connection.execute(query.limit(1000)).scalars())


def add_code(unit: UnitOfWork, **row: Any) -> None:
    unit.connection.execute(insert(access_code).values(**row))


def open_codes(unit: UnitOfWork, number: str, mail_address: str) -> list[Any]:
    """Return the codes for a system and a mail address that have not ended; nobody else tries them meanwhile."""
    query = select(access_code).where(_CODE.system == number, _CODE.mail_address == mail_address)
    query = query.where(_CODE.expire_time > unit.now).order_by(_CODE.create_time)
    return list(unit.connection.execute(query.with_for_update()))


def charge(unit: UnitOfWork, ids: Collection[str]) -> None:
    """Take an attempt from codes."""
    changed = update(access_code).where(_CODE.id.in_(sorted(ids)))
    unit.connection.execute(changed.values(attempts_left=_CODE.attempts_left - 1))


def use(unit: UnitOfWork, id_: str) -> bool:
    """Use a code up; False when somebody else has."""
    changed = update(access_code).where(_CODE.id == id_, _CODE.used_time.is_(None)).values(used_time=unit.now)
    return unit.connection.execute(changed).rowcount == 1


def codes_to_send(unit: UnitOfWork, limit: int) -> list[Any]:
    """Return codes that are still to be sent, the oldest first."""
    query = select(access_code).where(_CODE.recipient != "", _CODE.expire_time > unit.now)
    return list(unit.connection.execute(query.order_by(_CODE.create_time).limit(limit)))


def sent(unit: UnitOfWork, id_: str) -> None:
    """Forget a code that was handed over."""
    unit.connection.execute(update(access_code).where(_CODE.id == id_).values(recipient="", code=""))


# -- tickets ----------------------------------------------------------------------------------------------------------


def add_ticket(unit: UnitOfWork, **row: Any) -> None:
    unit.connection.execute(insert(ticket).values(**row))


def find_ticket(unit: UnitOfWork, id_: str) -> Any:
    """Return a ticket's row, or None."""
    return unit.connection.execute(select(ticket).where(_TICKET.id == id_)).one_or_none()


def valid_tickets(unit: UnitOfWork, **by: str) -> list[Any]:
    """Return tickets that hold, by columns such as `person`."""
    query = select(ticket).where(_TICKET.revoke_time.is_(None), _TICKET.expire_time > unit.now)
    for column, value in by.items():
        query = query.where(_TICKET[column] == value)
    return list(unit.connection.execute(query))


def revoke(unit: UnitOfWork, ids: Collection[str]) -> None:
    changed = update(ticket).where(_TICKET.id.in_(sorted(ids)), _TICKET.revoke_time.is_(None))
    unit.connection.execute(changed.values(revoke_time=unit.now))


def prune(unit: UnitOfWork) -> None:
    """Delete what has ended a day ago."""
    for table in (access_code, ticket):
        unit.connection.execute(delete(table).where(table.c.expire_time < unit.now - _KEPT))
