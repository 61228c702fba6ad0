import asyncio
import threading
from datetime import timedelta

import pytest
from sqlalchemy import MetaData, insert, text

from mesh.claims import claim
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.wakeups import Wakeups
from tests.integration.mesh.programs import TABLES, job

on_postgres = pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def metadata() -> MetaData:
    return TABLES


def test_a_ring_is_heard_by_every_listener_of_the_process(database: Database) -> None:
    with Wakeups(database) as wakeups:
        bell = wakeups.bell("mail.received")
        with bell.listening() as one, bell.listening() as two, wakeups.bell("other").listening() as other:
            wakeups.bell("mail.received").ring()
            assert one.is_set()
            assert two.is_set()
            assert not other.is_set()
        one.clear()
        bell.ring()
        assert not one.is_set()


async def test_a_ring_from_a_thread_wakes_a_coroutine(database: Database) -> None:
    with Wakeups(database) as wakeups, wakeups.bell("a").listening_async() as event:
        await asyncio.to_thread(wakeups.bell("a").ring)
        await asyncio.wait_for(event.wait(), 5)


def test_a_bell_rings_after_the_commit_and_not_after_a_rollback(database: Database) -> None:
    wakeups = Wakeups(database)
    with wakeups.bell("a").listening() as event:
        with pytest.raises(KeyError), database.unit() as unit:
            wakeups.bell("a").ring_after(unit)
            raise KeyError
        assert not event.is_set()
        with database.unit() as unit:
            wakeups.bell("a").ring_after(unit)
            assert not event.is_set()
        assert event.is_set()
    wakeups.close()


@on_postgres
def test_another_process_hears_the_ring_once_and_not_oneself(database: Database) -> None:
    with Wakeups(database) as here, Wakeups(database) as there:
        assert here.listens.wait(10)
        assert there.listens.wait(10)
        with here.bell("a").listening() as ours, there.bell("a").listening() as theirs:
            here.bell("a").ring()
            assert theirs.wait(10)
            ours.clear()
            there.bell("a").ring()  # its answer proves that what came back before it was passed over
            assert ours.wait(10)


@on_postgres
def test_after_a_lost_connection_the_bells_are_heard_again(database: Database) -> None:
    with Wakeups(database) as here, Wakeups(database) as there:
        assert here.listens.wait(10)
        assert there.listens.wait(10)
        with there.bell("a").listening() as theirs, database.engine.begin() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                )
            )
            assert theirs.wait(10)  # rung by the new connection, for what was missed meanwhile


def test_a_lost_ring_loses_no_work(database: Database) -> None:
    """The worker of a replica that hears nothing finds the row by looking."""
    wakeups = Wakeups(database)  # never started: every ring of others is lost
    found = threading.Event()

    def worker() -> None:
        with wakeups.bell("job").listening() as event:
            while not found.is_set():
                with database.unit() as unit:
                    if claim(unit, job, limit=1, lease=timedelta(minutes=1), owner="w"):
                        found.set()
                SystemClock().wait(event, timedelta(milliseconds=50))

    thread = threading.Thread(target=worker)
    thread.start()
    with database.unit() as unit:
        unit.connection.execute(insert(job), {"id": 1, "next_attempt_time": unit.now})
    assert found.wait(10)
    thread.join()
    wakeups.close()
