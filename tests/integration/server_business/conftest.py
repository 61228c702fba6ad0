"""A mailroom on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import MetaData

from mesh.clock import ManualClock
from mesh.database import Database
from server_business.app import definition
from tests.builders.reception import CONTACTS, Mailroom, mailroom


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2027, 3, 2, 8, 0, tzinfo=UTC))  # later than the files of a Maildir are made


@pytest.fixture
def metadata() -> MetaData:
    return definition.metadata


@pytest.fixture
def room(database: Database, clock: ManualClock, tmp_path: Path) -> Iterator[Mailroom]:
    """An account that creates servicecalls; Hans of the mails is known at addresses/1001."""
    with mailroom(database, clock, tmp_path) as one:
        one.es.knows("hans@kunde.example", "addresses/1001")
        yield one


@pytest.fixture
def contact_room(database: Database, clock: ManualClock, tmp_path: Path) -> Iterator[Mailroom]:
    """The same, with an account that creates contacts."""
    with mailroom(database, clock, tmp_path, action=CONTACTS) as one:
        one.es.knows("hans@kunde.example", "addresses/1001")
        yield one
