"""What people ask about mails; reads only, but for the verbs by which a person decides."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, select

from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition, NotFound
from server_business.mail import store
from server_business.mail.tables import MAIL, MAIL_ACCOUNT, MAIL_ATTACHMENT, MAIL_RAW, State

Row = Mapping[str, Any]
_C = MAIL.c


class MailNotOpen(FailedPrecondition):
    """Somebody decided on it already."""

    reason = "MAIL_NOT_OPEN"


def page(unit: UnitOfWork, conditions: Sequence[ColumnElement[bool]], before: int | None, limit: int) -> list[Row]:
    """Return mails, the newest first, from below the id `before`."""
    query = select(MAIL).where(*conditions).order_by(_C.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_C.id < before)
    return [row._asdict() for row in unit.connection.execute(query)]


def mail(unit: UnitOfWork, id_: int) -> Row:
    """Return a mail with its texts.

    Raises:
        NotFound: there is none.
    """
    rows = store.with_texts(unit, [id_])
    if not rows:
        raise NotFound(f"mails/{id_} does not exist", resource=f"mails/{id_}")
    return rows[0]


def raw(unit: UnitOfWork, id_: int) -> bytes:
    """Return a mail as it came. Raises as `mail`."""
    found = unit.connection.execute(select(MAIL_RAW.c.raw).where(MAIL_RAW.c.mail == id_)).scalar()
    if found is None:
        raise NotFound(f"mails/{id_} does not exist", resource=f"mails/{id_}")
    return bytes(found)


def attachment(unit: UnitOfWork, id_: int, number: int) -> Row:
    """Return what is known of an attachment. Raises as `mail`."""
    columns = MAIL_ATTACHMENT.c
    query = select(MAIL_ATTACHMENT).where(columns.mail == id_, columns.number == number)
    row = unit.connection.execute(query).first()
    if row is None:
        name = f"mails/{id_}/attachments/{number}"
        raise NotFound(f"{name} does not exist", resource=name)
    return row._asdict()


def account_states(unit: UnitOfWork) -> dict[str, Row]:
    """Return how every account was the last time, by name."""
    return {row.account: row._asdict() for row in unit.connection.execute(select(MAIL_ACCOUNT))}


def counts(unit: UnitOfWork, account: str) -> Row:
    """Return how many mails of an account are where."""
    query = select(
        func.count().label("stored"),
        func.coalesce(func.sum(case((_C.state.in_((State.SERVICECALL, State.CONTACT)), 1), else_=0)), 0).label(
            "imported"
        ),
        func.coalesce(func.sum(case((_C.state == State.OPEN, 1), else_=0)), 0).label("open"),
        func.coalesce(func.sum(case((_C.filed.is_(False), 1), else_=0)), 0).label("unfiled"),
    ).where(_C.account == account)
    row = unit.connection.execute(query).one()._asdict()
    newest = select(_C.store_time).where(_C.account == account).order_by(_C.id.desc()).limit(1)
    return {**row, "newest": unit.connection.execute(newest).scalar()}


def decide_by_hand(unit: UnitOfWork, id_: int, changes: Mapping[str, Any]) -> None:
    """Write a person's decision on an open mail.

    Raises:
        MailNotOpen: it is not open (any more).
    """
    if not store.change(unit, [{"id": id_, **changes}], state=State.OPEN):
        state = State(mail(unit, id_)["state"])
        raise MailNotOpen(
            f"mails/{id_} is not open; it is {state.name.lower()}", resource=f"mails/{id_}", state=state.name
        )
