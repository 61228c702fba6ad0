"""Parts at providers and their receipts; how providers are; who wants no messages."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mesh.bulk import among, insert_many, update_many
from mesh.database import UnitOfWork
from mesh.texts import storable
from server_business.sending.rules import State
from server_business.sms import delivery
from server_business.sms.delivery import Delivery, Doubtful, Receipt, Sent, Stray
from server_business.sms.providers import Asked
from server_business.sms.routing import Way, chosen
from server_business.sms.tables import SMS, sms_opt_out, sms_part, sms_provider, sms_receipt

_S: Final = SMS.table.c
_P: Final = sms_part.c
_R: Final = sms_receipt.c
_DIALECTS: Final[Mapping[str, Any]] = {"sqlite": sqlite, "postgresql": postgresql}
_AT_ONCE: Final = 500
KEPT: Final = timedelta(days=7)

_OF_PARTS: Final = select(
    _P.id, _P.sms, _P.key, _P.reference, _P.state, _S.to, _S.parts, _S.delivery, _S.create_time,
    _S.state.label("sending"),
).join(SMS.table, _S.id == _P.sms)  # fmt: skip
"""Parts with what matters of their messages."""

PartRow = Mapping[str, Any]


# -- parts ------------------------------------------------------------------------------------------------------------


def taken_parts(unit: UnitOfWork, messages: Collection[int]) -> dict[int, set[int]]:
    """Return which parts of these messages a provider has."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    query = select(_P.sms, _P.number).where(among(unit.connection, _P.sms, messages), _P.key.is_not(None))
    for row in unit.connection.execute(query):
        found[row.sms].add(row.number)
    return found


def add_parts(unit: UnitOfWork, rows: Sequence[PartRow]) -> None:
    """Write parts: with a key those that a provider has, without one those of which nobody knows."""
    insert_many(unit.connection, sms_part, rows)


def part_row(
    message: int, number: int, provider: str, reference: str | None, *, now: datetime, ask: datetime
) -> PartRow:
    """Return the row of a part; `reference` None: nobody knows whether the provider has it."""
    said = storable(reference or "")[:64]
    key = delivery.keys(said)[0] if reference else None
    return {
        "sms": message, "number": number, "provider": provider, "reference": said, "key": key,
        "state": int(Delivery.PENDING), "error": "", "sent_time": now, "ask_time": ask,
    }  # fmt: skip


def forget_open_parts(unit: UnitOfWork, message: int) -> None:
    """A person sends a message once more: the parts in doubt are no part of it any more."""
    unit.connection.execute(delete(sms_part).where(_P.sms == message, _P.key.is_(None)))


def parts_of(unit: UnitOfWork, message: int) -> Sequence[Any]:
    return unit.connection.execute(select(sms_part).where(_P.sms == message).order_by(_P.number)).all()


# -- receipts ---------------------------------------------------------------------------------------------------------


def receive(unit: UnitOfWork, provider: str, receipts: Sequence[Receipt]) -> None:
    """Note what receipts say; those that belong to no part are kept until one is known."""
    for start in range(0, len(receipts), _AT_ONCE):
        strays = _apply(unit, provider, [(None, _clean(one)) for one in receipts[start : start + _AT_ONCE]])
        insert_many(
            unit.connection,
            sms_receipt,
            [
                {
                    "provider": provider, "reference": one.reference, "key": delivery.keys(one.reference)[0],
                    "number": one.number[:40], "state": int(one.state), "error": one.error, "receive_time": unit.now,
                }
                for one in strays
            ],
        )  # fmt: skip
        if strays:
            clear_doubts(unit, provider)


def _clean(said: Receipt) -> Receipt:
    return replace(said, reference=storable(said.reference), number=storable(said.number), error=storable(said.error))


def meet_early(unit: UnitOfWork, provider: str, references: Iterable[str]) -> None:
    """Note what receipts say that came before the answer with their references."""
    references = [storable(one) for one in references]
    if unit.connection.execute(select(_R.id).where(_R.provider == provider).limit(1)).first() is None:
        return
    wanted = {key for one in references for key in delivery.keys(one)}
    query = select(sms_receipt).where(_R.provider == provider, among(unit.connection, _R.key, wanted)).order_by(_R.id)
    _apply(
        unit,
        provider,
        [
            (row.id, Receipt(reference=row.reference, state=Delivery(row.state), number=row.number, error=row.error))
            for row in unit.connection.execute(query).all()
        ],
    )


