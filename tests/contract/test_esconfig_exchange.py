"""`esconfig exchange`: what an administrator sees of the sync, and how he answers its questions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import pytest
from esoffice.business.v1 import exchange_pb2 as pb
from esoffice.business.v1.exchange_pb2_grpc import ExchangeServiceStub
from typer.testing import CliRunner, Result

from config_service.cli import exchange
from config_service.cli.output import Output
from mesh.clock import ManualClock
from server_business.app import definition
from server_business.exchange.items import Kind
from server_business.exchange.rules import Place
from tests.builders.exchange_room import Room
from tests.contract.conftest import Serve


class Here:
    """A session with the served room; what `esconfig` opens over the Envoy."""

    output = Output.JSON

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()

    def ask(self, call: Any) -> Any:
        async def asked() -> Any:
            return await call(self._channel)

        return asyncio.run_coroutine_threadsafe(asked(), self._loop).result(20)


@pytest.fixture
async def room(serve: Serve, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    with ExitStack() as stack:
        room = Room(clock, stack)
        served = await serve((pb.DESCRIPTOR, room.made), metadata=definition.metadata)
        room.stub = ExchangeServiceStub(served.channel)
        session = Here(served.channel)
        monkeypatch.setattr(exchange, "session_of", lambda _: session)
        yield room


async def esconfig(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, exchange.app, list(arguments))


async def test_an_administrator_looks_plans_and_releases(room: Room) -> None:
    room.put(Place.ERP, *"abcdef")
    planned = await esconfig("plan", "101")
    room.sync()
    for id_ in list(room.sides[Place.EXCHANGE].items[Kind.APPOINTMENT])[:4]:
        room.sides[Place.EXCHANGE].remove(Kind.APPOINTMENT, id_)
    room.sync()
    listed = await esconfig("list")
    mapped = await esconfig("mappings", "101", "--waiting")
    wrong = await esconfig("release-brake", "101", "proceed", "--side", "exchange", "--deletions", "4")
    released = await esconfig("release-brake", "101", "proceed", "--side", "erp", "--deletions", "4")
    synced = await esconfig("sync", "101")
    room.sync()
    logged = await esconfig("log", "101")

    assert planned.output.count("SYNC_VERB_CREATE") == 6
    assert '"deletionCount": 4' in listed.output
    assert mapped.output.count('"waiting": true') == 4
    assert wrong.exit_code != 0
    assert [one.exit_code for one in (planned, listed, mapped, released, synced, logged)] == [0] * 6
    assert len(room.sides[Place.ERP].items[Kind.APPOINTMENT]) == 2
    assert "SYNC_EVENT_RELEASED" in logged.output
