"""Rooms behind their real door: a gRPC server on a free port with the pipeline, on a fresh database.

A test asks for `serve` and starts the rooms it needs:

    served = await serve((directory_pb2.DESCRIPTOR, lambda database: Directory(database, ...)))
    stub = DirectoryServiceStub(served.channel)

`served.caller` says who calls from then on; by default a person who may do everything.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FileDescriptor
from sqlalchemy import MetaData
from structlog.testing import capture_logs

from mesh.call import Call
from mesh.channel import connect
from mesh.clock import Clock, ManualClock
from mesh.database import Database
from mesh.permissions import Permissions
from mesh.pipeline import Pipeline
from mesh.server import Server
from mesh.tokens import Caller, Kind
from tests.integration.conftest import database_url, postgres

__all__ = ["database_url", "postgres"]

Room = tuple[FileDescriptor, Callable[[Database], object]]

CHIEF = Caller(kind=Kind.PERSON, name="chief", employee="100", permissions=Permissions(["*"]))
NOBODY = Caller(kind=Kind.ANONYMOUS)


def person(*permissions: str, name: str = "somebody", employee: str = "") -> Caller:
    """A signed-in person with these permissions."""
    return Caller(kind=Kind.PERSON, name=name, employee=employee, permissions=Permissions(permissions))


def service(name: str, *permissions: str) -> Caller:
    """Another service with its certificate."""
    return Caller(kind=Kind.SERVICE, name=name, permissions=Permissions(permissions))


@dataclass
class Served:
    """A running server.

    Attributes:
        address: `host:port`.
        channel: to it.
        database: beneath it.
        caller: who calls; set it to call as somebody else.
        calls: what the audit log was told, in order.
        log: the lines written since the server started.
    """

    address: str
    channel: grpc.aio.Channel
    database: Database
    caller: Caller = CHIEF
    calls: list[Call] = field(default_factory=list)
    log: list[Any] = field(default_factory=list)

    def after(self, call: Call) -> None:
        self.calls.append(call)


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))


@pytest.fixture
def database_address(tmp_path: Path) -> str:
    """A module that wants its contracts served on PostgreSQL overrides this."""
    return f"sqlite:///{tmp_path / 'contract.db'}"


@pytest.fixture
async def serve(database_address: str, clock: Clock) -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:
        lines = stack.enter_context(capture_logs())

        async def start(*rooms: Room, metadata: MetaData | None = None, caller: Caller = CHIEF) -> Served:
            if metadata is None:
                from server_es.schema import METADATA as metadata  # noqa: N811
            database = stack.enter_context(Database(database_address, metadata=metadata, clock=clock))
            servicers = [(contract, make(database)) for contract, make in rooms]
            metadata.create_all(database.engine)
            served: Any = Served("", None, database, caller, log=lines)  # type: ignore[arg-type]
            server = Server(Pipeline(identify=lambda _: served.caller, audit=served))
            for contract, servicer in servicers:
                server.add(contract, servicer)
            served.address = f"127.0.0.1:{await server.start('127.0.0.1:0', None)}"
            stack.push_async_callback(server.drain, timedelta(0))
            served.channel = await stack.enter_async_context(connect(served.address, None))
            return served

        yield start


async def refused(call: Awaitable[Any]) -> grpc.aio.AioRpcError:
    """Await a call that must be refused and return its error."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value
