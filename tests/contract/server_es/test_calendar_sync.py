"""Appointments and tasks as the sync with Exchange sees them: what has changed, and what is written from outside."""

import uuid
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import appointments_pb2 as pb
from esoffice.es.v1.appointments_pb2_grpc import AppointmentServiceStub
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.database import Database
from mesh.status import reason_of
from server_es.appointments import store
from server_es.appointments.service import Appointments
from tests.contract.conftest import Serve, refused

EVA, OTTO = "employees/101", "employees/102"


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def here(serve: Serve) -> Any:
    served = await serve((pb.DESCRIPTOR, Appointments))
    add_employees(served.database)
    stub: Any = AppointmentServiceStub(served.channel)
    stub.database = served.database
    return stub


def add_employees(database: Database) -> None:
    from server_es.directory.tables import employee

    with database.unit() as unit:
        for number in ("101", "102"):
            blank = {column.name: "" for column in employee.c if str(column.type).startswith(("VARCHAR", "TEXT"))}
            row = {**blank, "personnel_number": number, "substitute": None, "absent": False, "service_user": False}
            unit.connection.execute(employee.insert().values(**row, revision=1, update_time=unit.now))


def at(day: int, hour: int) -> Timestamp:
    return Timestamp(seconds=int(datetime(2026, 12, day, hour, tzinfo=UTC).timestamp()))


def appointment(title: str = "Wartung Halle 3", **more: Any) -> pb.Appointment:
    return pb.Appointment(**{"title": title, "start_time": at(1, 8), "end_time": at(1, 9), **more})


async def write(here: Any, *writes: Any, employee: str = EVA, request_id: str = "") -> list[pb.CalendarWriteResult]:
    asked = [
        one
        if isinstance(one, pb.CalendarWrite)
        else pb.CalendarWrite(task=one)
        if isinstance(one, pb.Task)
        else pb.CalendarWrite(deleted=one)
        if isinstance(one, str)
        else pb.CalendarWrite(appointment=one)
        for one in writes
    ]
    request = pb.BatchWriteCalendarRequest(employee=employee, writes=asked, request_id=request_id)
    return list((await here.BatchWriteCalendar(request)).results)


async def changes(here: Any, cursor: str = "", kind: int = pb.CALENDAR_KIND_APPOINTMENT, **more: Any) -> Any:
    asked = pb.ListCalendarChangesRequest(employee=EVA, cursor=cursor, kind=pb.CalendarKind.ValueType(kind), **more)
    return await here.ListCalendarChanges(asked)


async def test_what_was_made_changed_and_deleted_is_told_once_and_as_it_is_now(here: Any) -> None:
    made = [one.appointment for one in await write(here, appointment("a"), appointment("b"))]
    first = await changes(here)
    await write(here, pb.Appointment(**{**plain(made[0]), "title": "a2"}), made[1].name)
    then = await changes(here, first.next_cursor)
    nothing = await changes(here, then.next_cursor)

    assert [one.appointment.title for one in first.changes] == ["a", "b"]
    assert [(one.name, one.WhichOneof("item")) for one in then.changes] == [
        (made[0].name, "appointment"),
        (made[1].name, None),
    ]
    assert then.changes[0].appointment.title == "a2"
    assert not nothing.changes
    assert nothing.next_cursor == then.next_cursor


def plain(said: pb.Appointment) -> dict[str, Any]:
    return {field.name: value for field, value in said.ListFields()}


async def test_from_the_beginning_nothing_is_told_of_what_is_gone(here: Any) -> None:
    made = (await write(here, appointment("a")))[0].appointment
    await write(here, made.name, appointment("b"))

    assert [one.appointment.title for one in (await changes(here)).changes] == ["b"]


async def test_changes_come_in_pages_and_each_kind_for_itself(here: Any) -> None:
    await write(
        here, *(appointment(str(number)) for number in range(5)), pb.Task(title="Angebot", due_date="2026-12-24")
    )
    titles, cursor, more = [], "", True
    while more:
        page = await changes(here, cursor, page_size=2)
        titles += [one.appointment.title for one in page.changes]
        cursor, more = page.next_cursor, page.has_more
    tasks = await changes(here, kind=pb.CALENDAR_KIND_TASK)

    assert titles == ["0", "1", "2", "3", "4"]
    assert [(one.task.title, one.task.due_date) for one in tasks.changes] == [("Angebot", "2026-12-24")]


async def test_a_cursor_from_the_future_is_refused(here: Any) -> None:
    error = await refused(changes(here, "7"))

    assert error.code() == grpc.StatusCode.OUT_OF_RANGE


