"""server_es in this process: its rooms as `server_es.app` adds them, its pipeline, no threads, no sockets, no sleep.

A call is driven to its end by hand, a unit of work runs in the thread that asks for it, and the workers turn when the
driver says so. A crash is an exception at a failpoint: then everything is thrown away but the database.
"""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import grpc
from esoffice.config.v1 import settings_pb2
from sqlalchemy import Select, bindparam, or_, select

from mesh import claims, failpoints, status
from mesh.app import App
from mesh.audit import AuditLog
from mesh.bootstrap import Bootstrap
from mesh.clock import Clock
from mesh.columns import UtcDateTime
from mesh.connections import Held, Lane
from mesh.database import Database
from mesh.engines import EngineKind
from mesh.pipeline import Pipeline
from mesh.tokens import Caller
from mesh.wakeups import Wakeups
from mesh.workers import Turn, Worker
from server_es.app import NAME, definition
from server_es.duty.tables import duty_roster
from server_es.escalations.tables import escalation_timer
from server_es.follow_ups.tables import follow_up
from server_es.inboxes import INBOXES
from server_es.notices.tables import notice

T = TypeVar("T")
BUSY = ("escalations.due", "escalations.retime", "notices.deliver", "follow_ups.due", "duty.handoffs", "messages.wake")
"""Workers that look at what is due; the others keep the house clean."""
_NOT_HERE = frozenset({"web_documents.keys"})
"""Workers that only talk to config_service."""


def _wanted() -> list[tuple[str, Select[Any]]]:
    """Return what says when a worker has something to do, built once."""
    now = bindparam("now", type_=UtcDateTime())
    n, free = notice.c, or_(notice.c.lease_until.is_(None), notice.c.lease_until <= now)
    columns = (
        ("escalations.due", escalation_timer.c.due_time, None),
        ("escalations.due", escalation_timer.c.due_time, escalation_timer.c.due_time > now),
        ("notices.deliver", n.next_attempt_time, free),
        ("notices.deliver", n.lease_until, n.lease_until > now),
        ("follow_ups.due", follow_up.c.tell_time, None),
        ("duty.handoffs", duty_roster.c.next_notice_time, None),
        ("messages.wake", INBOXES.tables.snooze.c.due_time, None),
    )
    queries = ((worker, column, select(column).where(column.is_not(None)), where) for worker, column, where in columns)
    return [
        (worker, (query if where is None else query.where(where)).order_by(column).limit(1))
        for worker, column, query, where in queries
    ]


_WANTED = _wanted()


class Crash(BaseException):
    """The process dies here."""


