"""Every database test runs on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import MetaData

from mesh.clock import Clock, ManualClock
from mesh.columns import new_metadata
from mesh.database import Database
from tests.servers.postgres import Cluster, NoPostgres, shared_cluster


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The run's PostgreSQL; skips, with the reason, where there is none."""
    own = tmp_path_factory.getbasetemp()
    # With xdist each process has a folder of its own below the run's.
    meeting_point = own.parent if own.name.startswith("popen-") else own
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(shared_cluster(meeting_point))
        except NoPostgres as error:
            pytest.skip(str(error))
        yield cluster


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of the test's own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    name = cluster.create()
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))


@pytest.fixture
def metadata() -> MetaData:
    """The tables of the test; a module overrides it with its own."""
    return new_metadata()


OpenDatabase = Callable[..., Database]


@pytest.fixture
def open_database(database_url: str, metadata: MetaData, clock: Clock) -> Iterator[OpenDatabase]:
    """Opens the test's database, as often as there are to be replicas; closes all at the end."""
    with ExitStack() as stack:

        def open_one(*, tables: MetaData = metadata, clock: Clock = clock, threads: int = 4) -> Database:
            return stack.enter_context(Database(database_url, metadata=tables, clock=clock, threads=threads))

        yield open_one


@pytest.fixture
def database(open_database: OpenDatabase, metadata: MetaData) -> Database:
    """The test's database with the tables of `metadata`, not migrated but made as they are."""
    database = open_database()
    metadata.create_all(database.engine)
    return database
