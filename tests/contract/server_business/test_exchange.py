"""ExchangeService over a real channel, on both databases, with a mailbox in memory that is turned by hand."""

import threading
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import grpc
import pytest
from esoffice.business.v1 import exchange_pb2 as pb
from esoffice.business.v1.exchange_pb2_grpc import ExchangeServiceStub
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.clock import ManualClock
from mesh.workers import Turn
from server_business.app import definition
from server_business.exchange import store, worker
from server_business.exchange.engine import Marks
from server_business.exchange.items import Kind
from server_business.exchange.mailboxes import Desk, Mailbox, mailboxes
from server_business.exchange.rules import Direction, Event, Note, Place, Winner
from tests.builders.exchange_room import WHEN, Room
from tests.contract.conftest import Serve, refused

EVA = "exchangeMailboxes/101"
NEXT = pb.ReleaseBrakeRequest


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def room(serve: Serve, clock: ManualClock) -> Any:
    with ExitStack() as stack:
        room = Room(clock, stack)
        served = await serve((pb.DESCRIPTOR, room.made), metadata=definition.metadata)
        room.stub = ExchangeServiceStub(served.channel)
        yield room


async def test_a_mailbox_says_how_it_is(room: Room) -> None:
    before = await room.mailbox()
    room.put(Place.ERP, "a", "b")
    room.sync()
    after = await room.mailbox()

    assert (before.name, before.address, before.status) == (EVA, "eva@firma.example", "has not run yet")
    assert (after.healthy, after.mapping_count, after.waiting_count) == (True, 2, 0)
    assert after.status == "2 changes taken in, 2 written"
    assert after.HasField("success_time")


async def test_a_plan_names_what_would_be_written_and_writes_nothing(room: Room) -> None:
    room.put(Place.ERP, "Wartung")
    room.put(Place.EXCHANGE, "Besuch")
    plan = await room.stub.PlanSync(pb.PlanSyncRequest(name=EVA))

    assert [(one.place, one.verb, one.title, list(one.fields)) for one in plan.acts] == [
        (pb.SYNC_PLACE_EXCHANGE, pb.SYNC_VERB_CREATE, "Wartung", ["title", "when"]),
        (pb.SYNC_PLACE_ERP, pb.SYNC_VERB_CREATE, "Besuch", ["title", "when"]),
    ]
    assert plan.act_count == 2
    assert not room.sides[Place.ERP].written + room.sides[Place.EXCHANGE].written
    assert not (await room.stub.ListMappings(pb.ListMappingsRequest(mailbox=EVA))).mappings


async def test_mappings_come_in_pages_and_say_which_is_which(room: Room) -> None:
    room.put(Place.ERP, "a", "b", "c")
    room.sync()
    first = await room.stub.ListMappings(pb.ListMappingsRequest(mailbox=EVA, page_size=2))
    second = await room.stub.ListMappings(
        pb.ListMappingsRequest(mailbox=EVA, page_size=2, page_token=first.next_page_token)
    )
    waiting = await room.stub.ListMappings(pb.ListMappingsRequest(mailbox=EVA, only_waiting=True))

    assert [one.title for one in (*first.mappings, *second.mappings)] == ["a", "b", "c"]
    assert first.mappings[0].record in room.sides[Place.ERP].items[Kind.APPOINTMENT]
    assert first.mappings[0].exchange_id in room.sides[Place.EXCHANGE].items[Kind.APPOINTMENT]
    assert first.mappings[0].origin == pb.SYNC_PLACE_ERP
    assert not second.next_page_token
    assert not waiting.mappings


