"""Whatever is killed when: every mail and short message leaves once, or is in doubt, and none is lost."""

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from esoffice.business.v1 import outgoing_mail_pb2, sms_pb2
from sqlalchemy import select

from mesh.database import Database
from server_business.outgoing_mail.tables import MAILS
from server_business.sending.rules import State
from server_business.sending.store import SendQueue
from server_business.sms.tables import SMS
from tests.servers import sender, smtp
from tests.servers.nursery import Nursery

pytestmark = pytest.mark.timeout(180)
PLACES = [
    *(f"sending.{place}:{hit}" for place in ("marked", "carried", "recorded") for hit in (1, 2, 3)),
    *(f"database.{place}:{hit}" for place in ("commit", "committed") for hit in (1, 2, 3, 4)),
]
AT_ONCE = 3


def test_everything_leaves_once_or_is_in_doubt(tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    sent = met = 0
    with sender.opened(tmp_path) as database, smtp.moody() as server, Nursery(tmp_path) as nursery:
        for armed in PLACES:
            for _ in range(AT_ONCE):
                sent += 1
                accept(database, sent)
            child = nursery.start("tests.servers.sender", str(tmp_path), str(server.port), failpoint=armed)
            until = time.monotonic() + 20
            while not child.has_ended(0.02) and unsettled(database) and time.monotonic() < until:
                pass
            met += child.has_ended(0.05)
            child.kill()
        nursery.start("tests.servers.sender", str(tmp_path), str(server.port))
        until = time.monotonic() + 30
        while unsettled(database):
            assert time.monotonic() < until, nursery.last_words()
            threading.Event().wait(0.05)
        mails, sms = states(database, MAILS), states(database, SMS)
    assert len(mails) == len(sms) == sent
    taken = [line for one in server.taken for line in one.splitlines() if line.startswith(b"Message-ID")]
    assert len(set(taken)) == len(taken)
    accepted = {f"Message-ID: {row.message_id}".encode(): row.state for row in mails}
    assert {accepted[one] for one in taken} <= {State.SENT, State.IN_DOUBT}
    assert all(one in taken for one, state in accepted.items() if state == State.SENT)
    assert {row.state for row in sms} <= {State.SENT, State.IN_DOUBT}
    written = {path.name for path in (tmp_path / "outbox").glob("*.json")}
    assert {f"sms-{row.id}.json" for row in sms if row.state == State.SENT} <= written
    doubts = sum(row.state == State.IN_DOUBT for row in (*mails, *sms))
    print(f"{met} kills, {sent} mails and short messages, {doubts} in doubt")
    assert met >= len(PLACES) * 3 // 4
    assert doubts <= met


def accept(database: Database, number: int) -> None:
    with database.unit() as unit:
        until = unit.now + timedelta(hours=1)
        MAILS.accept(
            unit, outgoing_mail_pb2.SendMailRequest(subject=str(number)), caller="test", give_up_time=until,
            expire_time=None, to=[f"{number}@kunde.example"], cc=[], subject=f"Mail {number}", text="x", html="",
            reply_to="", in_reply_to="", origin=0, about="", message_id=f"<{number}@firma.example>",
        )  # fmt: skip
        SMS.accept(
            unit, sms_pb2.SendSmsRequest(to=str(number)), caller="test", give_up_time=until, expire_time=None,
            to="+491701234567", text=str(number), alphabet=1, parts=1, about="",
        )  # fmt: skip


def unsettled(database: Database) -> bool:
    rows = [*states(database, MAILS), *states(database, SMS)]
    return any(row.state in (State.QUEUED, State.SENDING) for row in rows)


def states(database: Database, queue: SendQueue) -> list[Any]:
    with database.reading() as unit:
        return list(unit.connection.execute(select(queue.table)).all())