def _apply(unit: UnitOfWork, provider: str, receipts: Sequence[tuple[int | None, Receipt]]) -> list[Receipt]:
    """Write receipts into their parts; forget those that had a row; return those that belong to none."""
    wanted = {key for _, one in receipts for key in delivery.keys(one.reference)}
    query = _OF_PARTS.where(_P.provider == provider, among(unit.connection, _P.key, wanted))
    by_key: defaultdict[str, list[Sent]] = defaultdict(list)
    rows = {}
    for row in unit.connection.execute(query):
        by_key[row.key].append(Sent(part=row.id, key=row.key, number=row.to))
        rows[row.id] = row
    strays, met = [], []
    changes: dict[int, tuple[Delivery, str]] = {}
    for id_, receipt in receipts:
        part = delivery.match(receipt, [one for key in delivery.keys(receipt.reference) for one in by_key[key]])
        if part is None:
            strays.append(receipt)
            continue
        if id_ is not None:
            met.append(id_)
        before = changes[part][0] if part in changes else Delivery(rows[part].state)
        if receipt.state > before:
            changes[part] = (receipt.state, receipt.error)
    if met:
        unit.connection.execute(delete(sms_receipt).where(among(unit.connection, _R.id, met)))
    _write(unit, rows, changes)
    return strays


def _write(unit: UnitOfWork, parts: Mapping[int, Any], changes: Mapping[int, tuple[Delivery, str]]) -> None:
    """Write new states into parts, which are not asked for any more, and what follows into their messages.

    Args:
        unit: a short one.
        parts: rows of `_OF_PARTS`, by the ids of the parts.
        changes: state and error, by the ids of those that change.
    """
    new = [
        {"id": part, "state": state, "error": error, "state_time": unit.now, "ask_time": None}
        for part, (state, error) in changes.items()
    ]
    messages = {parts[part].sms: parts[part] for part in changes}
    whole = {parts[part].sms: state for part, (state, _) in changes.items() if parts[part].parts == 1}
    long = [message for message, row in messages.items() if row.parts > 1]
    if long:  # receipts of two parts that come at once: who comes second sees what the first has written
        lock = select(_S.id).where(among(unit.connection, _S.id, long)).order_by(_S.id).with_for_update()
        unit.connection.execute(lock).all()
    update_many(unit.connection, sms_part, new, by=["id"])
    if long:
        of: defaultdict[int, list[Delivery]] = defaultdict(list)
        for row in unit.connection.execute(_OF_PARTS.where(among(unit.connection, _P.sms, long))):
            of[row.sms].append(Delivery(row.state))
            if row.sending != State.SENT:  # parts are still to be sent, or nobody knows of them
                of[row.sms].append(Delivery.PENDING)
        whole |= {message: delivery.whole(of[message]) for message in long}
    risen = [
        {"id": message, "delivery": state, "delivery_time": unit.now}
        for message, state in whole.items()
        if state > messages[message].delivery
    ]
    update_many(unit.connection, SMS.table, risen, by=["id"])


