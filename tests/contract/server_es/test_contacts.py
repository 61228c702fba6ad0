"""Contacts behind their real door. The room of servicecalls is played by a small one of the test's own."""

import uuid
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import contacts_pb2 as pb
from esoffice.es.v1 import directory_pb2
from esoffice.es.v1.contacts_pb2_grpc import ContactServiceStub
from esoffice.es.v1.directory_pb2_grpc import DirectoryServiceStub

from mesh.database import UnitOfWork
from mesh.errors import PermissionDenied
from mesh.status import reason_of
from server_es.contacts.rules import NewContact
from server_es.contacts.service import Contacts
from server_es.directory.service import Directory
from tests.builders import directory as build
from tests.contract.conftest import Serve, Served, refused, service

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Calls:
    """Calls 7 (open) and 8 (solved) of address 1001."""

    def __init__(self) -> None:
        self.noted: list[tuple[int, NewContact, bool]] = []

    def addresses_of_calls(self, unit: UnitOfWork, servicecalls: Collection[int]) -> Mapping[int, str]:
        return {number: "1001" for number in servicecalls if number in (7, 8)}

    def on_call_contact(self, unit: UnitOfWork, servicecall: int, contact: NewContact, *, reopen: bool) -> bool:
        if reopen and contact.subject == "darf nicht":
            raise PermissionDenied("no reopening for you")
        self.noted.append((servicecall, contact, reopen))
        return servicecall == 8 and not reopen


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
async def served(serve: Serve, calls: Calls) -> Served:
    served = await serve(
        (directory_pb2.DESCRIPTOR, lambda database: Directory(database, lambda *_: frozenset())),
        (pb.DESCRIPTOR, lambda database: Contacts(database, calls)),
    )
    await DirectoryServiceStub(served.channel).BatchUpsertRecords(
        build.upsert(
            build.address(), build.address("2002"), build.contact_person(), build.employee(), build.team("t", "100")
        )
    )
    return served


@pytest.fixture
def stub(served: Served) -> ContactServiceStub:
    return ContactServiceStub(served.channel)


def contact(**fields: Any) -> pb.Contact:
    said = {"activity_type": "mail", "direction": pb.CONTACT_DIRECTION_INBOUND, "subject": "Heizung", **fields}
    if not {"address", "servicecall"} & said.keys():
        said["address"] = "addresses/1001"
    return pb.Contact(**said)


def create(*, request_id: str = "", reopen: bool = False, **fields: Any) -> pb.CreateContactRequest:
    return pb.CreateContactRequest(contact=contact(**fields), request_id=request_id, reopen=reopen)


async def test_what_was_written_is_read_field_by_field(stub: Any) -> None:
    said = contact(
        contact_person="addresses/1001/contactPersons/1",
        text="kalt",
        html="<p>kalt</p>",
        happened_time=NOW - timedelta(hours=1),
        employee="employees/100",
        attachments=[
            pb.Attachment(
                file_name="Gerät.pdf",
                size_bytes=2**40,
                content_type="application/pdf",
                sha256="0" * 64,
                uri="mails/12/attachments/1",
            )
        ],
        mail_message_id="<1@x>",
        follow_up=pb.FollowUp(employee="employees/100", team="teams/t", due_time=NOW + timedelta(days=1)),
    )
    made = await stub.CreateContact(pb.CreateContactRequest(contact=said))
    read = await stub.GetContact(pb.GetContactRequest(name=made.name))
    assert read == made
    assert (read.creator, read.create_time.ToDatetime(tzinfo=UTC)) == ("users/chief", NOW)
    assert read.etag
    for field in ("name", "etag", "creator", "create_time"):
        read.ClearField(field)
    assert read == said


async def test_a_contact_on_a_call_belongs_to_the_calls_address_and_is_noted_there(stub: Any, calls: Calls) -> None:
    made = await stub.CreateContact(create(servicecall="servicecalls/7", text="hallo"))
    assert (made.address, made.servicecall, made.addendum) == ("addresses/1001", "servicecalls/7", False)
    number, noted, reopen = calls.noted[0]
    assert (number, noted.subject, noted.text, noted.inbound, reopen) == (7, "Heizung", "hallo", True, False)


async def test_on_a_solved_call_it_is_an_addendum_unless_the_call_is_reopened(stub: Any) -> None:
    assert (await stub.CreateContact(create(servicecall="servicecalls/8"))).addendum
    assert not (await stub.CreateContact(create(servicecall="servicecalls/8", reopen=True))).addendum


async def test_everything_that_is_wrong_comes_in_one_answer_and_nothing_is_noted(stub: Any, calls: Calls) -> None:
    error = await refused(
        stub.CreateContact(
            create(
                address="addresses/9", servicecall="servicecalls/99", contact_person="addresses/1001/contactPersons/9",
                employee="employees/9", follow_up=pb.FollowUp(team="teams/9", due_time=NOW),
            )
        )
    )  # fmt: skip
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == (
        "contact.address: addresses/9 does not exist; "
        "contact.contact_person: addresses/1001/contactPersons/9 does not exist; "
        "contact.employee: employees/9 does not exist; contact.follow_up.team: teams/9 does not exist; "
        "contact.servicecall: servicecalls/99 does not exist"
    )
    error = await refused(
        stub.CreateContact(
            create(
                address="addresses/2002", servicecall="servicecalls/7", contact_person="addresses/1001/contactPersons/1"
            )
        )
    )
    assert error.details() == (
        "contact.servicecall: servicecalls/7 belongs to addresses/1001, not to addresses/2002; "
        "contact.contact_person: addresses/1001/contactPersons/1 does not belong to addresses/2002"
    )
    nowhere = pb.CreateContactRequest(contact=pb.Contact(activity_type="mail", direction=1))
    assert "name an address, a servicecall, or both" in (await refused(stub.CreateContact(nowhere))).details()
    late = create()
    late.contact.happened_time.seconds = 2**60
    assert "contact.happened_time" in (await refused(stub.CreateContact(late))).details()
    assert calls.noted == []


