"""Lanes as the service runs them: by the clock, with doorbells, over TLS, through hang-ups and restarts."""

import asyncio
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from esoffice.business.v1 import sms_pb2
from sqlalchemy import select

from mesh.clock import SystemClock
from mesh.database import Database
from mesh.wakeups import Wakeups
from mesh.workers import HealthLine, Turn, Workers
from server_business.app import definition
from server_business.sending.rules import State
from server_business.sms.delivery import Delivery
from server_business.sms.outbox import Outbox
from server_business.sms.providers import Provider
from server_business.sms.routing import Way
from server_business.sms.smpp import Centre, SmppProvider
from server_business.sms.tables import SMS
from server_business.sms.worker import Lane, LaneTerms
from tests.builders.certificates import Authority
from tests.servers import smsc

CLOCK = SystemClock()
WAYS = (Way(name="one"), Way(name="two", rank=1))


class House:
    """A database with lanes on it."""

    def __init__(self, database: Database, wakeups: Wakeups) -> None:
        self.database = database
        self.wakeups = wakeups
        self.lines: dict[str, HealthLine] = {}

    def lane(self, provider: Provider, name: str = "one", **said: Any) -> Lane:
        terms = LaneTerms(way=next(one for one in WAYS if one.name == name), **{"window": 50, **said})
        line = self.lines.setdefault(name, HealthLine(name))
        return Lane(
            self.database, provider, terms, ways=WAYS, owner="me", line=line,
            bell_of=lambda one: self.wakeups.bell(f"sms.{one}"),
        )  # fmt: skip

    def provider(
        self, port: int, name: str = "one", context: ssl.SSLContext | None = None, **said: Any
    ) -> SmppProvider:
        given = {"host": "localhost" if context else "127.0.0.1", "system_id": "us", "password": "p", "timeout": 2.0}
        centre = Centre(name=name, port=port, **{**given, "window": 20, **said})
        return SmppProvider(centre, context, CLOCK, self.wakeups.bell(f"sms.{name}").ring_here)

    def accept(self, count: int = 1) -> None:
        with self.database.unit() as unit:
            for number in range(count):
                SMS.accept(
                    unit, sms_pb2.SendSmsRequest(), caller="test", give_up_time=unit.now + timedelta(hours=1),
                    expire_time=None, to=f"+49170{number:07}", text="Alarm", alphabet=1, parts=1, about="", priority=2,
                    flash=False, provider="one", delivery=0,
                )  # fmt: skip
            self.wakeups.bell("sms.one").ring_after(unit)

    def rows(self) -> list[Any]:
        with self.database.reading() as unit:
            return list(unit.connection.execute(select(SMS.table)))

    def delivered(self) -> bool:
        return all(row.delivery == Delivery.DELIVERED for row in self.rows())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    url = f"sqlite:///{tmp_path / 'business.db'}"
    with Database(url, metadata=definition.metadata, clock=CLOCK) as database, Wakeups(database) as wakeups:
        definition.metadata.create_all(database.engine)
        yield House(database, wakeups)


@asynccontextmanager
async def working(*lanes: Lane) -> AsyncIterator[None]:
    workers = Workers([replace(one.worker(), lease=None) for one in lanes], clock=CLOCK)
    workers.start()
    try:
        yield
    finally:
        await workers.stop(timedelta(seconds=10))


