"""The inbox as a client should follow it: nothing lost, nothing shown twice, whatever happens to the connection.

The whole of it: keep the cursor of what has been shown; take an event only when it begins where the last one ended;
when anything is odd, end the call and subscribe again from the cursor.
"""

import asyncio
import random
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

import grpc
from esoffice.es.v1 import messages_pb2 as pb
from esoffice.es.v1 import messages_pb2_grpc

from esclient.bookmark import Bookmark
from esclient.session import Session

MISSED_HEARTBEATS = 3
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.2, 30.0
OPEN_SECONDS = 20.0
_PAGE_SIZE = 200
FINAL = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED}
"""Answers after which trying again is of no use."""


class _Odd(Exception):
    """The stream is not what it should be; a new one will be."""


@dataclass(frozen=True, slots=True)
class New:
    """Messages to show, oldest first."""

    messages: list[pb.Message]


@dataclass(frozen=True, slots=True)
class Waiting:
    """More than is shown one by one waited: "5 new", and the newest of them."""

    count: int
    newest: list[pb.Message]


@dataclass(frozen=True, slots=True)
class Read:
    """Messages read on this or another machine: take their popups away."""

    sequences: frozenset[int]


Shown = New | Waiting | Read


class Inbox:
    """Follows the inbox of a session.

    Args:
        session: who.
        bookmark: how far.
        machine: name of this machine, for the administrators.
        version: of the client program.
    """

    def __init__(self, session: Session, bookmark: Bookmark, *, machine: str, version: str) -> None:
        self._session = session
        self._stub: messages_pb2_grpc.MessageServiceAsyncStub = messages_pb2_grpc.MessageServiceStub(session.channel)
        self._bookmark = bookmark
        self._machine = machine
        self._version = version
        self.unread_count = 0
        """As the server said at the last connection."""

    async def follow(self, *, expand: bool = False) -> AsyncGenerator[Shown, None]:
        """Give what happens, for ever, over as many connections as it takes.

        What was given counts as shown when the next thing is asked for; only then the bookmark moves.

        Args:
            expand: list what waited, and give every message instead of a sum.

        Raises:
            grpc.aio.AioRpcError: the server refuses for good, such as PERMISSION_DENIED.
        """
        failures = 0
        while True:
            try:
                async with aclosing(self._connection(expand=expand)) as things:
                    async for thing in things:
                        failures = 0
                        if thing is not None:
                            yield thing
            except grpc.aio.AioRpcError as error:
                self._consider(error)
            except (_Odd, TimeoutError):
                pass
            failures += 1
            # After an OK too: the server drains, and all its clients come back at the same moment.
            await asyncio.sleep(backoff(failures))

    async def newest(self, *, unread_only: bool = True, limit: int = 50) -> list[pb.Message]:
        """Return the newest messages, newest first."""
        request = pb.ListMessagesRequest(unread_only=unread_only, page_size=limit)
        return list((await self._session.ask(self._stub.ListMessages, request)).messages)

    async def mark_read(self, *names: str, through_sequence: int = 0) -> pb.MarkMessagesReadResponse:
        """Mark messages, or all through a number, as read on every machine."""
        request = pb.MarkMessagesReadRequest(names=names, through_sequence=through_sequence)
        return await self._session.ask(self._stub.MarkMessagesRead, request)

    async def reply(self, name: str, text: str) -> None:
        """Answer a message."""
        request = pb.ReplyToMessageRequest(name=name, text=text, request_id=str(uuid.uuid4()))
        await self._session.ask(self._stub.ReplyToMessage, request)

    async def snooze(self, *names: str, until: datetime) -> None:
        """Put messages aside; they come again as new ones."""
        request = pb.SnoozeMessagesRequest(names=names)
        request.until_time.FromDatetime(until)
        await self._session.ask(self._stub.SnoozeMessages, request)

    async def act(self, name: str, action: str, text: str = "") -> str:
        """Do what a message offers and return what came of it, in a sentence."""
        request = pb.ActOnMessageRequest(name=name, action=action, text=text)
        return (await self._session.ask(self._stub.ActOnMessage, request)).outcome

    def _consider(self, error: grpc.aio.AioRpcError) -> None:
        """Make the next attempt a better one, or give up."""
        if error.code() in FINAL:
            raise error
        if error.code() is grpc.StatusCode.OUT_OF_RANGE:
            self._bookmark.forget()
        elif error.code() is grpc.StatusCode.UNAUTHENTICATED:
            self._session.forget_token()

    async def _connection(self, *, expand: bool) -> AsyncGenerator[Shown | None, None]:
        """Give what one connection brings; None for a sign of life."""
        cursor = self._bookmark.cursor
        request = pb.SubscribeMessagesRequest(cursor=cursor, machine=self._machine, client_version=self._version)
        call = self._stub.SubscribeMessages(request, metadata=await self._session.metadata())
        silence = OPEN_SECONDS
        try:
            while True:
                async with asyncio.timeout(silence):
                    event = await call.read()
                if not isinstance(event, pb.SubscribeMessagesResponse):  # the end, with OK
                    return
                if cursor is not None and _place(event.after) != _place(cursor):
                    raise _Odd(f"an event begins at {event.after.sequence}, expected {cursor.sequence}")
                if event.HasField("current"):
                    interval = event.current.heartbeat_interval_duration.ToTimedelta().total_seconds()
                    silence = MISSED_HEARTBEATS * interval
                    self.unread_count = event.current.unread_count
                yield await self._thing(event, expand=expand)
                cursor = event.through
                if _place(cursor) != _place(self._bookmark.cursor):
                    self._bookmark.keep(cursor)
        finally:
            call.cancel()

    async def _thing(self, event: pb.SubscribeMessagesResponse, *, expand: bool) -> Shown | None:
        match event.WhichOneof("event"):
            case "messages":
                return New(list(event.messages.messages))
            case "waiting" if expand:
                return New(await self._rest(event))
            case "waiting":
                return Waiting(event.waiting.count, list(event.waiting.newest))
            case "read":
                ranges = event.read.ranges
                return Read(frozenset(number for one in ranges for number in range(one.first, one.last + 1)))
            case _:
                return None

    async def _rest(self, event: pb.SubscribeMessagesResponse) -> list[pb.Message]:
        """List what a sum stands for, all of it before any of it is shown."""
        request = pb.ListMessagesRequest(
            after_sequence=event.after.sequence,
            through_sequence=event.through.sequence,
            unread_only=True,
            oldest_first=True,
            page_size=_PAGE_SIZE,
        )
        rest: list[pb.Message] = []
        while True:
            answer = await self._session.ask(self._stub.ListMessages, request)
            rest += answer.messages
            request.page_token = answer.next_page_token
            if not request.page_token:
                return rest


def _place(cursor: pb.MessageCursor | None) -> tuple[int, int]:
    """Return what is compared: the inbox's identity appears with its first message."""
    return (0, 0) if cursor is None else (cursor.sequence, cursor.reads)


def backoff(failures: int) -> float:
    """Return the seconds to rest after so many failures in a row."""
    longest = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** min(failures, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load
