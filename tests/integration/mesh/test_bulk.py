from datetime import timedelta
from enum import IntEnum

import pytest
from sqlalchemy import JSON, Column, Integer, LargeBinary, MetaData, Table, Text, bindparam, insert, select, update

from mesh.bulk import execute_many
from mesh.columns import UtcDateTime
from mesh.database import Database

TABLES = MetaData()
THING = Table(
    "thing",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("state", Integer, nullable=False),
    Column("words", JSON, nullable=False),
    Column("raw", LargeBinary),
    Column("text", Text),
    Column("time", UtcDateTime()),
)


class State(IntEnum):
    NEW = 1
    OLD = 2


@pytest.fixture
def metadata() -> MetaData:
    return TABLES


@pytest.mark.parametrize("count", [0, 1, 20, 21, 500])
def test_rows_are_written_and_changed_as_one_by_one(database: Database, count: int) -> None:
    now = database.clock.now()
    rows = [
        {
            "id": number,
            "state": State.NEW,
            "words": [["ä", number]],
            "raw": bytes([number % 256]),
            "text": None if number % 2 else "50 % 'ja'",
            "time": now + timedelta(microseconds=number),
        }
        for number in range(count)
    ]
    with database.unit() as unit:
        execute_many(unit.connection, insert(THING), rows)
    with database.reading() as unit:
        assert [dict(one) for one in unit.connection.execute(select(THING).order_by(THING.c.id)).mappings()] == rows
    aged = update(THING).where(THING.c.id == bindparam("the_id"), THING.c.state == State.NEW)
    aged = aged.values(state=State.OLD, text=bindparam("the_text", type_=THING.c.text.type))
    with database.unit() as unit:
        changes = [{"the_id": number, "the_text": str(number)} for number in range(count)]
        assert execute_many(unit.connection, aged, changes) == count
        assert execute_many(unit.connection, aged, changes) == 0
