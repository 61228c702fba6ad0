"""A server of the messages room over a real channel, and an employee's client."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Self

import grpc
from esoffice.es.v1 import messages_pb2 as pb
from esoffice.es.v1 import messages_pb2_grpc
from sqlalchemy import MetaData

from mesh.clock import Clock
from mesh.columns import new_metadata
from mesh.database import Database
from mesh.idempotency import RequestLog
from mesh.streams import Streams
from mesh.wakeups import Wakeups
from server_es.messages.actions import Actions
from server_es.messages.address import BELL, Messages
from server_es.messages.fanout import Fanout
from server_es.messages.service import MessageService
from server_es.messages.settings import MessageSettings
from server_es.messages.store import MessageStore
from server_es.messages.tables import MessageTables
from tests.builders import door
from tests.fakes.staff import FakeStaff

METADATA: MetaData = new_metadata()
STORE = MessageStore(MessageTables(METADATA))
REQUESTS = RequestLog(METADATA)


class Site:
    """One process' server; several of them on one database are replicas."""

    def __init__(self, database: Database, wakeups: Wakeups, settings: MessageSettings, teams: Any) -> None:
        self.database = database
        self.wakeups = wakeups
        streams = Streams(heartbeat=settings.heartbeat)
        self.fanout = Fanout(database, STORE, wakeups.bell(BELL), streams, poll=settings.poll)
        self.messages = Messages(STORE, wakeups.bell(BELL), self.fanout.offer)
        self.service = MessageService(
            database=database,
            store=STORE,
            messages=self.messages,
            fanout=self.fanout,
            staff=FakeStaff(teams),
            requests=REQUESTS,
            settings=settings,
            actions=Actions(),
        )
        self.grpc = door.server(pb.DESCRIPTOR, self.service)
        self.port = 0

    def tell(self, *employees: str, subject: str = "new", **said: Any) -> None:
        """Tell employees something, as another room does in its transaction."""
        with self.database.unit() as unit:
            self.messages.address(unit, employees, subject=subject, **{"sender": "services/server_es", **said})


@contextlib.asynccontextmanager
async def site(
    url: str,
    clock: Clock,
    settings: MessageSettings | None = None,
    *,
    teams: Mapping[str, Collection[str]] | None = None,
    port: int = 0,
) -> AsyncIterator[Site]:
    with Database(url, metadata=METADATA, clock=clock) as database:
        METADATA.create_all(database.engine)
        with Wakeups(database) as wakeups:
            made = Site(database, wakeups, settings or MessageSettings(), teams)
            made.port = made.grpc.add_insecure_port(f"127.0.0.1:{port}")
            await made.grpc.start()
            running = asyncio.create_task(made.fanout.run())
            try:
                yield made
            finally:
                made.fanout.drain()
                await made.grpc.stop(1)
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running


class Client:
    """An employee on one machine; opens streams, keeps nothing."""

    def __init__(self, port: int, employee: str, machine: str = "PC1", *, service: str = "", options: Any = ()) -> None:
        fixed = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=[*fixed, *options])
        self.stub = messages_pb2_grpc.MessageServiceStub(self.channel)
        self.metadata = (("x-service", service),) if service else (("x-employee", employee),)
        self.machine = machine

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()

    def call(self, method: str, request: Any) -> Any:
        return getattr(self.stub, method)(request, metadata=self.metadata, timeout=30)

    def subscribe(self, cursor: pb.MessageCursor | None = None) -> "Subscription":
        request = pb.SubscribeMessagesRequest(cursor=cursor, machine=self.machine, client_version="1")
        return Subscription(self.stub.SubscribeMessages(request, metadata=self.metadata))


class Subscription:
    """An open stream that reads event by event."""

    def __init__(self, call: Any) -> None:
        self.call = call

    async def next(self) -> pb.SubscribeMessagesResponse | None:
        """Return the next event, None at the end of the stream."""
        async with asyncio.timeout(10):
            event = await self.call.read()
        return None if event is grpc.aio.EOF else event

    async def opened(self) -> pb.SubscribeMessagesResponse:
        event = await self.next()
        assert event is not None
        assert event.WhichOneof("event") == "current"
        return event
