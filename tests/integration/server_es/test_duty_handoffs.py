"""Handoffs are told once, whatever happens: stories with fast-forward and SIGKILL, on SQLite and PostgreSQL."""

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from esoffice.es.v1 import duty_pb2 as pb
from sqlalchemy import MetaData, select

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.workers import Turn
from server_es.directory.upserts import upsert
from server_es.duty import store
from server_es.duty.announcing import Announcing
from server_es.duty.changes import Changes
from server_es.duty.editing import Editing
from server_es.inboxes import INBOXES
from server_es.schema import METADATA
from server_es.servicecalls.actors import Actor
from tests.builders import directory as build
from tests.builders.duty import WEEK, handover, layer, override, planned, roster
from tests.builders.office import Rooms, berlin

ROOT = Path(__file__).parents[3]
CHIEF = Actor(name="users/chief")


@pytest.fixture
def metadata() -> MetaData:
    return METADATA


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 8, 30, tzinfo=UTC))


class Site:
    """Rosters and what people hear of them."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database, self.clock = database, clock
        announcing = Announcing(Rooms().notices.tell)
        self.editing, self.changes = Editing(announcing), Changes(announcing)
        self.worker = handover(database)
        with database.unit() as unit:
            upsert(unit, build.upsert(*map(build.employee, ("100", "101", "102"))), lambda _, asked: set(asked))

    def create(self, message: pb.Roster) -> None:
        with self.database.unit() as unit:
            self.editing.create(unit, pb.CreateRosterRequest(roster=message), CHIEF)

    def go_to(self, when: str) -> None:
        """Fast-forward, without a turn on the way: as after a downtime."""
        self.clock.advance(berlin(when) - self.clock.now())
        self.worker.turn(Turn(threading.Event()))

    def walk_to(self, when: str, step: timedelta = timedelta(hours=1)) -> None:
        """Let time pass, with a turn at each step."""
        while self.clock.now() < berlin(when):
            self.clock.advance(min(step, berlin(when) - self.clock.now()))
            self.worker.turn(Turn(threading.Event()))

    def inbox(self, employee: str) -> list[str]:
        with self.database.reading() as unit:
            message, content = INBOXES.tables.message.c, INBOXES.tables.content.c
            query = select(content.subject).join_from(INBOXES.tables.message, INBOXES.tables.content)
            rows = unit.connection.execute(query.where(message.recipient == employee).order_by(message.sequence))
            return [one.removeprefix("Bereitschaft Woche: ") for one in rows.scalars()]


@pytest.fixture
def site(database: Database, clock: ManualClock) -> Site:
    return Site(database, clock)


def test_a_week_is_told_before_and_at_each_handoff_once(site: Site) -> None:
    site.create(roster(WEEK, layer("100", "101")))
    assert site.inbox("100") == ["Ihre Dienste haben sich geändert"]
    site.walk_to("2026-03-16T12:00")
    assert site.inbox("101") == [
        "Ihr Dienst beginnt Mo 09.03.2026 08:00",
        "Sie haben jetzt Dienst bis Mo 16.03.2026 08:00",
        "Ihr Dienst ist zu Ende",
    ]
    assert site.inbox("100")[1:] == [
        "Ihr Dienst ist zu Ende",
        "Ihr Dienst beginnt Mo 16.03.2026 08:00",
        "Sie haben jetzt Dienst bis Mo 23.03.2026 08:00",
    ]


def test_in_the_night_the_clock_goes_back_both_are_told_when_it_is_theirs(site: Site) -> None:
    nights = layer("100", "101", rotation=pb.ROTATION_KIND_DAILY, start_date="2026-10-24", handoff_minute=150)
    site.create(roster(WEEK, nights, notice_lead_duration=timedelta(0)))
    site.clock.advance(berlin("2026-10-25T00:00") - site.clock.now())
    site.go_to("2026-10-25T00:00")
    heard = len(site.inbox("100"))
    site.walk_to("2026-10-25T06:00", timedelta(minutes=30))
    assert site.inbox("101") == ["Sie haben jetzt Dienst bis Mo 26.10.2026 02:30"]
    assert site.inbox("100")[heard:] == ["Ihr Dienst ist zu Ende"]


def test_after_a_downtime_of_a_week_only_what_still_holds_is_told(site: Site) -> None:
    site.create(roster(WEEK, layer("100", "101", "102")))
    site.go_to("2026-03-17T12:00")
    assert site.inbox("100")[1:] == ["Ihr Dienst ist zu Ende"]
    assert site.inbox("101") == ["Ihr Dienst ist zu Ende"]
    assert site.inbox("102") == ["Sie haben jetzt Dienst bis Mo 23.03.2026 08:00"]


def test_a_change_of_the_next_hours_is_told_at_once_and_a_later_one_in_its_time(site: Site) -> None:
    site.create(roster(WEEK, layer("100")))
    heard = len(site.inbox("100"))
    with site.database.unit() as unit:
        soon = override(pb.DUTY_CHANGE_REPLACE, "101", "100", end_time=berlin("2026-03-03T12:00"))
        made = site.changes.create_override(unit, soon, CHIEF)
    assert site.inbox("101") == site.inbox("100")[heard:] == ["Ihre Dienste haben sich geändert"]
    with site.database.unit() as unit:
        times = {"start_time": berlin("2026-03-10T00:00"), "end_time": berlin("2026-03-11T00:00")}
        site.changes.create_override(unit, override(pb.DUTY_CHANGE_ADD, "102", **times), CHIEF)
    assert site.inbox("102") == []
    site.walk_to("2026-03-02T11:00")
    with site.database.unit() as unit:
        site.changes.cancel_override(unit, made.name, Actor(name="employees/101", employee="101"))
    assert len(site.inbox("101")) == 1
    assert site.inbox("100")[heard:] == ["Ihre Dienste haben sich geändert"] * 2
    site.walk_to("2026-03-12T00:00")
    assert site.inbox("102") == [
        "Ihr Dienst beginnt Di 10.03.2026 00:00",
        "Sie haben jetzt Dienst bis Mi 11.03.2026 00:00",
        "Ihr Dienst ist zu Ende",
    ]


def test_a_plan_without_anybody_ends_the_shift_and_the_roster_goes_on_after_it(site: Site) -> None:
    site.create(roster(WEEK, layer("100"), notice_lead_duration=timedelta(0)))
    plan = pb.DutyPlan(
        roster=WEEK,
        title="Ostern",
        start_time=berlin("2026-04-03T00:00"),
        end_time=berlin("2026-04-07T00:00"),
        shifts=[planned(berlin("2026-04-04T00:00"), 24, "102")],
    )
    with site.database.unit() as unit:
        site.changes.create_plan(unit, pb.CreateDutyPlanRequest(plan=plan), CHIEF)
    site.walk_to("2026-04-08T00:00")
    assert site.inbox("100") == ["Ihr Dienst ist zu Ende", "Sie haben jetzt Dienst"]
    assert site.inbox("102") == ["Sie haben jetzt Dienst bis So 05.04.2026 00:00", "Ihr Dienst ist zu Ende"]


def test_a_deleted_roster_tells_nothing_more(site: Site) -> None:
    site.create(roster(WEEK, layer("100", "101")))
    with site.database.unit() as unit:
        site.editing.delete(unit, pb.DeleteRosterRequest(name=WEEK), CHIEF)
    heard = site.inbox("100")
    site.walk_to("2026-03-12T00:00", timedelta(hours=12))
    assert (site.inbox("100"), site.inbox("101")) == (heard, [])


def test_rows_that_another_replica_looks_at_are_passed_over(site: Site) -> None:
    site.create(roster(WEEK, layer("100", "101")))
    site.clock.advance(timedelta(days=10))
    if site.database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer")
    with site.database.unit() as unit:
        assert len(store.due(unit, limit=10)) == 1
        with site.database.unit() as other:
            assert store.due(other, limit=10) == []


@pytest.mark.parametrize("failpoint", ["duty.told", "messages.push"])
def test_a_kill_while_telling_loses_nothing_and_repeats_nothing(site: Site, database_url: str, failpoint: str) -> None:
    site.create(roster(WEEK, layer("100", "101"), notice_lead_duration=timedelta(0)))
    command = [sys.executable, "-m", "tests.integration.server_es.duty_program", database_url]
    for armed, code in ((failpoint, -signal.SIGKILL), ("", 0), ("", 0)):
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'stubs'}", "ESMESH_FAILPOINT": armed}
        now = "2026-03-09T07:00:05+00:00"
        ended = subprocess.run([*command, now], cwd=ROOT, env=environment, check=False, capture_output=True)
        assert ended.returncode == code, ended.stderr
    assert site.inbox("101") == ["Sie haben jetzt Dienst bis Mo 16.03.2026 08:00"]
    assert site.inbox("100") == ["Ihr Dienst ist zu Ende"]
