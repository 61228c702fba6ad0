"""The stream of MessageService over a real channel, on both databases."""

from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
import pytest
from esoffice.es.v1 import messages_pb2 as pb
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from mesh.clock import SystemClock
from server_es.messages.rows import Content
from server_es.messages.settings import MessageSettings
from tests.builders.messages import Client, Site, site

SETTINGS = MessageSettings(poll=timedelta(seconds=30), heartbeat=timedelta(seconds=60))


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Site]:
    async with site(database_url, SystemClock(), SETTINGS) as made:
        yield made


@pytest.fixture
async def anna(server: Site) -> AsyncIterator[Client]:
    async with Client(server.port, "17") as client:
        yield client


def subjects(event: pb.SubscribeMessagesResponse | None) -> list[str]:
    assert event is not None
    return [one.subject for one in event.messages.messages]


async def test_the_first_event_comes_at_once_even_to_an_empty_inbox(anna: Client) -> None:
    event = await anna.subscribe().opened()
    assert event.current.unread_count == 0
    assert event.through.sequence == 0
    assert event.current.heartbeat_interval_duration.seconds == 60


async def test_a_message_is_pushed_to_every_machine_of_its_recipient_only(server: Site, anna: Client) -> None:
    async with Client(server.port, "17", "LAPTOP") as laptop, Client(server.port, "18") as berta:
        streams = [one.subscribe() for one in (anna, laptop, berta)]
        for stream in streams:
            await stream.opened()
        server.tell("17", subject="for Anna", about="servicecalls/4711")
        server.tell("18", subject="for Berta")
        for stream in streams[:2]:
            event = await stream.next()
            assert subjects(event) == ["for Anna"]
            assert event.messages.messages[0].about == "servicecalls/4711"
            assert (event.after.sequence, event.through.sequence) == (0, 1)
        assert subjects(await streams[2].next()) == ["for Berta"]


async def test_a_stream_resumes_after_its_cursor(server: Site, anna: Client) -> None:
    stream = anna.subscribe()
    await stream.opened()
    server.tell("17", subject="first")
    cursor = (await stream.next()).through
    stream.call.cancel()
    server.tell("17", subject="second")
    again = anna.subscribe(cursor)
    assert (await again.opened()).current.unread_count == 2
    event = await again.next()
    assert subjects(event) == ["second"]
    assert event.after == cursor


async def test_five_waiting_messages_come_one_by_one_and_six_as_a_sum(server: Site, anna: Client) -> None:
    for number in range(1, 6):
        server.tell("17", subject=f"m{number}")
    stream = anna.subscribe()
    await stream.opened()
    assert subjects(await stream.next()) == ["m1", "m2", "m3", "m4", "m5"]
    server.tell("17", subject="m6", kind=2, priority=3)
    again = anna.subscribe()
    await again.opened()
    event = await again.next()
    assert (event.waiting.count, event.waiting.popup_count, event.waiting.high_priority_count) == (6, 1, 1)
    assert [one.subject for one in event.waiting.newest] == ["m4", "m5", "m6"]
    rest = await anna.call(
        "ListMessages",
        pb.ListMessagesRequest(
            after_sequence=event.after.sequence,
            through_sequence=event.through.sequence,
            unread_only=True,
            oldest_first=True,
        ),
    )
    assert [one.subject for one in rest.messages] == ["m1", "m2", "m3", "m4", "m5", "m6"]


async def test_what_is_read_on_one_machine_disappears_on_the_other(server: Site, anna: Client) -> None:
    async with Client(server.port, "17", "LAPTOP") as laptop:
        stream = laptop.subscribe()
        await stream.opened()
        server.tell("17")
        message = (await stream.next()).messages.messages[0]
        answer = await anna.call("MarkMessagesRead", pb.MarkMessagesReadRequest(names=[message.name]))
        assert (answer.read_count, answer.unread_count) == (1, 0)
        event = await stream.next()
        assert [(one.first, one.last) for one in event.read.ranges] == [(1, 1)]
        assert event.through.reads == 1


