import asyncio
import contextlib
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from mesh.clock import ManualClock, SystemClock
from mesh.columns import UtcDateTime, new_metadata
from mesh.database import CommitUnknown, Database, NotCommitted, UnitOfWork
from mesh.errors import InvalidArgument, Unavailable
from tests.integration.conftest import OpenDatabase

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)

TABLES = new_metadata()
thing = Table(
    "thing",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("name", String(80)),
    Column("at_time", UtcDateTime()),
)
part = Table("part", TABLES, Column("id", Integer, primary_key=True), Column("thing_id", ForeignKey(thing.c.id)))


@pytest.fixture
def metadata() -> MetaData:
    return TABLES


def add(unit: UnitOfWork, number: int, name: str = "") -> int:
    unit.connection.execute(insert(thing), {"id": number, "name": name, "at_time": unit.now})
    return number


def count(unit: UnitOfWork) -> int:
    return unit.connection.execute(select(func.count()).select_from(thing)).scalar_one()


def kill_session(database: Database, unit: UnitOfWork) -> None:
    own = unit.connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with database.engine.connect() as other:
        other.execute(text(f"SELECT pg_terminate_backend({own})"))


async def test_what_a_unit_wrote_is_read_afterwards(database: Database) -> None:
    assert await database.run(add, 1, name="one") == 1
    row = await database.read(lambda unit: unit.connection.execute(select(thing)).one())
    assert row.name == "one"


async def test_a_unit_has_one_now_and_it_comes_back_aware(database: Database, clock: ManualClock) -> None:
    await database.run(add, 1)
    at_time = await database.read(lambda unit: unit.connection.execute(select(thing.c.at_time)).scalar_one())
    assert at_time == clock.now()
    assert at_time.tzinfo is UTC


def test_a_naive_instant_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="no time zone"), database.unit() as unit:
        unit.connection.execute(insert(thing), {"id": 1, "at_time": datetime(2026, 3, 1)})  # noqa: DTZ001
    with database.reading() as unit:
        assert count(unit) == 0


