import threading
from datetime import timedelta

import pytest
from sqlalchemy import MetaData

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.leases import Lease, LeaseLost
from tests.integration.mesh.programs import TABLES, leases

MINUTE = timedelta(minutes=1)


@pytest.fixture
def metadata() -> MetaData:
    return TABLES


def acquire(database: Database, owner: str) -> Lease | None:
    with database.unit() as unit:
        return leases.acquire(unit, "imap", owner=owner, lease=MINUTE)


def test_one_holds_the_lease(database: Database) -> None:
    assert acquire(database, "a") == Lease(name="imap", owner="a", token=1)
    assert acquire(database, "b") is None


def test_a_lease_that_ran_out_goes_to_the_next_and_the_late_one_is_refused(
    database: Database, clock: ManualClock
) -> None:
    late = acquire(database, "a")
    assert late
    clock.advance(MINUTE)
    new = acquire(database, "b")
    assert new
    assert new.token > late.token
    for action in (leases.require, leases.release, lambda unit, one: leases.renew(unit, one, lease=MINUTE)):
        with pytest.raises(LeaseLost), database.unit() as unit:
            action(unit, late)
    with database.unit() as unit:
        leases.require(unit, new)


def test_a_renewed_lease_stays(database: Database, clock: ManualClock) -> None:
    held = acquire(database, "a")
    assert held
    clock.advance(MINUTE / 2)
    with database.unit() as unit:
        leases.renew(unit, held, lease=MINUTE)
    clock.advance(MINUTE / 2)
    assert acquire(database, "b") is None


def test_a_released_lease_is_free_at_once(database: Database) -> None:
    held = acquire(database, "a")
    assert held
    with database.unit() as unit:
        leases.release(unit, held)
    with pytest.raises(LeaseLost), database.unit() as unit:
        leases.require(unit, held)
    assert acquire(database, "b")


def test_who_asks_again_fences_off_his_earlier_self(database: Database) -> None:
    earlier, later = acquire(database, "a"), acquire(database, "a")
    assert earlier
    assert later
    with pytest.raises(LeaseLost), database.unit() as unit:
        leases.require(unit, earlier)


def test_of_eight_that_ask_at_once_one_gets_it(database: Database) -> None:
    got: list[Lease | None] = []
    threads = [threading.Thread(target=lambda n=n: got.append(acquire(database, f"owner {n}"))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([one for one in got if one]) == 1
