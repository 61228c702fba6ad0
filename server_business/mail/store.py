"""What the reception writes and asks for: each function is part of one transaction."""

import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from mesh.bulk import among, insert_many, update_many
from mesh.database import UnitOfWork
from server_business.mail.intake import Arrival
from server_business.mail.source import MailIdentity
from server_business.mail.tables import (
    MAIL,
    MAIL_ACCOUNT,
    MAIL_ATTACHMENT,
    MAIL_RAW,
    MAIL_TEXT,
    Announcement,
    Attached,
    State,
)

Row = Mapping[str, Any]

_HOUR = timedelta(hours=1)
_C = MAIL.c
_IDENTITY = (_C.uidvalidity, _C.uid)
_PARTIAL = literal_column  # the partial indexes are found only when their condition stands there literally


def known(unit: UnitOfWork, identities: Sequence[MailIdentity]) -> set[MailIdentity]:
    """Return which of the identities, all of one folder, are stored already.

    One that was filed away and lies there again (a person moved it back) has to be filed away again.
    """
    rows = _lying(unit, identities)
    again = [id_ for id_, _, filed in rows if filed]
    if again:
        unit.connection.execute(update(MAIL).where(among(unit.connection, _C.id, again)).values(filed=False))
    uids = {uid for _, uid, _ in rows}
    return {one for one in identities if one.uid in uids} if uids else set()


def store(unit: UnitOfWork, arrivals: Sequence[Arrival]) -> list[int]:
    """Keep mails of one folder that are not stored yet, and return the ids of the new rows.

    Bytes that were stored under an older UIDVALIDITY of the folder are the same mail under its new identity; bytes that
    were stored under another identity of today are a duplicate.
    """
    if not arrivals:
        return []
    there = known(unit, [one.identity for one in arrivals])
    fresh = list({one.identity: one for one in arrivals if one.identity not in there}.values())
    earlier = _same_bytes(unit, fresh)
    new: list[Arrival] = []
    for one in fresh:
        same = earlier[one.row["sha256"]]
        old = next((row for row in same if _renamed(row, one.identity)), None)
        if old is None:
            new.append(one)
        else:
            same.remove(old)
            same.append({**old, "uidvalidity": one.identity.uidvalidity})
            _identify_again(unit, old["id"], one.identity)
    ids = next_ids(unit, len(new))
    rows = []
    for id_, one in zip(ids, new, strict=True):
        same = earlier[one.row["sha256"]]
        rows.append(one.row | {"id": id_, "store_time": unit.now} | _duty(unit.now, one.row["state"], same))
        same.append({"id": id_, "folder": one.identity.folder, "uidvalidity": one.identity.uidvalidity})
    if not rows:
        return []
    connection, pairs = unit.connection, list(zip(ids, new, strict=True))
    insert_many(connection, MAIL, rows)
    insert_many(connection, MAIL_RAW, [{"mail": id_, "raw": one.raw} for id_, one in pairs])
    texts = [{"mail": id_, "text": one.text, "html": one.html} for id_, one in pairs]
    insert_many(connection, MAIL_TEXT, texts)
    hanging = [{"mail": id_, **row} for id_, one in pairs for row in one.attachments]
    insert_many(connection, MAIL_ATTACHMENT, hanging)
    return ids


def next_ids(unit: UnitOfWork, count: int) -> list[int]:
    """Take ids before the rows are written, so that all rows of a batch go out without waiting for an answer each."""
    if unit.connection.dialect.name == "sqlite":  # one writer: nobody else counts meanwhile
        last = unit.connection.execute(select(func.coalesce(func.max(_C.id), 0))).scalar_one()
        return list(range(last + 1, last + 1 + count))
    series = func.generate_series(1, bindparam("count", count, type_=Integer()))
    query = select(func.nextval(func.pg_get_serial_sequence("mail", "id"), type_=BigInteger)).select_from(series)
    return sorted(unit.connection.execute(query).scalars())


def undecided(unit: UnitOfWork, account: str, *, limit: int, characters: int, ids: Collection[int] = ()) -> list[Row]:
    """Return mails of an account that are due to be decided, in the order of arrival, with their texts.

    Args:
        unit: any.
        account: whose.
        limit: how many at most.
        characters: of their texts together at most, unless a single one is longer.
        ids: only these, due or not.
    """
    due: ColumnElement[bool] = _C.next_attempt_time <= unit.now
    if ids:
        due = _C.id.in_(ids)
    waiting = and_(_C.account == account, _PARTIAL("mail.state = 1"), due)
    sizes = unit.connection.execute(select(_C.id, _C.length).where(waiting).order_by(_C.id).limit(limit)).all()
    chosen: list[int] = []
    room = characters
    for id_, length in sizes:
        if chosen and length > room:
            break
        chosen.append(id_)
        room -= length
    return with_texts(unit, chosen)