async def test_a_write_on_stale_data_is_refused_and_the_others_are_done(here: Any) -> None:
    made = (await write(here, appointment("a")))[0].appointment
    await write(here, pb.Appointment(**{**plain(made), "title": "by hand"}))
    stale = pb.CalendarWrite(appointment=pb.Appointment(**{**plain(made), "title": "late"}), etag=made.etag)
    results = await write(here, stale, appointment("b"), "appointments/999", "tasks/1")

    assert [reason_of(one.status) for one in results] == ["STALE_ETAG", "", "NOT_FOUND", "NOT_FOUND"]
    assert [one.appointment.title for one in (await changes(here)).changes] == ["by hand", "b"]


async def test_an_appointment_cannot_be_reached_under_the_name_of_a_task(here: Any) -> None:
    (theirs,) = await write(here, appointment("Ottos Termin"), employee=OTTO)
    (mine,) = await write(here, pb.Task(title="Angebot"))
    number = theirs.appointment.name.rpartition("/")[2]
    assert mine.task.name == f"tasks/{number}"  # both are the first of their kind
    (refusal,) = await write(here, appointment("überschrieben", name=mine.task.name))
    assert refusal.status.message == f"appointment.name: names no appointment: {mine.task.name}"
    (told,) = (await here.ListAppointments(pb.ListAppointmentsRequest(employee=OTTO))).appointments
    assert told.title == "Ottos Termin"


async def test_a_repeat_has_no_second_effect(here: Any) -> None:
    request_id = str(uuid.uuid4())
    first = await write(here, appointment("a"), request_id=request_id)
    again = await write(here, appointment("a"), request_id=request_id)

    assert first == again
    assert len((await changes(here)).changes) == 1


async def test_a_uid_is_there_once_in_a_calendar(here: Any) -> None:
    await write(here, appointment("a", uid="u-1"))
    again = await write(here, appointment("b", uid="u-1"))
    other = await write(here, appointment("c", uid="u-1"), employee=OTTO)

    assert reason_of(again[0].status) == "ALREADY_EXISTS"
    assert other[0].appointment.uid == "u-1"


async def test_what_an_absence_has_written_is_not_changed_by_hand(here: Any) -> None:
    with here.database.unit() as unit:
        store.write(
            unit, employee="101", title="Urlaub", activity_type="U", start=datetime(2026, 12, 1, tzinfo=UTC),
            end=datetime(2026, 12, 2, tzinfo=UTC), all_day=False, time_zone="UTC", origin="absences/1",
        )  # fmt: skip
    told = (await changes(here)).changes
    results = await write(here, told[0].name, pb.Appointment(**{**plain(told[0].appointment), "title": "?"}))
    with here.database.unit() as unit:
        store.remove(unit, "absences/1")

    assert told[0].appointment.origin == "absences/1"
    assert [reason_of(one.status) for one in results] == ["FAILED_PRECONDITION"] * 2
    assert not (await changes(here)).changes


async def test_what_makes_no_sense_is_refused_with_every_reason(here: Any) -> None:
    wrong = appointment(end_time=at(1, 7), time_zone="Mars/Base", recurrence="FREQ=HOURLY", exceptions=[])
    days = appointment(all_day=True, time_zone="Europe/Berlin")
    single = appointment(exceptions=[pb.AppointmentException(original_start_time=at(1, 8), deleted=True)])
    results = await write(
        here, wrong, days, single, pb.Task(title="t", due_date="2026-02-30"), pb.Appointment(title="x")
    )

    said = [one.status.message for one in results]
    assert "must be after the start" in said[0]
    assert "'Mars/Base' is no IANA time zone" in said[0]
    assert "FREQ must be one of" in said[0]
    assert "must be midnight in Europe/Berlin" in said[1]
    assert "only a series has exceptions" in said[2]
    assert "'2026-02-30' is no day" in said[3]
    assert "appointment.start_time: must be said" in said[4]


async def test_a_series_keeps_its_exceptions_and_a_task_its_fields(here: Any) -> None:
    moved = pb.AppointmentException(
        original_start_time=at(8, 8), start_time=at(8, 10), end_time=at(8, 11), title="später"
    )
    series = appointment(recurrence="FREQ=WEEKLY;BYDAY=TU", exceptions=[moved], private=True, location="Halle 3")
    task = pb.Task(title="t", status=pb.TASK_STATUS_WAITING, percent_complete=40, importance=pb.IMPORTANCE_HIGH)
    made = await write(here, series, task)
    read = await here.GetAppointment(pb.GetAppointmentRequest(name=made[0].appointment.name))
    listed = await here.ListTasks(pb.ListTasksRequest(employee=EVA))

    assert read == made[0].appointment
    assert list(read.exceptions) == [moved]
    assert list(listed.tasks) == [made[1].task] == [await here.GetTask(pb.GetTaskRequest(name=made[1].task.name))]


async def test_nobody_is_told_of_a_calendar_that_does_not_exist(here: Any) -> None:
    error = await refused(write(here, appointment(), employee="employees/999"))
    read = await refused(here.ListCalendarChanges(pb.ListCalendarChangesRequest(employee="employees/999", kind=1)))

    assert {error.code(), read.code()} == {grpc.StatusCode.NOT_FOUND}
