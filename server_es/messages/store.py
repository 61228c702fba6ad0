"""Reads and writes inboxes."""

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Row,
    Select,
    Text,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from mesh.bulk import insert_many
from mesh.database import UnitOfWork
from server_es.messages.rows import Action, Change, Content, Counts, Told
from server_es.messages.rules import Inbox, Kind, Position, Priority
from server_es.messages.tables import MessageTables

_KEYS_PER_STATEMENT: Final = 1000


class MessageStore:
    """The inboxes of one service's schema. Every method works inside the caller's unit of work."""

    def __init__(self, tables: MessageTables) -> None:
        self.tables: Final = tables
        self._inbox, self._content, self._message = tables.inbox, tables.content, tables.message
        self._snooze = tables.snooze
        self._told = select(
            self._message.c.recipient,
            self._message.c.sequence,
            self._message.c.read_time,
            *self._content.c,
        ).join(self._content, self._message.c.content_id == self._content.c.id)
        self._numbers = {name: _numbers(dialect, self._inbox) for name, dialect in _DIALECTS.items()}

    # -- writing ----------------------------------------------------------------------------------------------------

    def append(self, unit: UnitOfWork, letters: Sequence[tuple[Sequence[str], Content]]) -> list[Change]:
        """Put messages into inboxes: three kinds of statements, in batches, however many letters and recipients.

        Args:
            unit: the transaction; whoever rolls it back takes the numbers back too.
            letters: recipients, each once, and what they are told; in this order within each inbox.
        """
        wanted = Counter(recipient for recipients, _ in letters for recipient in recipients)
        if not wanted:
            return []
        said = [(recipients, content) for recipients, content in letters if recipients]
        changes, numbers = self._take_numbers(unit, wanted)
        rows = []
        ids = self._say(unit, [content for _, content in said])
        for content_id, (recipients, content) in zip(ids, said, strict=True):
            for recipient in recipients:
                number = numbers[recipient]
                numbers[recipient] = number + 1
                rows.append({"recipient": recipient, "sequence": number, "content_id": content_id})
                changes[recipient].told.append(Told(recipient, number, None, content_id, content, unit.now))
        insert_many(unit.connection, self._message, rows)
        return list(changes.values())

    def _take_numbers(self, unit: UnitOfWork, wanted: Counter[str]) -> tuple[dict[str, Change], dict[str, int]]:
        """Lock the inboxes, in ascending order so that two transactions do not wait for each other, and count on."""
        take = self._numbers[unit.connection.dialect.name]
        changes: dict[str, Change] = {}
        first: dict[str, int] = {}
        rows = [
            {
                "recipient": recipient,
                "identity": secrets.randbits(63) or 1,
                "sequence": count,
                "reads": 0,
                "oldest": 1,
                "changed_time": unit.now,
            }
            for recipient, count in sorted(wanted.items())
        ]
        for part in _parts(rows):
            for recipient, identity, newest in unit.connection.execute(take, part):
                changes[recipient] = Change(recipient, identity, [])
                first[recipient] = newest - wanted[recipient] + 1
        return changes, first

    def _say(self, unit: UnitOfWork, contents: Sequence[Content]) -> list[int]:
        offered = {actions: [_row_of(one) for one in actions] or None for actions in {one.actions for one in contents}}
        rows = [
            {
                "subject": one.subject,
                "text": one.text,
                "kind": one.kind,
                "priority": one.priority,
                "about": one.about,
                "sender": one.sender,
                "created_time": unit.now,
                "expire_time": one.expire_time,
                "actions": offered[one.actions],
                "in_reply_to": one.in_reply_to or None,
            }
            for one in contents
        ]
        made = insert_many(unit.connection, self._content, rows, returning=[self._content.c.id])
        return sorted(id_ for (id_,) in made)

    def mark_read(
        self, unit: UnitOfWork, recipient: str, *, sequences: Sequence[int] = (), through: int = 0
    ) -> Change | None:
        """Mark messages as read, those named or all up to `through`; None when none of them was unread."""
        inbox, message = self._inbox.c, self._message.c
        lock = update(self._inbox).where(inbox.recipient == recipient).values(reads=inbox.reads)
        locked = unit.connection.execute(lock.returning(inbox.identity, inbox.reads)).one_or_none()
        if locked is None:
            return None
        reads = locked.reads + 1
        which = message.sequence.in_(sequences) if sequences else message.sequence <= through
        mark = (
            update(self._message)
            .where(message.recipient == recipient, which, message.read_time.is_(None))
            .values(read_time=unit.now, read_number=reads)
            .returning(message.sequence)
        )
        marked = sorted(unit.connection.execute(mark).scalars())
        if not marked:
            return None
        count = update(self._inbox).where(inbox.recipient == recipient)
        unit.connection.execute(count.values(reads=reads, changed_time=unit.now))
        return Change(recipient, locked.identity, [], reads, marked)

    def snooze(self, unit: UnitOfWork, recipient: str, sequences: Sequence[int], due_time: datetime) -> None:
        """Let messages come again at an instant; one that is put aside already gets the new instant."""
        message, snooze = self._message.c, self._snooze
        mine = select(message.recipient, message.sequence, message.content_id).where(
            message.recipient == recipient, message.sequence.in_(sequences)
        )
        rows = [{**row._mapping, "due_time": due_time} for row in unit.connection.execute(mine)]  # noqa: SLF001
        put = _DIALECTS[unit.connection.dialect.name].insert(snooze)
        put = put.on_conflict_do_update(
            index_elements=[snooze.c.recipient, snooze.c.sequence], set_={"due_time": put.excluded.due_time}
        )
        unit.connection.execute(put, rows)

    def wake(self, unit: UnitOfWork, *, limit: int) -> list[Change]:
        """Let those come again whose instant has come; at most `limit`."""
        snooze = self._snooze
        due = select(snooze.c.recipient, snooze.c.sequence).where(snooze.c.due_time <= unit.now)
        keys = unit.connection.execute(due.order_by(snooze.c.due_time).limit(limit).with_for_update()).all()
        taken = delete(snooze).where(tuple_(snooze.c.recipient, snooze.c.sequence).in_([tuple(key) for key in keys]))
        rows = unit.connection.execute(taken.returning(snooze.c.recipient, snooze.c.content_id)).all() if keys else []
        if not rows:
            return []
        changes, numbers = self._take_numbers(unit, Counter(row.recipient for row in rows))
        again = []
        for recipient, content_id in sorted((row.recipient, row.content_id) for row in rows):
            again.append({"recipient": recipient, "sequence": numbers[recipient], "content_id": content_id})
            numbers[recipient] += 1
        unit.connection.execute(insert(self._message), again)
        for one in self.fetch(unit, [(row["recipient"], row["sequence"]) for row in again]):
            changes[one.recipient].told.append(one)
        for change in changes.values():
            change.told.sort(key=lambda one: one.sequence)
        return list(changes.values())

    def prune(self, unit: UnitOfWork, before: datetime, *, limit: int = 5000) -> int:
        """Forget what was told before an instant, read or not; return how many messages, call again while not 0."""
        inbox, message, content = self._inbox.c, self._message.c, self._content.c
        old = select(content.id).where(content.created_time < before).order_by(content.created_time).limit(limit)
        ids = unit.connection.execute(old).scalars().all()
        if not ids:
            return 0
        gone = 0
        for part in _parts(ids):
            ends = select(message.recipient, func.max(message.sequence)).where(message.content_id.in_(part))
            # Whole beginnings of inboxes, so that what is kept has no hole. Sorted: see _take_numbers.
            for recipient, last in sorted(unit.connection.execute(ends.group_by(message.recipient))):
                start = update(self._inbox).where(inbox.recipient == recipient, inbox.oldest <= last)
                unit.connection.execute(start.values(oldest=last + 1))
                drop = delete(self._message).where(message.recipient == recipient, message.sequence <= last)
                gone += unit.connection.execute(drop).rowcount
            unsaid = ~exists().where(message.content_id == content.id)
            unsnoozed = ~exists().where(self._snooze.c.content_id == content.id)
            unit.connection.execute(delete(self._content).where(content.id.in_(part), unsaid, unsnoozed))
        return gone

    # -- one inbox ---------------------------------------------------------------------------------------------------

    def inbox(self, unit: UnitOfWork, recipient: str) -> Inbox:
        """Return the counters of an inbox; an employee who was never told anything has an empty one."""
        row = unit.connection.execute(select(self._inbox).where(self._inbox.c.recipient == recipient)).one_or_none()
        if row is None:
            return Inbox()
        return Inbox(identity=row.identity, newest=Position(row.sequence, row.reads), oldest=row.oldest)

    def count_unread(self, unit: UnitOfWork, recipient: str, *, after: int = 0, through: int | None = None) -> Counts:
        content = self._content.c
        query = select(
            func.count(),
            func.coalesce(func.sum(case((content.kind == Kind.POPUP, 1), else_=0)), 0),
            func.coalesce(func.sum(case((content.priority == Priority.HIGH, 1), else_=0)), 0),
        ).select_from(self._message.join(self._content))
        query = query.where(*self._between(recipient, after, through), *self._current(unit.now))
        total, popups, high = unit.connection.execute(query).one()
        return Counts(all=total, popups=int(popups), high_priority=int(high))

    def page(
        self,
        unit: UnitOfWork,
        recipient: str,
        *,
        limit: int,
        after: int = 0,
        through: int | None = None,
        newest_first: bool = False,
        unread_only: bool = False,
        kind: Kind | None = None,
    ) -> list[Told]:
        """Return at most `limit` messages with `after` < sequence ≤ `through`."""
        order = self._message.c.sequence
        query = self._told.where(*self._between(recipient, after, through))
        if unread_only:
            query = query.where(*self._current(unit.now))
        if kind is not None:
            query = query.where(self._content.c.kind == kind)
        return self._fetch(unit, query.order_by(order.desc() if newest_first else order).limit(limit))

    def existing(self, unit: UnitOfWork, recipient: str, sequences: Iterable[int]) -> set[int]:
        """Return which of the messages are kept."""
        message = self._message.c
        query = select(message.sequence).where(message.recipient == recipient, message.sequence.in_(list(sequences)))
        return set(unit.connection.execute(query).scalars())

    def read_between(self, unit: UnitOfWork, recipient: str, after: int, through: int) -> list[int]:
        """Return what the markings `after` < number ≤ `through` marked as read, ascending."""
        message = self._message.c
        query = select(message.sequence).where(
            message.recipient == recipient, message.read_number > after, message.read_number <= through
        )
        return list(unit.connection.execute(query.order_by(message.sequence)).scalars())

    def read_times(self, unit: UnitOfWork, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], datetime]:
        """Return when messages were read, by recipient and sequence; without unread ones."""
        message = self._message.c
        query = select(message.recipient, message.sequence, message.read_time).where(message.read_time.is_not(None))
        key = tuple_(message.recipient, message.sequence)
        found = (unit.connection.execute(query.where(key.in_(part))) for part in _parts(sorted(places)))
        return {(row.recipient, row.sequence): row.read_time for rows in found for row in rows}

    # -- many inboxes, for the fan-out -------------------------------------------------------------------------------

    def changed(self, unit: UnitOfWork, since: datetime | None) -> Sequence[Row[str, int, int, int, datetime]]:
        """Return recipient, identity, sequence, reads, changed_time of the inboxes changed since, or of all."""
        query = select(
            self._inbox.c.recipient,
            self._inbox.c.identity,
            self._inbox.c.sequence,
            self._inbox.c.reads,
            self._inbox.c.changed_time,
        )
        if since is not None:
            query = query.where(self._inbox.c.changed_time >= since)
        return unit.connection.execute(query).all()

    def fetch(self, unit: UnitOfWork, keys: Sequence[tuple[str, int]]) -> list[Told]:
        """Return the messages with these (recipient, sequence), in no order; messages of one content share it."""
        contents: dict[int, Content] = {}
        if (
            unit.connection.dialect.name == "postgresql"
        ):  # its plan for a long IN of pairs is one index scan a pair, OR-ed
            recipients, sequences = zip(*keys, strict=True) if keys else ((), ())
            wanted = func.unnest(_array(recipients, Text()), _array(sequences, BigInteger()))
            pair = wanted.table_valued("recipient", "sequence", name="wanted").render_derived()
            same = (pair.c.recipient == self._message.c.recipient) & (pair.c.sequence == self._message.c.sequence)
            return self._fetch(unit, self._told.join(pair, same), contents)
        key = tuple_(self._message.c.recipient, self._message.c.sequence)
        return [one for part in _parts(keys) for one in self._fetch(unit, self._told.where(key.in_(part)), contents)]

    def _fetch(self, unit: UnitOfWork, query: Select[Any], contents: dict[int, Content] | None = None) -> list[Told]:
        known = {} if contents is None else contents
        found = []
        for row in unit.connection.execute(query):
            (
                recipient,
                sequence,
                read_time,
                id_,
                subject,
                text,
                kind,
                priority,
                about,
                sender,
                created,
                expire,
                *more,
            ) = row
            content = known.get(id_)
            if content is None:
                content = known[id_] = Content(
                    subject=subject,
                    text=text,
                    kind=Kind(kind),
                    priority=Priority(priority),
                    about=about,
                    sender=sender,
                    expire_time=expire,
                    actions=tuple(Action(**one) for one in more[0] or ()),
                    in_reply_to=more[1] or "",
                )
            found.append(Told(recipient, sequence, read_time, id_, content, created))
        return found

    def _between(self, recipient: str, after: int, through: int | None) -> Iterator[ColumnElement[bool]]:
        yield self._message.c.recipient == recipient
        if after:
            yield self._message.c.sequence > after
        if through is not None:
            yield self._message.c.sequence <= through

    def _current(self, now: datetime) -> Iterator[ColumnElement[bool]]:
        yield self._message.c.read_time.is_(None)
        yield self._content.c.expire_time.is_(None) | (self._content.c.expire_time > now)


_DIALECTS: Final[dict[str, Any]] = {"sqlite": sqlite, "postgresql": postgresql}


def _row_of(action: Action) -> dict[str, str]:
    return {"action": action.action, "label": action.label, "etag": action.etag}


def _numbers(dialect: Any, inbox: Any) -> Any:
    take = dialect.insert(inbox)
    return take.on_conflict_do_update(
        index_elements=[inbox.c.recipient],
        set_={
            "sequence": inbox.c.sequence + take.excluded.sequence,
            "changed_time": take.excluded.changed_time,
        },
    ).returning(inbox.c.recipient, inbox.c.identity, inbox.c.sequence)


def _array(values: Sequence[Any], kind: TypeEngine[Any]) -> BindParameter[Any]:
    return bindparam(None, list(values), postgresql.ARRAY(kind), unique=True)


def _parts(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), _KEYS_PER_STATEMENT):
        yield rows[start : start + _KEYS_PER_STATEMENT]
