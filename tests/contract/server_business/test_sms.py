"""SmsService over a real channel: what is accepted, which way it leaves, and what is received; on both databases."""

import json
import threading
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import pytest
from esoffice.business.v1 import sms_pb2 as pb
from sqlalchemy import update

from mesh import claims
from mesh.clock import ManualClock, SystemClock
from mesh.workers import Turn
from server_business.sending.rules import Answer, Outcome
from server_business.sms import store
from server_business.sms.answering import Answering, Later
from server_business.sms.encoding import Piece
from server_business.sms.outbox import Outbox
from server_business.sms.providers import Handed, Parcel, Plain, Received, Take
from server_business.sms.routing import Quiet, Way
from server_business.sms.tables import SMS
from server_business.sms.worker import keep
from tests.builders.sms import NUMBER, Switchboard, smpp, switchboard, turn, until
from tests.contract.conftest import Serve, refused
from tests.servers import smsc

AUSTRIA = "+436641234567"


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def board(serve: Serve) -> AsyncIterator[Switchboard]:
    """Two providers: `two` has Austria, `one` everything, and is the first choice for the rest."""
    ways = (Way(name="one"), Way(name="two", rank=5), Way(name="austria", prefixes=("+43",)))
    quiet = Quiet(start=time(22), end=time(6, 30), zone=ZoneInfo("Europe/Berlin"))
    with ExitStack() as stack:
        yield await switchboard(serve, stack, *ways, quiet=quiet)


def written(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]


# -- accepting --------------------------------------------------------------------------------------------------------


async def test_a_short_message_is_written_into_the_folder_once(board: Switchboard, tmp_path: Path) -> None:
    sent = await board.stub.SendSms(pb.SendSmsRequest(to="0170 1234567", text="Heizung „Süd“ – Alarm"))
    assert (sent.to, sent.alphabet, sent.part_count, sent.provider) == (
        NUMBER,
        pb.SMS_ALPHABET_UCS2,
        1,
        "smsProviders/one",
    )
    turn(board.lane(Outbox(tmp_path)))
    (said,) = written(tmp_path)
    assert (said["to"], said["text"], said["alphabet"]) == (NUMBER, "Heizung „Süd“ – Alarm", "UCS2")
    done = await board.get(sent.name)
    assert (await board.state(sent.name), done.provider_reference) == (("SENT", "UNSPECIFIED"), "sms-1.json")
    error = await refused(board.stub.RetrySms(pb.RetrySmsRequest(name=sent.name)))
    assert "is sent; only what failed" in str(error.details())


async def test_a_file_that_a_dead_process_has_written_is_found(board: Switchboard, tmp_path: Path) -> None:
    names = [await board.send(), await board.send()]
    with board.database.unit() as unit:
        SMS.begin_all(unit, claims.claim(unit, SMS.table, limit=2, lease=timedelta(minutes=5), owner="dead"))
    (tmp_path / "sms-1.json").write_text("{}")
    board.give_back("dead")
    turn(board.lane(Outbox(tmp_path)))
    assert [(await board.state(name))[0] for name in names] == ["SENT", "IN_DOUBT"]


async def test_a_folder_that_cannot_be_written_holds_everything_back(
    board: Switchboard, tmp_path: Path, clock: ManualClock
) -> None:
    name = await board.send(to=AUSTRIA)
    with board.database.unit() as unit:
        for other in ("one", "two"):
            store.say(unit, other, healthy=False, sentence="off")
    turn(board.lane(Outbox(tmp_path / "missing"), "austria"))
    assert "cannot be written: No such file" in board.lines["austria"].sentence
    turn(board.lane(Outbox(tmp_path), "austria"))
    several = await board.stub.BatchGetSms(pb.BatchGetSmsRequest(names=[name]))
    assert [one.state for one in several.sms] == [3]


async def test_numbers_and_texts_that_cannot_be_sent_are_said_together(board: Switchboard) -> None:
    error = await refused(board.stub.SendSms(pb.SendSmsRequest(to="110x", text="–" * 800)))
    assert "to: '110x' is no phone number; write it like +49" in str(error.details())
    assert "text: needs 12 parts; at most 10 are sent" in str(error.details())
    assert not (await board.stub.ListSms(pb.ListSmsRequest())).sms


