"""How many mails of status-change events an address has had on a day, on SQLite and on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import MetaData

from mesh.database import Database
from server_es.app import definition
from server_es.status_events import store

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
HANS, GRETE = "hans@kunde.example", "grete@kunde.example"


@pytest.fixture
def metadata() -> MetaData:
    return definition.metadata


def count(database: Database, day: date = MONDAY, **wanted: int) -> dict[str, int]:
    with database.unit() as unit:
        return store.count_mails(unit, {f"{name}@kunde.example": mails for name, mails in wanted.items()}, day)


def test_every_address_is_counted_of_its_own_and_anew_each_day(database: Database) -> None:
    assert count(database, hans=2, grete=1) == {HANS: 2, GRETE: 1}
    assert count(database, hans=1) == {HANS: 3}
    assert count(database, TUESDAY, hans=1) == {HANS: 1}
    assert count(database) == {}


def test_no_two_units_count_the_same_mail(database: Database) -> None:
    with ThreadPoolExecutor(4) as threads:
        counted = list(threads.map(lambda _: count(database, hans=1)[HANS], range(20)))
    assert sorted(counted) == list(range(1, 21))


def test_a_unit_that_fails_counts_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), database.unit() as unit:
        store.count_mails(unit, {HANS: 1}, MONDAY)
        raise RuntimeError
    assert count(database, hans=1) == {HANS: 1}
