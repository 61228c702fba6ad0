"""Background work of a service: a list of small workers. One that fails does not stop the next.

A worker looks at its queue every so often, and at once when its doorbell rings. What it does is one plain function (in
a thread of the worker's own) or coroutine function, which returns True when there is more to do at once, or a timedelta
when it knows how long there will be nothing.
"""

import asyncio
import contextlib
import inspect
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from mesh import log, metrics
from mesh.clock import Clock
from mesh.database import Database
from mesh.errors import DomainError
from mesh.leases import Lease, LeaseLost, Leases
from mesh.threads import Threads
from mesh.wakeups import Doorbell

_LONGEST_BACKOFF = 300.0
_FIRST_BACKOFF = timedelta(seconds=0.5)


@dataclass(slots=True)
class Turn:
    """What a worker's function is told.

    Attributes:
        stopping: set when the service ends: finish the item in hand and return.
        lease: the worker's lease, to be required in the units whose effects must not happen twice at a time.
    """

    stopping: threading.Event
    lease: Lease | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One piece of background work.

    Args:
        name: such as `mail.inbox`; it stands in health lines and metrics.
        work: plain or coroutine function; returns True when there is more to do at once, or how long there is nothing.
        every: how often to look without being rung for.
        bell: rings when there is something to do.
        limit: how long one turn may take; a coroutine is cancelled then, a thread is reported until it returns.
        lease: when set, only one replica does the work; it is taken over when it was silent for so long.

    Raises:
        ValueError: the lease is not longer than the limit, so that two replicas could work at once.
    """

    name: str
    work: Callable[[Turn], Any] | Callable[[Turn], Awaitable[Any]]
    every: timedelta = timedelta(seconds=5)
    bell: Doorbell | None = None
    limit: timedelta = timedelta(seconds=60)
    lease: timedelta | None = None

    def __post_init__(self) -> None:
        if self.lease is not None and self.lease <= self.limit:
            raise ValueError(f"{self.name}: the lease ({self.lease}) must be longer than the limit ({self.limit})")


@dataclass(slots=True)
class HealthLine:
    """How a module is, in one sentence."""

    name: str
    healthy: bool = True
    sentence: str = "has not run yet"
    failures: int = field(default=0)


class Workers:
    """Runs the workers of a service.

    Args:
        workers: what to run; names are unique.
        clock: for the sentences.
        owner: who holds leases, for people to read; unique among the replicas.
        database: with `leases`, needed by workers that have a lease.
        leases: the service's table of leases.
        first_backoff: how long a worker rests after its first failure; twice as long after each further one.
    """

    def __init__(
        self,
        workers: Iterable[Worker],
        *,
        clock: Clock,
        owner: str = "",
        database: Database | None = None,
        leases: Leases | None = None,
        first_backoff: timedelta = _FIRST_BACKOFF,
    ) -> None:
        self._first_backoff = first_backoff.total_seconds()
        self._clock = clock
        self._owner = owner
        self._database = database
        self._leases = leases
        self._stopping = asyncio.Event()
        self._stopping_threads = threading.Event()
        self._rung: set[asyncio.Event] = set()
        self._lines: dict[str, HealthLine] = {}
        self._workers: list[Worker] = []
        self._tasks: list[asyncio.Task[None]] = []
        for worker in workers:
            self.add(worker)

    def add(self, worker: Worker) -> None:
        """Take another worker; before `start`.

        Raises:
            ValueError: the name is taken, or the worker wants a lease and there is no table for it.
        """
        if worker.name in self._lines:
            raise ValueError(f"there are two workers named {worker.name}")
        if worker.lease is not None and (self._database is None or self._leases is None):
            raise ValueError(f"{worker.name} wants a lease, and the service has no table `lease`")
        self._lines[worker.name] = HealthLine(worker.name)
        self._workers.append(worker)

    def health(self) -> list[HealthLine]:
        """Return how every worker is, by name."""
        return [self._lines[name] for name in sorted(self._lines)]

    def start(self) -> None:
        """Start all workers; each looks at its queue at once."""
        self._tasks = [asyncio.create_task(self._run(worker), name=f"worker {worker.name}") for worker in self._workers]

    async def stop(self, within: timedelta) -> list[str]:
        """Let every worker finish its turn, at most `within`; return the names of those that did not."""
        self._stopping.set()
        self._stopping_threads.set()
        for rung in self._rung:
            rung.set()
        if not self._tasks:
            return []
        _, late = await asyncio.wait(self._tasks, timeout=within.total_seconds())
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return sorted(task.get_name().removeprefix("worker ") for task in late)

    async def _run(self, worker: Worker) -> None:
        line = self._lines[worker.name]
        threads = None if inspect.iscoroutinefunction(worker.work) else Threads(1, name=worker.name)
        held: list[Lease] = []
        async with _rung(worker.bell) as rung:
            self._rung.add(rung)
            while not self._stopping.is_set():
                rung.clear()
                pause = await self._turn(worker, line, threads, held)
                delay = self._delay(line, pause)
                if delay > 0:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(delay):
                            await rung.wait()
            self._rung.discard(rung)
        await self._give_back(held)
        if threads is not None:
            threads.close()

    async def _turn(self, worker: Worker, line: HealthLine, threads: Threads | None, held: list[Lease]) -> timedelta:
        """Do one turn and return how long to wait after it, at most."""
        started = self._clock.monotonic()
        try:
            turn = Turn(self._stopping_threads)
            if worker.lease is not None and not await self._lead(worker, turn, held):
                line.healthy, line.failures, line.sentence = True, 0, "another instance does the work"
                return worker.every
            said = await self._limited(worker, line, threads, turn)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the worker
            self._failed(worker, line, error)
            return worker.every
        line.healthy, line.failures = True, 0
        line.sentence = f"last ran at {self._clock.now():%Y-%m-%d %H:%M:%S} UTC"
        metrics.WORKER_RUNS.labels(worker.name, "ok").inc()
        metrics.WORKER_SECONDS.labels(worker.name).observe(self._clock.monotonic() - started)
        if isinstance(said, timedelta):
            return min(said, worker.every)
        return timedelta(0) if said else worker.every

    async def _limited(self, worker: Worker, line: HealthLine, threads: Threads | None, turn: Turn) -> Any:
        seconds = worker.limit.total_seconds()
        if threads is None:
            try:
                return await asyncio.wait_for(worker.work(turn), seconds)
            except TimeoutError:
                raise TimeoutError(f"took longer than {seconds:g} s and was cancelled") from None
        job = asyncio.ensure_future(threads.run(worker.work, turn))
        done, _ = await asyncio.wait([job], timeout=seconds)
        if not done:
            line.healthy = False
            line.sentence = f"hangs: one turn has taken longer than {seconds:g} s"
            metrics.WORKER_RUNS.labels(worker.name, "hangs").inc()
        return await job

    def _failed(self, worker: Worker, line: HealthLine, error: Exception) -> None:
        line.failures += 1
        line.healthy = False
        said = error.message if isinstance(error, DomainError) else f"{type(error).__name__}: {error}"
        since = "" if line.failures == 1 else f" ({line.failures} times in a row)"
        line.sentence = f"failed{since}: {said}"[:2000]
        metrics.WORKER_RUNS.labels(worker.name, "failed").inc()
        _log = log.get("workers")
        if line.failures == 1 and not isinstance(error, DomainError):
            _log.error("worker failed", worker=worker.name, exc_info=error)
        else:
            _log.warning("worker failed", worker=worker.name, failures=line.failures, reason=said)

    async def _lead(self, worker: Worker, turn: Turn, held: list[Lease]) -> bool:
        assert self._database is not None
        assert self._leases is not None
        assert worker.lease is not None
        got = await self._database.run(self._leases.acquire, worker.name, owner=self._owner, lease=worker.lease)
        held[:] = [got] if got else []
        turn.lease = got
        return got is not None

    def _delay(self, line: HealthLine, pause: timedelta) -> float:
        if not line.failures:
            return pause.total_seconds()
        backoff = min(_LONGEST_BACKOFF, self._first_backoff * 2.0 ** min(line.failures - 1, 20))
        return backoff * (0.75 + random.random() / 2)  # noqa: S311 - spreads replicas, guards nothing

    async def _give_back(self, held: list[Lease]) -> None:
        if held and self._database is not None and self._leases is not None:
            with contextlib.suppress(LeaseLost, DomainError):
                await self._database.run(self._leases.release, held[0])


@contextlib.asynccontextmanager
async def _rung(bell: Doorbell | None) -> AsyncIterator[asyncio.Event]:
    if bell is None:
        yield asyncio.Event()
        return
    with bell.listening_async() as event:
        yield event