async def test_a_preview_says_how_a_text_would_be_sent(board: Switchboard) -> None:
    preview = await board.stub.PreviewSms(pb.PreviewSmsRequest(text="x" * 161))
    assert ([len(one) for one in preview.parts], preview.remaining_count) == ([153, 8], 145)
    text = "„Alarm“ – Anlage Süd …" + "x" * 80
    preview = await board.stub.PreviewSms(pb.PreviewSmsRequest(text=text))
    assert (len(preview.parts), preview.transliterated_part_count) == (2, 1)
    assert preview.transliterated_text == '"Alarm" - Anlage Süd ...' + "x" * 80
    kept = await board.stub.SendSms(pb.SendSmsRequest(to=NUMBER, text=text))
    plain = await board.stub.SendSms(pb.SendSmsRequest(to=NUMBER, text=text, transliterate=True))
    assert ((kept.text, kept.part_count), (plain.text, plain.part_count)) == (
        (text, 2), (preview.transliterated_text, 1),
    )  # fmt: skip


async def test_a_site_without_a_provider_for_a_country_says_so(serve: Serve) -> None:
    with ExitStack() as stack:
        board = await switchboard(serve, stack, Way(name="one", prefixes=("+49", "+43")))
        error = await refused(board.stub.SendSms(pb.SendSmsRequest(to="+41791234567", text="Alarm")))
        assert error.details() == "to: no provider of this site serves +41791234567"


# -- which way --------------------------------------------------------------------------------------------------------


async def test_a_message_leaves_by_the_longest_prefix_and_the_smallest_rank(board: Switchboard) -> None:
    names = [await board.send(to=to) for to in (NUMBER, AUSTRIA, "+41791234567")]
    providers = [(await board.get(name)).provider.partition("/")[2] for name in names]
    assert providers == ["one", "austria", "one"]


async def test_what_waits_for_one_that_is_away_leaves_by_another(board: Switchboard, tmp_path: Path) -> None:
    names = [await board.send(f"Nummer {n}") for n in range(3)]
    turn(board.lane(smpp(1)))
    turn(board.lane(Outbox(tmp_path), "two"))
    assert [(await board.state(name))[0] for name in names] == ["SENT"] * 3
    assert (await board.get(await board.send())).provider == "smsProviders/two"  # while it is away
    listed = (await board.stub.ListSmsProviders(pb.ListSmsProvidersRequest())).providers
    assert [(one.name, one.healthy) for one in listed] == [
        ("smsProviders/austria", False), ("smsProviders/one", False), ("smsProviders/two", True),
    ]  # fmt: skip


async def test_one_that_hangs_loses_its_queue_within_five_seconds(board: Switchboard, tmp_path: Path) -> None:
    clock = SystemClock()
    with smsc.hostile(rule=lambda _: []) as centre:
        hanging, others = await board.send("Erste"), [await board.send(f"Nummer {n}") for n in range(20)]
        provider = smpp(centre.port, window=1, timeout=3.0)
        lane = board.lane(provider, window=5)
        began = clock.monotonic()
        turn(lane)  # it takes one, and says nothing
        turn(lane)
        turn(board.lane(Outbox(tmp_path), "two"))
        took = clock.monotonic() - began
        provider.close()
    assert took < 5.0
    assert (await board.state(hanging))[0] == "IN_DOUBT"
    assert {(await board.state(name))[0] for name in others} == {"SENT"}


async def test_the_urgent_go_first_and_alone_in_quiet_hours(
    board: Switchboard, tmp_path: Path, clock: ManualClock
) -> None:
    clock.advance(timedelta(hours=14))  # 23:00 in Berlin
    bulk = await board.send("Masse", priority=pb.SMS_PRIORITY_BULK)
    normal = await board.stub.SendSms(pb.SendSmsRequest(to=NUMBER, text="Normal"))
    urgent = await board.send("Dringend", priority=pb.SMS_PRIORITY_URGENT)
    assert normal.next_attempt_time.ToDatetime(UTC).isoformat() == "2026-03-03T05:30:00+00:00"
    lane = board.lane(Outbox(tmp_path), window=1)
    turn(lane)
    assert [(await board.state(name))[0] for name in (bulk, normal.name, urgent)] == ["QUEUED", "QUEUED", "SENT"]
    with board.database.unit() as unit:
        unit.connection.execute(SMS.table.update().values(give_up_time=unit.now + timedelta(days=1)))
    clock.advance(timedelta(hours=7, minutes=31))
    await board.send("Noch dringender", priority=pb.SMS_PRIORITY_URGENT)
    turn(lane)
    times = [file.stat().st_mtime_ns for file in (tmp_path / f"sms-{n}.json" for n in (4, 2, 1))]
    assert times == sorted(times)


