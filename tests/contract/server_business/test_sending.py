"""OutgoingMailService over a real channel, with a real Exim and a moody server; on both databases."""

import ssl
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from esoffice.business.v1 import outgoing_mail_pb2 as pb
from esoffice.business.v1 import sending_pb2
from sqlalchemy import update

from mesh import claims
from mesh.clock import ManualClock
from server_business.outgoing_mail.smtp import Security, Server, SmtpCarrier
from server_business.outgoing_mail.tables import MAILS
from tests.builders.certificates import Authority
from tests.builders.sending import PostOffice, mail, post_office
from tests.contract.conftest import Serve, refused, service
from tests.servers import smtp

needs_exim = pytest.mark.skipif(bool(smtp.missing()), reason=smtp.missing())


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def office(serve: Serve) -> AsyncIterator[PostOffice]:
    with ExitStack() as stack:
        yield await post_office(serve, stack)


@pytest.fixture
def moody() -> Iterator[smtp.Moody]:
    with smtp.moody() as server:
        yield server


def plain(port: int) -> SmtpCarrier:
    sender = {"sender": "service@firma.example", "sender_name": "Müller Service"}
    return SmtpCarrier(Server(host="127.0.0.1", port=port, security=Security.NONE, timeout=5, **sender))


async def state_of(office: PostOffice, name: str) -> tuple[str, str]:
    found = await office.mails.GetOutgoingMail(pb.GetOutgoingMailRequest(name=name))
    return sending_pb2.SendState.Name(found.state).removeprefix("SEND_STATE_"), found.reason


# -- a real server ----------------------------------------------------------------------------------------------------