def clear_doubts(unit: UnitOfWork, provider: str) -> None:
    """Let receipts nobody is known for prove that the provider has a message in doubt, where one alone can be meant."""
    doubtful = _OF_PARTS.where(_P.provider == provider, _P.key.is_(None), _S.state == State.IN_DOUBT).order_by(_P.id)
    doubts = {row.id: row for row in unit.connection.execute(doubtful)}
    if not doubts:
        return
    query = select(sms_receipt).where(_R.provider == provider).order_by(_R.id)
    strays = {row.id: row for row in unit.connection.execute(query)}
    sending = select(_S.to).where(_S.provider == provider, _S.state == State.SENDING)
    proven = delivery.cleared(
        [Stray(id=one.id, number=one.number, receive_time=one.receive_time) for one in strays.values()],
        [Doubtful(part=one.id, message=one.sms, number=one.to, since=one.create_time) for one in doubts.values()],
        list(unit.connection.execute(sending).scalars()),
    )
    if not proven:
        return
    known = [{"id": part, "key": strays[one].key, "reference": strays[one].reference} for one, part in proven]
    update_many(unit.connection, sms_part, known, by=["id"])
    unit.connection.execute(delete(sms_receipt).where(among(unit.connection, _R.id, [one for one, _ in proven])))
    messages = {doubts[part].sms for _, part in proven}
    open_ = select(_P.id).where(_P.sms == _S.id, _P.key.is_(None))
    sure = update(SMS.table).where(among(unit.connection, _S.id, messages), _S.state == State.IN_DOUBT, ~open_.exists())
    unit.connection.execute(sure.values(state=State.SENT, reason="a receipt has proven it", sent_time=unit.now))
    said = {part: (Delivery(strays[one].state), strays[one].error) for one, part in proven}
    _write(unit, doubts, {part: one for part, one in said.items() if one[0] > Delivery.PENDING})


def silent(unit: UnitOfWork, provider: str, limit: int) -> list[Asked]:
    """Return parts whose state is to be asked for."""
    query = _OF_PARTS.where(
        _P.provider == provider, _P.ask_time <= unit.now, _P.key.is_not(None), _P.state == Delivery.PENDING
    )
    rows = unit.connection.execute(query.order_by(_P.ask_time).limit(limit))
    return [Asked(part=row.id, reference=row.reference, number=row.to) for row in rows]


def answered(
    unit: UnitOfWork, asked: Collection[int], found: Sequence[tuple[int, Receipt]], *, again: timedelta
) -> None:
    """Note what was said about parts that were asked for, and when to ask again for the others."""
    rows = {row.id: row for row in unit.connection.execute(_OF_PARTS.where(among(unit.connection, _P.id, asked)))}
    changes = {part: (one.state, "") for part, one in found if one.state > Delivery(rows[part].state)}
    later = [{"id": part, "ask_time": unit.now + again} for part in asked if part not in changes]
    update_many(unit.connection, sms_part, later, by=["id"])
    _write(unit, rows, changes)


def give_up(unit: UnitOfWork, after: timedelta, limit: int) -> int:
    """Let parts count as unknown whose receipt has not come in time; return how many."""
    old = _OF_PARTS.where(_P.ask_time <= unit.now, _P.key.is_not(None), _P.sent_time <= unit.now - after).limit(limit)
    rows = {row.id: row for row in unit.connection.execute(old)}
    _write(unit, rows, dict.fromkeys(rows, (Delivery.UNKNOWN, "")))
    unit.connection.execute(delete(sms_receipt).where(_R.receive_time < unit.now - KEPT))
    return len(rows)


# -- providers --------------------------------------------------------------------------------------------------------


def say(unit: UnitOfWork, name: str, *, healthy: bool, sentence: str) -> None:
    """Note how a provider is, if that is something new."""
    columns = sms_provider.c
    new = {"name": name, "healthy": healthy, "sentence": sentence[:2000], "change_time": unit.now}
    add = _DIALECTS[unit.connection.dialect.name].insert(sms_provider).values(new)
    news = (columns.healthy != add.excluded.healthy) | (columns.sentence != add.excluded.sentence)
    unit.connection.execute(add.on_conflict_do_update(index_elements=["name"], set_=new, where=news))


def away(unit: UnitOfWork) -> set[str]:
    """Return the providers that take nothing now."""
    query = select(sms_provider.c.name).where(sms_provider.c.healthy.is_(False))
    return set(unit.connection.execute(query).scalars())


def statuses(unit: UnitOfWork) -> dict[str, Any]:
    return {row.name: row for row in unit.connection.execute(select(sms_provider))}


def counts(unit: UnitOfWork) -> dict[tuple[str, int], int]:
    """Return how many messages wait for each provider, and are in doubt at it, by provider and state."""
    states = (State.QUEUED, State.SENDING, State.IN_DOUBT)
    query = select(_S.provider, _S.state, func.count()).where(_S.state.in_(states)).group_by(_S.provider, _S.state)
    return {(provider, state): number for provider, state, number in unit.connection.execute(query)}