async def until(done: Callable[[], Any], seconds: float = 15.0) -> float:
    """Wait in steps of the real clock; return how long it took."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() < began + seconds, "it never came"
        await asyncio.sleep(0.01)
    return time.monotonic() - began


def strict(allowed: int) -> smsc.Rule:
    """Take what is not more than allowed in any second; refuse the rest as too fast."""
    times: list[float] = []

    def rule(submit: smsc.Submit) -> Iterator[bytes]:
        while times and times[0] <= submit.time - 0.99:  # its own thread reads late when the machine is busy
            times.pop(0)
        too_fast = len(times) >= allowed
        if not too_fast:
            times.append(submit.time)
        yield smsc.taken(submit.sequence, f"m{submit.number}", 0x58 if too_fast else 0)

    return rule


@pytest.mark.parametrize("rate", [20, 200])
def test_of_the_allowed_rate_98_percent_is_used_and_nothing_is_throttled(house: House, rate: int) -> None:
    seconds = 3
    house.accept(rate * seconds + 1)
    with smsc.hostile(rule=strict(rate)) as centre:
        provider = house.provider(centre.port)
        lane = house.lane(provider, per_second=rate)
        while any(row.state != State.SENT for row in house.rows()):
            lane.turn(Turn(threading.Event()))
        provider.close()
        times = [one.time for one in centre.submits]
    assert len(times) == rate * seconds + 1  # none was refused and came again
    used = (len(times) - 1) / (times[-1] - times[0]) / rate
    print(f"{used:.1%} of {rate} a second")
    assert 0.98 <= used <= 1.0


async def test_a_message_leaves_at_once_and_its_receipt_is_stored_at_once(house: House) -> None:
    with smsc.hostile(rule=lambda one: [smsc.taken(one.sequence, "a")]) as centre:
        provider = house.provider(centre.port)
        async with working(house.lane(provider)):
            await until(lambda: centre.binds)
            house.accept()
            sent = await until(lambda: house.rows()[0].state == State.SENT)
            centre.push(smsc.receipt("a", "+491700000000"))
            reported = await until(lambda: centre.answered)
            assert house.delivered()
        provider.close()
    assert max(sent, reported) < 2.0  # both by a doorbell: the worker looks by itself every 5 seconds


async def test_what_waits_leaves_by_another_provider_within_five_seconds(house: House, tmp_path: Path) -> None:
    with smsc.hostile(deaf=True) as centre:
        provider = house.provider(centre.port)
        async with working(house.lane(provider), house.lane(Outbox(tmp_path), "two")):
            house.accept(20)
            took = await until(lambda: all(row.state == State.SENT for row in house.rows()))
        provider.close()
    assert took < 5.0
    assert house.lines["one"].sentence == "127.0.0.1 does not answer to the bind"


async def test_a_centre_that_hangs_up_and_comes_back_gets_the_rest(house: House) -> None:
    def moody(submit: smsc.Submit) -> Iterator[bytes | str]:
        if submit.number in (3, 9):
            yield "drop"
        yield from smsc.obliging(submit)

    with smsc.hostile(rule=moody) as centre:
        provider = house.provider(centre.port, window=1)
        async with working(house.lane(provider, window=5)):
            house.accept(20)
            await until(lambda: all(row.state in (State.SENT, State.IN_DOUBT) for row in house.rows()))
            assert sorted(row.state for row in house.rows()) == [State.SENT] * 18 + [State.IN_DOUBT] * 2
            for row in house.rows():
                if row.state == State.IN_DOUBT:
                    centre.push(smsc.receipt(f"late-{row.id}", row.to))
            await until(house.delivered)
        provider.close()
    assert (centre.binds, len({one.to for one in centre.submits}), len(centre.submits)) == (3, 20, 20)


async def test_silence_is_tested_and_a_dead_connection_is_noticed(house: House) -> None:
    with smsc.hostile() as centre:
        provider = house.provider(centre.port, enquire=0.2, timeout=0.5)
        lane = house.lane(provider)
        lane.turn(Turn(threading.Event()))
        await until(lambda: (lane.turn(Turn(threading.Event())), centre.enquiries)[1] > 1)
        centre.deaf = True
        await until(lambda: (lane.turn(Turn(threading.Event())), house.lines["one"].healthy)[1] is False)
        assert "does not answer" in house.lines["one"].sentence
        provider.close()


@pytest.mark.parametrize("trusted", [True, False])
def test_over_tls_only_a_centre_whose_certificate_is_right_is_spoken_to(
    house: House,
    tmp_path: Path,
    trusted: bool,  # noqa: FBT001
) -> None:
    authority = Authority(tmp_path / "pki")
    pair = authority.issue("localhost")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for name, content in (("certificate", pair.certificate), ("key", pair.key)):
        (tmp_path / name).write_bytes(content)
    server.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    context = ssl.create_default_context(cafile=str(authority.path) if trusted else None)
    house.accept(30)
    with smsc.hostile(context=server) as centre:
        provider = house.provider(centre.port, context=context)
        lane = house.lane(provider)
        end = time.monotonic() + 10
        while trusted and not house.delivered():
            lane.turn(Turn(threading.Event()))
            assert time.monotonic() < end
        lane.turn(Turn(threading.Event()))
        provider.close()
    assert house.lines["one"].healthy is trusted
    assert ("CERTIFICATE_VERIFY_FAILED" in house.lines["one"].sentence) is not trusted