async def test_the_title_of_what_is_private_is_shown_to_no_administrator(room: Room) -> None:
    erp = room.sides[Place.ERP]
    made = erp.put(Kind.APPOINTMENT, {"title": "Scheidung", "when": WHEN, "private": "yes"})
    new = await room.stub.PlanSync(pb.PlanSyncRequest(name=EVA))
    room.sync()
    later = WHEN.replace("T09", "T10")
    erp.put(Kind.APPOINTMENT, {"title": "Scheidung", "when": later, "private": "yes"}, id_=made.id)
    moved = await room.stub.PlanSync(pb.PlanSyncRequest(name=EVA))
    listed = await room.stub.ListMappings(pb.ListMappingsRequest(mailbox=EVA))

    assert [one.title for one in (*new.acts, *moved.acts, *listed.mappings)] == ["Privat"] * 3


async def braked(room: Room) -> None:
    room.put(Place.ERP, *"abcdef")
    room.sync()
    for id_ in list(room.sides[Place.EXCHANGE].items[Kind.APPOINTMENT])[:4]:
        room.sides[Place.EXCHANGE].remove(Kind.APPOINTMENT, id_)
    room.sync()


def answer(decision: int, count: int = 4) -> pb.ReleaseBrakeRequest:
    return pb.ReleaseBrakeRequest(
        name=EVA,
        place=pb.SYNC_PLACE_ERP,
        kind=pb.SYNC_KIND_APPOINTMENT,
        deletion_count=count,
        decision=pb.ReleaseBrakeRequest.Decision.ValueType(decision),
    )


@pytest.mark.parametrize(("decision", "left"), [(NEXT.DECISION_PROCEED, 2), (NEXT.DECISION_RESTORE, 6)])
async def test_a_brake_asks_and_does_what_it_is_told(room: Room, decision: int, left: int) -> None:
    await braked(room)
    line = (room.line.healthy, room.line.sentence)
    asked = await room.mailbox()
    fewer = await refused(room.stub.ReleaseBrake(answer(decision, count=3)))
    released = await room.stub.ReleaseBrake(answer(decision))
    room.sync(2)
    after = await room.mailbox()
    lines = (await room.stub.ListSyncLog(pb.ListSyncLogRequest(mailbox=EVA))).entries

    question = asked.questions[0]
    assert (asked.healthy, question.deletion_count, question.mapping_count) == (False, 4, 6)
    assert "4 deletions wait" in asked.status
    assert line == (False, f"1 mailboxes in sync; eva@firma.example: {asked.status}")
    assert room.line.healthy
    assert fewer.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "4 deletions wait by now" in (fewer.details() or "")
    assert not released.questions
    assert not after.questions
    assert [len(room.sides[place].items[Kind.APPOINTMENT]) for place in Place] == [left, left]
    assert [one.event for one in lines][-2:] == [pb.SYNC_EVENT_RELEASED, pb.SYNC_EVENT_BRAKED]


async def test_an_answer_to_no_question_is_refused(room: Room) -> None:
    error = await refused(room.stub.ReleaseBrake(answer(NEXT.DECISION_PROCEED)))

    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION


async def test_an_empty_side_is_filled_again_only_by_proceed(room: Room) -> None:
    room.put(Place.ERP, *"abcdef")
    room.sync()
    mailbox = room.sides[Place.EXCHANGE]
    for id_ in list(mailbox.items[Kind.APPOINTMENT]):
        mailbox.remove(Kind.APPOINTMENT, id_)
    mailbox.lose_tokens()
    room.sync()
    request = answer(NEXT.DECISION_RESTORE, count=0)
    request.place = pb.SYNC_PLACE_EXCHANGE
    error = await refused(room.stub.ReleaseBrake(request))
    assert [len(room.sides[place].items[Kind.APPOINTMENT]) for place in Place] == [6, 0]
    request.decision = NEXT.DECISION_PROCEED
    await room.stub.ReleaseBrake(request)
    room.sync()

    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert [len(room.sides[place].items[Kind.APPOINTMENT]) for place in Place] == [6, 6]


