"""How many servicecalls a process makes in batches, and how long a read of one takes, over a real channel on SQLite.

    python -m benchmarks servicecalls

A batch is 500 calls of mails that came in one after the other: level by category and significance, office hours with
Bavarian holidays, three milestones, an answer each, everything in one transaction. Peer: the same requests one by one.
"""

import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from esoffice.es.v1 import calendars_pb2
from esoffice.es.v1 import servicecalls_pb2 as pb

from benchmarks.lines import line
from mesh.channel import connect
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.permissions import Permissions
from mesh.pipeline import Identify, Pipeline
from mesh.server import Server
from mesh.tokens import Caller, Kind
from server_es.schema import METADATA
from tests.builders.office import Office, open_office

BATCH = 500
BATCHES = 8
READS = 1000
WHO = Caller(kind=Kind.SERVICE, name="server_business", permissions=Permissions(["*"]))


class _Served:
    def after(self, _: Any) -> None:
        """Nothing is audited here."""


class Served:
    """An office, and the port it is served on."""

    def __init__(self, office: Office, port: int) -> None:
        self.calls = office.calls
        self.port = port


async def served(stack: AsyncExitStack, folder: Path, identify: Identify = lambda _: WHO, audit: Any = None) -> Served:
    """Serve an office on a fresh database."""
    ports: list[int] = []

    async def serve(*rooms: Any) -> Any:
        database = stack.enter_context(
            Database(f"sqlite:///{folder / 'es.db'}", metadata=METADATA, clock=SystemClock())
        )
        made: Any = _Served()
        server = Server(Pipeline(identify=identify, audit=audit or made))
        for contract, room in rooms:
            server.add(contract, room(database))
        METADATA.create_all(database.engine)
        made.database = database
        ports.append(await server.start("127.0.0.1:0", None))
        made.channel = await stack.enter_async_context(connect(f"127.0.0.1:{ports[0]}", None))
        stack.push_async_callback(server.drain, timedelta(0))
        return made

    office = await open_office(serve)
    name = "calendars/office"
    calendar = await office.calendars.GetCalendar(calendars_pb2.GetCalendarRequest(name=name))
    calendar.holidays.CopyFrom(calendars_pb2.HolidayRegion(subdivision="BY"))
    calendar.accept_until.add(weekday=calendars_pb2.WEEKDAY_FRIDAY, minute=900)
    await office.calendars.UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=calendar))
    return Served(office, ports[0])


def batch(now: datetime, size: int = BATCH) -> pb.BatchCreateServicecallsRequest:
    made = pb.BatchCreateServicecallsRequest()
    for at in range(size):
        call = pb.Servicecall(
            title=f"Störung {at}: Pumpe steht",
            address="addresses/1001",
            problem_category="problemCategories/fault",
            responsible_team="teams/technik" if at % 5 == 0 else "",
            description="Seit heute früh steht die Pumpe. " * 20,
            origin=f"mails/{at}",
        )
        call.receive_time.FromDatetime(now - timedelta(minutes=at))
        made.requests.add(servicecall=call, request_id=str(uuid.uuid4()))
    return made


async def each(count: int, call: Callable[[int], Awaitable[Any]]) -> list[float]:
    took = []
    for at in range(count):
        start = time.perf_counter()
        await call(at)
        took.append(time.perf_counter() - start)
    return took


def measure() -> list[dict[str, Any]]:
    """Return calls made a second, and how long reads take."""
    return asyncio.run(_measure())


async def _measure() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            office = await served(stack, Path(folder))
            now = SystemClock().now().astimezone(UTC)
            batches = [batch(now) for _ in range(BATCHES + 1)]
            await office.calls.BatchCreateServicecalls(batches.pop())
            answers = []

            async def create(at: int) -> None:
                answers.append(await office.calls.BatchCreateServicecalls(batches[at]))

            together = BATCH / statistics.median(await each(BATCHES, create))
            failed = [one for answer in answers for one in answer.results if one.HasField("status")]
            assert not failed, failed[0]
            singles = batch(now).requests

            async def single(at: int) -> None:
                await office.calls.CreateServicecall(singles[at])

            alone = 1 / statistics.median(await each(200, single))

            async def get(at: int) -> None:
                await office.calls.GetServicecall(pb.GetServicecallRequest(name=f"servicecalls/{at * 4 % 4000 + 1}"))

            got = sorted(await each(READS, get))
            request = pb.ListServicecallsRequest(by_due_time=True, page_size=50)

            async def urgent(_: int) -> None:
                await office.calls.ListServicecalls(request)

            listed = statistics.median(await each(100, urgent))
    return [
        line(
            f"create in batches of {BATCH}", together, "calls/s",
            peer="one by one", peer_measured=alone, ratio=together / alone,
        ),
        line("GetServicecall, median", got[READS // 2] * 1e3, "ms"),
        line("GetServicecall, slowest of a hundred", got[READS * 99 // 100] * 1e3, "ms"),
        line(f"the 50 most urgent of {BATCH * (BATCHES + 1) + 200} calls", listed * 1e3, "ms"),
    ]  # fmt: skip