async def test_what_is_out_of_date_is_not_sent(board: Switchboard, tmp_path: Path, clock: ManualClock) -> None:
    request = pb.SendSmsRequest(to=NUMBER, text="Alarm")
    request.expire_time.FromDatetime(clock.now() + timedelta(minutes=1))
    name = (await board.stub.SendSms(request)).name
    clock.advance(timedelta(minutes=1))
    turn(board.lane(Outbox(tmp_path)))
    assert ((await board.state(name))[0], written(tmp_path)) == ("EXPIRED", [])


# -- what is received -------------------------------------------------------------------------------------------------


@dataclass
class Es:
    """server_es, as the answers need it."""

    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    told: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    away: bool = False
    refusal: str = ""

    def acknowledge(self, code: str, number: str, request_id: str) -> str:
        if self.away:
            raise Later("away")
        if code != "Q7K3M":
            return f"No short message with the code {code} went to {number}."
        self.acknowledged.append((code, number))
        return ""

    def tell(self, team: str, subject: str, text: str, about: str, request_id: str) -> str:
        if self.away:
            raise Later("away")
        self.told[request_id] = (team, subject, text)
        return self.refusal


async def test_replies_stop_start_acknowledge_and_everything_else_is_told(
    board: Switchboard, tmp_path: Path, clock: ManualClock
) -> None:
    es = Es(away=True)
    answering = Answering(board.database, es.acknowledge, es.tell, "teams/hotline", "me")
    waiting = await board.send()
    with smsc.hostile() as centre:
        provider = smpp(centre.port)
        lane = board.lane(provider, "two")
        turn(lane)
        umlauts = "Wir sind da – 😀".encode("utf-16-be")
        head = b"\x05\x00\x03\x2a\x02"
        sent = [
            smsc.message(NUMBER, b"Mache ich, q7k3m!"),
            smsc.message(NUMBER, b"Q9999 kommt gleich"),
            smsc.message(NUMBER, umlauts, coding=8),
            smsc.message(NUMBER, head + b"\x02zweite", esm_class=0x40),
            smsc.message(NUMBER, head + b"\x01Erste und ", esm_class=0x40),
            smsc.message(NUMBER, umlauts, coding=8),
            smsc.message(NUMBER, b" Stop. "),
        ]
        centre.push(*sent)
        until(lane, lambda: len(centre.answered) == len(sent))
        provider.close()
    answering.turn(Turn(threading.Event()))
    es.away = False
    clock.advance(timedelta(seconds=10))
    answering.turn(Turn(threading.Event()))
    assert es.acknowledged == [("Q7K3M", NUMBER)]
    assert sorted(es.told.values()) == [
        ("teams/hotline", f"SMS von {NUMBER}", "Erste und zweite"),
        ("teams/hotline", f"SMS von {NUMBER}", "Q9999 kommt gleich"),
        ("teams/hotline", f"SMS von {NUMBER}", "Wir sind da – 😀"),
    ]
    listed = (await board.stub.ListInboundSms(pb.ListInboundSmsRequest())).messages
    outcomes = [pb.InboundSmsOutcome.Name(one.outcome).removeprefix("INBOUND_SMS_OUTCOME_") for one in listed]
    assert outcomes == ["STOPPED", "REPEATED", "TOLD", "TOLD", "TOLD", "ACKNOWLEDGED"]
    error = await refused(board.stub.SendSms(pb.SendSmsRequest(to=NUMBER, text="Werbung")))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == f"{NUMBER} has said STOP and gets no short messages."
    turn(board.lane(Outbox(tmp_path)))
    assert ((await board.state(waiting))[0], (await board.get(waiting)).reason) == (
        "FAILED", "the recipient has said STOP",
    )  # fmt: skip
    (gone,) = (await board.stub.ListSmsOptOuts(pb.ListSmsOptOutsRequest())).opt_outs
    assert (gone.number, gone.message) == (NUMBER, listed[0].name)
    with board.database.unit() as unit:
        keep(unit, "two", [Received(sender=NUMBER, recipient="4930123", text="START")], board.bell_of)
    answering.turn(Turn(threading.Event()))
    assert (await board.get(await board.send())).state == 1


