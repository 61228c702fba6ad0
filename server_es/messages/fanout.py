"""From committed rows to the open streams of this process.

What this process commits itself is offered to its streams without a query. For all else a look at the database, started
by a doorbell or, should one be lost, by the poll, reads what is new in all connected inboxes at once. Each inbox keeps
the last few steps it made; a stream goes on from step to step by its own cursor. A stream that is too slow for that, or
joins in the middle, reads pages from the database until it stands on a step again.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from mesh.database import Database, UnitOfWork
from mesh.errors import DomainError
from mesh.streams import Streams
from mesh.wakeups import Doorbell
from server_es.messages.live import LiveInbox, Reader, Step
from server_es.messages.rows import Change, Told
from server_es.messages.rules import Position
from server_es.messages.store import MessageStore

_log = structlog.get_logger(__name__)

_PAGE: Final = 50
_OVERLAP: Final = timedelta(seconds=10)
"""A transaction may commit so much later than the instant it stamped on its rows; the poll finds what took longer."""


@dataclass(slots=True)
class _Way:
    """What a look has found in one inbox: from where the readers were to what the database says now."""

    inbox: LiveInbox
    identity: int
    before: Position | None
    newest: Position
    told: list[Told] = field(default_factory=list)
    read: list[int] = field(default_factory=list)

    def steps(self, shared: dict[int, bytes]) -> list[Step]:
        """Cut the way into events: first the messages, then what was read.

        None when it is longer than a page, or not all of it was there: the streams read it from the database.
        """
        before, newest = self.before, self.newest
        if before is None or len(self.told) != newest.sequence - before.sequence:
            return []
        steps = []
        middle = Position(newest.sequence, before.reads)
        if self.told:
            self.told.sort(key=lambda one: one.sequence)
            steps.append(Step(before, middle, self.identity, self.told, shared=shared))
        if middle.reads < newest.reads:
            steps.append(Step(middle, newest, self.identity, read=self.read))
        return steps


class Fanout:
    """The one fan-out of a process; make it inside the event loop, and keep `run` running.

    Args:
        database: where the inboxes are.
        store: reads them.
        bell: rings when an inbox has changed.
        streams: the open streams, their heartbeats and their end.
        poll: how often to look although nobody rang.
    """

    def __init__(
        self, database: Database, store: MessageStore, bell: Doorbell, streams: Streams, *, poll: timedelta
    ) -> None:
        self._database = database
        self._store = store
        self._bell = bell
        self._streams = streams
        self._poll = poll.total_seconds()
        self._inboxes: dict[str, LiveInbox] = {}
        self._since: datetime | None = None
        self._rung = asyncio.Event()

    @property
    def heartbeat(self) -> timedelta:
        return self._streams.heartbeat

    def join(self, recipient: str) -> Reader:
        """Register a stream of an inbox, for a `with` block, *before* it reads how the inbox stands."""
        inbox = self._inboxes.get(recipient)
        if inbox is None:
            inbox = self._inboxes[recipient] = LiveInbox(recipient)
        reader = Reader(self, inbox, self._streams.open())
        inbox.readers.append(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """Forget a stream; the end of its `with` block."""
        self._streams.close(reader.stream)
        inbox = reader.inbox
        inbox.readers.remove(reader)
        if inbox.readers:
            inbox.forget_taken_steps()
        else:
            del self._inboxes[inbox.recipient]

    def drain(self) -> None:
        """End every stream with OK."""
        self._streams.drain()

    async def run(self) -> None:
        """Look whenever the bell rings, and now and then everywhere without it. Ends by cancellation."""
        now = self._streams.loop.time
        with self._bell.listening_async() as self._rung:
            due = now()
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(due):  # wait_for swallows a cancellation now and then (3.11)
                        await self._rung.wait()
                self._rung.clear()
                everywhere = now() >= due
                if everywhere:
                    due = now() + self._poll
                try:
                    await self.look(everywhere=everywhere)
                except DomainError as error:
                    _log.warning("messages wait in the database", reason=error.message)
                except Exception as error:  # noqa: BLE001 - thousands of streams depend on the next look
                    _log.error("a look for messages failed", exc_info=error)

    def offer(self, changes: Sequence[Change]) -> None:
        """Take what this process has just committed. From any thread; what does not fit is read from the database."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it the streams
            self._streams.loop.call_soon_threadsafe(self._take, changes)

    def _take(self, changes: Sequence[Change]) -> None:
        shared: dict[int, bytes] = {}
        for change in changes:
            inbox = self._inboxes.get(change.recipient)
            if inbox is None:
                continue
            before = inbox.position
            if before is None:
                self._rung.set()
            elif change.told and change.told[0].sequence == before.sequence + 1:
                newest = Position(change.told[-1].sequence, before.reads)
                step = Step(before, newest, change.identity, change.told, shared=shared)
                inbox.go_on(change.identity, [step] if len(change.told) <= _PAGE else [], newest)
            elif change.reads == before.reads + 1:
                newest = Position(before.sequence, change.reads)
                inbox.go_on(change.identity, [Step(before, newest, change.identity, read=change.read)], newest)
            else:  # known already, or something in between is still on its way
                self._rung.set()

    async def look(self, *, everywhere: bool = True) -> None:
        """Read what is new for the connected and let their streams go on; `everywhere`: however long ago it changed."""
        if not self._inboxes:
            return
        newest_change, ways = await self._database.read(self._look, None if everywhere else self._since)
        if newest_change is not None:
            self._since = newest_change - _OVERLAP
        shared: dict[int, bytes] = {}
        for way in ways:
            inbox = way.inbox
            if inbox.position is None:
                inbox.position, inbox.identity = way.newest, way.identity
            elif inbox.position.lacks(way.newest):
                steps = way.steps(shared) if way.before == inbox.position else []
                inbox.go_on(way.identity, steps, inbox.position.joined(way.newest))

    def _look(self, unit: UnitOfWork, since: datetime | None) -> tuple[datetime | None, list[_Way]]:
        newest_change: datetime | None = None
        ways: dict[str, _Way] = {}
        keys: list[tuple[str, int]] = []
        for recipient, identity, sequence, reads, changed_time in self._store.changed(unit, since):
            if newest_change is None or changed_time > newest_change:
                newest_change = changed_time
            inbox = self._inboxes.get(recipient)
            if inbox is None:
                continue
            before, newest = inbox.position, Position(sequence, reads)
            way = ways[recipient] = _Way(inbox, identity, before, newest)
            if before is None:
                continue
            if newest.sequence - before.sequence <= _PAGE:
                keys += [(recipient, number) for number in range(before.sequence + 1, newest.sequence + 1)]
            if reads > before.reads:
                way.read = self._store.read_between(unit, recipient, before.reads, reads)
        for told in self._store.fetch(unit, keys):
            ways[told.recipient].told.append(told)
        return newest_change, list(ways.values())

    async def catch_up(self, inbox: LiveInbox, position: Position, goal: Position) -> Step:
        """Read the next page on the way to `goal`, which is where the next kept step begins."""
        return await self._database.read(self._catch_up, inbox.recipient, inbox.identity, position, goal)

    def _catch_up(self, unit: UnitOfWork, recipient: str, identity: int, position: Position, goal: Position) -> Step:
        if position.sequence < goal.sequence:
            told = self._store.page(unit, recipient, after=position.sequence, through=goal.sequence, limit=_PAGE)
            # Short pages end at the goal although numbers are missing: what was pruned meanwhile is not waited for.
            last = told[-1].sequence if len(told) == _PAGE else goal.sequence
            return Step(position, Position(last, position.reads), identity, told)
        read = self._store.read_between(unit, recipient, position.reads, goal.reads)
        return Step(position, Position(position.sequence, goal.reads), identity, read=read)
