"""How late escalations are with a million waiting, how fast a burst is told, and what re-timing and waiting cost.

    python -m benchmarks escalations

A million open calls wait, each with a timer of its own. The timer of the service runs as it runs there, in its worker
thread; an escalation counts as told when its popup is committed. Both databases; PostgreSQL where it is installed.
"""

import asyncio
import gc
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.lines import line
from mesh.channel import connect
from mesh.clock import SystemClock
from mesh.database import Database, UnitOfWork
from mesh.permissions import Permissions
from mesh.pipeline import Pipeline
from mesh.server import Server
from mesh.tokens import Caller, Kind
from mesh.workers import Turn, Worker, Workers
from server_es.escalations.telling import Tiding
from server_es.escalations.worker import LONGEST
from server_es.schema import METADATA
from server_es.servicecalls.refreshing import Refresher
from tests.builders.escalations import Escalating, House, open_escalating
from tests.servers.postgres import NoPostgres, shared_cluster

WAITING = 1_000_000
PER_SECOND = 1000
SECONDS = 20
BURST = 10_000
RETIMED = 100_000
IDLE_SECONDS = 20.0
PROMISED = timedelta(hours=8)
WHO = Caller(kind=Kind.SERVICE, name="bench", permissions=Permissions(["*"]))


class Stopwatch(House):
    """Tells by popup, and notes when that was committed."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[str, float] = {}

    def tell(self, unit: UnitOfWork, tidings: Sequence[Tiding]) -> None:
        assert self.notified is not None
        self.notified.tell(unit, tidings)
        unit.after_commit(
            lambda: self.at.update(dict.fromkeys([one.about for one in tidings], SystemClock().now().timestamp()))
        )


def measure() -> list[dict[str, Any]]:
    """Return the lines of both databases."""
    lines = []
    for name, url in _databases():
        lines += asyncio.run(_measure(name, url))
    return lines


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _databases() -> Iterator[tuple[str, str]]:
    with _folder() as folder:
        yield "SQLite", f"sqlite:///{folder / 'es.db'}"
    with _folder() as folder, ExitStack() as stack:
        folder.chmod(0o755)
        try:
            cluster = stack.enter_context(shared_cluster(folder))
        except NoPostgres:
            return
        yield "PostgreSQL", cluster.url(cluster.create())


@asynccontextmanager
async def _house(url: str) -> AsyncIterator[Escalating]:
    async with AsyncExitStack() as stack:

        async def serve(*rooms: Any) -> Any:
            database = stack.enter_context(Database(url, metadata=METADATA, clock=SystemClock()))
            made: Any = type("Served", (), {"after": lambda *_: None})()
            server = Server(Pipeline(identify=lambda _: WHO, audit=made))
            for contract, room in rooms:
                server.add(contract, room(database))
            METADATA.create_all(database.engine)
            made.database = database
            port = await server.start("127.0.0.1:0", None)
            made.channel = await stack.enter_async_context(connect(f"127.0.0.1:{port}", None))
            stack.push_async_callback(server.drain, timedelta(0))
            return made

        yield await open_escalating(serve, house=Stopwatch())


async def _measure(name: str, url: str) -> list[dict[str, Any]]:
    async with _house(url) as house:
        await _furnish(house)
        database, now = house.database, SystemClock().now()
        _fill(database, now)
        asked, retimed, refreshed = _retime(house)
        workers = Workers(
            [Worker(name="escalations.due", work=house.timekeeper().turn, every=LONGEST, bell=house.rooms.due_bell)],
            clock=SystemClock(),
        )
        gc.collect()
        gc.freeze()  # as the service does once it is up
        workers.start()
        await asyncio.sleep(1)
        spent, begun = time.process_time(), time.perf_counter()
        await asyncio.sleep(IDLE_SECONDS)
        idle = (time.process_time() - spent) / (time.perf_counter() - begun) * 100
        steady = await _lateness(house, 200_001, PER_SECOND * SECONDS, timedelta(seconds=1) / PER_SECOND)
        burst = await _lateness(house, 300_001, BURST, timedelta(seconds=1) / BURST)
        await workers.stop(timedelta(seconds=10))
    p99 = steady[len(steady) * 99 // 100] * 1e3
    return [
        line(f"{name}: {PER_SECOND:,} due per second, half are told after", steady[len(steady) // 2] * 1e3, "ms"),
        line(f"{name}: {PER_SECOND:,} due per second, p99", p99, "ms", goal="<= 50 ms", met=p99 <= 50),
        line(f"{name}: {BURST:,} due in one second, the last told", burst[-1], "s", goal="<= 2 s", met=burst[-1] <= 2),
        line(f"{name}: {WAITING:,} waiting", idle, "% of a core", goal="< 1 %", met=idle < 1),
        line(f"{name}: {RETIMED:,} calls timed anew", retimed, "s", goal="<= 3 s", met=retimed <= 3),
        line(f"{name}: the change of the calendar before that", asked * 1e3, "ms"),
        line(f"{name}: what their lists are ordered by, after that", refreshed, "s"),
    ]


async def _furnish(house: Escalating) -> None:
    from esoffice.es.v1 import escalations_pb2 as pb
    from esoffice.es.v1 import service_levels_pb2 as levels_pb
    from esoffice.es.v1 import text_modules_pb2 as texts_pb

    from tests.builders.office import level

    around = level(9, solution_working_duration=PROMISED, calendar="")
    await house.office.levels.CreateServiceLevel(levels_pb.CreateServiceLevelRequest(service_level=around))
    module = await house.texts.GetTextModule(texts_pb.GetTextModuleRequest(name="textModules/warning"))
    module.text = (
        "<Escalation.Percent> % Call <ServCall.ServicecallNr>: <ServCall.Matchcode>\n<Address.Name>, <Employee.Name>"
    )
    await house.texts.UpdateTextModule(texts_pb.UpdateTextModuleRequest(text_module=module))
    rows = [pb.EscalationAssignment(service_level=f"serviceLevels/{number}") for number in (5, 9)]
    for number, percent in enumerate((50, 75, 100), 1):
        await house.point(number, percent, assignments=rows)
    house.retime()
    await house.office.call(responsible_employee="employees/100")


def _fill(database: Database, now: datetime) -> None:
    """Make copies of call 1 and its timer until a million wait, the next in an hour."""
    postgres = database.engine.dialect.name == "postgresql"
    series = (
        f"generate_series(2, {WAITING}) AS g(n)"
        if postgres
        else "(WITH RECURSIVE s(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM s "
        f"WHERE n < {WAITING}) SELECT n FROM s) AS g"
    )
    level = f"CASE WHEN g.n <= {RETIMED} THEN 5 ELSE 9 END"
    first = now + timedelta(hours=1)
    due = _instant(postgres, first, "CAST(g.n AS bigint) * 80000")
    received = _instant(postgres, first - PROMISED / 2, "CAST(g.n AS bigint) * 80000")
    calls = {"number": "g.n", "service_level": level, "responsible_employee": "CAST(100 + g.n % 4 AS VARCHAR(40))"}
    timers = {"servicecall": "g.n", "service_level": level, "due_time": due, "receive_time": received}
    events = {"servicecall": "g.n", "event_time": received}
    with database.unit() as unit:
        if postgres:
            unit.connection.execute(text("SET LOCAL session_replication_role = replica"))
            unit.connection.execute(text("SET LOCAL statement_timeout = 0"))
        for table, changed, key, until in (
            ("servicecall", calls, "number", WAITING),
            ("escalation_timer", timers, "servicecall", WAITING),
            ("servicecall_event", events, "servicecall", RETIMED),
        ):
            names = [column.name for column in METADATA.tables[table].columns]
            chosen = ", ".join(changed.get(column, f"{table}.{column}") for column in names)
            unit.connection.execute(
                text(
                    f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} FROM {table} CROSS JOIN {series} "
                    f"WHERE {table}.{key} = 1 AND g.n <= {until}"
                )
            )
    if postgres:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
            connection.execute(text("CHECKPOINT"))  # what filling it has left to write is not what is measured


def _instant(postgres: bool, at: datetime, microseconds: str) -> str:  # noqa: FBT001
    if postgres:
        return f"CAST('{at.isoformat()}' AS timestamptz) + ({microseconds}) * interval '1 microsecond'"
    return f"{int(at.timestamp() * 1e6)} + ({microseconds})"


def _retime(house: Escalating) -> tuple[float, float, float]:
    """Close the office an hour earlier; return how long that takes, timing its calls anew, and ordering their lists."""
    from esoffice.es.v1 import calendars_pb2

    from server_es.calendars import mark, store
    from tests.builders.office import office_hours, weekday

    begun = time.perf_counter()
    with house.database.unit() as unit:
        mark.change(unit)
        row = store.get(unit, "calendars/office", lock=True)
        changed = office_hours(windows=[weekday(day, "08:00-16:00") for day in range(1, 6)])
        assert isinstance(changed, calendars_pb2.Calendar)
        store.replace(unit, row, changed)
        house.rooms.due_times.calendar_changed(unit, "office")
    asked = time.perf_counter() - begun
    begun = time.perf_counter()
    house.retime()
    retimed = time.perf_counter() - begun
    begun = time.perf_counter()
    refresher = Refresher(house.database, house.rooms.refreshing, house.rooms)
    while refresher.turn(Turn(threading.Event())):
        pass
    return asked, retimed, time.perf_counter() - begun


async def _lateness(house: Escalating, first: int, count: int, apart: timedelta) -> list[float]:
    """Let so many calls become due one after the other, soon; return the seconds after which each was told, sorted."""
    watch = house.house
    assert isinstance(watch, Stopwatch)
    watch.at.clear()
    start = SystemClock().now() + timedelta(seconds=8)
    database = house.database
    postgres = database.engine.dialect.name == "postgresql"
    step = f"CAST(servicecall - {first} AS bigint) * {int(apart.total_seconds() * 1e6)}"
    with database.unit() as unit:
        due, received = (_instant(postgres, at, step) for at in (start, start - PROMISED / 2))
        unit.connection.execute(
            text(
                f"UPDATE escalation_timer SET due_time = {due}, receive_time = {received} "
                f"WHERE servicecall >= {first} AND servicecall < {first + count}"
            )
        )
    assert SystemClock().now() < start - timedelta(seconds=2), "the machine is too slow to arrange it in time"
    deadline = start + apart * count + timedelta(seconds=60)
    while len(watch.at) < count and SystemClock().now() < deadline:  # noqa: ASYNC110 - it is told in a thread
        await asyncio.sleep(0.2)
    began = start.timestamp()
    each = apart.total_seconds()
    found = [at - (began + (int(name.rpartition("/")[2]) - first) * each) for name, at in watch.at.items()]
    assert len(found) == count, f"{count - len(found)} were not told"
    return sorted(found)
