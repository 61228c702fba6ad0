"""Connections that stay open between units of work.

A pool that is asked on every call costs as much as the query it serves (check-out, reset, events), so a connection is
kept with its SQLAlchemy object and handed from unit to unit.
"""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from mesh.engines import BUSY_SECONDS, EngineKind
from mesh.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Held:
    """A connection and the driver's own object beneath it."""

    connection: Connection
    driver: Any


class Lane:
    """Connections for units that write, or for units that only read.

    Args:
        kind: the database product.
        writes: whether units of this lane may write.
        keep: how many idle connections stay open.
    """

    def __init__(self, kind: EngineKind, *, writes: bool, keep: int) -> None:
        self.kind = kind
        self.writes = writes
        self._keep = keep
        self._idle: deque[Held] = deque()  # append and pop are atomic
        self._alone = _Turn() if writes and kind.one_writer else None

    def take(self) -> Held:
        """Return a connection of the caller's own, with its transaction begun.

        Raises:
            Unavailable: another unit holds the writer's place for too long.
            DBAPIError: the database cannot be reached.
        """
        if self._alone is not None:
            self._alone.take()
        try:
            held = self._reuse_or_open()
            try:
                held.connection.begin()
                self.kind.begin(held.driver, writes=self.writes)
            except BaseException:
                _close(held)
                raise
        except BaseException:
            if self._alone is not None:
                self._alone.give()
            raise
        return held

    def give(self, held: Held) -> None:
        """Take a connection back whose transaction has ended."""
        if held.connection.invalidated:
            _close(held)
            self.close()  # when the server was restarted, the idle ones are as dead; else each would cost an attempt
        elif len(self._idle) >= self._keep:
            _close(held)
        else:
            self._idle.append(held)
        if self._alone is not None:
            self._alone.give()

    def drop(self, held: Held) -> None:
        """Close a connection of which nothing good is known."""
        try:
            held.connection.invalidate()
            _close(held)
        finally:
            if self._alone is not None:
                self._alone.give()

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            _close(self._idle.pop())

    def _reuse_or_open(self) -> Held:
        try:
            return self._idle.pop()
        except IndexError:
            pass
        connection = self.kind.engine.connect()
        try:
            driver = connection.connection.dbapi_connection
            self.kind.prepare(driver, writes=self.writes)
        except BaseException:
            connection.close()
            raise
        return Held(connection, driver)


class _Turn:
    """A lock that knows its owner, so that a unit inside a unit is an error and not a deadlock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0

    def take(self) -> None:
        me = threading.get_ident()
        if self._owner == me:
            raise RuntimeError(
                "this thread already has a unit of work that writes; pass it on instead of opening another"
            )
        if not self._lock.acquire(timeout=BUSY_SECONDS):
            raise Unavailable("Another change holds the database for too long; try again later.")
        self._owner = me

    def give(self) -> None:
        self._owner = 0
        self._lock.release()


def _close(held: Held) -> None:
    try:
        held.connection.close()
    except (DBAPIError, SQLAlchemyError):
        held.connection.invalidate()
