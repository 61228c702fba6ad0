"""Connections cut at every step of the protocol: nothing leaves twice, and what left is known or in doubt."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from esoffice.business.v1 import outgoing_mail_pb2, sms_pb2
from sqlalchemy import select

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.wakeups import Wakeups
from mesh.workers import HealthLine, Turn
from server_business.app import definition
from server_business.outgoing_mail.smtp import Security, Server, SmtpCarrier
from server_business.outgoing_mail.tables import MAILS
from server_business.sending.rules import State
from server_business.sending.worker import Sender
from server_business.sms.delivery import Delivery
from server_business.sms.routing import Way
from server_business.sms.tables import SMS
from server_business.sms.worker import Lane, LaneTerms
from tests.builders.cutting import cutting
from tests.builders.sms import smpp
from tests.servers import smsc, smtp

# A bind, a submit and an acknowledgement, with their answers and a receipt, are 140 and 190 bytes.
OF_SMPP = [(limit, None) for limit in range(1, 150, 9)] + [(None, limit) for limit in range(1, 200, 9)]
# A mail, from EHLO to the last full stop, with the answers.
OF_SMTP = [(limit, None) for limit in range(1, 520, 26)] + [(None, limit) for limit in range(1, 260, 13)]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 8, tzinfo=UTC))


@pytest.fixture
def database(tmp_path: Path, clock: ManualClock) -> Iterator[Database]:
    with Database(f"sqlite:///{tmp_path / 'b.db'}", metadata=definition.metadata, clock=clock) as made:
        definition.metadata.create_all(made.engine)
        yield made


def rows(database: Database, table: Any) -> list[Any]:
    with database.reading() as unit:
        return list(unit.connection.execute(select(table).order_by(table.c.id)))


def test_a_connection_to_a_centre_cut_anywhere_sends_nothing_twice(database: Database, clock: ManualClock) -> None:
    way = Way(name="one")
    with smsc.hostile() as centre, cutting(centre.port) as proxy, Wakeups(database) as wakeups:
        provider = smpp(proxy.port)
        lane = Lane(
            database, provider, LaneTerms(way=way), ways=(way,), owner="me", line=HealthLine("one"),
            bell_of=lambda _: wakeups.bell("one"),
        )  # fmt: skip
        for number, limits in enumerate(OF_SMPP):
            accept_sms(database, number)
            provider.close()
            proxy.limits = [limits]
            for _ in range(4):
                provider.again_now()
                lane.turn(Turn(threading.Event()))
                clock.advance(timedelta(seconds=31))
        for _ in range(200):
            if all(row.delivery == Delivery.DELIVERED for row in rows(database, SMS.table) if row.to in to(centre)):
                break
            threading.Event().wait(0.02)
            lane.turn(Turn(threading.Event()))
        provider.close()
    found = rows(database, SMS.table)
    submitted = Counter(one.to for one in centre.submits)
    assert set(submitted.values()) == {1}
    assert Counter(row.state for row in found if row.to in submitted) == {State.SENT: len(submitted)}
    assert {row.delivery for row in found if row.to in submitted} == {Delivery.DELIVERED}
    assert {row.state for row in found if row.to not in submitted} <= {State.IN_DOUBT}
    assert len(submitted) >= len(OF_SMPP) // 2


def to(centre: smsc.Hostile) -> set[str]:
    return {one.to for one in centre.submits}


def accept_sms(database: Database, number: int) -> None:
    with database.unit() as unit:
        SMS.accept(
            unit, sms_pb2.SendSmsRequest(), caller="test", give_up_time=unit.now + timedelta(days=1), expire_time=None,
            to=f"+49170{number:07}", text="Alarm", alphabet=1, parts=1, about="", priority=2, flash=False,
            provider="one", delivery=0,
        )  # fmt: skip


def test_a_connection_to_a_mail_server_cut_anywhere_sends_nothing_twice(database: Database, clock: ManualClock) -> None:
    with smtp.moody() as server, cutting(server.port) as proxy:
        said = Server(host="127.0.0.1", port=proxy.port, security=Security.NONE, sender="service@firma.example")
        carrier = SmtpCarrier(said)
        sender = Sender(database, MAILS, carrier, "me", HealthLine("mails"))
        for number, limits in enumerate(OF_SMTP):
            accept_mail(database, number)
            carrier.close()
            proxy.limits = [limits]
            for _ in range(3):
                sender.turn(Turn(threading.Event()))
                clock.advance(timedelta(seconds=31))
    found = rows(database, MAILS.table)
    taken = [line for one in server.taken for line in one.splitlines() if line.startswith(b"Message-ID")]
    assert len(set(taken)) == len(taken)
    states = {f"Message-ID: {row.message_id}".encode(): row.state for row in found}
    assert set(states.values()) <= {State.SENT, State.IN_DOUBT}
    assert {one for one, state in states.items() if state == State.SENT} <= set(taken)
    assert len(taken) >= len(OF_SMTP) // 2


def accept_mail(database: Database, number: int) -> None:
    with database.unit() as unit:
        MAILS.accept(
            unit, outgoing_mail_pb2.SendMailRequest(), caller="test", give_up_time=unit.now + timedelta(days=1),
            expire_time=None, to=[f"{number}@kunde.example"], cc=[], subject="x", text="x", html="", reply_to="",
            in_reply_to="", origin=0, about="", message_id=f"<{number}@firma.example>",
        )  # fmt: skip
