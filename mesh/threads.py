"""A bounded set of threads that serves an event loop with one hop per call.

`loop.run_in_executor` makes two futures, a condition and a callback chain per call; here it is one future, and one
wake-up for all outcomes that come together.
"""

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from mesh.errors import Exhausted

T = TypeVar("T")

_WAITING_AT_MOST = 10_000


class _Mailbox:
    """Outcomes on their way to one event loop; a burst of them costs one wake-up (a system call), not one each."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._outcomes: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._called = False

    def post(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._outcomes.append((future, result, error))
        if not self._called:
            self._called = True
            # A loop that is closed already has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._called = False  # first: whoever posts from here on calls again
        while self._outcomes:
            future, result, error = self._outcomes.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            elif isinstance(error, StopIteration):  # a future refuses it, as a coroutine would
                future.set_exception(RuntimeError("the call raised StopIteration"))
            else:
                future.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Job:
    call: Callable[..., Any]
    arguments: tuple[Any, ...]
    future: asyncio.Future[Any]
    mailbox: _Mailbox
    context: contextvars.Context


class Threads:
    """`count` threads that share one queue; a call that is cancelled before its turn is never made."""

    def __init__(self, count: int, *, name: str) -> None:
        self._count = count
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()
        self._closed = False
        self._mailbox: _Mailbox | None = None

    async def run(self, call: Callable[..., T], *arguments: Any) -> T:
        """Make the call in one of the threads, with the caller's context variables, and return its result.

        Raises:
            Exhausted: so many calls wait already that this one would only time out.
        """
        if self._jobs.qsize() >= _WAITING_AT_MOST:
            raise Exhausted("Too many calls wait for the database; try again later.")
        if len(self._threads) < self._count:
            self._start()
        loop = asyncio.get_running_loop()
        mailbox = self._mailbox
        if mailbox is None or mailbox.loop is not loop:
            mailbox = self._mailbox = _Mailbox(loop)
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(call, arguments, future, mailbox, contextvars.copy_context()))
        return await future

    def close(self) -> None:
        """Let the threads finish what waits, then end them."""
        with self._starting:
            self._closed = True
            threads, self._threads = self._threads, []
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            thread.join()

    def _start(self) -> None:
        with self._starting:
            if self._closed:
                raise RuntimeError(f"the threads '{self._name}' are closed")
            if len(self._threads) < self._count:
                name = f"{self._name}-{len(self._threads)}"
                # Daemons: a process that ends without close() must not hang; an open transaction is rolled back anyway.
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.future.cancelled():
                continue
            try:
                result = job.context.run(job.call, *job.arguments)
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller, whatever it is
                job.mailbox.post(job.future, None, error)
            else:
                job.mailbox.post(job.future, result, None)
                del result
            del job  # a thread that waits keeps no request alive
