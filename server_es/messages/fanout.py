"""From committed rows to the open streams of this process.

A look at the database, started by a doorbell or, should one be lost, by the poll, reads what is new in all connected
inboxes at once. Each inbox keeps the last few steps it made; a stream goes on from step to step by its own cursor. A
stream that is too slow for that, or joins in the middle, reads pages from the database until it stands on a step again.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from esoffice.es.v1 import messages_pb2 as pb

from mesh import log
from mesh.database import Database, UnitOfWork
from mesh.errors import DomainError
from mesh.streams import Stream, Streams
from mesh.wakeups import Doorbell
from server_es.messages import events
from server_es.messages.rules import Position
from server_es.messages.store import MessageStore, Told

_STEPS_KEPT: Final = 8
_PAGE: Final = 50
_OVERLAP: Final = timedelta(seconds=10)
"""A transaction may commit so much later than the instant it stamped on its rows; the poll finds what took longer."""


@dataclass(slots=True)
class Step:
    """From one position of an inbox to the next; made to bytes by the first stream that takes it."""

    after: Position
    through: Position
    identity: int
    told: list[Told] = field(default_factory=list)
    read: list[int] = field(default_factory=list)
    shared: dict[int, pb.Message] = field(default_factory=dict)
    _bytes: bytes = b""

    def serialised(self) -> bytes:
        if not self._bytes:
            event = events.event(self.identity, self.after, self.through)
            if self.told:
                event.messages.messages.extend(events.message(one, self._shared(one)) for one in self.told)
            else:
                event.read.CopyFrom(events.read(self.read))
            self._bytes = event.SerializeToString()
        return self._bytes

    def _shared(self, told: Told) -> pb.Message:
        made = self.shared.get(told.content_id)
        if made is None:
            made = self.shared[told.content_id] = events.shared_fields(told.content, told.created_time)
        return made


class LiveInbox:
    """An inbox with open streams."""

    __slots__ = ("identity", "position", "readers", "recipient", "steps")

    def __init__(self, recipient: str) -> None:
        self.recipient = recipient
        self.readers: list[Reader] = []
        self.identity = 0
        self.position: Position | None = None
        """Through where the readers may go; unknown until the first one or a look has read it."""
        self.steps: deque[Step] | None = None

    def go_on(self, identity: int, steps: Sequence[Step], position: Position) -> None:
        """Take steps, keep the last few of them, wake the readers."""
        self.identity, self.position = identity, position
        if self.steps is None:
            self.steps = deque(maxlen=_STEPS_KEPT)
        self.steps.extend(steps)
        for reader in self.readers:
            reader.stream.wake()

    def step_from(self, position: Position) -> Step | None:
        for step in self.steps or ():
            if step.after == position:
                return step
        return None

    def forget_taken_steps(self) -> None:
        """Drop the steps when every reader is through: an inbox at rest keeps none."""
        if self.steps and all(reader.position == self.position for reader in self.readers):
            self.steps = None


class Reader:
    """One stream of one inbox, and how far it is."""

    __slots__ = ("_fanout", "_inbox", "position", "stream")

    def __init__(self, fanout: "Fanout", inbox: LiveInbox, stream: Stream) -> None:
        self._fanout = fanout
        self._inbox = inbox
        self.stream = stream
        self.position = Position()

    def start(self, position: Position, identity: int) -> None:
        """Say where the inbox stood when the first events of this stream were read: the stream stands there now."""
        self.position = position
        inbox = self._inbox
        if inbox.position is None:
            inbox.position, inbox.identity = position, identity

    async def next(self) -> bytes | None:
        """Return the next event when there is one, or None when the stream should end."""
        inbox, stream = self._inbox, self.stream
        while not stream.ended:
            goal = inbox.position
            if goal is not None and self.position.lacks(goal):
                step = inbox.step_from(self.position)
                if step is not None:
                    self.position = step.through
                    made = step.serialised()
                    inbox.forget_taken_steps()
                    return made
                read = await self._fanout.catch_up(inbox, self.position, goal)
                self.position = read.through
                return read.serialised()
            if stream.beat:
                stream.beat = False
                event = events.event(inbox.identity, self.position, self.position)
                event.heartbeat.SetInParent()
                return event.SerializeToString()
            await stream.wait()
        return None


@dataclass(slots=True)
class _Way:
    """What a look has found in one inbox: from where the readers were to what the database says now."""

    inbox: LiveInbox
    identity: int
    before: Position | None
    newest: Position
    told: list[Told] = field(default_factory=list)
    read: list[int] = field(default_factory=list)

    def steps(self, shared: dict[int, pb.Message]) -> list[Step]:
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
        self._log = log.get("messages")

    @property
    def heartbeat(self) -> timedelta:
        return self._streams.heartbeat

    @contextlib.contextmanager
    def join(self, recipient: str) -> Iterator[Reader]:
        """Register a stream of an inbox *before* it reads where the inbox stands, so that nothing falls in between."""
        with self._streams.open() as stream:
            inbox = self._inboxes.get(recipient)
            if inbox is None:
                inbox = self._inboxes[recipient] = LiveInbox(recipient)
            reader = Reader(self, inbox, stream)
            inbox.readers.append(reader)
            try:
                yield reader
            finally:
                inbox.readers.remove(reader)
                if inbox.readers:
                    inbox.forget_taken_steps()
                elif self._inboxes.get(recipient) is inbox:
                    del self._inboxes[recipient]

    def drain(self) -> None:
        """End every stream with OK."""
        self._streams.drain()

    async def run(self) -> None:
        """Look whenever the bell rings, and now and then everywhere without it. Ends by cancellation."""
        now = self._streams.loop.time
        with self._bell.listening_async() as rung:
            due = now()
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(rung.wait(), max(due - now(), 0.001))
                rung.clear()
                everywhere = now() >= due
                if everywhere:
                    due = now() + self._poll
                try:
                    await self.look(everywhere=everywhere)
                except DomainError as error:
                    self._log.warning("messages wait in the database", reason=error.message)
                except Exception as error:  # noqa: BLE001 - thousands of streams depend on the next look
                    self._log.error("a look for messages failed", exc_info=error)

    async def look(self, *, everywhere: bool = True) -> None:
        """Read what is new for the connected and let their streams go on; `everywhere`: however long ago it changed."""
        if not self._inboxes:
            return
        newest_change, ways = await self._database.read(self._look, None if everywhere else self._since)
        if newest_change is not None:
            self._since = newest_change - _OVERLAP
        shared: dict[int, pb.Message] = {}
        for way in ways:
            inbox = way.inbox
            if inbox.position is None:
                inbox.position, inbox.identity = way.newest, way.identity
            elif inbox.position.lacks(way.newest):
                steps = way.steps(shared) if way.before == inbox.position else []
                inbox.go_on(way.identity, steps, way.newest)

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
