"""VisitService over a real channel: appointments, log and notices follow every visit."""

from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import appointments_pb2 as appointments
from esoffice.es.v1 import servicecalls_pb2
from esoffice.es.v1 import visits_pb2 as pb
from esoffice.es.v1.appointments_pb2_grpc import AppointmentServiceStub
from esoffice.es.v1.visits_pb2_grpc import VisitServiceStub

from mesh.instants import timestamp
from server_es.servicecalls.settings import ServicecallSettings
from tests.builders.office import SOLVED, STARTED, Office, Rooms, open_office, request_id, state
from tests.contract.conftest import Serve, refused

ANNA, BERT = "employees/101", "employees/102"
NINE = timedelta(days=1)


class Desk:
    """An office that plans visits. Employee 100 calls."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.stub: Any = VisitServiceStub(office.served.channel)
        self.calendar: Any = AppointmentServiceStub(office.served.channel)
        self.start: datetime = office.clock.now() + NINE

    def span(self, hours: float = 0, length: float = 1) -> dict[str, Any]:
        begin = self.start + timedelta(hours=hours)
        return {"start_time": timestamp(begin), "end_time": timestamp(begin + timedelta(hours=length))}

    async def plan(self, call: str, *employees: str, **fields: Any) -> pb.Visit:
        said = {**self.span(), "employees": employees or (ANNA,), **fields}
        made: pb.Visit = await self.stub.PlanVisit(pb.PlanVisitRequest(servicecall=call, **said))
        return made

    async def move(self, visit: pb.Visit, hours: float, *employees: str, **fields: Any) -> pb.Visit:
        request = pb.MoveVisitRequest(name=visit.name, **self.span(hours), employees=employees, **fields)
        made: pb.Visit = await self.stub.MoveVisit(request)
        return made

    async def cancel(self, visit: pb.Visit, **fields: Any) -> pb.Visit:
        made: pb.Visit = await self.stub.CancelVisit(pb.CancelVisitRequest(name=visit.name, **fields))
        return made

    async def appointments(self, employee: str) -> list[appointments.Appointment]:
        request = appointments.ListAppointmentsRequest(employee=employee)
        return list((await self.calendar.ListAppointments(request)).appointments)

    async def changes(self, employee: str) -> list[str]:
        """What the sync with Exchange is told of."""
        answer = await self.calendar.ListCalendarChanges(
            appointments.ListCalendarChangesRequest(
                employee=employee, kind=appointments.CALENDAR_KIND_APPOINTMENT, cursor="0"
            )
        )
        return [one.appointment.origin for one in answer.changes]

    def told(self, employee: str) -> list[str]:
        inbox = self.office.inbox(employee.removeprefix("employees/"))
        return [one.partition(":")[0] for one in inbox if one.startswith("Einsatz")]


@pytest.fixture
async def desk(serve: Serve) -> Desk:
    return Desk(await open_office(serve, rooms=Rooms(ServicecallSettings(notify_responsible=False))))


async def test_a_visit_stands_in_the_calendars_of_those_who_go_and_they_are_told(desk: Desk) -> None:
    call = await desk.office.call()
    visit = await desk.plan(call.name, BERT, ANNA, text="Dichtung tauschen", location="Halle 3")

    assert (visit.name, list(visit.employees), visit.actor) == (f"{call.name}/visits/1", [ANNA, BERT], "employees/100")
    for employee in (ANNA, BERT):
        (one,) = await desk.appointments(employee)
        assert one.title == f"Servicecall {call.name.rpartition('/')[2]}: Pumpe steht"
        assert (one.description, one.location) == ("Dichtung tauschen", "Halle 3")
        assert (one.start_time, one.end_time) == (visit.start_time, visit.end_time)
        assert one.availability == appointments.AVAILABILITY_BUSY
        assert await desk.changes(employee) == [f"{visit.name}/{employee}"]
        assert desk.told(employee) == ["Einsatz geplant"]


async def test_only_its_visit_changes_such_an_appointment(desk: Desk) -> None:
    await desk.plan((await desk.office.call()).name)
    (one,) = await desk.appointments(ANNA)
    answer = await desk.calendar.BatchWriteCalendar(
        appointments.BatchWriteCalendarRequest(employee=ANNA, writes=[appointments.CalendarWrite(deleted=one.name)])
    )

    assert "belongs to servicecalls/" in answer.results[0].status.message
    assert len(await desk.appointments(ANNA)) == 1


async def test_the_log_of_the_call_says_what_was_planned(desk: Desk) -> None:
    call = await desk.office.call()
    visit = await desk.plan(call.name)
    await desk.move(visit, 24)
    await desk.cancel(visit)
    events = (
        await desk.office.calls.ListServicecallEvents(
            servicecalls_pb2.ListServicecallEventsRequest(servicecall=call.name)
        )
    ).events
    texts = [one.text for one in events if one.kind == servicecalls_pb2.SERVICECALL_EVENT_KIND_VISIT]

    assert [one.split(":")[0] for one in texts] == ["Einsatz 1 geplant", "Einsatz 1 verschoben", "Einsatz 1 abgesagt"]
    assert texts[0].endswith(f", {ANNA}")
    assert (await desk.office.get(call.name)).state == call.state


async def test_a_visit_moves_and_goes_to_others(desk: Desk) -> None:
    visit = await desk.plan((await desk.office.call()).name, ANNA)
    (before,) = await desk.appointments(ANNA)
    moved = await desk.move(visit, 24)
    (after,) = await desk.appointments(ANNA)
    assert (after.name, after.uid, after.start_time) == (before.name, before.uid, moved.start_time)

    given = await desk.move(moved, 24, BERT, etag=moved.etag)
    assert list(given.employees) == [BERT]
    assert await desk.appointments(ANNA) == []
    assert [one.origin for one in await desk.appointments(BERT)] == [f"{visit.name}/{BERT}"]
    assert desk.told(ANNA) == ["Einsatz geplant", "Einsatz verschoben", "Einsatz abgesagt"]
    assert desk.told(BERT) == ["Einsatz geplant"]


async def test_a_cancelled_visit_leaves_the_calendars_and_stays_in_the_list(desk: Desk) -> None:
    call = (await desk.office.call()).name
    first, second = await desk.plan(call), await desk.plan(call, BERT)
    cancelled = await desk.cancel(first, etag=first.etag)

    assert cancelled.cancelled
    assert await desk.appointments(ANNA) == []
    assert desk.told("101")[-1] == "Einsatz abgesagt"
    listed = await desk.stub.ListVisits(pb.ListVisitsRequest(servicecall=call, page_size=1))
    assert list(listed.visits) == [cancelled]
    rest = await desk.stub.ListVisits(
        pb.ListVisitsRequest(servicecall=call, page_size=1, page_token=listed.next_page_token)
    )
    assert list(rest.visits) == [second]
    for again in (desk.cancel(first), desk.move(first, 2)):
        assert "was cancelled; plan another one" in str((await refused(again)).details())


async def test_a_repeated_request_plans_nothing_twice(desk: Desk) -> None:
    call, id_ = (await desk.office.call()).name, request_id()
    first = await desk.plan(call, request_id=id_)

    assert await desk.plan(call, request_id=id_) == first
    assert len(await desk.appointments(ANNA)) == 1
    assert desk.told("101") == ["Einsatz geplant"]


async def test_who_plans_for_himself_is_not_told(desk: Desk) -> None:
    await desk.plan((await desk.office.call()).name, "employees/100")

    assert desk.told("100") == []
    assert len(await desk.appointments("employees/100")) == 1


async def test_what_cannot_take_place_is_refused_with_every_reason(desk: Desk) -> None:
    call = (await desk.office.call()).name
    error = await refused(desk.plan(call, "employees/999", **desk.span(length=-1)))
    assert "employees/999 does not exist" in str(error.details())
    assert "must be after the begin" in str(error.details())
    assert "more than 31 days" in str((await refused(desk.plan(call, **desk.span(length=24 * 32)))).details())
    assert "is over already" in str((await refused(desk.plan(call, **desk.span(hours=-48)))).details())
    missing = desk.stub.ListVisits(pb.ListVisitsRequest(servicecall="servicecalls/9"))
    assert (await refused(missing)).code() is grpc.StatusCode.NOT_FOUND
    unknown = desk.cancel(pb.Visit(name=f"{call}/visits/7"))
    assert (await refused(unknown)).code() is grpc.StatusCode.NOT_FOUND


async def test_nobody_overwrites_what_he_has_not_read(desk: Desk) -> None:
    visit = await desk.plan((await desk.office.call()).name)
    await desk.move(visit, 2)

    error = await refused(desk.cancel(visit, etag=visit.etag))
    assert error.code() is grpc.StatusCode.ABORTED
    assert len(await desk.appointments(ANNA)) == 1


async def test_a_solved_call_gets_no_visits_and_those_it_has_can_be_cancelled(desk: Desk) -> None:
    call = (await desk.office.call()).name
    visit = await desk.plan(call)
    await desk.office.do("ChangeState", call, state=state(STARTED))
    await desk.office.do("SolveServicecall", call)
    assert (await desk.office.get(call)).state == state(SOLVED)

    for refused_ in (desk.plan(call), desk.move(visit, 2)):
        assert "only an addendum is possible" in str((await refused(refused_)).details())
    assert (await desk.cancel(visit)).cancelled
