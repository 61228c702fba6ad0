"""Eva's calendar in a real server_es, and her mailbox in Exchange, over the wire on both sides.

What does not hang on the protocol is told over EWS; some of it over Microsoft Graph too.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from esoffice.es.v1 import appointments_pb2 as es_pb
from sqlalchemy import MetaData, select

from mesh.clock import SystemClock
from mesh.database import Database
from mesh.instants import timestamp
from mesh.workers import Turn
from server_business.app import definition
from server_business.exchange import store
from server_business.exchange.draft import Draft
from server_business.exchange.items import Kind
from server_business.exchange.rules import Direction, Event, Place, Verb
from server_business.exchange.tables import log
from server_es.appointments import store as appointments
from tests.builders.exchange import SOON, House, Office, exchange_house


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: the book is held against PostgreSQL in the contract's tests."""
    return f"sqlite:///{tmp_path / 'business.db'}"


@pytest.fixture
def metadata() -> MetaData:
    return definition.metadata


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with exchange_house(tmp_path_factory.mktemp("exchange")) as one:
        yield one


@pytest.fixture
def office(house: House, database: Database) -> Office:
    return house.office(database)


@pytest.fixture(scope="module")
def online(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with exchange_house(tmp_path_factory.mktemp("online"), "graph") as one:
        yield one


@pytest.fixture(params=["house", "online"])
def either(request: pytest.FixtureRequest, database: Database) -> Office:
    """Let her mailbox be on premises, and then in Exchange Online."""
    house: House = request.getfixturevalue(request.param)
    return house.office(database)


def events(office: Office) -> list[Event]:
    with office.database.reading() as unit:
        return [Event(row.event) for row in unit.connection.execute(select(log.c.event).order_by(log.c.id))]


def iso(hours: int) -> str:
    return (SOON + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_is_made_changed_and_deleted_on_either_side_reaches_the_other(either: Office) -> None:
    office = either
    office.make("Wartung", location="Halle 3")
    id_ = office.exchange.appointment("Besuch", iso(2), iso(3))
    office.sync()
    assert office.titles() == (["Besuch", "Wartung"], ["Besuch", "Wartung"])
    assert office.items()["Wartung"]["Location"] == "Halle 3"

    office.rename("Wartung", "Reparatur")
    office.exchange.order("set", id=id_, fields={"Subject": "Begehung", "Location": "Dach"})
    office.sync()
    assert office.titles() == (["Begehung", "Reparatur"], ["Begehung", "Reparatur"])
    assert office.appointments()["Begehung"].location == "Dach"

    office.delete("Reparatur")
    office.exchange.order("remove", id=id_, to="deleteditems")
    office.sync()
    assert office.titles() == ([], [])
    assert "Reparatur" in office.items("deleteditems"), "whoever wants it back finds it"


def test_tasks_go_both_ways(office: Office) -> None:
    task = es_pb.Task(title="Angebot", due_date="2027-01-15", percent_complete=40, status=es_pb.TASK_STATUS_IN_PROGRESS)
    office.write(es_pb.CalendarWrite(task=task))
    office.sync()
    there = office.items("tasks")["Angebot"]
    office.exchange.order("set", id=there["id"], fields={"Status": "Completed", "PercentComplete": "100"})
    office.sync()
    listed = office.chief.ListTasks(es_pb.ListTasksRequest(employee=office.employee)).tasks

    assert there["DueDate"].startswith("2027-01-15")
    assert [(one.status, one.percent_complete) for one in listed] == [(es_pb.TASK_STATUS_COMPLETED, 100)]


def test_an_approved_absence_appears_and_stays_whatever_is_done_to_it_in_exchange(office: Office) -> None:
    start = SOON.replace(hour=0)
    with office.theirs.unit() as unit:
        appointments.write(
            unit, employee=office.mailbox.employee, title="Urlaub", activity_type="U", start=start,
            end=start + timedelta(days=2),
            all_day=True, time_zone="UTC", origin=f"absences/{office.mailbox.employee}",
        )  # fmt: skip
    office.sync()
    there = office.items()["Urlaub"]
    office.exchange.order("remove", id=there["id"])
    office.sync(2)

    assert (there["IsAllDayEvent"], there["LegacyFreeBusyStatus"]) == ("true", "OOF")
    assert office.titles() == (["Urlaub"], [])
    assert events(office) == [Event.KEPT]


def test_of_two_edits_of_the_same_field_the_newer_counts_and_the_log_keeps_the_other(either: Office) -> None:
    office = either
    office.make("Wartung")
    office.sync()
    id_ = office.items()["Wartung"]["id"]
    office.exchange.order("set", id=id_, fields={"Subject": "aus Exchange", "Location": "Dach"})
    threading.Event().wait(1.1)  # Exchange tells whole seconds
    office.rename("Wartung", "aus dem ERP")
    office.sync(2)

    assert office.titles() == (["aus dem ERP"], ["aus dem ERP"])
    assert office.appointments()["aus dem ERP"].location == "Dach"
    with office.database.reading() as unit:
        line = unit.connection.execute(select(log)).one()
    assert (line.event, line.field, line.overruled) == (Event.CONFLICT, "title", "aus Exchange")


def test_an_answer_that_was_lost_makes_nothing_twice(either: Office) -> None:
    office = either
    office.sync()
    office.make("Wartung")
    office.exchange.fault("cut_after", "CreateItem")
    said = office.sync()
    office.sync()

    assert "does not answer" in said
    assert office.titles() == (["Wartung"], ["Wartung"])


def test_a_lost_sync_state_deletes_nothing_and_doubles_nothing(either: Office) -> None:
    office = either
    for number in range(4):
        office.make(f"Termin {number}", number)
    office.sync()
    gone = office.items()["Termin 2"]["id"]
    office.exchange.order("remove", id=gone)
    office.exchange.order("lose_tokens")
    office.sync(2)

    assert office.titles()[0] == office.titles()[1] == [f"Termin {number}" for number in range(4)]
    assert events(office) == [Event.RESTORED]


def test_a_lost_base_is_found_again_by_the_names_on_both_sides(either: Office) -> None:
    office = either
    office.make("Wartung")
    office.exchange.appointment("Besuch", iso(2), iso(3))
    office.sync()
    with office.database.unit() as unit:
        for table in (store.link, store.mailbox):
            unit.connection.execute(table.delete())
    office.sync()

    assert office.titles() == (["Besuch", "Wartung"], ["Besuch", "Wartung"])


def test_an_empty_mailbox_deletes_nothing_and_is_asked_about(either: Office) -> None:
    office = either
    for number in range(8):
        office.make(f"Termin {number}", number)
    office.sync()
    office.exchange.order("mailbox")
    office.exchange.order("lose_tokens")
    said = office.sync(2)

    assert "it is empty and would be filled again" in said
    assert [len(one) for one in office.titles()] == [8, 0]


@pytest.mark.parametrize("restore", [True, False])
def test_many_deletions_wait_for_an_administrator(office: Office, restore: bool) -> None:  # noqa: FBT001
    for number in range(10):
        office.make(f"Termin {number}", number)
    office.sync()
    for one in list(office.items().values())[:7]:
        office.exchange.order("remove", id=one["id"])
    office.make("neu", 20)
    said = office.sync(2)
    assert "7 deletions wait" in said
    assert [len(one) for one in office.titles()] == [11, 4], "everything else goes on"

    with office.database.unit() as unit:
        marks = store.marks_of(unit, office.mailbox.employee)
        key = (Place.ERP, Kind.APPOINTMENT)
        answer = {"restored": frozenset({key})} if restore else {"allowed": {key: 7}}
        store.put_marks(unit, office.mailbox.employee, replace(marks, **answer))  # type: ignore[arg-type]
    office.sync(2)

    assert [len(one) for one in office.titles()] == ([11, 11] if restore else [4, 4])


def test_a_plan_says_what_will_be_done_and_does_nothing(office: Office) -> None:
    office.make("Wartung")
    office.exchange.appointment("Besuch", iso(2), iso(3))
    desk, book = office.desk, office.desk.book(office.mailbox)
    plan = desk.engine(office.mailbox, Draft(book.marks(), book.all()), desk.sides(office.mailbox)).plan()

    assert sorted((act.place, act.verb) for _, act in plan.acts) == [
        (Place.ERP, Verb.CREATE),
        (Place.EXCHANGE, Verb.CREATE),
    ]
    assert office.titles() == (["Wartung"], ["Besuch"])
    assert not book.all()


def test_each_kind_has_its_direction(office: Office) -> None:
    office.mailbox = replace(
        office.mailbox, directions={Kind.APPOINTMENT: Direction.TO_EXCHANGE, Kind.TASK: Direction.OFF}
    )
    office.make("Wartung")
    office.write(es_pb.CalendarWrite(task=es_pb.Task(title="Angebot")))
    office.exchange.appointment("Besuch", iso(2), iso(3))
    office.sync(2)

    assert office.titles() == (["Wartung"], ["Besuch", "Wartung"])
    assert not office.items("tasks")


def test_somebody_who_has_left_loses_nothing(either: Office) -> None:
    office = either
    office.make("Wartung")
    office.sync()
    office.exchange.order("depart")
    said = office.sync(2)

    assert "no mailbox" in said
    assert "nothing is changed or deleted" in said
    assert office.titles_in_erp() == ["Wartung"]


def test_a_private_appointment_shows_its_time_and_nothing_else(either: Office) -> None:
    office = either
    office.make("Arzt", private=True, location="Klinik")
    office.exchange.private("Scheidung", iso(2), iso(3))
    office.sync()
    there = office.items()["Privat"]
    with office.database.reading() as unit:
        stored = str([list(row) for row in unit.connection.execute(select(store.link))])

    assert (there["Sensitivity"].lower(), there.get("Location", "")) == ("private", "")
    assert office.appointments()["Privat"].private
    assert "Scheidung" not in stored


def test_a_series_with_exceptions_crosses_over_a_change_of_the_clocks(office: Office) -> None:
    start = SOON.replace(year=SOON.year + 1, month=3, day=23, hour=8)
    left_out = es_pb.AppointmentException(
        original_start_time=timestamp(start + timedelta(days=7, hours=-1)), deleted=True
    )
    said = es_pb.Appointment(
        title="Jour fixe", start_time=timestamp(start), end_time=timestamp(start + timedelta(hours=1)),
        time_zone="Europe/Vienna", recurrence="FREQ=DAILY;INTERVAL=7", exceptions=[left_out],
    )  # fmt: skip
    result = office.write(es_pb.CalendarWrite(appointment=said))
    office.sync(2)
    first = office.exchange.calls("UpdateItem")
    office.sync()

    assert result[0].appointment.name
    assert office.titles() == (["Jour fixe"], ["Jour fixe"])
    read = office.exchange.calendar().changes(Kind.APPOINTMENT, "").items[0].fields or {}
    assert sum(name.startswith("exception/") for name in read) == 1
    assert office.exchange.calls("UpdateItem") == first, "at rest nothing is written again"


def jour_fixe(office: Office, title: str) -> None:
    """Make a series in the ERP of which one occurrence is left out, and the next one has another title."""
    start = SOON + timedelta(days=7)
    exceptions = [
        es_pb.AppointmentException(original_start_time=timestamp(start + timedelta(days=7)), deleted=True),
        es_pb.AppointmentException(original_start_time=timestamp(start + timedelta(days=14)), title=title),
    ]
    said = es_pb.Appointment(
        title="Jour fixe", start_time=timestamp(start), end_time=timestamp(start + timedelta(hours=1)),
        time_zone="UTC", recurrence="FREQ=DAILY;INTERVAL=7", exceptions=exceptions,
    )  # fmt: skip
    office.write(es_pb.CalendarWrite(appointment=said))


def exceptions(office: Office) -> tuple[int, int]:
    """Return how many occurrences of the series differ on each side."""
    read = office.exchange.calendar().changes(Kind.APPOINTMENT, "").items[0].fields or {}
    return len(office.appointments()["Jour fixe"].exceptions), sum(name.startswith("exception/") for name in read)


@pytest.mark.parametrize("later", [False, True])
def test_a_series_that_was_written_by_halves_loses_no_occurrence_in_the_erp(office: Office, later: bool) -> None:  # noqa: FBT001
    if later:
        jour_fixe(office, "anders")
        office.sync()
        said = office.appointments()["Jour fixe"]
        said.end_time.seconds += 3600
        office.write(es_pb.CalendarWrite(appointment=said))
    else:
        office.sync()
        jour_fixe(office, "anders")
    office.exchange.fault("cut_before", "DeleteItem")
    away = office.sync()
    office.sync(2)

    assert "does not answer" in away
    assert exceptions(office) == (2, 2)


def test_an_occurrence_that_exchange_refuses_stays_in_the_erp_and_the_others_are_written(office: Office) -> None:
    office.exchange.order("refuse", title="unmöglich")
    jour_fixe(office, "unmöglich")
    office.sync(3)
    book = office.desk.book(office.mailbox)

    assert exceptions(office) == (2, 1)
    assert [("does not take the occurrence" in link.problem, due) for link, due in book.all()] == [(True, False)]
    assert set(events(office)) == {Event.REFUSED}


def test_a_busy_server_is_left_alone(office: Office) -> None:
    office.make("Wartung")
    office.exchange.fault("busy")
    worker: Any = office.worker()
    first = worker.turn(Turn(threading.Event()))
    calls = office.exchange.calls()
    again = worker.turn(Turn(threading.Event()))

    assert first is not None
    assert again is not None
    assert timedelta() < again <= timedelta(seconds=1.5)
    assert office.exchange.calls() == calls
