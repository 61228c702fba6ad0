"""What differs between SQLite and PostgreSQL, and nothing else."""

import os
import sqlite3
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import URL, Engine, NullPool, create_engine, make_url
from sqlalchemy.exc import DBAPIError

from mesh.errors import Unavailable

BUSY_SECONDS: Final = 10
"""How long a unit of work waits for another one's lock before it gives up."""


class EngineKind(Protocol):
    """One database product: how a connection is prepared, begun and judged."""

    engine: Engine
    one_writer: bool
    """Whether the product lets only one transaction write at a time."""

    def prepare(self, driver: Any, *, writes: bool) -> None:
        """Set up a connection that was just opened."""

    def begin(self, driver: Any, *, writes: bool) -> None:
        """Begin the transaction, where the driver does not do so by itself."""

    def can_commit(self, driver: Any) -> bool:
        """Return False when the server has given the transaction up, so that a commit would save nothing."""

    def refused(self, error: DBAPIError) -> bool:
        """Return whether the failed commit was answered by the database: then certainly nothing was saved."""

    def transient(self, error: DBAPIError) -> bool:
        """Return whether the same statements may succeed when the whole unit is begun again."""

    def unavailable(self, error: DBAPIError) -> bool:
        """Return whether the database, not the statement, is what fails."""

    def unstorable(self, error: DBAPIError) -> bool:
        """Return whether a text holds the character NUL, which this database does not keep."""


def engine_kind(address: str) -> EngineKind:
    """Return the engine for `sqlite:///FILE` or `postgresql://…`.

    Raises:
        ValueError: the address names another product, no file, or a folder that does not exist.
    """
    url = make_url(address)
    match url.get_backend_name():
        case "sqlite":
            return Sqlite(url)
        case "postgresql":
            return Postgres(url)
        case other:
            raise ValueError(
                f"The database '{other}' is not supported; use sqlite:///FILE or postgresql://USER@HOST/NAME."
            )


class Sqlite:
    """One file. Readers see a snapshot while the one writer works (WAL)."""

    one_writer = True

    def __init__(self, url: URL) -> None:
        if url.database in (None, "", ":memory:"):
            raise ValueError("The SQLite database needs a file, as in sqlite:////var/lib/esmesh/server_es.db.")
        file = Path(str(url.database))
        if not file.parent.is_dir():
            raise ValueError(f"The folder '{file.parent}' for the database '{file.name}' does not exist.")
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))  # customers' data: nobody else on the machine reads it
        self.engine = create_engine(
            url.set(drivername="sqlite+pysqlite"),
            poolclass=NullPool,
            connect_args={
                "isolation_level": None,  # the driver begins nothing behind our back
                "check_same_thread": False,  # a connection goes from unit to unit, never to two at once
                "timeout": BUSY_SECONDS,
                "cached_statements": 512,
            },
        )

    def prepare(self, driver: sqlite3.Connection, *, writes: bool) -> None:
        driver.execute("PRAGMA journal_mode = WAL")
        # FULL: in WAL mode NORMAL may lose the last commits in a power cut, and "accepted" means durable.
        driver.execute("PRAGMA synchronous = FULL")
        driver.execute("PRAGMA foreign_keys = ON")
        driver.execute("PRAGMA temp_store = MEMORY")
        driver.execute("PRAGMA cache_size = -16000")
        driver.execute(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")

    def begin(self, driver: sqlite3.Connection, *, writes: bool) -> None:
        try:
            # IMMEDIATE: a transaction that reads first and writes later would deadlock with another one like it.
            driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")
        except sqlite3.OperationalError as error:
            raise Unavailable("The database is locked by another process; try again later.") from error

    def can_commit(self, driver: sqlite3.Connection) -> bool:
        return driver.in_transaction

    def refused(self, error: DBAPIError) -> bool:
        return not isinstance(error.orig, sqlite3.OperationalError) or _primary(error) == sqlite3.SQLITE_BUSY

    def transient(self, error: DBAPIError) -> bool:  # noqa: ARG002 - the writer is alone and has waited already
        return False

    def unavailable(self, error: DBAPIError) -> bool:
        return _primary(error) in _SQLITE_UNAVAILABLE

    def unstorable(self, error: DBAPIError) -> bool:  # noqa: ARG002 - it keeps every character
        return False


_SQLITE_UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
    }
)


def _primary(error: DBAPIError) -> int:
    """Return the primary result code (the low byte, https://sqlite.org/rescode.html), -1 when there is none."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF


class Postgres:
    """A server. Writers run side by side; the rows they lock order them."""

    one_writer = False

    def __init__(self, url: URL) -> None:
        self.engine = create_engine(
            url.set(drivername="postgresql+psycopg").difference_update_query(["options"]),
            poolclass=NullPool,
            connect_args={
                "connect_timeout": 5,
                "application_name": "esoffice-mesh",
                # At connecting, so that it costs no round trip; after the address's own, such as a search_path.
                "options": " ".join(
                    [*_several(url.query.get("options")), *(f"-c {one}" for one in _POSTGRES_SETTINGS)]
                ),
            },
        )

    def prepare(self, driver: Any, *, writes: bool) -> None:
        import psycopg

        if not writes:
            driver.read_only = True
            driver.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # one snapshot, as on SQLite

    def begin(self, driver: Any, *, writes: bool) -> None:
        """Leave it to psycopg, which sends BEGIN with the first statement."""

    def can_commit(self, driver: Any) -> bool:
        from psycopg.pq import TransactionStatus

        # COMMIT of a failed transaction answers ROLLBACK, not an error: the effect would be lost in silence.
        return bool(driver.pgconn.transaction_status != TransactionStatus.INERROR)

    def refused(self, error: DBAPIError) -> bool:
        return getattr(error.orig, "sqlstate", None) is not None and not error.connection_invalidated

    def transient(self, error: DBAPIError) -> bool:
        return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _POSTGRES_TRANSIENT

    def unavailable(self, error: DBAPIError) -> bool:
        import psycopg

        state = getattr(error.orig, "sqlstate", None)
        if state is None:  # no answer of a server: it could not be reached
            return isinstance(error.orig, psycopg.OperationalError)
        return state[:2] in _POSTGRES_UNAVAILABLE or state in _POSTGRES_TIMED_OUT

    def unstorable(self, error: DBAPIError) -> bool:
        import psycopg

        return isinstance(error.orig, psycopg.DataError) and "NUL" in str(error.orig)


_POSTGRES_SETTINGS: Final = (
    "timezone=UTC",
    # Long transactions starve SKIP LOCKED queues and hold back vacuum: nothing may last.
    "statement_timeout=30s",
    f"lock_timeout={BUSY_SECONDS}s",
    "idle_in_transaction_session_timeout=60s",
)


def _several(query: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (query,) if isinstance(query, str) else query or ()


# https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES_TRANSIENT: Final = frozenset({"40001", "40P01"})  # serialization failure, deadlock
_POSTGRES_UNAVAILABLE: Final = frozenset({"08", "53", "57", "58"})  # connection, resources, intervention, system
_POSTGRES_TIMED_OUT: Final = frozenset({"55P03"})  # lock not available in time