@needs_exim
async def test_a_mail_arrives_as_it_was_written(office: PostOffice, tmp_path: Path) -> None:
    with _exim(tmp_path) as (server, trust):
        sent = await office.mails.SendMail(
            mail(
                to=["hans@kunde.example", "grete@kunde.example"], cc=["chef@kunde.example"],
                subject="Störung „Lüftung“ – Servicecall 4711", text="Grüße\n.\n..Punkt am Anfang\n" + "x" * 2000,
                html="<p>Grüße</p>", reply_to="hotline@firma.example", in_reply_to="<17@kunde.example>",
                origin=pb.MAIL_ORIGIN_GENERATED,
            )
        )  # fmt: skip
        assert sent.state == sending_pb2.SEND_STATE_QUEUED
        for security, port in ((Security.TLS, server.tls_port), (Security.STARTTLS, server.plain_port)):
            settings = Server(
                host="localhost", port=port, security=security, sender="service@firma.example",
                sender_name="Müller Service", user="dienst", password=smtp.PASSWORD,
            )  # fmt: skip
            office.send(SmtpCarrier(settings, trust))
            await office.mails.SendMail(mail(to=["second@kunde.example"]))
        (got,) = server.wait_for("hans", 1)
        assert len(server.wait_for("grete", 1)) == len(server.wait_for("chef", 1)) == 1
        assert len(server.wait_for("second", 1)) == 1
    assert str(got["From"]) == "Müller Service <service@firma.example>"
    assert str(got["To"]) == "hans@kunde.example, grete@kunde.example"
    assert got["Subject"] == "Störung „Lüftung“ – Servicecall 4711"
    assert (got["Reply-To"], got["In-Reply-To"], got["References"]) == (
        "hotline@firma.example", "<17@kunde.example>", "<17@kunde.example>",
    )  # fmt: skip
    assert (got["Auto-Submitted"], got["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    assert got["Message-ID"] == sent.message_id
    text, html = got.get_body(("plain",)), got.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content() == "Grüße\n.\n..Punkt am Anfang\n" + "x" * 2000 + "\n"
    assert "Grüße" in html.get_content()
    assert (await state_of(office, sent.name))[0] == "SENT"


@needs_exim
async def test_a_mailbox_that_is_unknown_is_said_one_that_is_busy_waits(
    office: PostOffice, tmp_path: Path, clock: ManualClock
) -> None:
    with _exim(tmp_path) as (server, _):
        nobody = await office.mails.SendMail(mail(to=["nobody@kunde.example"]))
        some = await office.mails.SendMail(mail(to=["nobody@kunde.example", "hans@kunde.example"]))
        office.send(plain(server.plain_port))
        assert await state_of(office, nobody.name) == ("FAILED", "550 no such mailbox")
        found = await office.mails.GetOutgoingMail(pb.GetOutgoingMailRequest(name=some.name))
        assert list(found.refused_recipients) == ["nobody@kunde.example"]
        with server.later():
            late = await office.mails.SendMail(mail(to=["grete@kunde.example"]))
            office.send(plain(server.plain_port))
            assert await state_of(office, late.name) == ("QUEUED", "451 try again later")
        clock.advance(timedelta(seconds=30))
        office.send(plain(server.plain_port))
        assert (await state_of(office, late.name))[0] == "SENT"
        assert len(server.wait_for("grete", 1)) == len(server.wait_for("hans", 1)) == 1


@needs_exim
async def test_who_is_not_let_in_waits_and_says_why(office: PostOffice, tmp_path: Path, clock: ManualClock) -> None:
    with _exim(tmp_path) as (server, trust):
        sent = await office.mails.SendMail(mail())
        settings = Server(
            host="localhost", port=server.tls_port, security=Security.TLS, sender="service@firma.example",
            user="dienst", password="wrong",
        )  # fmt: skip
        office.send(SmtpCarrier(settings, trust))
        assert not office.line.healthy
        assert office.line.sentence == (
            f"localhost:{server.tls_port} does not let 'dienst' in: 535 Incorrect authentication data; 1 wait"
        )
        clock.advance(timedelta(seconds=10))
        office.send(SmtpCarrier(replace(settings, password=smtp.PASSWORD)))  # nobody vouches for this certificate
        assert "certificate verify failed" in office.line.sentence
        assert (await state_of(office, sent.name))[0] == "QUEUED"


@contextmanager
def _exim(folder: Path) -> Iterator[tuple[smtp.Exim, ssl.SSLContext]]:
    authority = Authority(folder / "pki")
    pair = authority.issue("mx")
    with smtp.running(pair.certificate, pair.key) as server:
        yield server, ssl.create_default_context(cafile=str(authority.path))


# -- one that misbehaves ----------------------------------------------------------------------------------------------


async def test_a_lost_answer_is_a_doubt_and_never_a_second_mail(
    office: PostOffice, moody: smtp.Moody, clock: ManualClock
) -> None:
    moody.data = lambda: "drop"
    sent = await office.mails.SendMail(mail())
    office.send(plain(moody.port))
    state, reason = await state_of(office, sent.name)
    assert state == "IN_DOUBT"
    assert "the connection was lost before the answer" in reason
    moody.data = lambda: "250 OK"
    clock.advance(timedelta(days=1))
    office.send(plain(moody.port))
    assert len(moody.taken) == 1
    again = await office.mails.RetryOutgoingMail(pb.RetryOutgoingMailRequest(name=sent.name))
    assert again.state == sending_pb2.SEND_STATE_QUEUED
    office.send(plain(moody.port))
    assert len(moody.taken) == 2
    ids = {line for one in moody.taken for line in one.splitlines() if line.startswith(b"Message-ID")}
    assert len(ids) == 1  # the recipient's program can tell


async def test_one_that_hangs_up_before_the_end_of_the_mail_gets_the_next_after_a_moment(
    office: PostOffice, clock: ManualClock
) -> None:
    await office.mails.SendMail(mail())
    office.send(plain(1))
    assert office.line.sentence.startswith("127.0.0.1:1 cannot be reached")
    with smtp.moody() as server:
        office.send(plain(server.port))
        assert not server.taken  # it rests ten seconds
        clock.advance(timedelta(seconds=10))
        office.send(plain(server.port))
        assert len(server.taken) == 1
    assert office.line.healthy


@pytest.mark.parametrize(("answer", "state"), [("552 too big", "FAILED"), ("452 disk full", "QUEUED")])
async def test_an_answer_to_the_whole_mail_counts(
    office: PostOffice, moody: smtp.Moody, answer: str, state: str
) -> None:
    moody.data = lambda: answer
    sent = await office.mails.SendMail(mail())
    office.send(plain(moody.port))
    assert await state_of(office, sent.name) == (state, answer)


async def test_a_recipient_who_is_put_off_puts_off_the_mail_for_all(
    office: PostOffice, moody: smtp.Moody, clock: ManualClock
) -> None:
    moody.rcpt = lambda address: "450 greylisted" if address.startswith("b") else "250 OK"
    sent = await office.mails.SendMail(mail(to=["a@kunde.example", "b@kunde.example"]))
    office.send(plain(moody.port))
    assert (await state_of(office, sent.name), len(moody.taken)) == (("QUEUED", "450 greylisted"), 0)
    clock.advance(timedelta(seconds=30))
    moody.rcpt = lambda _: "250 OK"
    office.send(plain(moody.port))
    assert len(moody.taken) == 1


async def test_what_cannot_be_sent_in_time_expires(office: PostOffice, moody: smtp.Moody, clock: ManualClock) -> None:
    request = mail()
    request.expire_time.FromDatetime(clock.now() + timedelta(minutes=1))
    sent = await office.mails.SendMail(request)
    moody.data = lambda: "451 later"
    office.send(plain(moody.port))
    clock.advance(timedelta(minutes=1))
    office.send(plain(moody.port))
    assert await state_of(office, sent.name) == ("EXPIRED", "451 later")
    request.expire_time.FromDatetime(clock.now())
    assert "must lie in the future" in str((await refused(office.mails.SendMail(request))).details())


async def test_one_bad_mail_does_not_hold_up_the_next(office: PostOffice, moody: smtp.Moody) -> None:
    moody.rcpt = lambda address: "550 no" if address.startswith("bad") else "250 OK"
    for to in ("bad@kunde.example", "good@kunde.example", "bad2@kunde.example", "fine@kunde.example"):
        await office.mails.SendMail(mail(to=[to]))
    office.send(plain(moody.port))
    assert len(moody.taken) == 2


@pytest.mark.parametrize("to", ["jürgen@müller.example", "juergen@müller.example", "'\\ü@x.example", "a..b@x.example"])
async def test_odd_addresses_hold_up_nobody(office: PostOffice, moody: smtp.Moody, to: str) -> None:
    odd = await office.mails.SendMail(mail(to=[to]))
    await office.mails.SendMail(mail())
    office.send(plain(moody.port))
    assert b"hans@kunde.example" in moody.taken[-1]
    assert (await state_of(office, odd.name))[0] in ("SENT", "FAILED")


async def test_a_defect_in_one_mail_is_said_and_holds_up_nobody(office: PostOffice, moody: smtp.Moody) -> None:
    broken, fine = await office.mails.SendMail(mail()), await office.mails.SendMail(mail(to=["b@kunde.example"]))
    with office.database.unit() as unit:
        unit.connection.execute(update(MAILS.table).where(MAILS.table.c.id == 1).values(to={}, cc=1))
    office.send(plain(moody.port))
    assert await state_of(office, fine.name) == ("SENT", "250 OK")
    with office.database.reading() as unit:
        row = MAILS.get(unit, int(broken.name.rpartition("/")[2]))
    assert (row.state, row.reason) == (sending_pb2.SEND_STATE_QUEUED, "a defect: TypeError; the log says more")


# -- the queue --------------------------------------------------------------------------------------------------------


async def test_a_repeat_gets_the_same_mail_and_sends_nothing(
    office: PostOffice, moody: smtp.Moody, clock: ManualClock
) -> None:
    request = mail(request_id=str(uuid.uuid4()))
    first = await office.mails.SendMail(request)
    office.send(plain(moody.port))
    clock.advance(timedelta(days=30))
    assert (await office.mails.SendMail(request)).name == first.name
    office.send(plain(moody.port))
    assert len(moody.taken) == 1
    request.text = "something else"
    assert (await refused(office.mails.SendMail(request))).code() is grpc.StatusCode.FAILED_PRECONDITION
    office.served.caller = service("server_es", "outgoingmail.send")
    assert (await office.mails.SendMail(request)).name != first.name


async def test_a_process_that_ended_in_the_middle_leaves_a_doubt(office: PostOffice, clock: ManualClock) -> None:
    sent = await office.mails.SendMail(mail())
    with office.database.unit() as unit:
        (claim,) = claims.claim(unit, MAILS.table, limit=1, lease=timedelta(minutes=5), owner="dead")
    with office.database.unit() as unit:
        MAILS.begin(unit, claim)
    with smtp.moody() as server:
        office.send(plain(server.port))
        assert (await state_of(office, sent.name))[0] == "SENDING"
        with office.database.unit() as unit:
            assert claims.give_back_of(unit, MAILS.table, ["dead"]) == 1
        office.send(plain(server.port))
        assert await state_of(office, sent.name) == ("IN_DOUBT", "a process ended while it was handed over")
        assert not server.taken
    closed = await office.mails.CancelOutgoingMail(pb.CancelOutgoingMailRequest(name=sent.name))
    assert closed.state == sending_pb2.SEND_STATE_CANCELLED


async def test_what_is_called_off_while_somebody_has_it_in_hand_is_not_sent(
    office: PostOffice, moody: smtp.Moody
) -> None:
    sent = await office.mails.SendMail(mail())
    sender = office.sender(plain(moody.port))
    with office.database.unit() as unit:
        (claim,) = claims.claim(unit, MAILS.table, limit=1, lease=timedelta(minutes=5), owner="me")
    await office.mails.CancelOutgoingMail(pb.CancelOutgoingMailRequest(name=sent.name))
    with pytest.raises(claims.ClaimLost):
        sender._send(plain(moody.port), claim)
    assert not moody.taken
    error = await refused(office.mails.CancelOutgoingMail(pb.CancelOutgoingMailRequest(name=sent.name)))
    assert error.details() == f"{sent.name} is cancelled; only what is queued or in doubt can be called off."


async def test_lists_show_states_page_by_page_without_texts(office: PostOffice, moody: smtp.Moody) -> None:
    names = [(await office.mails.SendMail(mail(about=f"servicecalls/{n % 2 + 1}"))).name for n in range(5)]
    page = await office.mails.ListOutgoingMails(pb.ListOutgoingMailsRequest(page_size=3))
    rest = await office.mails.ListOutgoingMails(
        pb.ListOutgoingMailsRequest(page_size=3, page_token=page.next_page_token)
    )
    assert [one.name for one in (*page.mails, *rest.mails)] == names[::-1]
    assert not any(one.text for one in page.mails)
    queued = pb.ListOutgoingMailsRequest(states=[sending_pb2.SEND_STATE_QUEUED], about="servicecalls/1")
    assert len((await office.mails.ListOutgoingMails(queued)).mails) == 3
    office.send(plain(moody.port))
    assert not (await office.mails.ListOutgoingMails(queued)).mails
    several = await office.mails.BatchGetOutgoingMails(pb.BatchGetOutgoingMailsRequest(names=names[:2]))
    assert {one.state for one in several.mails} == {sending_pb2.SEND_STATE_SENT}
    missing = pb.GetOutgoingMailRequest(name="outgoingMails/999")
    assert (await refused(office.mails.GetOutgoingMail(missing))).details() == "outgoingMails/999 does not exist."
