"""A mail of ours that a real server cannot deliver: its report comes in by our mailbox and is understood."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from esoffice.business.v1 import outgoing_mail_pb2
from sqlalchemy import select

from mesh.database import Database
from mesh.workers import HealthLine, Turn
from server_business.mail.tables import State
from server_business.outgoing_mail.rules import Delivery
from server_business.outgoing_mail.smtp import Security, Server, SmtpCarrier
from server_business.outgoing_mail.tables import MAILS, MARKED_ADDRESS
from server_business.sending.worker import Sender
from tests.builders import mails
from tests.builders.certificates import Authority
from tests.builders.reception import Mailroom
from tests.servers import smtp

MESSAGE_ID = "4f0c@mesh.firma.example"


def accept(database: Database, *to: str, message_id: str = MESSAGE_ID, about: str = "") -> None:
    with database.unit() as unit:
        MAILS.accept(
            unit, outgoing_mail_pb2.SendMailRequest(), caller="test", give_up_time=unit.now + timedelta(hours=1),
            expire_time=None, to=list(to), cc=[], subject="Ihr Anruf", text="Guten Tag", html="", reply_to="",
            in_reply_to="", origin=2, about=about, message_id=f"<{message_id}>",
        )  # fmt: skip


def outgoing(database: Database) -> list[Any]:
    with database.reading() as unit:
        return list(unit.connection.execute(select(MAILS.table).order_by(MAILS.table.c.id)).all())


def marked(database: Database) -> list[str]:
    with database.reading() as unit:
        return list(unit.connection.execute(select(MARKED_ADDRESS.c.mail_address)).scalars())


@pytest.fixture
def exim(tmp_path: Path) -> Iterator[smtp.Exim]:
    pair = Authority(tmp_path / "pki").issue("mx")
    with smtp.running(pair.certificate, pair.key) as server:
        yield server


@pytest.mark.skipif(bool(smtp.missing()), reason=smtp.missing())
def test_the_report_of_a_real_server_marks_the_address_a_full_mailbox_does_not(room: Mailroom, exim: smtp.Exim) -> None:
    accept(room.database, "gone@kunde.example")
    accept(room.database, "full@kunde.example", message_id="2@mesh.firma.example")
    where = Server(host="127.0.0.1", port=exim.plain_port, security=Security.NONE, sender="service@firma.example")
    carrier = SmtpCarrier(where)
    sender = Sender(room.database, MAILS, carrier, "me", HealthLine("outgoing_mail"))
    sender.turn(Turn(room.stop))
    carrier.close()
    assert len(exim.wait_for("service", 2)) == 2
    found = room.receive(*exim.raw("service"))
    assert [(mail.state, mail.open_reason) for mail in found] == [(State.OPEN, "bounced")] * 2
    assert {mail.outgoing_mail for mail in found} == {"outgoingMails/1", "outgoingMails/2"}
    first, second = outgoing(room.database)
    assert (first.delivery, second.delivery) == (Delivery.BOUNCED, Delivery.BOUNCED)
    assert "no such user here" in first.bounces[0]["reason"]
    assert marked(room.database) == ["gone@kunde.example"]


def test_a_report_marks_once_and_asks_a_person_to_look(room: Mailroom) -> None:
    room.begin(open_mail_team="teams/1")
    accept(room.database, "hans@kunde.example")
    (mail,) = room.receive(mails.delivery_report(MESSAGE_ID, "hans@kunde.example"))
    assert (mail.open_reason, mail.outgoing_mail) == ("bounced", "outgoingMails/1")
    assert mail.open_detail == (
        "outgoingMails/1 could not be delivered to hans@kunde.example: "
        "550 5.1.1 <hans@kunde.example>: no such user; the address is marked"
    )
    assert len(room.es.told()) == 1
    room.by_hand.reprocess(1)
    (row,) = outgoing(room.database)
    assert (len(row.bounces), marked(room.database)) == (1, ["hans@kunde.example"])


def test_what_is_late_is_noted_and_asks_nobody(room: Mailroom) -> None:
    accept(room.database, "hans@kunde.example")
    late = "Final-Recipient: rfc822; hans@kunde.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n"
    (mail,) = room.receive(mails.delivery_report(MESSAGE_ID, "hans@kunde.example", fields=late))
    assert (mail.state, mail.outgoing_mail) == (State.DISMISSED, "outgoingMails/1")
    assert ([row.delivery for row in outgoing(room.database)], marked(room.database)) == ([Delivery.DELAYED], [])


def test_a_report_on_a_mail_that_is_not_ours_marks_nobody(room: Mailroom) -> None:
    accept(room.database, "hans@kunde.example")
    found = room.receive(
        mails.delivery_report("999@else.example", "hans@kunde.example"),
        mails.delivery_report(MESSAGE_ID, "victim@else.example", fields="Action: nonsense\r\n").replace(
            b"report-4f0c@mesh.firma.example", b"report@else.example"
        ),
    )
    assert [mail.open_reason for mail in found] == ["automatic", "automatic"]
    assert marked(room.database) == []


def test_an_answer_to_our_mail_finds_the_call_it_was_about(room: Mailroom) -> None:
    number = room.es.has_call("addresses/1001")
    accept(room.database, "hans@kunde.example", about=f"servicecalls/{number}")
    answer = mails.mail(subject="AW: ganz anders", headers=[("In-Reply-To", f"<{MESSAGE_ID}>")])
    (mail,) = room.receive(answer)
    assert (mail.state, mail.servicecall) == (State.CONTACT, f"servicecalls/{number}")
