"""Short messages from the queue to their receipts over SMPP, against a null SMS centre, beside Kannel."""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from esoffice.business.v1 import sms_pb2, sms_pb2_grpc
from sqlalchemy import func, select

from benchmarks import kannel
from benchmarks.lines import line
from mesh.audit import AuditLog
from mesh.channel import connect
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.permissions import Permissions
from mesh.pipeline import Pipeline
from mesh.server import Server
from mesh.tokens import Caller, Kind
from mesh.wakeups import Wakeups
from mesh.workers import HealthLine, Turn, Workers
from server_business.app import definition
from server_business.sms.accepting import Terms
from server_business.sms.delivery import Delivery
from server_business.sms.routing import Way
from server_business.sms.service import ShortMessages
from server_business.sms.smpp import Centre, SmppProvider
from server_business.sms.tables import SMS
from server_business.sms.worker import Lane, LaneTerms

COUNT = 20_000
GOAL, TIMES = 2000, 10
WIDEST = 500
CALLERS = 16


def measure(count: int = COUNT) -> list[dict[str, Any]]:
    """Return a line for each window, the widest beside Kannel, and one with acceptance."""
    peer: dict[str, Any] = {}
    if not kannel.missing():
        with null_smsc() as port:
            peer = {
                "peer": "Kannel, accepted by HTTP, no fsync",
                "peer_measured": kannel.per_second(port, count, WIDEST),
            }
    lines = []
    for window in (10, 100, WIDEST):
        with null_smsc() as port, tempfile.TemporaryDirectory() as folder:
            seconds, cpu = _delivered(Path(folder), port, window, count)
        rate, said = count / seconds, {}
        if window == WIDEST:
            times = rate / peer["peer_measured"] if peer else None
            met = rate >= GOAL and times is not None and times >= TIMES
            said = {**peer, "ratio": times, "goal": f">= {GOAL:,}/s, >= {TIMES} x", "met": met}
        lines += [
            line(f"queued, sent and reported, window {window}", rate, "/s", **said),
            line(f"CPU a message, window {window}", cpu / count * 1e6, "µs"),
        ]
    with null_smsc() as port, tempfile.TemporaryDirectory() as folder:
        few = count // 10
        accepted = few / asyncio.run(_accepted(Path(folder), port, few))
    lines.append(line("accepted one by one, each with fsync, sent and reported", accepted, "/s"))
    return lines


@contextlib.contextmanager
def null_smsc() -> Iterator[int]:
    """Run the null SMS centre in a process of its own; yields its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.null_smsc"], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def _delivered(folder: Path, port: int, window: int, count: int) -> tuple[float, float]:
    clock, way = SystemClock(), Way(name="null")
    with Database(f"sqlite:///{folder / 'b.db'}", metadata=definition.metadata, clock=clock) as database:
        definition.metadata.create_all(database.engine)
        _queue(database, count)
        centre = Centre(name="null", host="127.0.0.1", port=port, system_id="us", password="", window=window)
        provider = SmppProvider(centre, None, clock, lambda: None)
        with Wakeups(database) as wakeups:
            lane = Lane(
                database, provider, LaneTerms(way=way, window=window), ways=(way,), owner="bench",
                line=HealthLine("null"), bell_of=lambda name: wakeups.bell(f"sms.{name}"),
            )  # fmt: skip
            started, spent = time.perf_counter(), time.process_time()
            while not _all_reported(database, count):
                lane.turn(Turn(threading.Event()))
            seconds, cpu = time.perf_counter() - started, time.process_time() - spent
        provider.close()
    return seconds, cpu


async def _accepted(folder: Path, port: int, count: int) -> float:
    """Take messages over gRPC from `CALLERS` at a time while they are sent; return seconds until all are reported."""
    clock, way = SystemClock(), Way(name="null")
    audit = AuditLog(definition.outbox, clock)
    url = f"sqlite:///{folder / 'b.db'}"
    with Database(url, metadata=definition.metadata, clock=clock, before_commit=audit.before_commit) as database:
        definition.metadata.create_all(database.engine)
        centre = Centre(name="null", host="127.0.0.1", port=port, system_id="us", password="", window=WIDEST)
        with Wakeups(database) as wakeups:
            bell = wakeups.bell("sms.null")
            provider = SmppProvider(centre, None, clock, bell.ring_here)
            lane = Lane(
                database, provider, LaneTerms(way=way, window=WIDEST), ways=(way,), owner="bench",
                line=HealthLine("null"), bell_of=lambda _: bell,
            )  # fmt: skip
            terms = Terms(country="DE", give_up=timedelta(hours=4), ways=(way,))
            everybody = Caller(kind=Kind.PERSON, name="bench", permissions=Permissions(["*"]))
            server = Server(Pipeline(identify=lambda _: everybody, audit=audit))
            server.add(sms_pb2.DESCRIPTOR, ShortMessages(database, lambda _: bell, terms))
            address = f"127.0.0.1:{await server.start('127.0.0.1:0', None)}"
            workers = Workers([replace(lane.worker(), lease=None)], clock=clock)
            workers.start()
            async with connect(address, None) as channel:
                stub = sms_pb2_grpc.SmsServiceStub(channel)
                started = time.perf_counter()
                await asyncio.gather(*(_call(stub, range(at, count, CALLERS)) for at in range(CALLERS)))
                await asyncio.to_thread(_until_all_reported, database, count)
                seconds = time.perf_counter() - started
            await workers.stop(timedelta(seconds=5))
            await server.drain(timedelta(0))
        provider.close()
    return seconds


async def _call(stub: Any, numbers: range) -> None:
    for number in numbers:
        text = f"Anlage {number} steht, bitte melden."
        await stub.SendSms(sms_pb2.SendSmsRequest(to=f"+49170{number:07}", text=text))


def _queue(database: Database, count: int) -> None:
    with database.unit() as unit:
        for number in range(count):
            text = f"Anlage {number} steht, bitte melden."
            SMS.accept(
                unit, sms_pb2.SendSmsRequest(text=text), caller="bench", give_up_time=unit.now + timedelta(hours=4),
                expire_time=None, to=f"+49170{number:07}", text=text, alphabet=1, parts=1, about="", priority=2,
                flash=False, provider="null", delivery=0,
            )  # fmt: skip


def _until_all_reported(database: Database, count: int) -> None:
    while not _all_reported(database, count):
        threading.Event().wait(0.02)


def _all_reported(database: Database, count: int) -> bool:
    with database.reading() as unit:
        query = select(func.count()).select_from(SMS.table).where(SMS.table.c.delivery == Delivery.DELIVERED)
        return bool(unit.connection.execute(query).scalar_one() == count)
