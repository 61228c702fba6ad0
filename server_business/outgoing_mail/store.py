"""What is kept of outgoing mails beside the queue: what became of them later, and the addresses they bounced from."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Row, Select, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mesh.database import UnitOfWork
from mesh.errors import NotFound
from server_business.outgoing_mail.rules import Bounce, Delivery, Judgement, address_key, merged
from server_business.outgoing_mail.tables import MAILS, MARKED_ADDRESS

_MAIL: Final = MAILS.table.c
_MARK: Final = MARKED_ADDRESS.c
_AT_ONCE: Final = 500


def by_message_ids(unit: UnitOfWork, message_ids: Collection[str]) -> dict[str, Row[Any]]:
    """Return our mails with these Message-IDs, given and answered without angle brackets."""
    found: dict[str, Row[Any]] = {}
    asked = [f"<{one}>" for one in sorted(message_ids)]
    columns: Select[Any] = select(_MAIL.message_id, _MAIL.id, _MAIL.to, _MAIL.cc, _MAIL.about)
    for start in range(0, len(asked), _AT_ONCE):
        part = columns.where(_MAIL.message_id.in_(asked[start : start + _AT_ONCE]))
        for row in unit.connection.execute(part):
            found[row.message_id[1:-1]] = row
    return found


def record_report(unit: UnitOfWork, id_: int, judgement: Judgement) -> None:
    """Write down what became of a mail, and mark the addresses that are no good. A repeat changes nothing."""
    row = MAILS.get(unit, id_, lock=True)
    known = merged(Delivery(row.delivery), bounces_of(row), judgement)
    written = update(MAILS.table).where(_MAIL.id == id_)
    values = {"delivery": known.delivery, "bounces": [asdict(one) for one in known.bounces]}
    unit.connection.execute(written.values(values))
    into: Any = {"sqlite": sqlite, "postgresql": postgresql}[unit.connection.dialect.name].insert(MARKED_ADDRESS)
    for one in judgement.bounces:
        if one.marked:
            mark = {
                "key": address_key(one.recipient), "mail_address": one.recipient, "reason": _reason(one),
                "mark_time": unit.now, "outgoing_mail": id_,
            }  # fmt: skip
            unit.connection.execute(into.values(mark).on_conflict_do_nothing())


def bounces_of(row: Row[Any]) -> tuple[Bounce, ...]:
    """Return the recipients a mail could not be delivered to."""
    return tuple(Bounce(**one) for one in row.bounces or ())


def marks(unit: UnitOfWork, mail_addresses: Iterable[str]) -> Sequence[Row[Any]]:
    """Return those of the mail addresses that are marked."""
    keys = sorted({address_key(one) for one in mail_addresses})
    query = select(MARKED_ADDRESS).where(_MARK.key.in_(keys)).order_by(_MARK.key)
    return unit.connection.execute(query).all()


def page_of_marks(unit: UnitOfWork, *, after: str, limit: int) -> Sequence[Row[Any]]:
    """Return marked addresses in the order of their mail addresses."""
    query = select(MARKED_ADDRESS).where(_MARK.key > after).order_by(_MARK.key).limit(limit)
    return unit.connection.execute(query).all()


def release(unit: UnitOfWork, id_: int) -> Row[Any]:
    """Take a mark away. Raises NotFound."""
    released = delete(MARKED_ADDRESS).where(_MARK.id == id_).returning(MARKED_ADDRESS)
    row = unit.connection.execute(released).one_or_none()
    if row is None:
        name = f"markedAddresses/{id_}"
        raise NotFound(f"{name} does not exist (any more).", resource=name)
    return row


def _reason(bounce: Bounce) -> str:
    # What the server said begins with the code, most of the time.
    said = bounce.reason if bounce.status in bounce.reason else f"{bounce.status} {bounce.reason}"
    return said.strip()[:500] or "no reason was given"