def any_left(unit: UnitOfWork, where: ColumnElement[bool]) -> bool:
    """Tell whether there is a message that is due to be claimed."""
    free = (_S.lease_until.is_(None)) | (_S.lease_until <= unit.now)
    due = select(_S.id).where(where, _S.next_attempt_time <= unit.now, free).limit(1)
    return unit.connection.execute(due).first() is not None


def move(unit: UnitOfWork, where: ColumnElement[bool], ways: Sequence[Way], missing: Collection[str]) -> set[str]:
    """Give what waits and is due to providers that are there; return which providers have got something.

    What a provider has parts of stays with it.

    Args:
        unit: a short one.
        where: what is to be moved.
        ways: the providers there are.
        missing: those that are away.
    """
    free = (_S.lease_until.is_(None)) | (_S.lease_until <= unit.now)
    begun = select(_P.sms).where(_P.sms == _S.id)
    # Only what there is a way for: what has none, however much that is, must not hold up the rest.
    served = [_S.to.startswith(prefix) for way in ways if way.name not in missing for prefix in way.prefixes or ("",)]
    if not served:
        return set()
    query = (
        select(_S.id, _S.to, _S.provider)
        .where(where, or_(*served), _S.state == State.QUEUED, _S.next_attempt_time <= unit.now, free, ~begun.exists())
        .order_by(_S.priority, _S.next_attempt_time)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    new: defaultdict[str, list[int]] = defaultdict(list)
    for row in unit.connection.execute(query):
        best = chosen(row.to, ways, missing)
        if best not in ("", row.provider) and best not in missing:
            new[best].append(row.id)
    for provider, ids in new.items():
        unit.connection.execute(update(SMS.table).where(among(unit.connection, _S.id, ids)).values(provider=provider))
    return set(new)


def end_abandoned(unit: UnitOfWork, providers: Collection[str]) -> int:
    """End what no provider of today will: messages one had in hand when it was taken out, and those over their time.

    Args:
        unit: a short one.
        providers: names of those there are.
    """
    free = (_S.lease_until.is_(None)) | (_S.lease_until <= unit.now)
    left = update(SMS.table).where(_S.provider.not_in(list(providers)), free)
    over = {"next_attempt_time": None, "lease_token": _S.lease_token + 1}
    lost = left.where(_S.state == State.SENDING).values(
        state=State.IN_DOUBT, reason="its provider was taken out while it was handed over", **over
    )
    late = left.where(_S.state == State.QUEUED, _S.give_up_time <= unit.now).values(
        state=State.EXPIRED, reason="no provider of this site takes it", **over
    )
    return sum(unit.connection.execute(one).rowcount for one in (lost, late))


def give_to(unit: UnitOfWork, id_: int, provider: str) -> Any:
    """Give one message to a provider; return its row."""
    new = update(SMS.table).where(_S.id == id_).values(provider=provider).returning(SMS.table)
    return unit.connection.execute(new).one()


# -- who wants nothing ------------------------------------------------------------------------------------------------


def opted_out(unit: UnitOfWork, numbers: Collection[str]) -> set[str]:
    """Return which of these numbers have said STOP."""
    query = select(sms_opt_out.c.number).where(among(unit.connection, sms_opt_out.c.number, numbers))
    return set(unit.connection.execute(query).scalars())


def stop(unit: UnitOfWork, number: str, message: int) -> None:
    add = _DIALECTS[unit.connection.dialect.name].insert(sms_opt_out)
    new = {"number": number, "create_time": unit.now, "message": message}
    unit.connection.execute(add.values(new).on_conflict_do_nothing())


def start(unit: UnitOfWork, number: str) -> None:
    unit.connection.execute(delete(sms_opt_out).where(sms_opt_out.c.number == number))


def opt_outs(unit: UnitOfWork, after: tuple[datetime, str] | None, limit: int) -> Sequence[Any]:
    """Return the numbers, the latest first."""
    columns = sms_opt_out.c
    query = select(sms_opt_out).order_by(columns.create_time.desc(), columns.number).limit(limit)
    if after is not None:
        time, number = after
        query = query.where((columns.create_time < time) | ((columns.create_time == time) & (columns.number > number)))
    return unit.connection.execute(query).all()
