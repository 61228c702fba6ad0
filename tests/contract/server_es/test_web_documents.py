"""The web documents behind their real door."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import web_documents_pb2 as pb
from esoffice.es.v1.servicecalls_pb2 import UpdateServicecallRequest

from mesh.permissions import Permissions
from mesh.tokens import Caller, Kind
from mesh.workers import Turn
from server_es.notices.post import Away, Refused
from server_es.web_documents import store
from server_es.web_documents.worker import CodeSender, prune
from tests.builders.web_documents import WebOffice, web_office
from tests.contract.conftest import Serve, person, refused

WEB = Caller(kind=Kind.ANONYMOUS, address="203.0.113.7", outside=True)
TOM = Caller(kind=Kind.PERSON, name="tom", employee="101", permissions=Permissions(["webdocuments.read"]), outside=True)


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def web(serve: Serve, tmp_path: Path, clock: Any) -> WebOffice:
    made = await web_office(serve, tmp_path, clock)
    made.office.served.caller = WEB
    return made


def send(web: WebOffice) -> list[tuple[str, str, str]]:
    """Let the worker run and return the mails: recipient, subject, text."""
    before = len(web.post)
    CodeSender(web.office.served.database, web.mail).send(Turn(threading.Event()))
    return [mail[1:] for mail in web.post[before:]]


async def redeem(web: WebOffice, code: str, **fields: Any) -> pb.WebTicket:
    said = {"system_number": "A-1", "mail_address": "kunde@example.de", "code": code, **fields}
    made: pb.WebTicket = await web.stub.RedeemAccessCode(pb.RedeemAccessCodeRequest(**said))
    return made


async def customer(web: WebOffice) -> list[tuple[str, str]]:
    """Let a customer in and return the metadata of their calls."""
    await web.code()
    ((_, _, code),) = send(web)
    return [("x-ticket", (await redeem(web, code)).ticket)]


async def technician(web: WebOffice) -> list[tuple[str, str]]:
    web.office.served.caller = TOM
    made = await web.stub.CreateTicket(pb.CreateTicketRequest())
    web.office.served.caller = WEB
    return [("x-ticket", made.ticket)]


async def test_a_sender_that_dies_after_handing_over_hands_over_the_same_mail_again(web: WebOffice) -> None:
    class Died(BaseException):
        """As a process does: nothing after it runs."""

    def hand_over_and_die(*mail: str) -> None:
        web.mail(*mail)
        raise Died

    await web.code()
    with pytest.raises(Died):
        CodeSender(web.office.served.database, hand_over_and_die).send(Turn(threading.Event()))
    assert len(send(web)) == 1
    first, second = web.post
    assert first == second  # under one request id: server_business sends it once
    assert send(web) == []


async def test_a_code_that_is_refused_holds_up_no_other_and_one_that_is_not_taken_waits(web: WebOffice) -> None:
    for _ in range(2):
        await web.code()
    database, tried = web.office.served.database, list[str]()
    with database.reading() as unit:
        first, second = (one.id for one in store.codes_to_send(unit, 10))
    answers: dict[str, Exception] = {first: Refused("no such domain"), second: Away("down")}

    def post(request_id: str, *_: str) -> None:
        tried.append(request_id)
        if request_id in answers:
            raise answers[request_id]

    for _ in range(2):
        CodeSender(database, post).send(Turn(threading.Event()))
    answers.clear()
    for _ in range(2):
        CodeSender(database, post).send(Turn(threading.Event()))
    assert tried == [first, second, second, second]


async def test_a_customer_comes_in_by_the_code_in_the_mail(web: WebOffice) -> None:
    await web.code()
    assert send(web) == [("kunde@example.de", "A-1", web.post[0][3])]
    assert send(web) == []
    ticket = await redeem(web, web.post[0][3].lower())
    assert (ticket.staff, list(ticket.systems)) == (False, ["systems/A-1", "systems/A-2"])
    error = await refused(redeem(web, web.post[0][3]))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_no_answer_tells_which_systems_and_addresses_there_are(web: WebOffice) -> None:
    answers = []
    for system, mail in (("A-1", "kunde@example.de"), ("A-1", "fremd@example.de"), ("Z-9", "kunde@example.de")):
        request = pb.RequestAccessCodeRequest(system_number=system, mail_address=mail)
        answers.append(await web.stub.RequestAccessCode(request))
        wrong = await refused(redeem(web, "WRONG", system_number=system, mail_address=mail))
        answers.append((wrong.code(), wrong.details()))  # type: ignore[arg-type]
    assert answers[0] == answers[2] == answers[4]
    assert answers[1] == answers[3] == answers[5]
    assert [mail[0] for mail in send(web)] == ["kunde@example.de"]


async def test_a_code_works_for_its_time_and_its_attempts(web: WebOffice) -> None:
    await web.code()
    ((_, _, code),) = send(web)
    for _ in range(5):
        await refused(redeem(web, "WRONG"))
    assert (await refused(redeem(web, code))).code() is grpc.StatusCode.UNAUTHENTICATED
    await web.code()
    ((_, _, code),) = send(web)
    web.office.clock.advance(timedelta(minutes=15))
    assert (await refused(redeem(web, code))).code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_mail_address_gets_three_codes_an_hour_and_a_place_asks_for_twenty(web: WebOffice) -> None:
    for _ in range(20):
        await web.code()
    assert len(send(web)) == 3
    error = await refused(web.code())
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    web.office.clock.advance(timedelta(hours=1))
    await web.code()
    assert len(send(web)) == 1


async def test_a_repeated_request_sends_one_mail(web: WebOffice) -> None:
    request = pb.RequestAccessCodeRequest(
        system_number="A-1", mail_address="kunde@example.de", request_id="1f0c5b8e-3f83-4a55-9d5d-1f5d7c2f4a10"
    )
    await web.stub.RequestAccessCode(request)
    await web.stub.RequestAccessCode(request)
    assert len(send(web)) == 1


async def test_a_code_that_was_handed_over_is_kept_no_longer(web: WebOffice) -> None:
    await web.code()
    send(web)
    with web.office.served.database.unit() as unit:
        (row,) = store.open_codes(unit, "A-1", "kunde@example.de")
    assert (row.code, row.recipient) == ("", "")


async def test_a_customer_sees_own_systems_folders_and_files(web: WebOffice) -> None:
    shown = await customer(web)
    systems = await web.stub.ListWebSystems(pb.ListWebSystemsRequest(), metadata=shown)
    assert [one.name for one in systems.systems] == ["systems/A-1", "systems/A-2"]
    tree = await web.stub.GetTree(pb.GetTreeRequest(name="systems/A-1"), metadata=shown)
    assert [(one.folder, one.parent_folder) for one in tree.folders] == [("plans", ""), ("electrical", "plans")]
    files = await web.stub.ListFiles(pb.ListFilesRequest(parent="systems/A-1", folder="plans"), metadata=shown)
    assert [(one.title, one.content_type) for one in files.files] == [
        ("Foto.png", "image/png"),
        ("Schaltplan Übersicht.pdf", "application/pdf"),
    ]
    assert files.files[1].uri == "/documents/A-1/plans/Schaltplan%20%C3%9Cbersicht.pdf"


@pytest.mark.parametrize(
    ("parent", "folder"),
    [("systems/A-1", "staff"), ("systems/A-1", "none"), ("systems/A-1", "reports"), ("systems/B-1", "plans"),
     ("systems/Z-9", "plans")],
)  # fmt: skip
async def test_what_a_customer_may_not_see_does_not_exist(web: WebOffice, parent: str, folder: str) -> None:
    shown = await customer(web)
    error = await refused(web.stub.ListFiles(pb.ListFilesRequest(parent=parent, folder=folder), metadata=shown))
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_a_technician_sees_every_system_and_the_staff_s_folder(web: WebOffice) -> None:
    shown = await technician(web)
    systems = await web.stub.ListWebSystems(pb.ListWebSystemsRequest(query="anlage B"), metadata=shown)
    assert [one.name for one in systems.systems] == ["systems/B-1"]
    tree = await web.stub.GetTree(pb.GetTreeRequest(name="systems/A-1"), metadata=shown)
    assert [one.folder for one in tree.folders if one.staff_only] == ["staff"]


async def test_systems_come_in_pages(web: WebOffice) -> None:
    shown = await technician(web)
    request = pb.ListWebSystemsRequest(page_size=2)
    first = await web.stub.ListWebSystems(request, metadata=shown)
    request.page_token = first.next_page_token
    second = await web.stub.ListWebSystems(request, metadata=shown)
    assert [one.name for one in (*first.systems, *second.systems)] == ["systems/A-1", "systems/A-2", "systems/B-1"]
    assert not second.next_page_token


async def test_a_customer_sees_published_calls_only(web: WebOffice) -> None:
    shown = await customer(web)
    web.office.served.caller = person("*", name="chief", employee="100")
    await web.office.call("Intern", system="systems/A-1")
    call = await web.office.call("Pumpe steht", system="systems/A-1")
    call.published = True
    await web.office.calls.UpdateServicecall(UpdateServicecallRequest(servicecall=call))
    web.office.served.caller = WEB
    request = pb.ListPublishedCallsRequest(parent="systems/A-1")
    listed = await web.stub.ListPublishedCalls(request, metadata=shown)
    assert [(one.title, one.state_title, one.solved) for one in listed.calls] == [("Pumpe steht", "Angelegt", False)]
    error = await refused(
        web.stub.ListPublishedCalls(pb.ListPublishedCallsRequest(parent="systems/B-1"), metadata=shown)
    )
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_without_a_ticket_nothing_is_shown(web: WebOffice) -> None:
    for shown in ([], [("x-ticket", "nonsense")], [("cookie", "__Host-ticket=a.b.c")]):
        error = await refused(web.stub.ListWebSystems(pb.ListWebSystemsRequest(), metadata=shown))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_token_alone_shows_documents_in_the_lan_only(web: WebOffice) -> None:
    web.office.served.caller = TOM
    assert (
        await refused(web.stub.ListWebSystems(pb.ListWebSystemsRequest()))
    ).code() is grpc.StatusCode.UNAUTHENTICATED
    web.office.served.caller = person("webdocuments.read", name="tom")
    assert len((await web.stub.ListWebSystems(pb.ListWebSystemsRequest())).systems) == 3


async def test_a_ticket_as_a_cookie_is_not_in_the_answer(web: WebOffice) -> None:
    web.office.served.caller = TOM
    call = web.stub.CreateTicket(pb.CreateTicketRequest(as_cookie=True))
    assert not (await call).ticket
    cookie = dict(await call.initial_metadata())["set-cookie"]
    assert cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=3600")
    web.office.served.caller = WEB
    shown = [("cookie", "a=b; " + cookie.partition(";")[0])]
    assert len((await web.stub.ListWebSystems(pb.ListWebSystemsRequest(), metadata=shown)).systems) == 3


async def test_a_ticket_ends_by_itself_or_is_withdrawn(web: WebOffice) -> None:
    own, of_person, of_system = await customer(web), await technician(web), await customer(web)

    async def holds(shown: Any) -> bool:
        call = web.stub.ListWebSystems(pb.ListWebSystemsRequest(), metadata=shown)
        code: grpc.StatusCode = await call.code()
        return code is grpc.StatusCode.OK

    await web.stub.RevokeOwnTicket(pb.RevokeOwnTicketRequest(), metadata=own)
    assert [await holds(one) for one in (own, of_person, of_system)] == [False, True, True]
    web.office.served.caller = person("webdocuments.write", name="chief")
    gone = await web.stub.RevokeTickets(pb.RevokeTicketsRequest(person="users/tom"))
    assert gone.revoked_count == 1
    gone = await web.stub.RevokeTickets(pb.RevokeTicketsRequest(system="systems/A-2"))
    assert gone.revoked_count == 1
    web.office.served.caller = WEB
    assert [await holds(one) for one in (of_person, of_system)] == [False, False]
    later = await technician(web)
    web.office.clock.advance(timedelta(hours=1, seconds=31))
    assert not await holds(later)


async def test_what_is_not_marked_for_the_web_is_refused_outside(web: WebOffice) -> None:
    web.office.served.caller = Caller(
        kind=Kind.PERSON, name="chief", employee="100", permissions=Permissions(["*"]), outside=True
    )
    error = await refused(web.office.call("Pumpe steht"))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "not open to callers outside the LAN" in (error.details() or "")
    error = await refused(web.stub.RevokeTickets(pb.RevokeTicketsRequest(person="users/tom")))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_what_is_over_is_forgotten_after_a_day(web: WebOffice) -> None:
    await customer(web)
    web.office.clock.advance(timedelta(days=1, hours=2))
    prune(web.office.served.database, Turn(threading.Event()))
    with web.office.served.database.reading() as unit:
        assert store.valid_tickets(unit) == []
        assert store.asked(unit, unit.now - timedelta(days=9)) == []
