"""Units of work: one transaction each, plain synchronous SQLAlchemy Core, one thread hop per call."""

import random
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar

import structlog
from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.exc import DBAPIError

from mesh.clock import Clock
from mesh.connections import Held, Lane
from mesh.engines import engine_kind
from mesh.errors import InvalidArgument, Unavailable, Violation
from mesh.failpoints import failpoint
from mesh.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")

_ATTEMPTS: Final = 3
_PAUSE_SECONDS: Final = 0.02

_log = structlog.get_logger(__name__)


class NotCommitted(Unavailable):
    """The unit failed through no fault of its own, and certainly nothing of it was saved."""


class CommitUnknown(Unavailable):
    """The database went away while it committed: read again before you repeat, or repeat with the same request id."""


class UnitOfWork:
    """One transaction.

    Attributes:
        connection: executes statements; commits and rolls back by itself when the unit ends.
        now: the instant of the unit, the same for every row it writes.
    """

    __slots__ = ("_after_commit", "connection", "now")

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self._after_commit: list[Callable[[], object]] | None = None

    def after_commit(self, callback: Callable[[], object]) -> None:
        """Call back once the unit is durable. For wake-ups only: a crash in between loses the call."""
        if self._after_commit is None:
            self._after_commit = []
        self._after_commit.append(callback)

    def committed(self) -> None:
        """Make the calls that waited for the commit; the database's business, not the rooms'."""
        for callback in self._after_commit or ():
            try:
                callback()
            except Exception:  # noqa: BLE001 - the rows are saved: an error here must not tell the caller otherwise
                _log.exception("a call after the commit failed")


class Database:
    """The one schema of a service, on SQLite or PostgreSQL.

    Args:
        url: `sqlite:////path/to/file.db` or `postgresql://user@host/name`.
        metadata: the service's tables.
        clock: where `UnitOfWork.now` comes from.
        threads: how many units run at once. On SQLite so many readers, and one writer beside them.
        before_commit: called with every unit that writes, at its end and inside its transaction.

    Raises:
        ValueError: the url names no supported database.
    """

    def __init__(
        self,
        url: str,
        *,
        metadata: MetaData,
        clock: Clock,
        threads: int = 4,
        before_commit: Callable[[UnitOfWork], None] | None = None,
    ) -> None:
        self.metadata = metadata
        self.clock = clock
        self._before_commit = before_commit
        self._kind = engine_kind(url)
        one_writer = self._kind.one_writer
        self._write = Lane(self._kind, writes=True, keep=1 if one_writer else threads)
        self._read = Lane(self._kind, writes=False, keep=threads)
        self._readers = Threads(threads, name="database")
        # A thread of its own: one that waits for its turn to write would be missing among the readers.
        self._writers = Threads(1, name="database-writer") if one_writer else self._readers

    @property
    def engine(self) -> Engine:
        """The engine beneath, for migrations and tools."""
        return self._kind.engine

    async def run(self, work: Callable[Concatenate[UnitOfWork, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the work in one transaction, in a thread; commit when it returns, roll back when it raises.

        The work is done again when the database gave it up (deadlock, connection lost before the commit), so whatever
        it changes outside the database must bear that.

        Raises:
            NotCommitted: it failed again and again.
            CommitUnknown: whether it was saved is not known.
            Unavailable: the database does not answer.
        """
        return await self._writers.run(self._attempt, self._write, work, args, kwargs)

    async def read(self, work: Callable[Concatenate[UnitOfWork, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the work on one snapshot that nobody's writing waits for. Writing is refused by the database."""
        return await self._readers.run(self._attempt, self._read, work, args, kwargs)

    def unit(self) -> AbstractContextManager[UnitOfWork]:
        """Open a unit in the calling thread: commits at the end, rolls back on an exception. Not done again."""
        return _Transaction(self._write, self.clock, self._before_commit)

    def reading(self) -> AbstractContextManager[UnitOfWork]:
        """Open a unit that only reads in the calling thread."""
        return _Transaction(self._read, self.clock)

    def close(self) -> None:
        """Finish what was begun, then close every connection."""
        self._writers.close()
        self._readers.close()
        self._write.close()
        self._read.close()
        self._kind.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _attempt(self, lane: Lane, work: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with _Transaction(lane, self.clock, self._before_commit) as unit:
                    return work(unit, *args, **kwargs)
            except NotCommitted:
                if attempt == _ATTEMPTS:
                    raise
                # Not the clock's wait: a clock that stands still in a test would hang it.
                threading.Event().wait(_PAUSE_SECONDS * attempt * (1 + random.random()))  # noqa: S311
        raise AssertionError


class _Transaction:
    """The context manager behind every unit; a class because a generator costs a microsecond more."""

    __slots__ = ("_before_commit", "_clock", "_held", "_lane", "_unit")

    def __init__(self, lane: Lane, clock: Clock, before_commit: Callable[[UnitOfWork], None] | None = None) -> None:
        self._lane = lane
        self._clock = clock
        self._before_commit = before_commit

    def __enter__(self) -> UnitOfWork:
        try:
            self._held: Held = self._lane.take()
        except DBAPIError as error:
            if self._lane.kind.unavailable(error):
                raise NotCommitted("The database cannot be reached; try again later.") from error
            raise
        self._unit = UnitOfWork(self._held.connection, self._clock.now())
        return self._unit

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._lane.writes:
            if self._before_commit is not None:
                self._last_words(self._before_commit)
            self._commit()
            self._lane.give(self._held)
            self._unit.committed()
            return
        self._roll_back()
        if error is None:
            self._unit.committed()
        elif isinstance(error, DBAPIError):
            self._explain(error)

    def _last_words(self, before_commit: Callable[[UnitOfWork], None]) -> None:
        try:
            before_commit(self._unit)
        except BaseException as error:
            self._roll_back()
            if isinstance(error, DBAPIError):
                self._explain(error)
            raise

    def _commit(self) -> None:
        lane, held = self._lane, self._held
        if not lane.kind.can_commit(held.driver):
            self._roll_back()
            raise RuntimeError("the unit caught a database error and went on; the database has dropped all of it")
        failpoint("database.commit")
        try:
            held.connection.commit()
        except DBAPIError as error:
            if lane.kind.refused(error):
                self._roll_back()
                self._explain(error)
                raise
            lane.drop(held)
            raise CommitUnknown(
                "It is not known whether the change was saved; read again, or repeat it with the same request id."
            ) from error
        except BaseException:
            lane.drop(held)
            raise
        failpoint("database.committed")

    def _roll_back(self) -> None:
        try:
            self._held.connection.rollback()
        except DBAPIError:
            self._lane.drop(self._held)  # what is gone is rolled back
        except BaseException:
            self._lane.drop(self._held)
            raise
        else:
            self._lane.give(self._held)

    def _explain(self, error: DBAPIError) -> None:
        """Raise what the caller can act on instead of a driver's error; return when the statement itself was wrong."""
        if self._lane.kind.transient(error):
            raise NotCommitted("The database gave the change up; try again.") from error
        if self._lane.kind.unavailable(error):
            raise Unavailable("The database does not answer; try again later.") from error
        if self._lane.kind.unstorable(error):
            raise InvalidArgument([Violation("request", "a text contains the character NUL")]) from error
