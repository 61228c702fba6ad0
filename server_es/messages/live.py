"""Inboxes with open streams: the steps an inbox made, and a reader that goes from step to step by its own cursor."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from mesh.streams import Stream
from server_es.messages import events
from server_es.messages.rows import Told
from server_es.messages.rules import Position

_STEPS_KEPT: Final = 8


@dataclass(slots=True)
class Step:
    """From one position of an inbox to the next; made to bytes by the first stream that takes it."""

    after: Position
    through: Position
    identity: int
    told: list[Told] = field(default_factory=list)
    read: Sequence[int] = ()
    shared: dict[int, bytes] = field(default_factory=dict)
    _bytes: bytes = b""

    def serialised(self) -> bytes:
        if not self._bytes and self.told:
            self._bytes = events.new_messages(self.identity, self.after, self.through, self.told, self.shared)
        elif not self._bytes:
            event = events.event(self.identity, self.after, self.through)
            event.read.CopyFrom(events.read(self.read))
            self._bytes = event.SerializeToString()
        return self._bytes


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
        steps = self.steps
        if steps:
            if steps[-1].after == position:  # nearly always
                return steps[-1]
            for step in steps:
                if step.after == position:
                    return step
        return None

    def forget_taken_steps(self) -> None:
        """Drop the steps when every reader is through: an inbox at rest keeps none."""
        if self.steps is not None:
            for reader in self.readers:
                if reader.position != self.position:
                    return
            self.steps = None


class Reader:
    """One stream of one inbox, and how far it is."""

    __slots__ = ("_source", "inbox", "position", "stream")

    def __init__(self, source: "Source", inbox: LiveInbox, stream: Stream) -> None:
        self._source = source
        self.inbox = inbox
        self.stream = stream
        self.position = Position()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.leave(self)

    def start(self, position: Position, identity: int) -> None:
        """Say where the inbox stood when the first events of this stream were read: the stream stands there now."""
        self.position = position
        inbox = self.inbox
        if inbox.position is None:
            inbox.position, inbox.identity = position, identity

    async def next(self) -> bytes | None:
        """Return the next event when there is one, or None when the stream should end."""
        inbox, stream = self.inbox, self.stream
        while not stream.ended:
            goal = inbox.position
            if goal is not None and self.position.lacks(goal):
                step = inbox.step_from(self.position)
                if step is None:
                    step = await self._source.catch_up(inbox, self.position, goal)
                self.position = step.through
                made = step.serialised()
                inbox.forget_taken_steps()
                return made
            if stream.beat:
                stream.beat = False
                event = events.event(inbox.identity, self.position, self.position)
                event.heartbeat.SetInParent()
                return event.SerializeToString()
            await stream.wait()
        return None


class Source(Protocol):
    """Where a reader belongs; the fan-out."""

    async def catch_up(self, inbox: LiveInbox, position: Position, goal: Position) -> Step:
        """Read the next page on the way to `goal` from the database."""

    def leave(self, reader: Reader) -> None:
        """Forget a reader."""
