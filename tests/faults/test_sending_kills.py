"""Whatever is killed when: every mail and short message leaves once, or is in doubt, and none is lost."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
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
from server_business.sms import inbox
from server_business.sms.delivery import Delivery
from server_business.sms.tables import SMS, sms_inbound
from tests.servers import gateway, sender, smsc, smtp
from tests.servers.nursery import Nursery

pytestmark = pytest.mark.timeout(180)
PLACES = [
    *(f"sending.{place}:{hit}" for place in ("marked", "carried", "recorded") for hit in range(1, 5)),
    *(f"database.{place}:{hit}" for place in ("commit", "committed") for hit in range(1, 7)),
    *(f"sms.{place}:{hit}" for place in ("stored", "answered") for hit in (1, 2)),
]
AT_ONCE = 3


def test_everything_leaves_once_or_is_in_doubt(tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    sent = met = 0
    with (
        sender.opened(tmp_path) as database,
        smtp.moody() as server,
        smsc.hostile(rule=reported_and_asked) as centre,
        gateway.running() as http,
        Nursery(tmp_path) as nursery,
    ):
        ports = (str(tmp_path), str(server.port), str(centre.port), http.url)
        for armed in PLACES:
            for _ in range(AT_ONCE):
                sent += 1
                accept(database, sent)
            child = nursery.start("tests.servers.sender", *ports, failpoint=armed)
            until = time.monotonic() + 20
            while not child.has_ended(0.02) and unsettled(database) and time.monotonic() < until:
                pass
            met += child.has_ended(0.05)
            child.kill()
        nursery.start("tests.servers.sender", *ports)
        until = time.monotonic() + 30
        while unsettled(database):
            assert time.monotonic() < until, nursery.last_words()
            threading.Event().wait(0.05)
        mails, sms = states(database, MAILS), states(database, SMS)
        with database.reading() as unit:
            received = list(unit.connection.execute(select(sms_inbound)))
    assert len(mails) == len(sms) / 3 == sent
    taken = [line for one in server.taken for line in one.splitlines() if line.startswith(b"Message-ID")]
    assert len(set(taken)) == len(taken)
    accepted = {f"Message-ID: {row.message_id}".encode(): row.state for row in mails}
    assert {accepted[one] for one in taken} <= {State.SENT, State.IN_DOUBT}
    assert all(one in taken for one, state in accepted.items() if state == State.SENT)
    assert {row.state for row in sms} <= {State.SENT, State.IN_DOUBT}
    written = {path.name for path in (tmp_path / "outbox").glob("*.json")}
    filed = [row for row in sms if row.provider == "outbox"]
    assert {f"sms-{row.id}.json" for row in filed if row.state == State.SENT} == written
    submitted = Counter(one.to for one in centre.submits)
    assert set(submitted.values()) == {1}  # nothing twice
    spoken = {row.to: row for row in sms if row.provider == "centre"}
    assert {number for number, row in spoken.items() if row.state == State.SENT} <= set(submitted)
    assert {spoken[number].state for number in submitted} == {State.SENT}  # the receipt has proven those in doubt
    assert {spoken[number].delivery for number in submitted} == {Delivery.DELIVERED}
    # A request that a kill has cut off before its body names nothing.
    asked = Counter(said["reference"] for _, said, _ in http.asked if "reference" in said)
    assert set(asked.values()) == {1}
    through = {f"s-sms-{row.id}": row.state for row in sms if row.provider == "gateway"}
    assert {one for one, state in through.items() if state == State.SENT} <= set(asked)
    told = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    words = {row.text: row.request_id for row in received if row.outcome == inbox.TOLD}
    assert len(words) == len(centre.submits)  # every answer has been told ...
    assert {(text, id_) for _, _, text, _, id_ in told} == set(words.items())  # ... under one id, however often
    doubts = [sum(row.state == State.IN_DOUBT for row in rows) for rows in (mails, sms)]
    print(f"{met} kills, {len(mails)} mails and {len(sms)} short messages, {doubts} in doubt")
    assert met >= len(PLACES) * 3 // 4
    assert doubts[0] <= met
    assert doubts[1] <= met * 3 * AT_ONCE  # what the three windows held


def reported_and_asked(submit: smsc.Submit) -> Iterator[bytes]:
    """Take a message, report it, and let somebody answer it."""
    yield from smsc.obliging(submit)
    yield smsc.message(submit.to, b"Frage %d" % submit.number)


def accept(database: Database, number: int) -> None:
    with database.unit() as unit:
        until = unit.now + timedelta(hours=1)
        MAILS.accept(
            unit, outgoing_mail_pb2.SendMailRequest(subject=str(number)), caller="test", give_up_time=until,
            expire_time=None, to=[f"{number}@kunde.example"], cc=[], subject=f"Mail {number}", text="x", html="",
            reply_to="", in_reply_to="", origin=0, about="", message_id=f"<{number}@firma.example>",
        )  # fmt: skip
        for provider, start in (("centre", "+49170"), ("outbox", "+43664"), ("gateway", "+41790")):
            SMS.accept(
                unit, sms_pb2.SendSmsRequest(to=str(number)), caller="test", give_up_time=until, expire_time=None,
                to=f"{start}{number:07}", text=str(number), alphabet=1, parts=1, about="", priority=2, flash=False,
                provider=provider, delivery=0,
            )  # fmt: skip


def unsettled(database: Database) -> bool:
    mails, sms = states(database, MAILS), states(database, SMS)
    sending = any(row.state in (State.QUEUED, State.SENDING) for row in (*mails, *sms))
    with database.reading() as unit:
        open_ = select(sms_inbound.c.id).where(sms_inbound.c.outcome == inbox.OPEN)
        asked = unit.connection.execute(open_.limit(1)).first() is not None
    return sending or asked or any(row.delivery == Delivery.PENDING for row in sms)


def states(database: Database, queue: SendQueue) -> list[Any]:
    with database.reading() as unit:
        return list(unit.connection.execute(select(queue.table)).all())
