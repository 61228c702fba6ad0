"""ForwardingService, and which calls people may reopen, over a real channel."""

from datetime import timedelta
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import directory_pb2, servicecalls_pb2
from esoffice.es.v1 import forwarding_pb2 as pb
from esoffice.es.v1.forwarding_pb2_grpc import ForwardingServiceStub

from server_es.servicecalls.settings import ServicecallSettings
from server_es.servicecalls.transitions import Reopening
from tests.builders import directory as build
from tests.builders.office import FORWARDED, STARTED, Office, Rooms, open_office, request_id, state
from tests.contract.conftest import Serve, person, refused, service

TECHNIK = "teams/technik"


class Desk:
    """An office that forwards calls. Employee 100 calls; the team has 100, 101 and 102; 103 stands in for 102."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.stub: Any = ForwardingServiceStub(office.served.channel)

    async def started(self) -> str:
        call = await self.office.call()
        await self.office.do("ChangeState", call.name, state=state(STARTED))
        return call.name

    async def forward(self, call: str, **fields: Any) -> pb.Forwarding:
        made: pb.Forwarding = await self.stub.ForwardServicecall(
            pb.ForwardServicecallRequest(servicecall=call, **fields)
        )
        return made

    async def upsert(self, *records: directory_pb2.Record) -> None:
        answer = await self.office.directory.BatchUpsertRecords(build.upsert(*records))
        assert not [one.status.message for one in answer.results if one.HasField("status")]

    def told(self) -> dict[str, int]:
        """How many forwardings each employee was told of."""
        people = ("100", "101", "102", "103")
        return {one: sum("weitergeleitet" in subject for subject in self.office.inbox(one)) for one in people}


@pytest.fixture
async def desk(serve: Serve) -> Desk:
    return Desk(await open_office(serve, rooms=Rooms(ServicecallSettings(notify_responsible=False))))


async def test_everybody_in_the_team_is_told_but_not_the_one_who_forwards(desk: Desk) -> None:
    call = await desk.started()
    forwarding = await desk.forward(call, team=TECHNIK, text="Bitte heute")
    assert (forwarding.name, forwarding.actor, forwarding.team, forwarding.text) == (
        f"{call}/forwardings/1", "employees/100", TECHNIK, "Bitte heute",
    )  # fmt: skip
    assert desk.told() == {"100": 0, "101": 1, "102": 1, "103": 0}


async def test_the_call_is_forwarded_and_the_targets_are_responsible(desk: Desk) -> None:
    call = await desk.started()
    forwarding = await desk.forward(call, team=TECHNIK, employee="employees/101")
    now = await desk.office.get(call)
    assert (now.state, now.responsible_team, now.responsible_employee) == (state(FORWARDED), TECHNIK, "employees/101")
    events = await desk.office.calls.ListServicecallEvents(
        servicecalls_pb2.ListServicecallEventsRequest(servicecall=call)
    )
    last = events.events[-1]
    assert (last.kind, last.sequence, last.state) == (
        servicecalls_pb2.SERVICECALL_EVENT_KIND_FORWARDED, forwarding.sequence, state(FORWARDED),
    )  # fmt: skip
    await desk.forward(call, employee="employees/103")
    now = await desk.office.get(call)
    assert (now.responsible_team, now.responsible_employee) == ("", "employees/103")


async def test_the_substitute_of_an_absent_member_is_told_too(desk: Desk) -> None:
    await desk.upsert(build.employee("102", absent=True, substitute="employees/103"))
    await desk.forward(await desk.started(), team=TECHNIK)
    assert desk.told() == {"100": 0, "101": 1, "102": 1, "103": 1}


async def test_a_repeated_request_tells_nobody_twice(desk: Desk) -> None:
    call, id_ = await desk.started(), request_id()
    first = await desk.forward(call, team=TECHNIK, request_id=id_)
    assert await desk.forward(call, team=TECHNIK, request_id=id_) == first
    assert desk.told()["101"] == 1
    assert (await desk.forward(call, team=TECHNIK, text="noch einmal")).name.endswith("/2")
    assert desk.told()["101"] == 2


async def test_the_text_of_the_current_forwarding_is_taken_along(desk: Desk) -> None:
    call = await desk.started()
    assert "carry" in str((await refused(desk.forward(call, team=TECHNIK, carry_text=True))).details())
    await desk.forward(call, team=TECHNIK, text="Pumpe prüfen")
    second = await desk.forward(call, employee="employees/103", text="Bitte heute", carry_text=True)
    assert second.text == "Pumpe prüfen\n\nBitte heute"
    listed = await desk.stub.ListForwardings(pb.ListForwardingsRequest(servicecall=call, page_size=1))
    assert list(listed.forwardings) == [second]
    request = pb.ListForwardingsRequest(servicecall=call, page_size=1, page_token=listed.next_page_token)
    rest = await desk.stub.ListForwardings(request)
    assert [one.text for one in rest.forwardings] == ["Pumpe prüfen"]
    assert rest.next_page_token == ""


async def test_a_created_call_is_forwarded_only_if_the_site_wants_it(desk: Desk) -> None:
    call = (await desk.office.call()).name
    error = await refused(desk.forward(call, team=TECHNIK))
    assert (error.code(), str(error.details())) == (
        grpc.StatusCode.FAILED_PRECONDITION, "the call is Angelegt; it can be forwarded once it was started",
    )  # fmt: skip
    desk.office.rooms.forwarding.created_too = True
    assert await desk.forward(call, team=TECHNIK)


async def test_a_solved_call_stays_where_it_is(desk: Desk) -> None:
    call = await desk.started()
    await desk.office.do("SolveServicecall", call)
    error = await refused(desk.forward(call, team=TECHNIK))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert desk.told()["101"] == 0


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({}, "name a team, an employee, or both"),
        ({"team": "technik"}, "team"),
        ({"team": "teams/none"}, "teams/none does not exist"),
        ({"employee": "employees/999"}, "employees/999 does not exist"),
        ({"team": TECHNIK, "employee": "employees/103"}, "employees/103 is no member of teams/technik"),
        ({"team": TECHNIK, "text": "x" * 4001}, "text"),
        ({"team": TECHNIK, "request_id": "x"}, "request_id"),
    ],
)
async def test_what_is_wrong_is_named(desk: Desk, target: dict[str, str], words: str) -> None:
    error = await refused(desk.forward(await desk.started(), **target))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert words in str(error.details())


async def test_a_call_that_is_not_there_is_not_found(desk: Desk) -> None:
    assert (await refused(desk.forward("servicecalls/9", team=TECHNIK))).code() is grpc.StatusCode.NOT_FOUND
    listing = desk.stub.ListForwardings(pb.ListForwardingsRequest(servicecall="servicecalls/9"))
    assert (await refused(listing)).code() is grpc.StatusCode.NOT_FOUND


# -- reopening --------------------------------------------------------------------------------------------------------


async def _solved(office: Office) -> str:
    call = await office.call()
    await office.do("SolveServicecall", call.name)
    return call.name


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (Reopening(solved=False), "the site does not allow to reopen calls"),
        (Reopening(within=timedelta(days=7)), "solved more than 7 days ago"),
    ],
)
async def test_people_reopen_what_the_site_allows(serve: Serve, allowed: Reopening, words: str) -> None:
    office = await open_office(serve, rooms=Rooms(ServicecallSettings(reopening=allowed)))
    call = await _solved(office)
    office.clock.advance(timedelta(days=8))
    error = await refused(office.do("ReopenServicecall", call))
    assert (error.code(), words in str(error.details())) == (grpc.StatusCode.FAILED_PRECONDITION, True)
    office.served.caller = service("server_business", "servicecalls.reopen")
    await office.do("ReopenServicecall", call)


async def test_a_closed_call_is_reopened_only_if_the_site_wants_that_too(serve: Serve) -> None:
    office = await open_office(serve, rooms=Rooms(ServicecallSettings(reopening=Reopening(done=False))))
    call = await _solved(office)
    await office.do("CloseServicecall", call)
    error = await refused(office.do("ReopenServicecall", call))
    assert "allows only solved calls" in str(error.details())
    office.served.caller = person("servicecalls.reopen", employee="100")
    assert (await refused(office.do("ReopenServicecall", call))).code() is grpc.StatusCode.PERMISSION_DENIED