class Refusal(Exception):
    """A call was answered with an error.

    Attributes:
        code: of gRPC.
        reason: of the contract; empty if there is none.
    """

    def __init__(self, code: grpc.StatusCode, reason: str, message: str) -> None:
        super().__init__(f"{code.name} {reason}: {message}")
        self.code, self.reason = code, reason


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """Drive a coroutine that waits for nothing to its end."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise AssertionError("the simulation has no event loop, and this waits for one")


class _WatchedLane(Lane):
    """Knows which connections are out, so that a crash can close them."""

    def __init__(self, kind: EngineKind, *, writes: bool, keep: int) -> None:
        super().__init__(kind, writes=writes, keep=keep)
        self.out: list[Held] = []

    def take(self) -> Held:
        held = super().take()
        self.out.append(held)
        return held

    def give(self, held: Held) -> None:
        self.out.remove(held)
        super().give(held)

    def drop(self, held: Held) -> None:
        self.out.remove(held)
        super().drop(held)


class StraightDatabase(Database):
    """Works in the caller's thread."""

    def __init__(self, url: str, clock: Clock, audit: AuditLog, kind: EngineKind | None) -> None:
        super().__init__(url, metadata=definition.metadata, clock=clock, before_commit=audit.before_commit)
        self.kind = self._kind = kind or self._kind  # kept over a crash for the statements it has compiled
        self._write = _WatchedLane(self._kind, writes=True, keep=2)
        self._read = _WatchedLane(self._kind, writes=False, keep=2)

    async def run(self, work: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:  # type: ignore[override]
        return self._attempt(self._write, work, args, kwargs)

    async def read(self, work: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:  # type: ignore[override]
        return self._attempt(self._read, work, args, kwargs)

    def abandon(self) -> None:
        """Cut every connection, as the end of a process does; what was not committed is gone."""
        for lane in (self._write, self._read):
            assert isinstance(lane, _WatchedLane)
            for held in list(lane.out):
                lane.drop(held)
        self.close()


class _App(App):
    """The service put together without a loop behind it: streams are not served, neighbours answer at once."""

    business: Any

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        work.close()

    def channel(self, service: str) -> Any:
        return self.business  # config_service is never called: nobody signs in, nobody asks for documents

    def wait(self, call: Callable[[], Awaitable[T]], *, limit: float = 0) -> T:
        return finished(call())  # type: ignore[arg-type]


class _Context:
    async def abort_with_status(self, said: Any) -> None:
        found = dict(said.trailing_metadata or ())
        reason = ""
        if "grpc-status-details-bin" in found:
            from google.rpc import status_pb2

            reason = status.reason_of(status_pb2.Status.FromString(found["grpc-status-details-bin"]))
        raise Refusal(said.code, reason, said.details)


class House:
    """A server_es that can be opened, called, turned, and killed.

    Args:
        url: of its database; it is made when it is empty.
        clock: stands still until the driver moves it.
        settings: of the site.
        business: plays server_business.
        folder: for its files.
    """

    def __init__(self, url: str, clock: Clock, settings: settings_pb2.Settings, business: Any, folder: Path) -> None:
        self._url, self._clock, self._settings = url, clock, settings
        self._business, self._folder = business, folder
        self._starts = 0
        self._kind: EngineKind | None = None
        self._who: Caller | None = None
        self.is_open = False

    def open(self) -> None:
        """Start the process."""
        self._starts += 1
        audit = AuditLog(definition.outbox, self._clock)
        self.database = StraightDatabase(self._url, self._clock, audit, self._kind)
        self._kind = self.database.kind
        if self._starts == 1:
            definition.metadata.create_all(self.database.engine)
        self._loop = asyncio.new_event_loop()
        self._app: _App = self._loop.run_until_complete(self._built())
        pipeline = Pipeline(identify=lambda _: self._caller(), audit=audit)
        self._methods: dict[str, Any] = {}
        for contract, servicer in self._app.servicers:
            (service,) = contract.services_by_name.values()
            for method in service.methods:
                if not method.server_streaming:
                    self._methods[method.name] = pipeline.unary(method, getattr(servicer, method.name))
        self.workers: dict[str, Worker] = {one.name: one for one in self._app.workers if one.name not in _NOT_HERE}
        if self._starts > 1:
            with self.database.unit() as unit:
                for table in self._app.queues:
                    claims.give_back_of(unit, table, {self._instance(self._starts - 1)})
        self.is_open = True

    def close(self) -> None:
        """End the process in order."""
        self.is_open = False
        self._loop.run_until_complete(self._app.close())
        self._app.wakeups.close()
        self.database.close()
        self._loop.close()

    def kill(self) -> None:
        """End the process as a power cut does."""
        failpoints.watch(None)
        self.is_open = False
        self.database.abandon()
        self._app.wakeups.close()
        self._loop.run_until_complete(self._app.close())
        self._loop.close()

    def call(self, method: str, request: Any, who: Caller) -> Any:
        """Make a call as somebody.

        Raises:
            Refusal: it was answered with an error.
            Crash: it was not answered; whether it had an effect is not known.
        """
        self._who = who
        return finished(self._methods[method](request, _Context()))

    def turn(self, worker: str) -> Any:
        """Let a worker do one turn and return what it says.

        Raises:
            Crash: it did not come to its end.
        """
        said = self.workers[worker].work(Turn(threading.Event()))
        return finished(said) if inspect.iscoroutine(said) else said

    def take(self, settings: settings_pb2.Settings) -> None:
        """Take settings over while it runs; they hold after the next start, too."""
        self._settings = settings
        for take in self._app.takers:
            take(settings)

    def upcoming(self) -> dict[str, datetime]:
        """Return by worker when it has something to do next, as the rows say; what has passed counts too.

        The workers look every few seconds by themselves; who fast-forwards need not.
        """
        found: dict[str, datetime] = {}
        with self.database.reading() as unit:
            for worker, query in _WANTED:
                first = unit.connection.execute(query, {"now": self._clock.now()}).scalar()
                if first is not None:
                    found[worker] = min(first, found.get(worker, first))
        return found

    def _caller(self) -> Caller:
        assert self._who is not None
        return self._who

    def _instance(self, start: int) -> str:
        return f"simulated-{start}"

    async def _built(self) -> _App:
        certificate: Any = SimpleNamespace(current=lambda: SimpleNamespace(spiffe_id=SimpleNamespace(site="muster")))
        bootstrap = Bootstrap(data=self._folder, certs=self._folder, config_address="", listen="")
        upstream: Any = None
        app = _App(
            name=NAME, settings=self._settings, bootstrap=bootstrap, certificate=certificate, clock=self._clock,
            database=self.database, wakeups=Wakeups(self.database), draining=asyncio.Event(), upstream=upstream,
            instance=self._instance(self._starts),
        )  # fmt: skip
        app.business = self._business
        await definition.build(app)
        return app
