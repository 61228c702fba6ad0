"""The reference client against a real server, restarts and silence included."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import messages_pb2 as pb

from esclient.bookmark import Bookmark
from esclient.inbox import Inbox, New, Read, Shown, Waiting
from esclient.session import Session, Token
from mesh.channel import connect
from mesh.clock import ManualClock, SystemClock
from server_es.messages.settings import MessageSettings
from tests.builders import door
from tests.builders.messages import site

FAR = datetime(2100, 1, 1, tzinfo=UTC)


async def signed_in() -> Token:
    return Token(text="17", expire_time=FAR)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'messages.db'}"


def inbox_at(port: int, folder: Path) -> tuple[Session, Inbox]:
    session = Session(connect(f"127.0.0.1:{port}", None), signed_in, SystemClock())
    return session, Inbox(session, Bookmark(folder / "sub" / "cursor.json"), machine="PC1", version="1")


async def some(inbox: Inbox, count: int, *, expand: bool = False) -> list[Shown]:
    """Take things and ask for one more, so that the last one counts as shown."""
    things: list[Shown] = []
    async with aclosing(inbox.follow(expand=expand)) as following:
        async with asyncio.timeout(20):
            async for thing in following:
                things.append(thing)
                if len(things) == count:
                    break
    return things


async def test_a_restarted_client_goes_on_where_it_was(url: str, tmp_path: Path) -> None:
    async with site(url, SystemClock()) as server:
        server.tell("17", subject="one")
        server.tell("17", subject="two", kind=2)
        session, inbox = inbox_at(server.port, tmp_path)
        following = inbox.follow()
        first = await anext(following)
        assert isinstance(first, New)
        assert [one.subject for one in first.messages] == ["one", "two"]
        waiting = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0.2)
        server.tell("17", subject="three")
        third = await asyncio.wait_for(waiting, 10)
        assert isinstance(third, New)
        await following.aclose()
        await session.close()
        session, inbox = inbox_at(server.port, tmp_path)  # "three" was given, but nobody said it was shown
        (again,) = await some(inbox, 1)
        assert isinstance(again, New)
        assert [one.subject for one in again.messages] == ["three"]
        assert inbox.unread_count == 3
        await session.close()


async def test_a_sum_is_shown_as_a_sum_or_expanded(url: str, tmp_path: Path) -> None:
    async with site(url, SystemClock()) as server:
        for number in range(9):
            server.tell("17", subject=f"m{number}")
        session, inbox = inbox_at(server.port, tmp_path)
        (summed,) = await some(inbox, 1)
        assert isinstance(summed, Waiting)
        assert (summed.count, [one.subject for one in summed.newest]) == (9, ["m6", "m7", "m8"])
        (all_of_them,) = await some(inbox, 1, expand=True)
        assert isinstance(all_of_them, New)
        assert [one.subject for one in all_of_them.messages] == [f"m{number}" for number in range(9)]
        await session.close()


async def test_reading_on_one_machine_is_told_to_the_other(url: str, tmp_path: Path) -> None:
    async with site(url, SystemClock()) as server:
        session, inbox = inbox_at(server.port, tmp_path)
        taking = asyncio.create_task(some(inbox, 2))
        await asyncio.sleep(0.3)
        server.tell("17")
        await asyncio.sleep(0.2)
        (newest,) = await inbox.newest()
        assert (await inbox.mark_read(newest.name)).read_count == 1
        assert (await taking)[1] == Read(frozenset({1}))
        assert await inbox.newest() == []
        await session.close()


async def test_a_cursor_the_server_cannot_serve_is_forgotten(url: str, tmp_path: Path) -> None:
    async with site(url, SystemClock()) as server:
        server.tell("17", subject="one")
        Bookmark(tmp_path / "sub" / "cursor.json").keep(pb.MessageCursor(sequence=99, inbox=5))
        session, inbox = inbox_at(server.port, tmp_path)
        (thing,) = await some(inbox, 1)
        assert isinstance(thing, New)
        await session.close()


async def test_a_restarted_server_is_found_again(url: str, tmp_path: Path) -> None:
    async with site(url, SystemClock()) as server:
        port = server.port
        session, inbox = inbox_at(port, tmp_path)
        taking = asyncio.create_task(some(inbox, 2))
        await asyncio.sleep(0.3)
        server.tell("17", subject="before")
        await asyncio.sleep(0.2)
    async with site(url, SystemClock(), port=port) as server:
        server.tell("17", subject="after")
        shown = [one.subject for thing in await taking if isinstance(thing, New) for one in thing.messages]
        assert shown == ["before", "after"]
    await session.close()


class Mute:
    """A server that falls silent after the first event of the first stream, as a network that went away."""

    def __init__(self) -> None:
        self.streams = 0

    async def SubscribeMessages(self, request: Any, context: Any) -> AsyncIterator[pb.SubscribeMessagesResponse]:
        self.streams += 1
        first = pb.SubscribeMessagesResponse()
        first.current.heartbeat_interval_duration.FromTimedelta(timedelta(milliseconds=100))
        yield first
        if self.streams == 1:
            await asyncio.sleep(60)
        told = pb.SubscribeMessagesResponse(after={}, through={"sequence": 1})
        told.messages.messages.add(sequence=1)
        yield told
        if self.streams == 2:  # an event that leaves out number 2
            yield pb.SubscribeMessagesResponse(after={"sequence": 2}, through={"sequence": 3}, messages={})
        await asyncio.sleep(60)

    ListMessages = GetMessage = MarkMessagesRead = SendMessage = SubscribeMessages
    ReplyToMessage = SnoozeMessages = ActOnMessage = SubscribeMessages


async def test_three_missed_heartbeats_and_a_hole_make_the_client_subscribe_again(tmp_path: Path) -> None:
    mute = Mute()
    server = door.server(pb.DESCRIPTOR, mute)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    session, inbox = inbox_at(port, tmp_path)
    following = inbox.follow()
    begun = asyncio.get_running_loop().time()
    thing = await asyncio.wait_for(anext(following), 10)
    assert isinstance(thing, New)
    assert mute.streams == 2
    assert asyncio.get_running_loop().time() - begun > 0.3
    asking = asyncio.ensure_future(anext(following))
    while mute.streams < 3:  # noqa: ASYNC110 - counted by the server
        await asyncio.sleep(0.05)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await session.close()
    await server.stop(0)


async def test_a_refusal_for_good_ends_the_following(url: str, tmp_path: Path) -> None:
    async def nobody() -> Token:
        return Token(text="", expire_time=FAR)

    async with site(url, SystemClock(), MessageSettings()) as server:
        session = Session(connect(f"127.0.0.1:{server.port}", None), nobody, SystemClock())
        inbox = Inbox(session, Bookmark(tmp_path / "c.json"), machine="PC1", version="1")
        with pytest.raises(grpc.aio.AioRpcError, match="no employee"):
            await some(inbox, 1)
        await session.close()


async def test_a_token_is_renewed_a_minute_before_it_ends_and_once_for_all() -> None:
    clock = ManualClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
    given: list[Token] = []

    async def sign_in() -> Token:
        await asyncio.sleep(0)
        given.append(Token(text=f"t{len(given)}", expire_time=clock.now() + timedelta(minutes=15)))
        return given[-1]

    session = Session(connect("127.0.0.1:1", None), sign_in, clock)
    both = await asyncio.gather(session.metadata(), session.metadata())
    assert both[0] == both[1] == (("authorization", "Bearer t0"),)
    clock.advance(timedelta(minutes=13, seconds=59))
    assert (await session.metadata())[0][1] == "Bearer t0"
    clock.advance(timedelta(seconds=1))
    assert (await session.metadata())[0][1] == "Bearer t1"
    session.forget_token()
    assert (await session.metadata())[0][1] == "Bearer t2"
    await session.close()


def test_half_a_bookmark_is_none(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"sequ')
    assert Bookmark(tmp_path / "c.json").cursor is None
