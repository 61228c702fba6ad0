"""What a unit of work costs, beside the plain way (a pooled engine and `asyncio.to_thread`).

python -m benchmarks.mesh_database sqlite:////tmp/bench.db
python -m benchmarks.mesh_database postgres          # starts a durable PostgreSQL of its own
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import uvloop
from sqlalchemy import Column, Index, Integer, String, Table, bindparam, create_engine, insert, select, update

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
    return requests.remember(unit, asked, lambda: (put(unit, key), b"answer")[1])


def take_and_confirm(database: Database, limit: int) -> int:
    with database.unit() as unit:
        claims = claim(unit, thing, limit=limit, lease=timedelta(minutes=1), owner="benchmark")
    with database.unit() as unit:
        confirm_all(unit, thing, claims)
    return len(claims)


async def measure(label: str, one: Callable[[int], Awaitable[object]], rounds: int, *, each: int = 1) -> None:
    for number in range(20):
        await one(number % ROWS)
    began = time.perf_counter()
    for number in range(rounds):
        await one(number % ROWS)
    seconds = (time.perf_counter() - began) / rounds / each
    sys.stdout.write(f"{label:44} {seconds * 1e6:9.0f} µs {1 / seconds:9.0f} /s\n")


async def main(url: str) -> None:
    with Database(url, metadata=TABLES, clock=SystemClock()) as database:
        TABLES.drop_all(database.engine)
        TABLES.create_all(database.engine)
        with database.unit() as unit:
            rows = [{"id": n, "name": f"name {n}", "at_time": unit.now} for n in range(ROWS)]
            unit.connection.execute(insert(thing), rows)

        async def together(work: Callable[..., object]) -> None:
            await asyncio.gather(*(work(number) for number in range(100)))

        await measure("read by key", lambda n: database.read(get, n), 1500)
        await measure("read by key, 100 at once", lambda _: together(lambda n: database.read(get, n)), 20, each=100)
        await measure("write a row", lambda n: database.run(put, n), 500)
        await measure("write a row, 100 at once", lambda _: together(lambda n: database.run(put, n)), 10, each=100)
        await measure("write a row and remember the request", lambda n: database.run(put_once, n), 300)

        pooled = create_engine(database.engine.url)

        def plain(key: int) -> object:
            with pooled.begin() as connection:
                return connection.execute(by_key, {"key": key}).one()

        await measure("peer: pooled engine, to_thread, read by key", lambda n: asyncio.to_thread(plain, n), 1500)
        pooled.dispose()

        for limit in (1, 50):
            with database.unit() as unit:
                unit.connection.execute(update(thing).values(next_attempt_time=unit.now))
            began, taken = time.perf_counter(), 0
            while (got := take_and_confirm(database, limit)) and taken < 300 * limit:
                taken += got
            rate = taken / (time.perf_counter() - began)
            sys.stdout.write(f"claim and confirm, {limit} at a time {'':34} {rate:9.0f} rows/s\n")


if __name__ == "__main__":
    if sys.argv[1] == "postgres":
        folder = start(durable=True)
        try:
            cluster = Cluster(folder)
            uvloop.run(main(cluster.url(cluster.create())))
        finally:
            stop(folder)
    else:
        uvloop.run(main(sys.argv[1]))