async def test_a_repeated_request_writes_one_contact(stub: Any) -> None:
    request = create(request_id=str(uuid.uuid4()), html="<b>lang</b>")
    first = await stub.CreateContact(request)
    assert await stub.CreateContact(request) == first
    assert first.html == "<b>lang</b>"
    request.contact.subject = "anders"
    assert reason_of_error(await refused(stub.CreateContact(request))) == "REQUEST_ID_REUSED"
    assert len((await stub.ListContacts(pb.ListContactsRequest(address="addresses/1001"))).contacts) == 1


def reason_of_error(error: grpc.aio.AioRpcError) -> str:
    from grpc_status import rpc_status

    return reason_of(rpc_status.from_call(error))


async def test_a_batch_answers_one_by_one_and_a_repeat_does_only_what_is_missing(
    stub: Any, served: Served, calls: Calls
) -> None:
    served.caller = service("server_business", "contacts.*", "directory.*")
    ids = [str(uuid.uuid4()) for _ in range(6)]
    requests = [
        create(request_id=ids[0]),
        create(request_id=ids[1], employee="employees/101"),
        create(request_id=ids[2], servicecall="servicecalls/8", subject="darf nicht", reopen=True),
        create(request_id=ids[3], activity_type="SMS!"),
        create(request_id=ids[0]),
        create(request_id=ids[0], subject="anders"),
        create(),
        create(request_id=ids[4], text="a\0b", attachments=[pb.Attachment(file_name="a\0", uri="x")]),
    ]
    first = await stub.BatchCreateContacts(pb.BatchCreateContactsRequest(requests=requests))
    assert [one.contact.name or reason_of(one.status) for one in first.results] == [
        "contacts/1", "INVALID_ARGUMENT", "PERMISSION_DENIED", "INVALID_ARGUMENT", "contacts/1", "REQUEST_ID_REUSED",
        "contacts/3", "contacts/2",
    ]  # fmt: skip
    assert first.results[0].contact.creator == "services/server_business"
    assert calls.noted == []
    await DirectoryServiceStub(served.channel).BatchUpsertRecords(build.upsert(build.employee("101")))
    again = await stub.BatchCreateContacts(pb.BatchCreateContactsRequest(requests=[*requests[:2], *requests[4:]]))
    assert [one.contact.name or reason_of(one.status) for one in again.results] == [
        "contacts/1", "contacts/4", "contacts/1", "REQUEST_ID_REUSED", "contacts/5", "contacts/2",
    ]  # fmt: skip
    read = await stub.GetContact(pb.GetContactRequest(name="contacts/2"))
    assert (read.text, read.attachments[0].file_name) == ("ab", "a")
    other = create(request_id=ids[0], subject="noch anders")
    last = await stub.BatchCreateContacts(pb.BatchCreateContactsRequest(requests=[other, create(request_id=ids[5])]))
    assert [one.contact.name or reason_of(one.status) for one in last.results] == ["REQUEST_ID_REUSED", "contacts/6"]


async def test_the_history_is_listed_last_first_page_by_page(stub: Any) -> None:
    requests = [create(happened_time=NOW + timedelta(minutes=n // 2)) for n in range(7)]
    requests += [create(servicecall="servicecalls/7", html="x"), create(address="addresses/2002")]
    await stub.BatchCreateContacts(pb.BatchCreateContactsRequest(requests=requests))
    seen, token = [], ""
    for _ in range(5):
        page = await stub.ListContacts(pb.ListContactsRequest(address="addresses/1001", page_size=3, page_token=token))
        seen += [int(one.name.removeprefix("contacts/")) for one in page.contacts]
        token = page.next_page_token
        if not token:
            break
    assert seen == [7, 6, 5, 4, 3, 8, 2, 1]
    on_call = await stub.ListContacts(pb.ListContactsRequest(servicecall="servicecalls/7"))
    assert [one.html for one in on_call.contacts] == [""]
    assert (await refused(stub.ListContacts(pb.ListContactsRequest()))).code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (
        await refused(stub.GetContact(pb.GetContactRequest(name="contacts/99")))
    ).code() == grpc.StatusCode.NOT_FOUND


async def test_whoever_has_contacts_cannot_be_deleted(stub: Any, served: Served) -> None:
    await stub.CreateContact(create(address="addresses/2002", employee="employees/100"))
    directory = DirectoryServiceStub(served.channel)
    for name in ("addresses/2002", "employees/100"):
        error = await refused(directory.DeleteRecord(directory_pb2.DeleteRecordRequest(name=name)))
        assert reason_of_error(error) == "STILL_IN_USE"