async def test_the_log_says_what_was_overruled_the_newest_first(room: Room, clock: ManualClock) -> None:
    room.put(Place.ERP, "a")
    room.sync()
    for title in ("first", "second"):
        for place in Place:
            side = room.sides[place]
            side.put(Kind.APPOINTMENT, {"title": f"{title} {place.name}", "when": WHEN}, id_=next(iter(side.items[1])))
        room.sync()
        clock.advance(timedelta(minutes=1))
    page = await room.stub.ListSyncLog(pb.ListSyncLogRequest(mailbox=EVA, page_size=1))
    rest = await room.stub.ListSyncLog(pb.ListSyncLogRequest(mailbox=EVA, page_size=1, page_token=page.next_page_token))

    entries = [*page.entries, *rest.entries]
    assert [(one.event, one.place, one.field, one.overruled) for one in entries] == [
        (pb.SYNC_EVENT_CONFLICT, pb.SYNC_PLACE_ERP, "title", f"{title} EXCHANGE") for title in ("second", "first")
    ]


async def test_a_line_of_the_log_is_forgotten_after_ninety_days(
    room: Room, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_PRUNED_AT_ONCE", 2)
    database = room.worker._desk.database
    prune: Any = worker.pruner(database).work

    def add(*reasons: str) -> None:
        with database.unit() as unit:
            notes = [
                Note(uid="", kind=Kind.TASK, event=Event.REFUSED, place=Place.ERP, overruled=one) for one in reasons
            ]
            store.add_notes(unit, "101", notes)

    add("a", "b", "c")
    clock.advance(timedelta(days=1))
    add("d")
    clock.advance(timedelta(days=89, minutes=1))
    more = [prune(Turn(threading.Event())) for _ in range(3)]
    with database.reading() as unit:
        left = [row.overruled for row in store.log_lines(unit, "101", before=None, limit=9)]

    assert more == [True, False, False]
    assert left == ["d"]


async def test_a_mailbox_that_is_not_in_the_settings_is_not_found(room: Room) -> None:
    error = await refused(room.stub.SyncNow(pb.SyncNowRequest(name="exchangeMailboxes/999")))
    answered = await room.stub.SyncNow(pb.SyncNowRequest(name=EVA))

    assert error.code() == grpc.StatusCode.NOT_FOUND
    assert answered.name == EVA


async def test_an_answer_is_not_overwritten_by_a_round_that_began_before(room: Room) -> None:
    await braked(room)
    book = Desk(room.worker._desk.database, lambda _: room.sides).book(room.boxes["101"])
    before = book.marks()
    await room.stub.ReleaseBrake(answer(NEXT.DECISION_PROCEED))
    book.save([], marks=Marks(tokens={**before.tokens, (Place.ERP, Kind.TASK): "9"}, questions=before.questions))
    after = book.marks()

    assert after.allowed == {(Place.ERP, Kind.APPOINTMENT): 4}
    assert after.tokens[Place.ERP, Kind.TASK] == "9"
    assert not after.questions


def test_settings_say_how_each_mailbox_is_kept() -> None:
    said = settings.ExchangeSettings(
        active=True,
        url="https://outlook.office365.com/EWS/Exchange.asmx",
        tasks=settings.ExchangeSettings.DIRECTION_OFF,
        winner=settings.ExchangeSettings.WINNER_ERP,
    )
    said.mailboxes["7"].address = "otto@firma.example"
    said.mailboxes["7"].appointments = settings.ExchangeSettings.DIRECTION_TO_ERP
    otto: Mailbox = mailboxes(said)["7"]

    assert otto.directions == {Kind.APPOINTMENT: Direction.TO_ERP, Kind.TASK: Direction.OFF}
    assert otto.winner is Winner.ERP
    assert "from 2027-04-01: change `protocol` to PROTOCOL_GRAPH" in otto.warning
    said.protocol = settings.ExchangeSettings.PROTOCOL_GRAPH
    assert not mailboxes(said)["7"].warning
    said.protocol = settings.ExchangeSettings.PROTOCOL_EWS
    said.url = "https://mail.firma.example/EWS/Exchange.asmx"
    assert not mailboxes(said)["7"].warning
    said.active = False
    assert not mailboxes(said)
