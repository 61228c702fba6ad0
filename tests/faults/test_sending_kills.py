"""Whatever is killed when: every mail and short message leaves once, or is in doubt, and none is lost."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from esoffice.business.v1 import outgoing_mail_pb2, sms_pb2
from sqlalchemy import literal, select

from mesh.database import Database
from server_business.outgoing_mail.tables import MAILS
from server_business.sending.rules import State
from server_business.sending.store import SendQueue
from server_business.sms import inbox
from server_business.sms.delivery import Delivery
from server_business.sms.tables import SMS, sms_inbound
from tests.builders.kills import places
from tests.servers import gateway, sender, smsc, smtp
from tests.servers.nursery import Nursery

PLACES = [
    *(f"sending.{place}:{hit}" for place in ("marked", "carried", "recorded") for hit in range(1, 5)),
    *(f"database.{place}:{hit}" for place in ("commit", "committed") for hit in range(1, 7)),
    *(f"sms.{place}:{hit}" for place in ("stored", "answered") for hit in (1, 2)),
]
AT_ONCE = 3
ROOM = 32 * 1024
"""What a full disk leaves to SQLite's log: less than one window needs."""
KILLS = places(PLACES, 0.25)
pytestmark = pytest.mark.timeout(max(180, len(KILLS) * 8))


@dataclass(frozen=True)
class Life:
    """One process.

    Attributes:
        failpoint: where it is killed.
        ahead: by how many seconds its clock is wrong.
        full: the disk is full once it runs.
    """

    failpoint: str = ""
    ahead: int = 0
    full: bool = False


def test_everything_leaves_once_or_is_in_doubt(tmp_path: Path) -> None:
    met = live(tmp_path, [Life(one) for one in KILLS])
    assert met >= len(KILLS) * 3 // 4


def test_clocks_that_jump_between_lives_send_nothing_twice(tmp_path: Path) -> None:
    jumps = [(0, "sending.marked:2"), (900, "sending.carried:1"), (-900, ""), (1800, "sms.stored:1"), (0, "")]
    assert live(tmp_path, [Life(armed, ahead) for ahead, armed in jumps], last=Life(ahead=3000), seconds=3) >= 2


def test_a_full_disk_sends_nothing_twice(tmp_path: Path) -> None:
    live(tmp_path, [Life("sending.marked:2"), Life(full=True)], seconds=3)


def live(folder: Path, lives: Sequence[Life], *, last: Life | None = None, seconds: float = 20) -> int:
    """Let one process after the other send, and the last one to the end; look at all sides; return how many died.

    Args:
        folder: of the database.
        lives: they are killed.
        last: this one is not. Default: one without troubles.
        seconds: how long each lives at most.
    """
    (folder / "outbox").mkdir()
    sent = met = 0
    with (
        sender.opened(folder) as database,
        smtp.moody() as server,
        smsc.hostile(rule=reported_and_asked) as centre,
        gateway.running() as http,
        Nursery(folder) as nursery,
    ):
        ports = (str(folder), str(server.port), str(centre.port), http.url)
        for one in lives:
            child = nursery.start("tests.servers.sender", *ports, str(one.ahead), failpoint=one.failpoint)
            if one.full:
                assert not child.has_ended(1)
                child.fill_disk(ROOM)
            for _ in range(AT_ONCE):
                sent += 1
                accept(database, sent)
            until = time.monotonic() + seconds
            while not child.has_ended(0.02) and unsettled(database) and time.monotonic() < until:
                pass
            met += child.has_ended(0.05)
            assert not one.full or unsettled(database)  # it was full
            child.kill()
        nursery.start("tests.servers.sender", *ports, str(last.ahead if last else 0))
        settle(database, nursery)
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
    written = {path.name for path in (folder / "outbox").glob("*.json")}
    filed = [row for row in sms if row.provider == "outbox"]
    assert {f"sms-{row.id}.json" for row in filed if row.state == State.SENT} == written
    submitted = Counter(one.to for one in centre.submits)
    assert set(submitted.values()) == {1}  # nothing twice
    spoken = {row.to: row for row in sms if row.provider == "centre"}
    assert {number for number, row in spoken.items() if row.state == State.SENT} <= set(submitted)
    if not any(one.ahead for one in lives):  # a receipt of before it was accepted proves nothing
        assert {spoken[number].state for number in submitted} == {State.SENT}  # the receipt has proven those in doubt
        assert {spoken[number].delivery for number in submitted} == {Delivery.DELIVERED}
    # A request that a kill has cut off before its body names nothing.
    asked = Counter(said["reference"] for _, said, _ in http.asked if "reference" in said)
    assert set(asked.values()) == {1}
    through = {f"s-sms-{row.id}": row.state for row in sms if row.provider == "gateway"}
    assert {one for one, state in through.items() if state == State.SENT} <= set(asked)
    look_at_answers(folder, received, len(centre.submits))
    doubts = [sum(row.state == State.IN_DOUBT for row in rows) for rows in (mails, sms)]
    print(f"{met} kills, {len(mails)} mails and {len(sms)} short messages, {doubts} in doubt")
    assert doubts[0] <= len(lives)
    assert doubts[1] <= len(lives) * 3 * AT_ONCE  # what the three windows held
    return met


def settle(database: Database, nursery: Nursery) -> None:
    until = time.monotonic() + 30
    while unsettled(database):
        assert time.monotonic() < until, nursery.last_words()
        threading.Event().wait(0.05)


def look_at_answers(folder: Path, received: Sequence[Any], count: int) -> None:
    told = [json.loads(line) for line in (folder / "told").read_text().splitlines()]
    words = {row.text: row.request_id for row in received if row.outcome == inbox.TOLD}
    assert len(words) == count  # every answer has been told ...
    assert {(text, id_) for _, _, text, _, id_ in told} == set(words.items())  # ... under one id, however often


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
    with database.reading() as unit:
        open_ = [
            *(one.table.c.state.in_((State.QUEUED, State.SENDING)) for one in (MAILS, SMS)),
            SMS.table.c.delivery == Delivery.PENDING,
            sms_inbound.c.outcome == inbox.OPEN,
        ]
        return any(unit.connection.execute(select(literal(1)).where(one).limit(1)).first() for one in open_)


def states(database: Database, queue: SendQueue) -> list[Any]:
    with database.reading() as unit:
        return list(unit.connection.execute(select(queue.table)).all())
