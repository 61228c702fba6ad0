"""FollowUpService over a real channel, with the notices and inboxes behind it; on both databases."""

import uuid
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import pytest
from esoffice.es.v1 import contacts_pb2, follow_ups_pb2
from esoffice.es.v1 import follow_ups_pb2 as pb
from esoffice.es.v1.contacts_pb2_grpc import ContactServiceStub
from esoffice.es.v1.follow_ups_pb2_grpc import FollowUpServiceStub
from google.protobuf.field_mask_pb2 import FieldMask
from sqlalchemy import func, select

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.wakeups import Doorbell
from mesh.workers import Turn
from server_es.absences import facts as absence_facts
from server_es.contacts.service import Contacts
from server_es.follow_ups.service import FollowUps
from server_es.inboxes import INBOXES
from server_es.notices.rules import Policy
from server_es.notices.tables import notice
from server_es.notices.telling import Notices
from tests.builders.office import Office, Rooms, open_office
from tests.contract.conftest import Serve, refused


class Desk:
    """The served room and the hand that turns its worker."""

    def __init__(self, office: Office, made: dict[str, Any], clock: ManualClock) -> None:
        self.office = office
        self.stub = FollowUpServiceStub(office.served.channel)
        self.contacts = ContactServiceStub(office.served.channel)
        self.clock = clock
        self._room: FollowUps = made["room"]

    def turn(self) -> None:
        self._room.turn(Turn(None))  # type: ignore[arg-type]

    def told(self, employee: str) -> list[str]:
        with self.office.served.database.reading() as unit:
            return [one.content.subject for one in INBOXES.page(unit, employee, limit=20)]

    def waiting(self) -> int:
        """Return how many notices something is still to be done with."""
        with self.office.served.database.reading() as unit:
            query = select(func.count()).where(notice.c.next_attempt_time.is_not(None))
            return int(unit.connection.execute(query).scalar_one())

    def task(self, hours: float = 1, **said: Any) -> pb.FollowUpTask:
        target = {} if "team" in said else {"employee": "employees/101"}
        made = pb.FollowUpTask(**{**target, "subject": "Angebot nachfassen", **said})
        made.due_time.FromDatetime(self.clock.now() + timedelta(hours=hours))
        return made

    async def create(self, hours: float = 1, **said: Any) -> pb.FollowUpTask:
        made: pb.FollowUpTask = await self.stub.CreateFollowUp(
            pb.CreateFollowUpRequest(follow_up=self.task(hours, **said))
        )
        return made


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def desk(serve: Serve, clock: ManualClock) -> Desk:
    rooms, made = Rooms(), {}
    policy = Policy(zone=ZoneInfo("Europe/Berlin"), fallback_after=timedelta(minutes=30))
    notices = Notices(rooms.messages, absence_facts.absent, policy, Doorbell("x", lambda _: None))

    def room(database: Database) -> FollowUps:
        made["room"] = FollowUps(database, notices)
        return made["room"]

    def contacts(database: Database) -> Contacts:
        return Contacts(database, rooms.servicecalls(database).contacts)

    more = [(follow_ups_pb2.DESCRIPTOR, room), (contacts_pb2.DESCRIPTOR, contacts)]
    return Desk(await open_office(serve, rooms=rooms, more=more), made, clock)


async def test_a_follow_up_is_told_once_when_it_is_due(desk: Desk) -> None:
    made = await desk.create(about="servicecalls/1")
    assert (made.creator, made.done_by, made.employee) == ("employees/100", "", "employees/101")
    desk.turn()
    assert desk.told("101") == []
    desk.clock.advance(timedelta(hours=1))
    for _ in range(2):
        desk.turn()
    assert desk.told("101") == ["Wiedervorlage: Angebot nachfassen"]
    assert desk.told("102") == []


async def test_what_is_done_or_put_off_is_told_to_nobody_over_another_channel(desk: Desk) -> None:
    done, put_off = await desk.create(team="teams/technik"), await desk.create(subject="Wartung anbieten")
    desk.clock.advance(timedelta(hours=1))
    desk.turn()
    assert desk.waiting() == 4
    await desk.stub.CompleteFollowUp(pb.CompleteFollowUpRequest(name=done.name))
    assert desk.waiting() == 1
    put_off.due_time.FromDatetime(desk.clock.now() + timedelta(hours=2))
    await desk.stub.UpdateFollowUp(pb.UpdateFollowUpRequest(follow_up=put_off))
    assert desk.waiting() == 0
    desk.clock.advance(timedelta(hours=2))
    desk.turn()
    assert desk.waiting() == 1


async def test_every_member_of_a_team_is_told(desk: Desk) -> None:
    await desk.create(team="teams/technik")
    desk.clock.advance(timedelta(hours=2))
    desk.turn()
    assert [len(desk.told(one)) for one in ("100", "101", "102", "103")] == [1, 1, 1, 0]