async def test_a_longer_message_with_a_gap_is_told_after_ten_minutes(board: Switchboard, clock: ManualClock) -> None:
    es = Es(refusal="teams/gone does not exist.")
    answering = Answering(board.database, es.acknowledge, es.tell, "teams/gone", "me")
    part = Received(sender=NUMBER, recipient="1", text="Anfang", piece=Piece(7, 2, 1))
    with board.database.unit() as unit:
        keep(unit, "one", [part, part], board.bell_of)
    answering.turn(Turn(threading.Event()))
    assert not es.told
    clock.advance(timedelta(minutes=10))
    answering.turn(Turn(threading.Event()))
    (found,) = (await board.stub.ListInboundSms(pb.ListInboundSmsRequest())).messages
    assert (found.text, found.outcome, found.reason) == (
        "Anfang […] ", pb.INBOUND_SMS_OUTCOME_KEPT, "teams/gone does not exist.",
    )  # fmt: skip


async def test_stop_is_honoured_while_server_es_is_away(board: Switchboard) -> None:
    answering = Answering(board.database, Es(away=True).acknowledge, Es(away=True).tell, "teams/hotline", "me")
    said = [
        Received(sender=AUSTRIA, recipient="1", text="Wo bleibt ihr?"),
        Received(sender=NUMBER, recipient="1", text="STOP"),
    ]
    with board.database.unit() as unit:
        keep(unit, "one", said, board.bell_of)
    assert answering.turn(Turn(threading.Event())) is False
    assert (await refused(board.send())).code() == grpc.StatusCode.FAILED_PRECONDITION
    open_, stopped = sorted(
        (await board.stub.ListInboundSms(pb.ListInboundSmsRequest())).messages, key=lambda one: one.outcome
    )
    assert (open_.outcome, stopped.outcome) == (pb.INBOUND_SMS_OUTCOME_OPEN, pb.INBOUND_SMS_OUTCOME_STOPPED)


async def test_a_repeat_of_what_was_accepted_is_answered_whatever_holds_today(board: Switchboard) -> None:
    id_ = str(uuid.uuid4())
    sent = await board.send(request_id=id_)
    with board.database.unit() as unit:
        store.stop(unit, NUMBER, 1)
    assert await board.send(request_id=id_) == sent


class Posting(Plain):
    """Finds out about a message by writing, as the way by mail does; or fails at it."""

    def __init__(self, board: Switchboard, *, fails: bool) -> None:
        self._board, self._fails = board, fails

    def found(self, parcel: Parcel) -> Outcome | None:
        with self._board.database.unit():
            if self._fails:
                raise ValueError("nothing can be found out")
        return Outcome(answer=Answer.TAKEN, reason="posted", reference=str(parcel.id))

    def hand_over(self, parcels: Sequence[Parcel], take: Take) -> Mapping[int, Handed]:
        return {one.id: Handed(outcome=Outcome(answer=Answer.TAKEN, reason="posted")) for one in parcels}


@pytest.mark.parametrize(("fails", "word"), [(False, "SENT"), (True, "IN_DOUBT")])
async def test_what_a_dead_process_left_is_settled_and_holds_up_nothing(
    board: Switchboard, *, fails: bool, word: str
) -> None:
    left = await board.send("die erste")
    with board.database.unit() as unit:
        (claim,) = claims.claim(unit, SMS.table, limit=1, lease=timedelta(seconds=0), owner="dead")
        SMS.begin(unit, claim)
    fresh = await board.send("die zweite")
    with board.database.unit() as unit:
        unit.connection.execute(update(SMS.table).values(provider="two", lease_until=None))
    turn(board.lane(Posting(board, fails=fails), "two"))
    assert (await board.state(left))[0] == word
    assert (await board.state(fresh))[0] == "SENT"


async def test_what_a_provider_had_that_was_taken_out_ends_in_a_state(board: Switchboard, clock: ManualClock) -> None:
    lost, late = await board.send("eins"), await board.send("zwei")
    with board.database.unit() as unit:
        (claim,) = claims.claim(unit, SMS.table, limit=1, lease=timedelta(seconds=1), owner="dead")
        SMS.begin(unit, claim)
        unit.connection.execute(update(SMS.table).values(provider="gone"))
    clock.advance(timedelta(seconds=2))
    with board.database.unit() as unit:
        assert store.end_abandoned(unit, ["one", "two"]) == 1
    assert [(await board.state(one))[0] for one in (lost, late)] == ["IN_DOUBT", "QUEUED"]
    clock.advance(timedelta(hours=5))
    with board.database.unit() as unit:
        assert store.end_abandoned(unit, ["one", "two"]) == 1
    assert (await board.state(late))[0] == "EXPIRED"
