"""Open streams of one process: waking them, heartbeats, ending them when the server drains.

Thousands of streams share one timer. A stream at rest costs this object and a future: no task, no timer, no queue. What
a stream has still to send is not kept here: its owner finds it by the stream's own cursor, so that a slow reader costs
nothing.
"""

import asyncio
import random
from datetime import timedelta
from typing import Final, Self

_SLOTS: Final = 32
"""Into so many ticks an interval is cut; heartbeats are that exact."""


class Stream:
    """One open stream, used by the one coroutine that writes to it."""

    __slots__ = ("_streams", "_waiter", "beat", "ended", "slot")

    def __init__(self, streams: "Streams", slot: int) -> None:
        self._streams = streams
        self._waiter: asyncio.Future[None] | None = None
        self.slot = slot
        self.beat = False
        """A heartbeat is due; the writer clears it."""
        self.ended = False
        """The stream should end with OK, so that its client resumes elsewhere."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._streams.close(self)

    def wake(self) -> None:
        """Let the writer look again. Costs nothing when it is busy writing: it looks anyway before it waits."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self) -> None:
        """Wait until somebody calls `wake`. Look for work first, without an await between the look and this call."""
        self._waiter = waiter = self._streams.loop.create_future()
        await waiter


class Streams:
    """The open streams of one kind.

    Args:
        heartbeat: the interval of the heartbeats; each one comes up to 10 % earlier or later.
    """

    def __init__(self, *, heartbeat: timedelta) -> None:
        self.heartbeat: Final = heartbeat
        self.loop = asyncio.get_running_loop()
        self._tick: Final = heartbeat.total_seconds() / _SLOTS
        # One turn of the wheel is longer than the longest interval.
        self._wheel: list[set[Stream]] = [set() for _ in range(_SLOTS + _SLOTS // 4)]
        self._now = 0
        self._timer: asyncio.TimerHandle | None = None
        self._count = 0
        self._drained = False

    def __len__(self) -> int:
        return self._count

    def open(self) -> Stream:
        """Open a stream, for a `with` block; on a server that drains it is at its end already."""
        stream = Stream(self, self._next_slot())
        stream.ended = self._drained
        self._wheel[stream.slot].add(stream)
        self._count += 1
        if self._timer is None:
            self._timer = self.loop.call_later(self._tick, self._turn)
        return stream

    def close(self, stream: Stream) -> None:
        """Forget a stream; the end of its `with` block."""
        self._wheel[stream.slot].discard(stream)
        self._count -= 1
        if not self._count and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def drain(self) -> None:
        """End every stream, those to come included."""
        self._drained = True
        for slot in self._wheel:
            for stream in slot:
                stream.ended = True
                stream.wake()

    def _next_slot(self) -> int:
        ahead = round(_SLOTS * random.uniform(0.9, 1.1))  # noqa: S311 - spreads load
        return (self._now + ahead) % len(self._wheel)

    def _turn(self) -> None:
        self._timer = self.loop.call_later(self._tick, self._turn)
        self._now = (self._now + 1) % len(self._wheel)
        due = self._wheel[self._now]
        self._wheel[self._now] = set()
        for stream in due:
            stream.slot = self._next_slot()
            self._wheel[stream.slot].add(stream)
            stream.beat = True
            stream.wake()