def with_texts(unit: UnitOfWork, ids: Collection[int]) -> list[Row]:
    """Return mails with what they say, ordered by id."""
    joined = MAIL.join(MAIL_TEXT, MAIL_TEXT.c.mail == _C.id)
    query = (
        select(*_C, MAIL_TEXT.c.text, MAIL_TEXT.c.html)
        .select_from(joined)
        .where(among(unit.connection, _C.id, ids))
        .order_by(_C.id)
    )
    if not ids:
        return []
    rows = unit.connection.execute(query)
    names = tuple(rows.keys())
    return [dict(zip(names, row, strict=True)) for row in rows]


def attachments(unit: UnitOfWork, ids: Collection[int]) -> dict[int, list[Row]]:
    """Return what hangs on mails, by mail, in order."""
    columns = MAIL_ATTACHMENT.c
    query = select(MAIL_ATTACHMENT).where(columns.mail.in_(ids)).order_by(columns.mail, columns.number)
    found: dict[int, list[Row]] = defaultdict(list)
    for row in unit.connection.execute(query) if ids else ():
        found[row.mail].append(row._asdict())
    return found


def calls_of_threads(unit: UnitOfWork, message_ids: Collection[str]) -> dict[str, list[tuple[int, int, str]]]:
    """Return which stored mails carry these Message-IDs: by Message-ID its mails as (id, state, servicecall)."""
    found: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    asked = among(unit.connection, _C.message_id, message_ids)
    query = select(_C.message_id, _C.id, _C.state, _C.servicecall).where(asked).order_by(_C.id)
    for message_id, *rest in unit.connection.execute(query):
        found[message_id].append((rest[0], rest[1], rest[2]))
    return found


def earlier_of_senders(unit: UnitOfWork, account: str, rows: Sequence[Row]) -> dict[int, int]:
    """Return for mails how many others of the same sender came to the account within the hour before; by id.

    Counted by when the mailbox took them, so that a day's mails that are read at once are no flood.
    """
    asked = [row for row in rows if row["sender_key"] and "id" in row]
    if not asked:
        return {}
    first = min(row["receive_time"] for row in asked) - _HOUR
    last = max(row["receive_time"] for row in asked)
    times: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    # Written out: of keys in one parameter SQLite expects so many that it would rather look through the whole account.
    query = select(_C.sender_key, _C.receive_time, _C.id).where(
        _C.sender_key.in_({row["sender_key"] for row in asked}),
        _C.receive_time > first,
        _C.receive_time <= last,
        _C.account == account,
    )
    for key, time, id_ in unit.connection.execute(query):
        times[key].append((time, id_))
    for mine in times.values():
        mine.sort()
    return {row["id"]: _within_hour(times[row["sender_key"]], row["receive_time"], row["id"]) for row in asked}


def change(unit: UnitOfWork, changes: Sequence[dict[str, Any]], *, state: State = State.RECEIVED) -> int:
    """Write columns into rows that are still in `state`, and return how many were.

    Args:
        unit: the transaction.
        changes: each with `id` and the columns to write; those of the same columns go out together.
        state: a row that somebody decided meanwhile stays as it is.
    """
    changed = 0
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for one in changes:
        alike[tuple(sorted(one))].append(one)
    for rows in alike.values():
        changed += update_many(unit.connection, MAIL, rows, by=["id"], only={"state": state})
    return changed


def to_file(unit: UnitOfWork, account: str, folder: str, uidvalidity: int, *, limit: int, after: int = 0) -> list[Row]:
    """Return decided mails that still lie in the folder as it counts now, in the order of arrival."""
    query = (
        select(_C.id, _C.folder, _C.uidvalidity, _C.uid, _C.account, _C.state, _C.open_reason)
        .where(_unfiled(account), _C.folder == folder, _C.uidvalidity == uidvalidity, _C.id > after)
        .order_by(_C.id)
        .limit(limit)
    )
    return [row._asdict() for row in unit.connection.execute(query)]


def unfiled_uids(unit: UnitOfWork, account: str, folder: str, uidvalidity: int) -> set[str]:
    """Return which decided mails of a folder, as it counts now, are not noted as filed away."""
    same = (_unfiled(account), _C.folder == folder, _C.uidvalidity == uidvalidity)
    return set(unit.connection.execute(select(_C.uid).where(*same)).scalars())


def mark_filed(unit: UnitOfWork, ids: Sequence[int]) -> None:
    """Note that mails were filed away."""
    unit.connection.execute(update(MAIL).where(among(unit.connection, _C.id, ids)).values(filed=True))


def give_up_filing(unit: UnitOfWork, account: str, folder: str, uidvalidity: int) -> int:
    """Stop waiting for mails that are not where they were: the folder counts anew, or is another one.

    Call it after the whole folder was looked at: what is still there has its new identity by then.
    """
    elsewhere = or_(_C.folder != folder, _C.uidvalidity != uidvalidity)
    return unit.connection.execute(update(MAIL).where(_unfiled(account), elsewhere).values(filed=True)).rowcount


