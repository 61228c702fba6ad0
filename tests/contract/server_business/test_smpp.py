"""Short messages over SMPP: an SMS centre that is not ours, and one that misbehaves; on both databases."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from esoffice.business.v1 import sms_pb2 as pb

from mesh import claims
from mesh.clock import ManualClock
from server_business.sms import store
from server_business.sms.encoding import decode, without_header
from server_business.sms.tables import SMS
from tests.builders.sms import NUMBER, Switchboard, smpp, switchboard, turn, until
from tests.contract.conftest import Serve
from tests.servers import smsc
from tests.servers.smsc import Submit, pdu, receipt, taken

LONG = "Störung „Lüftung“ – 😀" + "x" * 120 + "Ende"


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def board(serve: Serve) -> AsyncIterator[Switchboard]:
    with ExitStack() as stack:
        yield await switchboard(serve, stack)


@pytest.fixture
def centre() -> Iterator[smsc.Hostile]:
    with smsc.hostile() as running:
        yield running


def take(submit: Submit) -> Iterator[bytes | str]:
    """Take everything and report nothing."""
    yield taken(submit.sequence, f"m{submit.number}")


# -- one that is not ours ---------------------------------------------------------------------------------------------


async def test_messages_reach_a_centre_that_is_not_ours_and_are_reported_as_delivered(
    board: Switchboard, tmp_path: Path
) -> None:
    with smsc.foreign(tmp_path) as centre:
        provider = smpp(centre.port, sender="Firma")
        short = await board.send("Heizung [Süd] kostet 5 €")
        long = await board.send(LONG, flash=True)

        def delivered() -> bool:
            with board.database.reading() as unit:
                return {row.delivery for row in SMS.several(unit, [1, 2])} == {pb.SMS_DELIVERY_DELIVERED}

        until(board.lane(provider), delivered)
        provider.close()
    assert await board.state(short) == ("SENT", "DELIVERED")
    found = await board.get(long)
    assert (found.part_count, [one.number for one in found.parts]) == (3, [1, 2, 3])
    assert found.parts[0].provider_reference.startswith("00001A2B3")
    first, *rest = sorted(centre.taken(), key=lambda one: str(one["coding"]))  # it answers several at a time
    assert (first["to"], first["from"], first["coding"], first["esm"]) == ("491701234567", "Firma", 0, 0)
    assert decode(bytes.fromhex(first["text"]), 0) == "Heizung [Süd] kostet 5 €"
    assert {(one["coding"], one["esm"]) for one in rest} == {(0x18, 0x40)}
    pieces = sorted((piece.number, body) for piece, body in map(_piece, rest) if piece and piece.total == 3)
    assert "".join(body.decode("utf-16-be") for _, body in pieces) == LONG


def _piece(said: dict[str, str]) -> tuple[smsc.Any, bytes]:
    return without_header(bytes.fromhex(said["text"]))


# -- receipts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answered", "reported"),
    [
        ("m17", "M17"),
        ("00A1B2", "41394"),
        ("41394", "a1b2"),
        ("0000123", "123"),
        ("123", "00000123"),
    ],
)
async def test_a_receipt_is_known_however_the_centre_writes_its_ids(
    board: Switchboard, centre: smsc.Hostile, answered: str, reported: str
) -> None:
    centre.rule = lambda one: [taken(one.sequence, answered), receipt(reported, one.to)]
    name = await board.send()
    provider = smpp(centre.port)
    until(board.lane(provider), lambda: centre.answered)
    provider.close()
    assert await board.state(name) == ("SENT", "DELIVERED")


async def test_what_the_tlvs_say_goes_before_the_text(board: Switchboard, centre: smsc.Hostile) -> None:
    centre.rule = lambda one: [
        taken(one.sequence, "m1"),
        receipt("other", one.to, "DELIVRD", tlv="m1", state=5),
    ]
    name = await board.send()
    provider = smpp(centre.port)
    until(board.lane(provider), lambda: centre.answered)
    provider.close()
    assert await board.state(name) == ("SENT", "FAILED")


async def test_a_receipt_before_its_answer_is_kept_until_the_answer_is_known(
    board: Switchboard, centre: smsc.Hostile
) -> None:
    centre.rule = lambda one: [receipt(f"m{one.number}", one.to), taken(one.sequence, f"m{one.number}")]
    names = [await board.send(LONG), await board.send()]
    provider = smpp(centre.port)
    with board.database.unit() as unit:  # one that came over another way, before anything is known of its message
        store.receive(unit, "one", [store.Receipt(reference="m4", state=store.Delivery.DELIVERED, number=NUMBER)])
    until(board.lane(provider), lambda: len(centre.answered) == 4)
    provider.close()
    assert [await board.state(name) for name in names] == [("SENT", "DELIVERED")] * 2


async def test_receipts_that_come_twice_and_in_another_order_never_lead_back(
    board: Switchboard, centre: smsc.Hostile
) -> None:
    centre.rule = take
    name = await board.send(LONG)
    provider = smpp(centre.port)
    lane = board.lane(provider)
    turn(lane)
    states = []
    for id_, stat in (
        ("m2", "UNDELIV"), ("m1", "ACCEPTD"), ("m3", "DELIVRD"), ("m1", "UNKNOWN"), ("m2", "ACCEPTD"),
        ("m1", "DELIVRD"), ("m1", "EXPIRED"), ("m2", "DELIVRD"), ("m2", "UNDELIV"),
    ):  # fmt: skip
        known = len(centre.answered)
        centre.push(receipt(id_, NUMBER, stat))
        until(lane, lambda known=known: len(centre.answered) > known)  # type: ignore[misc]
        states.append((await board.state(name))[1])
    provider.close()
    assert states == ["PENDING"] * 3 + ["PARTLY"] * 4 + ["DELIVERED"] * 2
    assert set(centre.answered.values()) == {0}


async def test_a_state_nobody_reports_is_asked_for_and_then_given_up(
    board: Switchboard, centre: smsc.Hostile, clock: ManualClock
) -> None:
    centre.rule, centre.query = take, {"m1": 2}
    asked, silent = await board.send(), await board.send("Zweite")
    provider = smpp(centre.port)
    lane = board.lane(provider, query_after=timedelta(minutes=15))
    turn(lane)
    clock.advance(timedelta(minutes=16))
    until(lane, lambda: board_state(board, 1) == pb.SMS_DELIVERY_DELIVERED)
    assert await board.state(silent) == ("SENT", "PENDING")
    clock.advance(timedelta(hours=12))
    with board.database.unit() as unit:
        assert store.give_up(unit, timedelta(hours=12), 10) == 1
    assert [await board.state(name) for name in (asked, silent)] == [("SENT", "DELIVERED"), ("SENT", "UNKNOWN")]
    centre.push(receipt("m2", NUMBER))
    until(lane, lambda: centre.answered)
    provider.close()
    assert await board.state(silent) == ("SENT", "DELIVERED")  # late is better than never


def board_state(board: Switchboard, id_: int) -> int:
    with board.database.reading() as unit:
        return int(SMS.get(unit, id_).delivery)


# -- doubts -----------------------------------------------------------------------------------------------------------


async def test_a_lost_answer_is_a_doubt_that_the_receipt_clears_and_never_a_second_message(
    board: Switchboard, centre: smsc.Hostile, clock: ManualClock
) -> None:
    centre.rule = lambda one: ["drop"]
    name = await board.send(LONG)
    provider = smpp(centre.port)
    lane = board.lane(provider)
    turn(lane)
    assert (await board.state(name))[0] == "IN_DOUBT"
    assert "hung up before the answer came" in (await board.get(name)).reason
    clock.advance(timedelta(days=1))
    centre.rule = take
    taken_before = len(centre.submits)
    provider.again_now()
    turn(lane)
    for id_ in ("a", "b", "c"):
        centre.push(receipt(id_, NUMBER))
    until(lane, lambda: len(centre.answered) == 3)
    provider.close()
    assert await board.state(name) == ("SENT", "DELIVERED")
    assert len(centre.submits) == taken_before


async def test_a_receipt_proves_nothing_when_two_messages_may_be_meant(
    board: Switchboard, centre: smsc.Hostile
) -> None:
    centre.rule = lambda one: ["drop"]
    names = [await board.send("Erste"), await board.send("Zweite")]
    provider = smpp(centre.port)
    lane = board.lane(provider)
    for _ in range(3):  # one that has answered nothing gets one at a time
        turn(lane)
        provider.again_now()
    turn(lane)
    centre.push(receipt("a", NUMBER))
    until(lane, lambda: centre.answered)
    provider.close()
    assert [(await board.state(name))[0] for name in names] == ["IN_DOUBT", "IN_DOUBT"]


async def test_who_sends_a_doubt_once_more_sends_only_what_the_centre_has_not_got(
    board: Switchboard, centre: smsc.Hostile
) -> None:
    centre.rule = lambda one: [taken(one.sequence, "m1")] if one.number == 1 else ["drop"]
    name = await board.send(LONG)
    provider = smpp(centre.port, window=1)
    lane = board.lane(provider)
    turn(lane)
    assert (await board.state(name))[0] == "IN_DOUBT"
    centre.rule = lambda one: [taken(one.sequence, f"m{one.number}"), receipt(f"m{one.number}", one.to)]
    await board.stub.RetrySms(pb.RetrySmsRequest(name=name))
    provider.again_now()
    until(lane, lambda: len(centre.answered) == 2)
    centre.push(receipt("m1", NUMBER))
    until(lane, lambda: len(centre.answered) == 3)
    provider.close()
    assert [without_header(one.body)[0].number for one in centre.submits] == [1, 2, 2, 3]  # type: ignore[union-attr]
    assert await board.state(name) == ("SENT", "DELIVERED")


async def test_what_a_dead_process_left_is_in_doubt_until_a_receipt_comes(
    board: Switchboard, centre: smsc.Hostile
) -> None:
    name = await board.send()
    with board.database.unit() as unit:
        dead = claims.claim(unit, SMS.table, limit=1, lease=timedelta(minutes=5), owner="dead")
        SMS.begin_all(unit, dead)
    provider = smpp(centre.port)
    lane = board.lane(provider)
    turn(lane)
    assert (await board.state(name))[0] == "SENDING"
    board.give_back("dead")
    turn(lane)
    assert (await board.state(name))[0] == "IN_DOUBT"
    centre.push(receipt("lost-1", NUMBER))
    until(lane, lambda: centre.answered)
    provider.close()
    assert await board.state(name) == ("SENT", "DELIVERED")
    assert not centre.submits


# -- a centre with moods ----------------------------------------------------------------------------------------------


async def test_one_that_is_refused_holds_up_no_other(board: Switchboard, centre: smsc.Hostile) -> None:
    centre.rule = lambda one: [taken(one.sequence, f"m{one.number}", 0x0B if one.number == 1 else 0)]
    bad, good = await board.send("Erste"), await board.send("Zweite")
    provider = smpp(centre.port, window=1)
    turn(board.lane(provider))
    provider.close()
    assert await board.state(bad) == ("FAILED", "UNSPECIFIED")
    assert (await board.get(bad)).reason == "part 1: Invalid Destination Address (0xb)"
    assert await board.state(good) == ("SENT", "PENDING")


async def test_garbage_is_refused_for_good_and_stops_nothing(board: Switchboard, centre: smsc.Hostile) -> None:
    cut = receipt("m1", NUMBER)[:-30]
    centre.rule = lambda one: [
        pdu(0x5, 7001, b"\0\1\1garbage without an end"),
        len(cut).to_bytes(4, "big") + cut[4:12] + (7002).to_bytes(4, "big") + cut[16:],
        pdu(0x5, 7003),
        pdu(0x777, 7004, b"what is this"),
        pdu(0x80000004, 999_999, b"an answer nobody waits for\0"),
        pdu(0x102, 7005, b"\1\1491701\0"),
        taken(one.sequence, "m1"),
        receipt("m1", one.to, text="\xff\x00 not a receipt at all"),
        receipt("m1", one.to),
    ]
    name = await board.send()
    provider = smpp(centre.port)
    until(board.lane(provider), lambda: board_state(board, 1) == pb.SMS_DELIVERY_DELIVERED)
    provider.close()
    assert await board.state(name) == ("SENT", "DELIVERED")
    assert {centre.answered[one] for one in (7001, 7002, 7003)} == {0x65}  # it need not send them again


async def test_bytes_that_are_no_smpp_end_the_session(board: Switchboard, centre: smsc.Hostile) -> None:
    centre.rule = lambda one: [b"HTTP/1.1 400 Bad Request\r\n\r\n"]
    name = await board.send()
    provider = smpp(centre.port)
    turn(board.lane(provider))
    provider.close()
    assert (await board.state(name))[0] == "IN_DOUBT"
    assert "no SMPP" in (await board.get(name)).reason


async def test_a_centre_that_is_not_there_or_lets_nobody_in_holds_everything_back(
    board: Switchboard, centre: smsc.Hostile
) -> None:
    name = await board.send()
    provider = smpp(1)
    turn(board.lane(provider))
    assert board.lines["one"].sentence == "127.0.0.1:1 cannot be reached: Connection refused"
    centre.bind = 0x0E
    provider = smpp(centre.port)
    turn(board.lane(provider))
    assert board.lines["one"].sentence == "127.0.0.1 does not let 'us' in: Invalid Password (0xe)"
    (status,) = (await board.stub.ListSmsProviders(pb.ListSmsProvidersRequest())).providers
    assert (status.healthy, status.sentence, status.waiting_count) == (False, board.lines["one"].sentence, 1)
    assert await board.state(name) == ("QUEUED", "UNSPECIFIED")


async def test_one_that_says_too_fast_gets_the_same_message_later_and_no_attempt_is_lost(
    board: Switchboard, centre: smsc.Hostile, clock: ManualClock
) -> None:
    centre.rule = lambda one: [taken(one.sequence, "x", 0x58 if one.number < 3 else 0)]
    name = await board.send()
    provider = smpp(centre.port)
    lane = board.lane(provider)
    turn(lane)
    assert len(centre.submits) == 1
    found = await board.get(name)
    assert (found.reason, found.next_attempt_time.ToDatetime(UTC)) == (
        "Throttling error (ESME has exceeded allowed message limits) (0x58)", clock.now() + timedelta(seconds=1),
    )  # fmt: skip
    clock.advance(timedelta(seconds=1))
    turn(lane)
    clock.advance(timedelta(seconds=1))
    turn(lane)
    assert len(centre.submits) == 2  # it rests twice as long the second time
    clock.advance(timedelta(seconds=1))
    turn(lane)
    provider.close()
    assert await board.state(name) == ("SENT", "PENDING")


async def test_validity_goes_with_the_message(board: Switchboard, centre: smsc.Hostile, clock: ManualClock) -> None:
    request = pb.SendSmsRequest(to=NUMBER, text="Alarm")
    request.expire_time.FromDatetime(clock.now() + timedelta(hours=1, minutes=2))
    await board.stub.SendSms(request)
    provider = smpp(centre.port)
    turn(board.lane(provider))
    provider.close()
    assert (centre.submits[0].validity, centre.submits[0].receipt) == ("000000010200000R", True)
    assert datetime(2026, 3, 2, 8, tzinfo=UTC) == clock.now()
