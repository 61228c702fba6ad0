"""The schema of a service, brought up to date when it starts. Replicas that start together migrate once.

Each service keeps its steps in `<service>/migrations/versions`. While you develop:

    python -m mesh.migrations revision server_es -m "adds duty rosters"
    python -m mesh.migrations check server_es
"""

import contextlib
import fcntl
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from mesh.database import Database
from mesh.errors import FailedPrecondition

_POSTGRES_LOCK: Final = 0x65736D657368  # "esmesh": any number that nobody else takes
_one_at_a_time = threading.Lock()  # `alembic.op` is one object for the whole process


class DatabaseTooNew(FailedPrecondition):
    """A newer program has changed the schema already."""

    reason = "DATABASE_TOO_NEW"


def upgrade(database: Database, script_location: Path) -> list[str]:
    """Bring the database to the newest step, all steps in one transaction, and return the steps taken.

    Waits while another replica migrates; a replica killed in the middle leaves the schema as it was.

    Args:
        database: where to.
        script_location: the folder that holds `versions/`.

    Raises:
        DatabaseTooNew: the database has a step that this program does not know.
    """
    script = ScriptDirectory(script_location, version_locations=[script_location / "versions"])
    taken: list[str] = []

    def steps(current: Any, _: MigrationContext) -> Any:
        _refuse_unknown(current, script)
        found = script._upgrade_revs("heads", current)  # noqa: SLF001 - what alembic.command.upgrade calls
        taken.extend(step.revision.revision for step in found)
        return found

    with _one_at_a_time, _locked(database) as connection:
        context = MigrationContext.configure(
            connection,
            opts={"fn": steps, "target_metadata": database.metadata, "render_as_batch": True},
        )
        with Operations.context(context):
            context.run_migrations()
        _check_foreign_keys(connection)
    return taken


def differences(database: Database) -> list[str]:
    """Return in what the migrated schema differs from the service's tables: nothing, once every step is written."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_ours})
        return [str(one) for one in compare_metadata(context, database.metadata)]


def is_ours(name: str | None, kind: str, _: Any) -> bool:
    """Leave indexes for full text alone, and the tables SQLite keeps one in: tables cannot describe them.

    They are named `…_fts…` and made by statements of the room's own.
    """
    return kind not in ("table", "index") or "_fts" not in (name or "")


def _refuse_unknown(current: Any, script: ScriptDirectory) -> None:
    known = {revision.revision for revision in script.walk_revisions()}
    revisions = (current,) if isinstance(current, str) else tuple(current or ())
    for revision in revisions:
        if revision not in known:
            raise DatabaseTooNew(
                f"The database is at schema step {revision}, this program knows only up to "
                f"{script.get_current_head() or 'none'}: start the newer program, or restore the backup made before it."
            )


@contextlib.contextmanager
def _locked(database: Database) -> Iterator[Connection]:
    """Open a transaction that no other process migrates beside."""
    with contextlib.ExitStack() as stack:
        if database.engine.dialect.name == "sqlite":
            # A file beside it: the PRAGMA must come before the transaction, outside the database's own lock.
            lock = stack.enter_context(Path(f"{database.engine.url.database}.migrating").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        connection = stack.enter_context(database.engine.connect())
        with connection.begin():
            if database.engine.dialect.name == "sqlite":
                driver: Any = connection.connection.dbapi_connection
                driver.execute("PRAGMA journal_mode = WAL")
                driver.execute("PRAGMA foreign_keys = OFF")  # a batch step rebuilds tables that others refer to
                driver.execute("BEGIN IMMEDIATE")
            else:
                for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
                    connection.execute(text(f"SET LOCAL {limit} = 0"))  # a big table takes its time, and so do others
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})"))
            yield connection


def _check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise RuntimeError(f"the migration left rows that refer to nothing: {broken[:5]}")


if __name__ == "__main__":
    from mesh.revisions import main

    sys.exit(main())