async def test_one_that_is_put_off_is_told_again_one_that_is_done_is_not(desk: Desk) -> None:
    first, second = await desk.create(), await desk.create(subject="Zweite")
    desk.clock.advance(timedelta(hours=1))
    done = await desk.stub.CompleteFollowUp(pb.CompleteFollowUpRequest(name=second.name))
    assert done.done_by == "employees/100"
    desk.turn()
    changed = desk.task(2)
    changed.name, changed.etag = first.name, first.etag
    later = pb.UpdateFollowUpRequest(follow_up=changed, update_mask=FieldMask(paths=["due_time"]))
    await desk.stub.UpdateFollowUp(later)
    desk.turn()
    assert len(desk.told("101")) == 1
    desk.clock.advance(timedelta(hours=2))
    desk.turn()
    assert len(desk.told("101")) == 2
    stale = await refused(desk.stub.UpdateFollowUp(later))
    assert stale.code() is grpc.StatusCode.ABORTED
    over = await refused(desk.stub.CompleteFollowUp(pb.CompleteFollowUpRequest(name=second.name)))
    assert over.details() == f"{second.name} was done by employees/100."


async def test_another_text_is_no_reason_to_tell_again(desk: Desk) -> None:
    made = await desk.create()
    desk.clock.advance(timedelta(hours=1))
    desk.turn()
    made.text = "mehr dazu"
    changed = await desk.stub.UpdateFollowUp(
        pb.UpdateFollowUpRequest(follow_up=made, update_mask=FieldMask(paths=["text"]))
    )
    desk.turn()
    assert (changed.text, len(desk.told("101"))) == ("mehr dazu", 1)
    found = await desk.stub.GetFollowUp(pb.GetFollowUpRequest(name=made.name))
    assert found.text == "mehr dazu"


async def test_lists_show_own_ones_and_those_of_the_teams_the_most_urgent_first(desk: Desk) -> None:
    await desk.create(3, subject="c")
    await desk.create(1, subject="a", about="servicecalls/1")
    await desk.create(2, subject="b", team="teams/technik")
    await desk.create(4, subject="fremd", employee="employees/103")
    seen = []
    request = pb.ListFollowUpsRequest(employee="employees/101", page_size=2)
    while True:
        page = await desk.stub.ListFollowUps(request)
        seen += [one.subject for one in page.follow_ups]
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    assert seen == ["a", "b", "c"]
    about = await desk.stub.ListFollowUps(pb.ListFollowUpsRequest(about="servicecalls/1"))
    assert [one.subject for one in about.follow_ups] == ["a"]
    await desk.stub.CompleteFollowUp(pb.CompleteFollowUpRequest(name=about.follow_ups[0].name))
    soon = pb.ListFollowUpsRequest()
    soon.due_before_time.FromDatetime(desk.clock.now() + timedelta(hours=3))
    assert [one.subject for one in (await desk.stub.ListFollowUps(soon)).follow_ups] == ["b"]
    soon.include_done = True
    assert [one.subject for one in (await desk.stub.ListFollowUps(soon)).follow_ups] == ["a", "b"]


async def test_a_contact_with_a_follow_up_makes_one(desk: Desk) -> None:
    contact = contacts_pb2.Contact(
        address="addresses/1001", activity_type="phone", direction=contacts_pb2.CONTACT_DIRECTION_INBOUND,
        subject="Rückruf", text="wegen Angebot",
    )  # fmt: skip
    contact.follow_up.employee = "employees/102"
    contact.follow_up.due_time.FromDatetime(datetime(2026, 3, 3, 8, tzinfo=ZoneInfo("UTC")))
    made = await desk.contacts.CreateContact(contacts_pb2.CreateContactRequest(contact=contact))
    (task,) = (await desk.stub.ListFollowUps(pb.ListFollowUpsRequest(employee="employees/102"))).follow_ups
    assert (task.subject, task.text, task.about) == ("Rückruf", "wegen Angebot", made.name)


async def test_a_repeat_is_one_follow_up_and_wrong_people_are_refused(desk: Desk) -> None:
    request = pb.CreateFollowUpRequest(follow_up=desk.task(), request_id=str(uuid.uuid4()))
    names = {(await desk.stub.CreateFollowUp(request)).name for _ in range(2)}
    assert len(names) == 1
    for target, words in (
        ({"employee": "employees/999"}, "employees/999 does not exist"),
        ({"team": "teams/nobody"}, "teams/nobody does not exist"),
        ({"team": "teams/technik", "employee": "employees/101"}, "name an employee or a team"),
    ):
        error = await refused(desk.stub.CreateFollowUp(pb.CreateFollowUpRequest(follow_up=desk.task(**target))))
        assert words in str(error.details())
    missing = await refused(desk.stub.GetFollowUp(pb.GetFollowUpRequest(name="followUps/99")))
    assert missing.code() is grpc.StatusCode.NOT_FOUND
