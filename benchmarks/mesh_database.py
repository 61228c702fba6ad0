"""What a unit of work costs, beside the plain way (a pooled engine and `asyncio.to_thread`).

python -m benchmarks mesh_database                   # on SQLite
python -m benchmarks.mesh_database                   # on a durable PostgreSQL of its own
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import uvloop
from sqlalchemy import Column, Index, Integer, String, Table, bindparam, create_engine, insert, select, update

from benchmarks.lines import line
from mesh.claims import claim, confirm_all, job_columns
from mesh.clock import SystemClock
from mesh.columns import UtcDateTime, new_metadata
from mesh.database import Database, UnitOfWork
from mesh.idempotency import Asked, RequestLog
from tests.servers.postgres import Cluster, start, stop

TABLES = new_metadata()
thing = Table(
    "thing",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("name", String(80)),
    Column("at_time", UtcDateTime()),
    *job_columns(),
    Index(None, "next_attempt_time"),
)
requests = RequestLog(TABLES)
ROWS = 1000
by_key = select(thing.c.id, thing.c.name, thing.c.at_time).where(thing.c.id == bindparam("key"))
rename = update(thing).where(thing.c.id == bindparam("key")).values(name=bindparam("new_name"))


def get(unit: UnitOfWork, key: int) -> object:
    return unit.connection.execute(by_key, {"key": key}).one()


def put(unit: UnitOfWork, key: int) -> None:
    unit.connection.execute(rename, {"key": key, "new_name": f"new {key}"})


def put_once(unit: UnitOfWork, key: int) -> bytes:
    asked = Asked(caller="benchmark", request_id=f"{time.perf_counter_ns()}", method="put", fingerprint=b"")

    def respond() -> bytes:
        put(unit, key)
        return b"answer"

    return requests.remember(unit, asked, respond)


def take_and_confirm(database: Database, limit: int) -> int:
    with database.unit() as unit:
        claims = claim(unit, thing, limit=limit, lease=timedelta(minutes=1), owner="benchmark")
    with database.unit() as unit:
        confirm_all(unit, thing, claims)
    return len(claims)


def measure(url: str = "") -> list[dict[str, Any]]:
    """Return what units cost, on SQLite or where `url` says."""
    with tempfile.TemporaryDirectory() as folder:
        return uvloop.run(_measure(url or f"sqlite:///{folder}/bench.db"))


async def _seconds(one: Callable[[int], Awaitable[object]], rounds: int, *, each: int = 1) -> float:
    for number in range(20):
        await one(number % ROWS)
    began = time.perf_counter()
    for number in range(rounds):
        await one(number % ROWS)
    return (time.perf_counter() - began) / rounds / each


async def _measure(url: str) -> list[dict[str, Any]]:
    with Database(url, metadata=TABLES, clock=SystemClock()) as database:
        TABLES.drop_all(database.engine)
        TABLES.create_all(database.engine)
        with database.unit() as unit:
            rows = [{"id": n, "name": f"name {n}", "at_time": unit.now} for n in range(ROWS)]
            unit.connection.execute(insert(thing), rows)
        pooled = create_engine(database.engine.url)

        async def together(work: Callable[[int], Awaitable[object]]) -> None:
            await asyncio.gather(*(work(number) for number in range(100)))

        def plain(key: int) -> object:
            with pooled.begin() as connection:
                return connection.execute(by_key, {"key": key}).one()

        alone: dict[str, list[float]] = {"ours": [], "peer": []}
        for _ in range(7):  # in turns
            alone["ours"].append(await _seconds(lambda n: database.read(get, n), 200))
            alone["peer"].append(await _seconds(lambda n: asyncio.to_thread(plain, n), 200))
        pooled.dispose()
        ours, peer = (statistics.median(found) for found in alone.values())
        many = await _seconds(lambda _: together(lambda n: database.read(get, n)), 20, each=100)
        write = await _seconds(lambda n: database.run(put, n), 500)
        writes = await _seconds(lambda _: together(lambda n: database.run(put, n)), 10, each=100)
        once = await _seconds(lambda n: database.run(put_once, n), 300)
        lines = [
            line(
                "read by key", ours * 1e6, "µs",
                peer="pooled engine, to_thread", peer_measured=peer * 1e6, ratio=peer / ours,
            ),
            line("read by key, 100 at once, each", many * 1e6, "µs"),
            line("write a row", write * 1e6, "µs"),
            line("write a row, 100 at once, each", writes * 1e6, "µs"),
            line("write a row and remember the request", once * 1e6, "µs"),
        ]  # fmt: skip
        for limit in (1, 50):
            with database.unit() as unit:
                unit.connection.execute(update(thing).values(next_attempt_time=unit.now))
            began, taken = time.perf_counter(), 0
            while (got := take_and_confirm(database, limit)) and taken < 300 * limit:
                taken += got
            lines.append(line(f"claim and confirm, {limit} at a time", taken / (time.perf_counter() - began), "rows/s"))
    return lines


def main() -> None:
    """Measure on a durable PostgreSQL of our own."""
    folder = start(durable=True)
    try:
        cluster = Cluster(folder)
        for one in measure(cluster.url(cluster.create())):
            print(one)
    finally:
        stop(folder)


if __name__ == "__main__":
    main()
