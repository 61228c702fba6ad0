"""Everything at once: sends, reads, disconnects, lost wake-ups, two replicas. Each message is seen once, in order."""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from datetime import timedelta

import grpc
import pytest
from esoffice.es.v1 import messages_pb2 as pb

from mesh.clock import SystemClock
from mesh.database import UnitOfWork
from server_es.messages.rows import Content
from server_es.messages.settings import MessageSettings
from tests.builders.messages import STORE, Client, Site, site

SETTINGS = MessageSettings(
    poll=timedelta(seconds=0.3),
    heartbeat=timedelta(seconds=0.4),
    waiting_shown_at_most=2,
    waiting_newest_shown=1,
)
EMPLOYEES = ["1", "2", "3"]
SECONDS = 6.0


@dataclass
class Screen:
    """What one machine has shown. Cursor and list change together: between two awaits nothing can be killed."""

    employee: str
    cursor: pb.MessageCursor | None = None
    seen: list[int] = field(default_factory=list)
    read: set[int] = field(default_factory=set)
    unread_at_first: bool = True

    async def take(self, client: Client, event: pb.SubscribeMessagesResponse) -> None:
        if self.cursor is not None:
            assert event.after.sequence == self.cursor.sequence
            assert event.after.reads == self.cursor.reads
        messages = list(event.messages.messages)
        if event.HasField("waiting"):
            answer = await client.call(
                "ListMessages",
                pb.ListMessagesRequest(
                    after_sequence=event.after.sequence,
                    through_sequence=event.through.sequence,
                    oldest_first=True,
                    page_size=1000,
                ),
            )
            messages = list(answer.messages)
        self.seen += [one.sequence for one in messages]
        self.read |= {one.sequence for one in messages if one.HasField("read_time")}
        self.read |= {number for one in event.read.ranges for number in range(one.first, one.last + 1)}
        self.cursor = event.through

    async def watch(self, port: int) -> None:
        async with Client(port, self.employee) as client:
            stream = client.subscribe(self.cursor)
            while (event := await stream.next()) is not None:
                await self.take(client, event)
                if random.random() < 0.05:
                    await asyncio.sleep(random.uniform(0, 0.1))


class Undone(Exception):
    """A unit that is rolled back."""


async def send(sites: list[Site], until: float) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        chosen = random.choice(sites)
        told = random.sample(EMPLOYEES, random.randint(1, 3))
        how = random.random()

        def work(unit: UnitOfWork, site: Site = chosen, told: list[str] = told, how: float = how) -> None:
            content = Content(subject="s", text="x" * random.randint(0, 2000), sender="services/server_es")
            if how < 0.2:
                STORE.append(unit, [(sorted(told), content)])  # the wake-up is lost
            else:
                site.messages.address_all(unit, [(told, content)] * (30 if how < 0.25 else random.randint(1, 3)))
            if how > 0.9:
                raise Undone

        with contextlib.suppress(Undone):
            await chosen.database.run(work)
        await asyncio.sleep(random.uniform(0, 0.02))


async def mark(sites: list[Site], screens: list[Screen], until: float) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        await asyncio.sleep(random.uniform(0, 0.05))
        screen = random.choice(screens)
        if not screen.seen:
            continue
        async with Client(random.choice(sites).port, screen.employee) as client:
            chosen = random.choice(screen.seen)
            request = pb.MarkMessagesReadRequest(names=[f"messages/{chosen}-{screen.employee}"])
            if random.random() < 0.1:
                request = pb.MarkMessagesReadRequest(through_sequence=chosen)
            await client.call("MarkMessagesRead", request)


async def come_and_go(sites: list[Site], screen: Screen, until: float) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        watching = asyncio.create_task(screen.watch(random.choice(sites).port))
        await asyncio.wait([watching], timeout=random.uniform(0.05, 1.0))
        watching.cancel()
        (outcome,) = await asyncio.gather(watching, return_exceptions=True)
        assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_message_is_seen_once_and_in_order_whatever_happens(database_url: str, seed: int) -> None:
    random.seed(seed)
    async with (
        site(database_url, SystemClock(), SETTINGS) as one,
        site(database_url, SystemClock(), SETTINGS) as two,
    ):
        sites = [one, two]
        screens = [Screen(employee) for employee in EMPLOYEES for _ in range(2)]
        for screen in screens:  # every screen knows its inbox from the beginning on
            async with Client(one.port, screen.employee) as client:
                await screen.take(client, await client.subscribe().opened())
        until = asyncio.get_running_loop().time() + SECONDS
        await asyncio.gather(
            *(send(sites, until) for _ in range(3)),
            mark(sites, screens, until),
            *(come_and_go(sites, screen, until) for screen in screens),
        )
        for screen in screens:
            with one.database.reading() as unit:
                inbox = STORE.inbox(unit, screen.employee)
                read = set(STORE.read_between(unit, screen.employee, 0, inbox.newest.reads))
            assert inbox.newest.sequence > 20
            watching = asyncio.create_task(screen.watch(one.port))
            async with asyncio.timeout(10):
                goal = (inbox.newest.sequence, inbox.newest.reads)
                while (screen.cursor.sequence, screen.cursor.reads) != goal:  # noqa: ASYNC110 - what is tested moves it
                    await asyncio.sleep(0.02)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            assert screen.seen == sorted(set(screen.seen))
            # What was read on the other machine before this one came back does not pop up any more.
            missed = set(range(1, inbox.newest.sequence + 1)) - set(screen.seen)
            assert missed <= read
            assert screen.read | missed == read


async def test_a_client_that_does_not_read_costs_a_few_steps_and_loses_nothing(database_url: str) -> None:
    settings = MessageSettings(poll=timedelta(seconds=30))
    # A window that does not grow: what the client does not take stays with the server after 64 kB.
    window = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_536)]
    async with (
        site(database_url, SystemClock(), settings) as server,
        Client(server.port, "1", options=window) as client,
    ):
        stream = client.subscribe()
        await stream.opened()
        for _ in range(400):
            server.tell("1", text="x" * 4000)
            await asyncio.sleep(0)
        await asyncio.sleep(0.3)
        inbox = server.fanout._inboxes["1"]
        assert inbox.steps is not None
        assert len(inbox.steps) <= 8
        assert inbox.readers[0].position.sequence < 400  # the connection's window is full, the reader stands still
        seen: list[int] = []
        while len(seen) < 400:
            event = await stream.next()
            assert event is not None
            seen += [one.sequence for one in event.messages.messages]
        assert seen == list(range(1, 401))
        assert inbox.steps is None


async def test_a_replica_that_dies_leaves_its_clients_to_the_other(database_url: str) -> None:
    async with site(database_url, SystemClock(), SETTINGS) as stays, Client(stays.port, "1") as there:
        async with site(database_url, SystemClock(), SETTINGS) as goes, Client(goes.port, "1") as here:
            stream = here.subscribe()
            cursor = (await stream.opened()).through
            await goes.grpc.stop(0)
            with pytest.raises(grpc.aio.AioRpcError):
                await stream.next()
        stays.tell("1", subject="meanwhile")
        again = there.subscribe(cursor)
        await again.opened()
        event = await again.next()
        assert event is not None
        assert [one.subject for one in event.messages.messages] == ["meanwhile"]
