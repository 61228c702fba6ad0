from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    Text,
    bindparam,
    select,
)  # fmt: skip
from sqlalchemy.exc import DBAPIError

from mesh.bulk import Among, ByKeys, among, insert_many, update_many
from mesh.columns import UtcDateTime
from mesh.database import Database
from mesh.errors import InvalidArgument

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
NUMBERED = Table(
    "numbered",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(20), CheckConstraint("length(name) <= 20", name="length"), nullable=False, unique=True),
    *(Column(name, Integer) for name in "abcde"),
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
            "text": None if number % 2 else "50 % 'ja' \"x\" {a,b} \\n NULL\n\\",
            "time": now + timedelta(microseconds=number),
        }
        for number in range(count)
    ]
    with database.unit() as unit:
        insert_many(unit.connection, THING, rows)
    with database.reading() as unit:
        assert [dict(one) for one in unit.connection.execute(select(THING).order_by(THING.c.id)).mappings()] == rows
    changes = [{"id": number, "state": State.OLD, "text": str(number)} for number in range(count)]
    with database.unit() as unit:
        assert update_many(unit.connection, THING, changes, by=["id"], only={"state": State.NEW}) == count
        assert update_many(unit.connection, THING, changes, by=["id"], only={"state": State.NEW}) == 0
        changed = unit.connection.execute(select(THING.c.id, THING.c.text, THING.c.state).order_by(THING.c.id)).all()
        assert [tuple(one) for one in changed] == [(number, str(number), State.OLD) for number in range(count)]


@pytest.mark.parametrize("count", [1, 7000])
def test_numbers_ascend_in_order_and_what_is_there_is_passed_over(database: Database, count: int) -> None:
    names = [f"n{number % 1000:03}{number}" for number in range(count)]
    rows = [{"name": name, "a": None, "b": 1, "c": 2, "d": 3, "e": 4} for name in names]
    with database.unit() as unit:
        made = insert_many(unit.connection, NUMBERED, rows, returning=[NUMBERED.c.id, NUMBERED.c.name])
        assert [name for _, name in sorted(made)] == names
        more = [{**rows[0], "name": "new"}, rows[-1]]
        made = insert_many(unit.connection, NUMBERED, more, returning=[NUMBERED.c.name], passing_over=True)
        assert made == [("new",)]
    with pytest.raises(DBAPIError), database.unit() as unit:
        insert_many(unit.connection, NUMBERED, rows[:1])


def test_a_text_that_is_too_long_is_not_cut(database: Database) -> None:
    row = {"name": "n" * 21, "a": None, "b": 1, "c": 2, "d": 3, "e": 4}
    with pytest.raises(DBAPIError), database.unit() as unit:
        insert_many(unit.connection, NUMBERED, [row])


def test_any_number_of_keys_is_asked_for_at_once(database: Database) -> None:
    rows = [{"name": f"n{number}", "a": None, "b": 1, "c": 2, "d": 3, "e": 4} for number in range(10)]
    column = NUMBERED.c
    with database.unit() as unit:
        insert_many(unit.connection, NUMBERED, rows)
        for keys, found in (([], 0), (["n3", "x"], 1), ([f"n{number}" for number in range(40_000)], 10)):
            query = select(column.name).where(among(unit.connection, column.name, keys))
            assert len(unit.connection.execute(query).all()) == found
        ids = unit.connection.execute(select(column.id).order_by(column.id)).scalars().all()
        query = select(column.id).where(among(unit.connection, column.id, [*ids[:3], 10**9]))
        assert sorted(unit.connection.execute(query).scalars()) == list(ids[:3])


def test_a_query_by_keys_is_made_once_and_takes_what_it_is_given(database: Database) -> None:
    made = []

    def make(among: Among) -> Select[Any]:
        made.append(among)
        return select(NUMBERED.c.name).where(among(NUMBERED.c.name, "names"), NUMBERED.c.b >= bindparam("least"))

    by_keys = ByKeys(make)
    rows = [{"name": f"n{number}", "a": None, "b": number, "c": 2, "d": 3, "e": 4} for number in range(10)]
    with database.unit() as unit:
        insert_many(unit.connection, NUMBERED, rows)
        for names, least, found in ((set(), 0, []), ({"n3", "n5", "x"}, 4, ["n5"]), ({"n3"}, 0, ["n3"])):
            assert list(by_keys.run(unit.connection, names=names, least=least).scalars()) == found
    assert len(made) == 1


def test_what_is_only_equal_is_written_as_it_is(database: Database) -> None:
    now = database.clock.now()
    same = {"state": State.NEW, "raw": b"", "text": "", "time": now}
    words: list[Any] = [[1], [True], [1.0]]
    with database.unit() as unit:
        insert_many(unit.connection, THING, [{"id": id_, "words": one, **same} for id_, one in enumerate(words)])
        found = list(unit.connection.execute(select(THING.c.words).order_by(THING.c.id)).scalars())
    assert [type(one[0]) for one in found] == [int, bool, float]


def test_an_instant_without_a_zone_and_a_text_with_nul_are_refused(database: Database) -> None:
    good = {"id": 1, "state": State.NEW, "words": [], "raw": b"", "text": "a", "time": database.clock.now()}
    for rows in ([{**good, "time": datetime(2026, 1, 1)}], [good, {**good, "id": 2, "time": datetime(2026, 1, 1)}]):  # noqa: DTZ001 - that is the point
        with pytest.raises(ValueError, match="has no time zone"), database.unit() as unit:
            insert_many(unit.connection, THING, rows)
    if database.engine.dialect.name == "postgresql":
        for rows in ([{**good, "text": "a\0b"}], [good, {**good, "id": 2, "text": "a\0b"}]):
            with pytest.raises(InvalidArgument, match="a text contains the character NUL"), database.unit() as unit:
                insert_many(unit.connection, THING, rows)