def test_instants_of_any_zone_and_age_are_ordered(database: Database) -> None:
    instants = [
        datetime(1965, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 3, 1, 14, 30, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 3, 1, 13, 0, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ]
    with database.unit() as unit:
        unit.connection.execute(insert(thing), [{"id": n, "at_time": at} for n, at in enumerate(reversed(instants))])
        stored = unit.connection.execute(select(thing.c.at_time).order_by(thing.c.at_time)).scalars().all()
    assert stored == instants


async def test_an_exception_rolls_everything_back(database: Database) -> None:
    def fails(unit: UnitOfWork) -> None:
        add(unit, 1)
        raise KeyError("no")

    with pytest.raises(KeyError):
        await database.run(fails)
    assert await database.read(count) == 0


async def test_an_error_of_the_statement_stays_what_it_is(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await database.run(lambda unit: (add(unit, 1), add(unit, 1)))
    assert await database.read(count) == 0


@on_postgres
async def test_a_text_that_cannot_be_kept_is_a_refusal(database: Database) -> None:
    with pytest.raises(InvalidArgument, match="a text contains the character NUL"):
        await database.run(add, 1, "a\0b")


async def test_references_to_nothing_are_refused(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await database.run(lambda unit: unit.connection.execute(insert(part), {"id": 1, "thing_id": 7}))


def test_calls_after_the_commit_come_only_after_it(database: Database) -> None:
    seen: list[int] = []

    def look() -> None:
        with database.reading() as unit:
            seen.append(count(unit))

    with database.unit() as unit:
        add(unit, 1)
        unit.after_commit(look)
        look()
    assert seen == [0, 1]
    with pytest.raises(KeyError), database.unit() as unit:
        unit.after_commit(look)
        raise KeyError
    assert seen == [0, 1]


def test_a_failing_call_after_the_commit_does_not_deny_the_commit(database: Database) -> None:
    with database.unit() as unit:
        add(unit, 1)
        unit.after_commit(lambda: 1 / 0)
    with database.reading() as unit:
        assert count(unit) == 1


async def test_a_reading_unit_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError):
        await database.read(add, 1)
    assert await database.read(count) == 0


def test_a_reader_keeps_its_snapshot_and_waits_for_no_writer(database: Database) -> None:
    with database.reading() as reader:
        assert count(reader) == 0
        with database.unit() as writer:
            add(writer, 1)
            assert count(reader) == 0
        assert count(reader) == 0
    with database.reading() as reader:
        assert count(reader) == 1


async def test_writers_that_read_first_do_not_deadlock(database: Database) -> None:
    await database.run(add, 1, "0")

    def more(unit: UnitOfWork) -> None:
        row = unit.connection.execute(select(thing.c.name).where(thing.c.id == 1).with_for_update()).scalar_one()
        unit.connection.execute(update(thing).where(thing.c.id == 1).values(name=str(int(row) + 1)))

    def in_a_thread() -> None:
        for _ in range(20):
            with database.unit() as unit:
                more(unit)

    threads = [threading.Thread(target=in_a_thread) for _ in range(2)]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(database.run(more) for _ in range(40)))
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert await database.read(lambda unit: unit.connection.execute(select(thing.c.name)).scalar_one()) == "80"


async def test_units_in_opposite_order_both_get_through(database: Database) -> None:
    await database.run(lambda unit: (add(unit, 1, ""), add(unit, 2, "")))
    met = threading.Barrier(2, timeout=1)

    def both(unit: UnitOfWork, first: int, second: int) -> None:
        change = update(thing).values(name=thing.c.name + "x")
        unit.connection.execute(change.where(thing.c.id == first))
        with contextlib.suppress(threading.BrokenBarrierError):  # one writer only, or the second attempt
            met.wait()
        unit.connection.execute(change.where(thing.c.id == second))

    await asyncio.gather(database.run(both, 1, 2), database.run(both, 2, 1))
    names = await database.read(lambda unit: unit.connection.execute(select(thing.c.name)).scalars().all())
    assert names == ["xx", "xx"]


@on_sqlite
def test_a_unit_inside_a_unit_is_an_error_and_no_deadlock(database: Database) -> None:
    with database.unit(), pytest.raises(RuntimeError, match="already"), database.unit():
        pass
    with database.unit() as unit:
        add(unit, 1)


@on_postgres
def test_an_error_that_was_swallowed_does_not_pass_for_a_commit(database: Database) -> None:
    with pytest.raises(RuntimeError, match="dropped"), database.unit() as unit:
        add(unit, 1)
        with pytest.raises(IntegrityError):
            add(unit, 1)
    with database.unit() as unit:
        assert count(unit) == 0


@on_postgres
async def test_a_unit_whose_connection_was_lost_before_the_commit_is_done_again(database: Database) -> None:
    attempts: list[int] = []

    def work(unit: UnitOfWork) -> None:
        add(unit, 1)
        attempts.append(1)
        if len(attempts) == 1:
            kill_session(database, unit)
            count(unit)

    await database.run(work)
    assert (len(attempts), await database.read(count)) == (2, 1)


@on_postgres
async def test_a_commit_without_an_answer_is_unknown_and_not_done_again(database: Database) -> None:
    attempts: list[int] = []

    def work(unit: UnitOfWork) -> None:
        attempts.append(1)
        add(unit, 1)
        kill_session(database, unit)

    with pytest.raises(CommitUnknown):
        await database.run(work)
    assert len(attempts) == 1


@on_postgres
async def test_after_a_restart_of_the_server_the_next_unit_gets_through(database: Database) -> None:
    met = threading.Barrier(4, timeout=10)
    await asyncio.gather(*(database.run(lambda unit: (count(unit), met.wait())) for _ in range(4)))
    with database.engine.begin() as other:
        sessions = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert len(other.execute(text(f"SELECT pg_terminate_backend(pid) {sessions}")).all()) == 4
    await database.run(add, 1)
    assert await database.read(count) == 1


@on_postgres
def test_in_a_plain_thread_a_lost_connection_says_that_nothing_was_saved(database: Database) -> None:
    with pytest.raises(NotCommitted), database.unit() as unit:
        kill_session(database, unit)
        count(unit)
    with database.unit() as unit:
        assert count(unit) == 0


async def test_a_call_that_is_cancelled_before_its_turn_is_never_made(
    open_database: OpenDatabase, metadata: MetaData
) -> None:
    database = open_database(threads=1)
    metadata.create_all(database.engine)
    go_on = threading.Event()
    first = asyncio.create_task(database.run(lambda unit: go_on.wait(5)))
    second = asyncio.create_task(database.run(add, 1))
    await asyncio.sleep(0.05)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    go_on.set()
    assert await first
    assert await database.read(count) == 0


async def test_closing_finishes_what_was_begun(open_database: OpenDatabase, metadata: MetaData) -> None:
    database = open_database()
    metadata.create_all(database.engine)
    tasks = [asyncio.create_task(database.run(add, number)) for number in range(10)]
    await asyncio.sleep(0)
    await asyncio.to_thread(database.close)
    assert await asyncio.gather(*tasks) == list(range(10))


@on_postgres
def test_services_share_a_server_in_schemas_of_their_own(
    database: Database, database_url: str, metadata: MetaData, clock: ManualClock
) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA other"))
    address = f"{database_url}&options=-csearch_path%3Dother"
    with Database(address, metadata=metadata, clock=clock) as other:
        metadata.create_all(other.engine)
        with other.unit() as unit:
            add(unit, 1)
            assert unit.connection.execute(text("SHOW statement_timeout")).scalar_one() == "30s"
    with database.reading() as unit:
        assert count(unit) == 0


async def test_a_server_that_cannot_be_reached_is_unavailable(tmp_path: Path, metadata: MetaData) -> None:
    address = f"postgresql://nobody@/none?host={tmp_path}"
    with Database(address, metadata=metadata, clock=SystemClock()) as nowhere, pytest.raises(Unavailable):
        await nowhere.read(count)


@on_sqlite
async def test_a_file_that_another_process_keeps_locked_is_unavailable(
    open_database: OpenDatabase, metadata: MetaData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh.engines.BUSY_SECONDS", 0.05)
    ours, theirs = open_database(), open_database()
    metadata.create_all(ours.engine)
    with theirs.unit() as unit:
        add(unit, 1)
        with pytest.raises(Unavailable, match="locked by another process"):
            await ours.run(add, 2)
    await ours.run(add, 2)
