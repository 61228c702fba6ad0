"""Who is away, as other rooms ask it, on SQLite and on PostgreSQL."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import MetaData, insert

from mesh.database import Database
from server_es.absences import facts, tables
from server_es.absences.facts import Away
from server_es.absences.rules import State
from server_es.absences.spans import Span
from server_es.directory.upserts import upsert
from server_es.schema import METADATA
from tests.builders import directory as build

BERLIN = ZoneInfo("Europe/Berlin")
MARCH_2 = datetime(2026, 3, 1, 23, tzinfo=UTC)
MARCH_4 = datetime(2026, 3, 3, 23, tzinfo=UTC)


@pytest.fixture
def metadata() -> MetaData:
    return METADATA


@pytest.fixture
def site(database: Database) -> Database:
    with database.unit() as unit:
        upsert(
            unit,
            build.upsert(
                build.employee("1", substitute="employees/2"),
                build.employee("2", substitute="employees/3"),
                build.employee("3"),
                build.employee("4", absent=True, substitute="employees/1"),
            ),
            lambda _, asked: set(asked),
        )
        kind = {"id": "vacation", "title": "Urlaub", "takes_leave": True, "may_overdraw": False, "activity_type": "u"}
        unit.connection.execute(insert(tables.absence_kind).values(**kind, revision=1, update_time=unit.now))
        put(unit, 1, "1", date(2026, 3, 2), date(2026, 3, 3))
        put(unit, 2, "2", date(2026, 3, 3), date(2026, 3, 3), starts_at_noon=True)
        put(unit, 3, "3", date(2026, 3, 2), date(2026, 3, 3), state=State.PARTLY_APPROVED)
    return database


def put(
    unit: Any, id_: int, employee: str, first: date, last: date, *, state: State = State.APPROVED, **noon: bool
) -> None:
    span = Span.of(first, last, **noon)
    start, end = span.instants(BERLIN)
    row = {
        "id": id_, "employee": employee, "kind": "vacation", "start_slot": span.start, "end_slot": span.end,
        "start_time": start, "end_time": end, "half_days": 2, "reason": "", "state": state, "stress_confirmed": False,
        "creator": "users/chief", "create_time": unit.now, "ended_by": "", "ended_time": None, "ended_reason": "",
        "content_revision": 1, "revision": 1, "update_time": unit.now,
    }  # fmt: skip
    unit.connection.execute(insert(tables.absence).values(**row))


def test_who_has_an_approved_absence_is_away_and_the_first_who_is_there_stands_in(site: Database) -> None:
    everybody = ("1", "2", "3", "4")
    with site.reading() as unit:
        assert facts.absent(unit, everybody, MARCH_2) == {"1": "2", "4": "2"}
        assert facts.absent(unit, everybody, datetime(2026, 3, 3, 11, tzinfo=UTC)) == {"1": "3", "2": "3", "4": "3"}
        assert facts.absent(unit, everybody, MARCH_4) == {"4": "1"}
        assert facts.absent(unit, ["3"], MARCH_2) == {}
        assert facts.absent(unit, [], MARCH_2) == {}


def test_absences_are_told_as_spans_cut_at_both_ends(site: Database) -> None:
    noon = datetime(2026, 3, 3, 11, tzinfo=UTC)
    with site.reading() as unit:
        assert facts.spans(unit, ["1", "2", "3"], noon, MARCH_4) == [
            Away(employee="1", start=noon, end=MARCH_4, origin="absences/1"),
            Away(employee="2", start=noon, end=MARCH_4, origin="absences/2"),
        ]
        assert facts.spans(unit, ["4"], noon, MARCH_4) == [
            Away(employee="4", start=noon, end=MARCH_4, origin="employees/4")
        ]
        assert facts.spans(unit, ["2"], MARCH_2, noon) == []
        assert facts.spans(unit, [], MARCH_2, noon) == []


def test_the_period_the_directory_knows_counts_too(site: Database) -> None:
    begins, ends = datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 3, 2, 10, tzinfo=UTC)
    with site.unit() as unit:
        record = build.employee("3")
        record.employee.absence_start_time.FromDatetime(begins)
        record.employee.absence_end_time.FromDatetime(ends)
        upsert(unit, build.upsert(record), lambda _, asked: set(asked))
    with site.reading() as unit:
        assert facts.spans(unit, ["3"], MARCH_2, MARCH_4) == [
            Away(employee="3", start=begins, end=ends, origin="employees/3")
        ]
        assert facts.spans(unit, ["3"], ends, MARCH_4) == []
        assert facts.absent(unit, ["3"], begins) == {"3": ""}
