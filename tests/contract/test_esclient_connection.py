"""The reference client's connection against a real server."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import clients_pb2 as pb

from esclient.connection import Connection, Ended, UpdateOver, UpdateStarted
from esclient.session import Session, Token
from mesh.channel import connect
from mesh.clock import SystemClock
from tests.contract.conftest import CHIEF
from tests.contract.server_es.test_clients import ANNA, database_address, site

__all__ = ["database_address", "site"]

FAR = datetime(2100, 1, 1, tzinfo=UTC)


async def signed_in() -> Token:
    return Token(text="17", expire_time=FAR)


def streams_of(site: Any, name: str) -> set[Any]:
    return set(site.live._clients.get(name.rpartition("/")[2], ()))


async def until(holds: Callable[[], object]) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen within ten seconds")


async def test_it_stays_the_same_client_over_streams_and_closes_when_told(site: Any) -> None:
    session = Session(connect(site.served.address, None), signed_in, SystemClock())
    site.served.caller = ANNA
    connection = Connection(session, machine="PC1", version="24.2")
    async with aclosing(connection.follow()) as told, asyncio.timeout(20):
        first = asyncio.ensure_future(anext(told))
        await until(lambda: connection.name)
        name = connection.name
        site.served.caller = CHIEF
        await site.stub.StartClientUpdate(pb.StartClientUpdateRequest(text="Update"))
        assert isinstance(await first, UpdateStarted)
        site.served.caller = ANNA
        assert (await connection.answer(close=False)).update_answer == pb.CLIENT_UPDATE_ANSWER_NOT_NOW
        site.served.caller = CHIEF
        await site.stub.FinishClientUpdate(pb.FinishClientUpdateRequest())
        assert isinstance(await anext(told), UpdateOver)
        site.served.caller = ANNA
        (before,) = streams_of(site, name)
        before.stream.ended = True  # the server lets the stream go
        before.stream.wake()
        last = asyncio.ensure_future(anext(told))
        await until(lambda: streams_of(site, name) - {before})
        await connection.close()
        ended = await last
        assert isinstance(ended, Ended)
        assert ended.reason == pb.CLIENT_END_REASON_CLOSED
        assert connection.name == name
    await session.close()


async def test_a_refusal_for_good_is_not_tried_again(site: Any) -> None:
    await site.stub.StartClientUpdate(pb.StartClientUpdateRequest(text="Update"))
    session = Session(connect(site.served.address, None), signed_in, SystemClock())
    connection = Connection(session, machine="PC1", version="24.2")
    with pytest.raises(grpc.aio.AioRpcError, match="being updated"):
        await anext(connection.follow())
    await connection.close()
    await session.close()
