"""Doorbells: they say "look now", never what there is. Every one of them may be lost.

Work lies in rows; workers look at them by themselves every few seconds, and a doorbell only spares the wait. Inside the
process it is an event; on PostgreSQL other processes hear it by LISTEN/NOTIFY over one connection per process, because
NOTIFY slows down with every further listener. On SQLite another process hears nothing and polls.
"""

import asyncio
import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, Self

import structlog

from mesh.database import Database, UnitOfWork

_CHANNEL: Final = "esmesh"
_RECONNECT_MILLISECONDS: Final = 1000

_log = structlog.get_logger(__name__)


class Doorbell:
    """One reason to look at one queue, such as `mail.received`."""

    def __init__(self, name: str, tell_others: Callable[[str], None]) -> None:
        self.name = name
        self._tell_others = tell_others
        self._listeners: tuple[Callable[[], object], ...] = ()
        self._changing = threading.Lock()

    def ring(self) -> None:
        """Wake who listens, here and in the other processes. From any thread; never waits, never fails."""
        self.ring_here()
        self._tell_others(self.name)

    def ring_others(self) -> None:
        """Wake who listens in the other processes, when this one knows already."""
        self._tell_others(self.name)

    def ring_after(self, unit: UnitOfWork) -> None:
        """Ring once the unit is committed, so that who looks finds the rows."""
        unit.after_commit(self.ring)

    def ring_here(self) -> None:
        """Wake who listens in this process only."""
        for wake in self._listeners:
            wake()

    @contextlib.contextmanager
    def listening(self) -> Iterator[threading.Event]:
        """Give a thread an event of its own: `clock.wait(event, poll)`, then `event.clear()`, then look."""
        event = threading.Event()
        with self._listener(event.set):
            yield event

    @contextlib.contextmanager
    def listening_async(self) -> Iterator[asyncio.Event]:
        """Give a coroutine an event of its own."""
        event = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
                loop.call_soon_threadsafe(event.set)

        with self._listener(wake):
            yield event

    @contextlib.contextmanager
    def _listener(self, wake: Callable[[], object]) -> Iterator[None]:
        with self._changing:
            self._listeners = (*self._listeners, wake)
        try:
            yield
        finally:
            with self._changing:
                self._listeners = tuple(one for one in self._listeners if one is not wake)


class Gathering:
    """Rings a doorbell a moment after the first of many reasons, once for all of them.

    Args:
        bell: rings in this process only.
        seconds: how long more reasons may gather.
    """

    def __init__(self, bell: Doorbell, seconds: float) -> None:
        self.bell = bell
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._called = False

    def ring(self) -> None:
        """There is a reason. From any thread."""
        if self._called:
            return
        self._called = True
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            self._loop.call_soon_threadsafe(self._loop.call_later, self._seconds, self._ring)

    def _ring(self) -> None:
        self._called = False  # first: whoever has a reason from here on rings again
        self.bell.ring_here()


class Wakeups:
    """The doorbells of one process. Between `start` and `close` they are heard by, and hear, other processes."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._bells: dict[str, Doorbell] = {}
        self._making = threading.Lock()
        self._to_tell: set[str] = set()
        self._telling = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._nudge, self._nudged = socket.socketpair()
        self._nudge.setblocking(False)
        self._nudged.setblocking(False)
        self.listens = threading.Event()
        """Set while other processes can be heard."""

    def bell(self, name: str) -> Doorbell:
        """Return the doorbell of that name, the same one for everybody in the process."""
        with self._making:
            return self._bells.setdefault(name, Doorbell(name, self._tell))

    def start(self) -> None:
        if self._engine.dialect.name == "postgresql":
            self._thread = threading.Thread(target=self._run, name="wakeups", daemon=True)
            self._thread.start()

    def close(self) -> None:
        self._closing = True
        self._wake_thread()
        if self._thread is not None:
            self._thread.join()
        self._nudge.close()
        self._nudged.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _tell(self, name: str) -> None:
        if self._thread is None:
            return
        with self._telling:
            self._to_tell.add(name)  # a hundred rings before the thread comes round are one
        self._wake_thread()

    def _wake_thread(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake; closed: nobody needs it
            self._nudge.send(b"!")

    def _run(self) -> None:
        while not self._closing:
            try:
                self._converse()
            except Exception as error:  # noqa: BLE001 - whatever it is, the thread must not end
                _log.warning("doorbells of other processes are not heard; workers poll", error=str(error))
            finally:
                self.listens.clear()
            if not self._closing:
                _poll(self._nudged).poll(_RECONNECT_MILLISECONDS)
                self._empty_nudges()

    def _converse(self) -> None:
        with self._engine.connect() as connection:
            driver: Any = connection.connection.dbapi_connection
            connection.detach()  # never goes back to a pool with its LISTEN on
            driver.autocommit = True
            driver.execute(f"LISTEN {_CHANNEL}")
            self.listens.set()
            for bell in list(self._bells.values()):  # what rang while nobody listened
                bell.ring_here()
            readable = _poll(driver, self._nudged)
            while not self._closing:
                readable.poll()
                self._empty_nudges()
                with self._telling:
                    names, self._to_tell = self._to_tell, set()
                for name in names:
                    driver.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, name))
                for heard in driver.notifies(timeout=0):
                    if heard.pid != driver.info.backend_pid and heard.payload in self._bells:
                        self._bells[heard.payload].ring_here()

    def _empty_nudges(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._nudged.recv(4096):
                pass


def _poll(*readable: Any) -> select.poll:
    """Return what waits for the sockets; `select.select` refuses the 1,025th file of a process full of streams."""
    poll = select.poll()
    for one in readable:
        poll.register(one, select.POLLIN)
    return poll
