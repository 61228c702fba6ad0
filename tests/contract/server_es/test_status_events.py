"""Status-change events behind their real door: what they tell about calls, as notices."""

from datetime import timedelta
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import notices_pb2, servicecalls_pb2, text_modules_pb2
from esoffice.es.v1 import status_events_pb2 as pb
from esoffice.es.v1.notices_pb2_grpc import NotificationServiceStub
from esoffice.es.v1.status_events_pb2_grpc import StatusEventServiceStub
from esoffice.es.v1.text_modules_pb2_grpc import TextModuleServiceStub
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask

from mesh.wakeups import Doorbell
from server_es.notices.rules import Policy
from server_es.notices.service import Notifications
from server_es.notices.telling import BELL, Notices
from server_es.status_events.following import StatusFollowing
from server_es.status_events.service import StatusEvents
from server_es.status_events.settings import StatusEventSettings
from server_es.text_modules.call_texts import CallTexts
from server_es.text_modules.service import TextModules
from tests.builders import directory as build
from tests.builders.office import CREATED, DRAFT, INTERRUPTED, SOLVED, STARTED, Office, Rooms, open_office, state
from tests.contract.conftest import Serve, person, refused

CUSTOMER = "hans@kunde.example"
THANKS = "Call <ServCall.ServicecallNr> <ServCall.Matchcode>\n\nGuten Tag, wir haben Ihre Meldung."
SENT, WAITING, SUPPRESSED = (
    notices_pb2.NOTICE_STATE_SENT,
    notices_pb2.NOTICE_STATE_WAITING,
    notices_pb2.NOTICE_STATE_SUPPRESSED,
)
ACKNOWLEDGEMENT = {"new_state": state(CREATED), "notify_customer": True}