def to_take_over(unit: UnitOfWork, *, limit: int, size: int) -> list[Row]:
    """Return mails whose attachments are to become documents, with their raw bytes, of together about `size` bytes."""
    due: ColumnElement[bool] = _PARTIAL("mail.attached = 1")
    sizes = unit.connection.execute(select(_C.id, _C.size).where(due).order_by(_C.id).limit(limit)).all()
    chosen = [one.id for at, one in enumerate(sizes) if not at or sum(each.size for each in sizes[: at + 1]) <= size]
    joined = MAIL.join(MAIL_RAW, MAIL_RAW.c.mail == _C.id)
    query = select(_C.id, _C.size, _C.servicecall, _C.contact, _C.sender, _C.subject, MAIL_RAW.c.raw)
    rows = unit.connection.execute(query.select_from(joined).where(_C.id.in_(chosen)).order_by(_C.id))
    return [row._asdict() for row in rows]


def took_over(unit: UnitOfWork, ids: Sequence[int], became: Attached) -> bool:
    """Note what became of attachments; False when somebody else has done it meanwhile."""
    due = (_C.id.in_(ids), _C.attached == Attached.DUE)
    return unit.connection.execute(update(MAIL).where(*due).values(attached=became)).rowcount == len(ids)


def note_account(
    unit: UnitOfWork,
    account: str,
    *,
    healthy: bool,
    status: str,
    seen: int | None = None,
    success: datetime | None = None,
) -> None:
    """Write down how an account is; what is not known this time stays as it was."""
    values: dict[str, Any] = {"healthy": healthy, "status": status}
    if seen is not None:
        values["seen_count"] = seen
    if success is not None:
        values["last_success_time"] = success
        values["last_mail_time"] = func.coalesce(MAIL_ACCOUNT.c.last_mail_time, success)
    into = sqlite.insert if unit.connection.dialect.name == "sqlite" else postgresql.insert
    unit.connection.execute(
        into(MAIL_ACCOUNT)
        .values(account=account, **{"seen_count": 0, **values, "last_mail_time": success})
        .on_conflict_do_update(index_elements=["account"], set_=values)
    )


def note_arrival(unit: UnitOfWork, account: str) -> None:
    """Write down that a mail was stored now."""
    arrived = update(MAIL_ACCOUNT).where(MAIL_ACCOUNT.c.account == account).values(last_mail_time=unit.now)
    if not unit.connection.execute(arrived).rowcount:
        note_account(unit, account, healthy=True, status="being read for the first time")
        unit.connection.execute(arrived)


def lying(unit: UnitOfWork, identities: Sequence[MailIdentity]) -> set[str]:
    """Return the uids of those of the identities, all of one folder, that are stored; changes nothing."""
    return {uid for _, uid, _ in _lying(unit, identities)}


def _within_hour(times: Sequence[tuple[datetime, int]], at: datetime, id_: int) -> int:
    """Count from `times`, in order, what came within the hour up to and before this mail."""
    return bisect_left(times, (at, id_)) - bisect_right(times, (at - _HOUR, sys.maxsize))


def _lying(unit: UnitOfWork, identities: Sequence[MailIdentity]) -> Sequence[Any]:
    """Return of those that are stored the id, the uid, and whether it was filed away."""
    if not identities:
        return []
    first = identities[0]
    uids = among(unit.connection, _C.uid, [one.uid for one in identities])
    same = (_C.account == first.account, _C.folder == first.folder, _C.uidvalidity == first.uidvalidity, uids)
    return unit.connection.execute(select(_C.id, _C.uid, _C.filed).where(*same)).all()


def _unfiled(account: str) -> ColumnElement[bool]:
    return and_(_C.account == account, _PARTIAL("NOT mail.filed"), _C.state != State.RECEIVED)


def _same_bytes(unit: UnitOfWork, arrivals: Sequence[Arrival]) -> dict[str, list[Any]]:
    """Return the stored mails of the account with the same bytes, the oldest first."""
    found: dict[str, list[Any]] = defaultdict(list)
    if not arrivals:
        return found
    digests = among(unit.connection, _C.sha256, [one.row["sha256"] for one in arrivals])
    query = select(_C.id, _C.sha256, _C.folder, _C.uidvalidity).where(
        _C.account == arrivals[0].identity.account, digests
    )
    for row in unit.connection.execute(query.order_by(_C.id)).mappings():
        found[row["sha256"]].append(row)
    return found


def _renamed(row: Any, identity: MailIdentity) -> bool:
    return bool(row["folder"] == identity.folder and row["uidvalidity"] != identity.uidvalidity)


def _identify_again(unit: UnitOfWork, id_: int, identity: MailIdentity) -> None:
    unit.connection.execute(
        update(MAIL).where(_C.id == id_).values(uidvalidity=identity.uidvalidity, uid=identity.uid, filed=False)
    )


def _duty(now: datetime, state: State, same: Sequence[Any]) -> dict[str, Any]:
    """Return what is to be done with a new row: nothing, when its bytes are here already."""
    if same:
        nothing = {"open_reason": "", "open_detail": "", "next_attempt_time": None, "announcement": Announcement.NONE}
        return {"state": State.DUPLICATE, "duplicate_of": same[0]["id"], **nothing}
    return {"next_attempt_time": now if state == State.RECEIVED else None}
