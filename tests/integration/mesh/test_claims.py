import threading
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import MetaData, insert, select

from mesh.claims import Claim, ClaimLost, claim, confirm, confirm_all, extend, held, release
from mesh.clock import ManualClock
from mesh.database import Database
from tests.integration.mesh.programs import TABLES, job

MINUTE = timedelta(minutes=1)


@pytest.fixture
def metadata() -> MetaData:
    return TABLES


@pytest.fixture
def three_jobs(database: Database, clock: ManualClock) -> Database:
    due = [clock.now() - 2 * MINUTE, clock.now() - 3 * MINUTE, clock.now() + MINUTE]
    with database.unit() as unit:
        unit.connection.execute(
            insert(job), [{"id": n, "kind": "sms", "next_attempt_time": at} for n, at in enumerate(due, 1)]
        )
    return database


def take(database: Database, owner: str = "a", limit: int = 10) -> list[Claim]:
    with database.unit() as unit:
        return claim(unit, job, limit=limit, lease=MINUTE, owner=owner)


def test_due_rows_are_claimed_the_longest_due_first(three_jobs: Database) -> None:
    assert [one.key for one in take(three_jobs)] == [(2,), (1,)]


def test_a_claimed_row_is_not_handed_out_again(three_jobs: Database) -> None:
    assert len(take(three_jobs, limit=1)) == 1
    assert [one.key for one in take(three_jobs, "b")] == [(1,)]
    assert take(three_jobs, "c") == []


def test_only_rows_that_meet_the_condition_are_claimed(three_jobs: Database) -> None:
    with three_jobs.unit() as unit:
        assert claim(unit, job, limit=9, lease=MINUTE, owner="a", where=job.c.kind == "mail") == []
        assert len(claim(unit, job, limit=9, lease=MINUTE, owner="a", where=job.c.kind == "sms")) == 2


def test_a_confirmed_row_is_done(three_jobs: Database, clock: ManualClock) -> None:
    for one in take(three_jobs):
        with three_jobs.unit() as unit:
            confirm(unit, job, one, kind="sent")
    with three_jobs.reading() as unit:
        rows = unit.connection.execute(select(job).where(job.c.id < 3)).all()
    assert [(row.kind, row.next_attempt_time, row.lease_until, row.lease_owner) for row in rows] == [
        ("sent", None, None, None)
    ] * 2
    clock.advance(timedelta(hours=1))
    assert [one.key for one in take(three_jobs)] == [(3,)]


def test_a_confirmed_row_cannot_be_confirmed_again(three_jobs: Database) -> None:
    one = take(three_jobs)[0]
    with three_jobs.unit() as unit:
        confirm(unit, job, one)
    with pytest.raises(ClaimLost), three_jobs.unit() as unit:
        confirm(unit, job, one)


def test_a_released_row_comes_back_at_its_time(three_jobs: Database, clock: ManualClock) -> None:
    one = take(three_jobs, limit=1)[0]
    with three_jobs.unit() as unit:
        release(unit, job, one, next_attempt_time=unit.now + 5 * MINUTE)
    assert [later.key for later in take(three_jobs)] == [(1,)]
    clock.advance(5 * MINUTE)
    assert one.key in [later.key for later in take(three_jobs)]


def test_the_late_worker_is_refused_and_nothing_of_his_unit_is_saved(three_jobs: Database, clock: ManualClock) -> None:
    late = take(three_jobs, "late", limit=1)[0]
    clock.advance(MINUTE)
    new = next(one for one in take(three_jobs, "new") if one.key == late.key)
    assert new.token > late.token
    for action in (
        lambda unit: confirm(unit, job, late),
        lambda unit: release(unit, job, late, next_attempt_time=unit.now),
        lambda unit: extend(unit, job, late, lease=MINUTE),
    ):
        with pytest.raises(ClaimLost), three_jobs.unit() as unit:
            unit.connection.execute(insert(job), {"id": 99})
            action(unit)
    with three_jobs.unit() as unit:
        assert unit.connection.execute(select(job.c.id).where(job.c.id == 99)).first() is None
        assert held(unit, job, [late, new]) == [new]
        confirm(unit, job, new)


def test_one_lost_row_refuses_the_whole_batch(three_jobs: Database, clock: ManualClock) -> None:
    claims = take(three_jobs)
    clock.advance(MINUTE)
    take(three_jobs, "new", limit=1)
    with pytest.raises(ClaimLost, match="1 of 2"), three_jobs.unit() as unit:
        confirm_all(unit, job, claims)
    with three_jobs.unit() as unit:
        assert held(unit, job, claims) == claims[1:]
        confirm_all(unit, job, claims[1:])


def test_an_extended_claim_lasts_longer(three_jobs: Database, clock: ManualClock) -> None:
    one = take(three_jobs, limit=1)[0]
    clock.advance(MINUTE / 2)
    with three_jobs.unit() as unit:
        extend(unit, job, one, lease=MINUTE)
    clock.advance(MINUTE / 2)
    assert one.key not in [other.key for other in take(three_jobs, "b")]


def test_four_threads_never_get_the_same_row(database: Database, clock: ManualClock) -> None:
    with database.unit() as unit:
        unit.connection.execute(insert(job), [{"id": n, "next_attempt_time": clock.now()} for n in range(400)])
    got: Counter[tuple[int, ...]] = Counter()
    counting = threading.Lock()

    def work(owner: str) -> None:
        while claims := take(database, owner, limit=7):
            assert len(claims) <= 7
            with counting:
                got.update(one.key for one in claims)
            with database.unit() as unit:
                confirm_all(unit, job, claims, kind="done")

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 400
    assert set(got.values()) == {1}