class Desk:
    """A served office whose calls tell."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.stub: Any = StatusEventServiceStub(office.served.channel)
        self.texts: Any = TextModuleServiceStub(office.served.channel)
        self._notices: Any = NotificationServiceStub(office.served.channel)

    async def text(self, id_: str, text: str) -> None:
        module = text_modules_pb2.TextModule(name=f"textModules/{id_}", title=id_, text=text)
        await self.texts.CreateTextModule(text_modules_pb2.CreateTextModuleRequest(text_module=module))

    async def makes(self, id_: str = "ack", **fields: Any) -> pb.StatusEvent:
        made: pb.StatusEvent = await self.stub.CreateStatusEvent(
            pb.CreateStatusEventRequest(status_event=event(id_, **fields))
        )
        return made

    async def told(self, call: str) -> list[notices_pb2.Notice]:
        """What was told about a call, the first first."""
        answer = await self._notices.ListNotices(notices_pb2.ListNoticesRequest(about=call))
        return sorted(answer.notices, key=lambda one: int(one.name.partition("/")[2]))

    async def whom(self, call: str) -> list[str]:
        return [one.employee or one.address for one in await self.told(call)]


def event(id_: str = "ack", **fields: Any) -> pb.StatusEvent:
    return pb.StatusEvent(
        **{
            "name": f"statusEvents/{id_}",
            "title": id_,
            "text_module": "textModules/thanks",
            **ACKNOWLEDGEMENT,
            **fields,
        }
    )


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
def settings() -> StatusEventSettings:
    return StatusEventSettings()


@pytest.fixture
async def desk(serve: Serve, settings: StatusEventSettings) -> Desk:
    rooms = Rooms()
    texts = CallTexts(rooms.sites, "Europe/Berlin")
    notices = Notices(rooms.messages, lambda *_: {}, Policy(), Doorbell(BELL, lambda _: None))
    rooms.observers = [StatusFollowing(texts, notices, settings)]
    office = await open_office(
        serve,
        rooms=rooms,
        more=[
            (pb.DESCRIPTOR, StatusEvents),
            (text_modules_pb2.DESCRIPTOR, lambda database: TextModules(database, texts)),
            (notices_pb2.DESCRIPTOR, lambda database: Notifications(database, rooms.messages)),
        ],
    )
    made = Desk(office)
    await made.text("thanks", THANKS)
    return made


async def test_an_event_lives_from_creation_to_deletion(desk: Desk) -> None:
    stub = desk.stub
    checked = await stub.CreateStatusEvent(pb.CreateStatusEventRequest(status_event=event(), validate_only=True))
    assert not checked.etag
    recipient = pb.StatusEventRecipient(team="teams/technik")
    made = await desk.makes(recipients=[recipient], channels=[notices_pb2.NOTICE_CHANNEL_ESMESSAGE])
    assert made.recipients == [recipient]
    assert await stub.GetStatusEvent(pb.GetStatusEventRequest(name=made.name)) == made
    assert list((await stub.ListStatusEvents(pb.ListStatusEventsRequest())).status_events) == [made]
    change = pb.StatusEvent(name=made.name, etag=made.etag, previous_state_to=STARTED)
    changed = await stub.UpdateStatusEvent(
        pb.UpdateStatusEventRequest(status_event=change, update_mask=FieldMask(paths=["previous_state_to"]))
    )
    assert (changed.previous_state_to, changed.title) == (STARTED, made.title)
    error = await refused(stub.UpdateStatusEvent(pb.UpdateStatusEventRequest(status_event=made)))
    assert error.code() is grpc.StatusCode.ABORTED
    assert await stub.DeleteStatusEvent(pb.DeleteStatusEventRequest(name=made.name)) == Empty()
    error = await refused(stub.GetStatusEvent(pb.GetStatusEventRequest(name=made.name)))
    assert error.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"notify_customer": False}, "tells nobody"),
        ({"previous_state_from": 30, "previous_state_to": 20}, "must not be greater than previous_state_to"),
        (
            {"previous_state_from": CREATED, "previous_state_to": CREATED},
            "previous_state_to: 20 is the new state, which nothing changes to itself: it would never happen",
        ),
        ({"new_state": state(25)}, "status_event.new_state: servicecallStates/25 does not exist"),
        ({"text_module": "textModules/none"}, "status_event.text_module: textModules/none does not exist"),
        (
            {"recipients": [pb.StatusEventRecipient(employee="employees/9"), pb.StatusEventRecipient(team="teams/9")]},
            "recipients.employee: employees/9 does not exist; status_event.recipients.team: teams/9 does not exist",
        ),
        ({"recipients": [pb.StatusEventRecipient()]}, "name exactly one of employee, team, mail_address and mobile"),
        ({"recipients": [pb.StatusEventRecipient(mail_address="keine")]}, "mail_address"),
        ({"channels": [notices_pb2.NOTICE_CHANNEL_UNSPECIFIED]}, "channels"),
    ],
)
async def test_what_could_not_happen_is_refused_at_save(desk: Desk, fields: dict[str, Any], sentence: str) -> None:
    error = await refused(desk.makes(**fields))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert sentence in (error.details() or "")


async def test_text_modules_and_states_in_use_are_not_deleted(desk: Desk) -> None:
    await desk.makes()
    name = "textModules/thanks"
    error = await refused(desk.texts.DeleteTextModule(text_modules_pb2.DeleteTextModuleRequest(name=name)))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "statusEvents/ack" in (error.details() or "")


async def test_who_may_only_read_changes_nothing(desk: Desk) -> None:
    desk.office.served.caller = person("statusevents.read")
    await desk.stub.ListStatusEvents(pb.ListStatusEventsRequest())
    error = await refused(desk.makes())
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_new_call_is_acknowledged_to_who_reported_it_at_once_and_alone(desk: Desk) -> None:
    await desk.makes()
    call = await desk.office.call("Pumpe steht", reporter_mail_address=CUSTOMER)
    (notice,) = await desk.told(call.name)
    assert (notice.address, notice.subject) == (CUSTOMER, "Call 1 Pumpe steht")
    assert (notice.state, notice.channel, notice.urgent) == (WAITING, notices_pb2.NOTICE_CHANNEL_MAIL, True)
    assert call.reporter_mail_address == CUSTOMER


async def test_without_a_reporter_the_customers_first_address_is_written_to(desk: Desk) -> None:
    await desk.makes()
    nowhere = await desk.office.call(address="addresses/1002")
    assert await desk.told(nowhere.name) == []
    known = build.address("1002", mail_addresses=["info@kunde.example", "zwei@kunde.example"])
    await desk.office.directory.BatchUpsertRecords(build.upsert(known))
    call = await desk.office.call(address="addresses/1002")
    assert await desk.whom(call.name) == ["info@kunde.example"]


async def test_a_subject_that_does_not_name_the_call_gets_the_mark(desk: Desk, settings: StatusEventSettings) -> None:
    await desk.text("free", "Ihr Anliegen\nText")
    await desk.makes(text_module="textModules/free")
    settings.call_mark = "[Ticket <ServCall.ServicecallNr>]"
    call = await desk.office.call(reporter_mail_address=CUSTOMER)
    (notice,) = await desk.told(call.name)
    assert notice.subject == "[Ticket 1]: Ihr Anliegen"


async def test_a_call_of_an_automatic_mail_is_never_answered(desk: Desk) -> None:
    await desk.makes()
    call = await desk.office.call(reporter_mail_address=CUSTOMER, suppress_answers=True)
    (notice,) = await desk.told(call.name)
    assert (notice.state, notice.reason) == (SUPPRESSED, "the call was made of an automatic mail")


async def test_no_address_gets_more_than_the_limit_a_day(desk: Desk, settings: StatusEventSettings) -> None:
    await desk.makes()
    settings.mails_per_day = 2
    addresses = [CUSTOMER, CUSTOMER.upper(), CUSTOMER, "grete@kunde.example"]
    requests = [
        servicecalls_pb2.CreateServicecallRequest(
            servicecall=servicecalls_pb2.Servicecall(title="T", address="addresses/1001", reporter_mail_address=one)
        )
        for one in addresses
    ]
    batch = servicecalls_pb2.BatchCreateServicecallsRequest(requests=requests)
    made = [one.servicecall.name for one in (await desk.office.calls.BatchCreateServicecalls(batch)).results]
    stands = [(await desk.told(one))[0] for one in made]
    assert [one.state for one in stands] == [WAITING, WAITING, SUPPRESSED, WAITING]
    assert stands[2].reason == f"{CUSTOMER} has had 2 mails of status-change events today"
    later = await desk.office.call(reporter_mail_address=CUSTOMER)
    assert [one.state for one in await desk.told(later.name)] == [SUPPRESSED]
    desk.office.clock.advance(timedelta(days=1))
    tomorrow = await desk.office.call(reporter_mail_address=CUSTOMER)
    assert [one.state for one in await desk.told(tomorrow.name)] == [WAITING]


async def test_solved_and_reopened_each_tell_once_within_their_range(desk: Desk) -> None:
    await desk.text("solved", "Call <ServCall.ServicecallNr>: gelöst\nFertig")
    await desk.text("unsolved", "Call <ServCall.ServicecallNr>: offen\nWir schauen noch einmal")
    started = {"previous_state_from": STARTED, "previous_state_to": INTERRUPTED}
    await desk.makes("solved", text_module="textModules/solved", new_state=state(SOLVED), **started)
    back = {"previous_state_from": SOLVED, "previous_state_to": 999}
    await desk.makes("unsolved", text_module="textModules/unsolved", new_state=state(STARTED), **back)
    call = await desk.office.call(reporter_mail_address=CUSTOMER)
    await desk.office.do("AcceptServicecall", call.name)
    await desk.office.do("ChangeState", call.name, state=state(STARTED))
    await desk.office.do("RecordArrival", call.name)
    assert await desk.told(call.name) == []
    await desk.office.do("SolveServicecall", call.name)
    await desk.office.do("ReopenServicecall", call.name)
    assert [one.subject for one in await desk.told(call.name)] == ["Call 1: gelöst", "Call 1: offen"]


async def test_a_call_solved_from_another_state_tells_nothing(desk: Desk) -> None:
    started = {"previous_state_from": STARTED, "previous_state_to": STARTED}
    await desk.makes("solved", new_state=state(SOLVED), **started)
    call = await desk.office.call(reporter_mail_address=CUSTOMER)
    await desk.office.do("SolveServicecall", call.name)
    assert await desk.told(call.name) == []


async def test_a_draft_is_acknowledged_when_it_is_received(desk: Desk) -> None:
    await desk.makes(previous_state_to=DRAFT)
    call = await desk.office.call(reporter_mail_address=CUSTOMER, draft=True)
    assert await desk.told(call.name) == []
    await desk.office.do("ChangeState", call.name, state=state(CREATED))
    assert await desk.whom(call.name) == [CUSTOMER]


async def test_the_house_is_told_as_each_prefers_but_not_who_did_it(desk: Desk) -> None:
    rows = [
        pb.StatusEventRecipient(employee="employees/103"),
        pb.StatusEventRecipient(team="teams/technik"),
        pb.StatusEventRecipient(mail_address="leitung@firma.example"),
        pb.StatusEventRecipient(mobile="+4915112345678"),
    ]
    await desk.makes(
        notify_customer=False, notify_responsible_employee=True, notify_responsible_team=True, recipients=rows
    )
    call = await desk.office.call(responsible_employee="employees/101", responsible_team="teams/technik")
    assert sorted(await desk.whom(call.name)) == [
        "+4915112345678", "employees/101", "employees/102", "employees/103", "leitung@firma.example",
    ]  # fmt: skip
    assert desk.office.inbox("101")[-1] == "Call 1 Pumpe steht"
    assert "employees/100" not in await desk.whom(call.name)  # the chief, who made the call


async def test_channels_say_how_the_house_is_told(desk: Desk) -> None:
    await desk.makes(
        notify_customer=False, notify_responsible_employee=True, channels=[notices_pb2.NOTICE_CHANNEL_ESMESSAGE]
    )
    call = await desk.office.call(responsible_employee="employees/101")
    (notice,) = await desk.told(call.name)
    assert (notice.channel, notice.state) == (notices_pb2.NOTICE_CHANNEL_ESMESSAGE, SENT)


async def test_a_disabled_event_tells_nothing(desk: Desk) -> None:
    await desk.makes(disabled=True)
    call = await desk.office.call(reporter_mail_address=CUSTOMER)
    assert await desk.told(call.name) == []


async def test_a_repeated_request_tells_once(desk: Desk) -> None:
    await desk.makes()
    id_ = "7d8e8c5e-4d3a-4f0c-9a90-0a1b2c3d4e5f"
    names = {(await desk.office.call(reporter_mail_address=CUSTOMER, request_id=id_)).name for _ in range(2)}
    assert [await desk.whom(one) for one in names] == [[CUSTOMER]]


async def test_the_reporter_can_be_corrected(desk: Desk) -> None:
    call = await desk.office.call(reporter_mail_address="hnas@kunde.example")
    call.reporter_mail_address = CUSTOMER
    changed = await desk.office.calls.UpdateServicecall(
        servicecalls_pb2.UpdateServicecallRequest(
            servicecall=call, update_mask=FieldMask(paths=["reporter_mail_address"])
        )
    )
    assert changed.reporter_mail_address == CUSTOMER