async def test_who_was_away_learns_what_was_read_meanwhile(server: Site, anna: Client) -> None:
    server.tell("17", subject="old")
    stream = anna.subscribe()
    await stream.opened()
    cursor = (await stream.next()).through
    stream.call.cancel()
    server.tell("17", subject="read before it was seen")
    async with Client(server.port, "17", "LAPTOP") as laptop:
        await laptop.call("MarkMessagesRead", pb.MarkMessagesReadRequest(through_sequence=2))
    again = anna.subscribe(cursor)
    first = await again.opened()
    assert (first.current.unread_count, first.through.sequence) == (0, 2)
    assert [(one.first, one.last) for one in (await again.next()).read.ranges] == [(1, 2)]


async def test_an_expired_message_does_not_wait(server: Site, anna: Client) -> None:
    server.tell("17", expire_time=SystemClock().now() - timedelta(seconds=1))
    event = await anna.subscribe().opened()
    assert (event.current.unread_count, event.through.sequence) == (0, 1)


async def test_a_burst_goes_in_pages_to_a_stream_that_fell_behind(server: Site, anna: Client) -> None:
    stream = anna.subscribe()
    await stream.opened()
    with server.database.unit() as unit:
        for number in range(120):
            server.messages.address(unit, ["17"], subject=f"m{number}", sender="services/server_es")
    seen: list[str] = []
    while len(seen) < 120:
        event = await stream.next()
        assert event.after.sequence == len(seen)
        seen += subjects(event)
        assert len(event.messages.messages) <= 50
        assert event.through.sequence == len(seen)
    assert seen == [f"m{number}" for number in range(120)]


@pytest.mark.parametrize("which", ["future", "foreign", "pruned"])
async def test_a_cursor_that_cannot_be_served_is_refused_with_the_kept_range(
    server: Site, anna: Client, which: str
) -> None:
    stream = anna.subscribe()
    await stream.opened()
    for _ in range(3):
        server.tell("17")
        cursor = (await stream.next()).through
    if which == "future":
        cursor.sequence = 4
    elif which == "foreign":
        cursor.inbox += 1
    else:
        with server.database.unit() as unit:
            server.service._store.prune(unit, SystemClock().now())
        cursor.sequence = 1
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await anna.subscribe(cursor).opened()
    assert refused.value.code() is grpc.StatusCode.OUT_OF_RANGE
    info = error_details_pb2.ErrorInfo()
    rpc_status.from_call(refused.value).details[0].Unpack(info)
    assert info.reason == "CURSOR_OUT_OF_RANGE"
    assert info.metadata == {"oldest": "4" if which == "pruned" else "1", "newest": "3"}
    begun_anew = await anna.subscribe().opened()
    assert begun_anew.after.sequence == (3 if which == "pruned" else 0)


async def test_streams_end_with_ok_when_the_server_drains_and_resume_elsewhere(
    server: Site, database_url: str, anna: Client
) -> None:
    stream = anna.subscribe()
    cursor = (await stream.opened()).through
    server.fanout.drain()
    assert await stream.next() is None
    assert await stream.call.code() is grpc.StatusCode.OK
    async with site(database_url, SystemClock(), SETTINGS) as other, Client(other.port, "17") as moved:
        again = moved.subscribe(cursor)
        await again.opened()
        other.tell("17", subject="after the move")
        assert subjects(await again.next()) == ["after the move"]


async def test_heartbeats_say_where_the_stream_stands(database_url: str) -> None:
    settings = MessageSettings(heartbeat=timedelta(seconds=0.2))
    async with site(database_url, SystemClock(), settings) as server, Client(server.port, "17") as anna:
        stream = anna.subscribe()
        await stream.opened()
        server.tell("17")
        cursor = (await stream.next()).through
        for _ in range(2):
            event = await stream.next()
            assert event.WhichOneof("event") == "heartbeat"
            assert event.after == event.through == cursor


async def test_a_lost_wake_up_is_made_good_by_the_poll(database_url: str) -> None:
    settings = MessageSettings(poll=timedelta(seconds=0.2))
    async with site(database_url, SystemClock(), settings) as server, Client(server.port, "17") as anna:
        stream = anna.subscribe()
        await stream.opened()
        with server.database.unit() as unit:
            server.service._store.append(
                unit, [(["17"], Content(subject="silent", sender="services/server_es"))]
            )  # nobody rings
        assert subjects(await stream.next()) == ["silent"]
