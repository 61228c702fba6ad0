"""A mail, its call, the acknowledgement through a real SMTP server, and what is answered to it. No step is replaced."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.workers import HealthLine, Turn
from server_business.mail.rules import CreateServicecall
from server_business.mail.tables import State
from server_business.outgoing_mail.smtp import Security, Server, SmtpCarrier
from server_business.outgoing_mail.tables import MAILS
from server_business.sending.worker import Sender
from server_es.notices.rules import State as NoticeState
from tests.builders import mails
from tests.builders.certificates import Authority
from tests.builders.reception import Mailroom, mailroom
from tests.servers import business, smtp
from tests.servers.es import in_a_thread

pytestmark = pytest.mark.skipif(bool(smtp.missing()), reason=smtp.missing())
THANKS = "Call <ServCall.ServicecallNr> <ServCall.Matchcode>\n\nGuten Tag, wir haben Ihre Meldung."


class Post:
    """What leaves: the queue of server_business, and the mail server beyond it."""

    def __init__(self, database: Database, server: smtp.Exim) -> None:
        self._database = database
        self._server = server

    def waits_for(self, count: int) -> None:
        """Wait until so many mails were accepted."""
        for _ in range(500):
            with self._database.reading() as unit:
                if len(unit.connection.execute(select(MAILS.table.c.id)).all()) == count:
                    return
            threading.Event().wait(0.02)
        raise AssertionError(f"no {count} mails were accepted")

    def send(self, mailbox: str, count: int) -> list[EmailMessage]:
        """Send what is queued; return what the mailbox has got by now."""
        where = Server(
            host="127.0.0.1", port=self._server.plain_port, security=Security.NONE, sender="service@firma.example"
        )
        carrier = SmtpCarrier(where)
        sender = Sender(self._database, MAILS, carrier, "me", HealthLine("outgoing_mail"))
        while sender.turn(Turn(threading.Event())):
            pass
        carrier.close()
        return self._server.wait_for(mailbox, count)


@pytest.fixture
def house(database: Database, clock: ManualClock, tmp_path: Path) -> Iterator[tuple[Mailroom, Post]]:
    """Hans of the mails is known; who reports a new call gets a mail."""
    with ExitStack() as stack:
        port = free_port()
        peers = (("server_business", f"127.0.0.1:{port}"),)
        room = stack.enter_context(mailroom(database, clock, tmp_path, peers=peers))
        stack.enter_context(in_a_thread(lambda: business.serving(tmp_path / "certs", database, port)))
        pair = Authority(tmp_path / "pki").issue("mx")
        server = stack.enter_context(smtp.running(pair.certificate, pair.key))
        room.es.knows("hans@kunde.example", "addresses/1001")
        room.es.acknowledges(THANKS)
        yield room, Post(database, server)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def acknowledged(house: tuple[Mailroom, Post]) -> EmailMessage:
    """Hans reports something; return the mail he gets for it."""
    room, post = house
    (mail,) = room.receive(mails.mail())
    assert (mail.state, mail.servicecall) == (State.SERVICECALL, "servicecalls/1")
    post.waits_for(1)
    (got,) = post.send("hans", 1)
    return got


def test_the_customers_answer_to_the_acknowledgement_becomes_a_contact_on_the_call(
    house: tuple[Mailroom, Post],
) -> None:
    room, post = house
    got = acknowledged(house)
    assert (got["Subject"], got["To"]) == ("Call 1 Heizung kalt", "hans@kunde.example")
    assert (got["Auto-Submitted"], got["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    assert got.get_content().strip() == "Guten Tag, wir haben Ihre Meldung."
    answer = mails.mail(
        "Danke!\r\n", subject=f"AW: {got['Subject']}", message_id="2@kunde.example",
        headers=[("In-Reply-To", str(got["Message-ID"]))],
    )  # fmt: skip
    _, second = room.receive(answer)
    assert (second.state, second.servicecall) == (State.CONTACT, "servicecalls/1")
    assert [one.servicecall for one in room.contacts()] == [1]
    assert len(room.calls()) == len(room.es.notices()) == 1
    assert len(post.send("hans", 1)) == 1


def test_an_automatic_reply_to_the_acknowledgement_gets_no_answer(house: tuple[Mailroom, Post]) -> None:
    room, post = house
    got = acknowledged(house)
    away = mails.mail(
        "Ich bin im Urlaub.\r\n", subject=f"Abwesend: {got['Subject']}", message_id="3@kunde.example",
        headers=[("Auto-Submitted", "auto-replied"), ("In-Reply-To", str(got["Message-ID"]))],
    )  # fmt: skip
    _, second = room.receive(away)
    assert (second.state, second.servicecall) == (State.CONTACT, "servicecalls/1")
    assert len(room.calls()) == len(room.es.notices()) == len(post.send("hans", 1)) == 1


def test_our_own_acknowledgement_coming_back_makes_nothing(house: tuple[Mailroom, Post]) -> None:
    room, _ = house
    got = acknowledged(house)
    got.replace_header("Message-ID", "<bounced@kunde.example>")
    _, second = room.receive(got.as_bytes())
    assert second.state == State.OPEN
    assert len(room.calls()) == len(room.es.notices()) == 1


def test_a_call_that_a_person_makes_of_an_automatic_mail_is_not_acknowledged(house: tuple[Mailroom, Post]) -> None:
    room, post = house
    robot = mails.mail(headers=[("Auto-Submitted", "auto-generated")])
    (mail,) = room.receive(robot)
    assert mail.state == State.OPEN
    room.by_hand.act(mail.id, CreateServicecall(address="addresses/1001"), by="users/chief", request_id="")
    (call,) = room.calls()
    assert (call.reporter_mail_address, call.suppress_answers) == ("hans@kunde.example", True)
    (notice,) = room.es.notices()
    assert (NoticeState(notice.state), notice.reason) == (
        NoticeState.SUPPRESSED,
        "the call was made of an automatic mail",
    )
    post.waits_for(0)
