"""The client as the administrators see it: connected for as long as the program runs (Clientadministration).

The whole of it: keep one stream open, say now and then that you live, come back under your own name, and close the
program when the server says so.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import grpc
from esoffice.es.v1 import clients_pb2 as pb
from esoffice.es.v1 import clients_pb2_grpc

from esclient.inbox import FINAL, MISSED_HEARTBEATS, OPEN_SECONDS, backoff
from esclient.session import Session


@dataclass(frozen=True, slots=True)
class UpdateStarted:
    """Show the popup of an update; answer it by `Connection.answer`."""

    update: pb.ClientUpdate


@dataclass(frozen=True, slots=True)
class UpdateOver:
    """Take that popup away."""

    update: pb.ClientUpdate


@dataclass(frozen=True, slots=True)
class Ended:
    """Close the program."""

    reason: pb.ClientEndReason.ValueType
    text: str


Told = UpdateStarted | UpdateOver | Ended


class Connection:
    """Keeps a session's client connected.

    Args:
        session: who.
        machine: name of this machine, for the administrators.
        version: of the client program.
        override: connect although an update is initiated; for administrators.
    """

    def __init__(self, session: Session, *, machine: str, version: str, override: bool = False) -> None:
        self._session = session
        self._stub: clients_pb2_grpc.ClientServiceAsyncStub = clients_pb2_grpc.ClientServiceStub(session.channel)
        self._request = pb.ConnectClientRequest(machine=machine, version=version, override=override)

    @property
    def name(self) -> str:
        """Under which name the client is connected; empty before it is."""
        return self._request.client

    async def follow(self) -> AsyncGenerator[Told, None]:
        """Give what the client is told, over as many streams as it takes; `Ended` is the last.

        Raises:
            grpc.aio.AioRpcError: the server does not let the client in.
        """
        failures = 0
        while True:
            try:
                async with aclosing(self._stream()) as told:
                    async for one in told:
                        failures = 0
                        if one is not None:
                            yield one
                        if isinstance(one, Ended):
                            return
            except grpc.aio.AioRpcError as error:
                if error.code() in FINAL or error.code() is grpc.StatusCode.FAILED_PRECONDITION:
                    raise
                if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                    self._session.forget_token()
            except TimeoutError:
                pass
            failures += 1
            await asyncio.sleep(backoff(failures))

    async def answer(self, *, close: bool) -> pb.Client:
        """Answer the popup of an update: OK, or "Not now"."""
        answer = pb.CLIENT_UPDATE_ANSWER_OK if close else pb.CLIENT_UPDATE_ANSWER_NOT_NOW
        request = pb.AnswerClientUpdateRequest(name=self.name, answer=answer)
        return await self._session.ask(self._stub.AnswerClientUpdate, request)

    async def close(self) -> None:
        """Log out, so that nobody waits for a sign of life."""
        if self.name:
            await self._session.ask(self._stub.DisconnectClient, pb.DisconnectClientRequest(name=self.name))

    async def _stream(self) -> AsyncGenerator[Told | None, None]:
        call = self._stub.ConnectClient(self._request, metadata=await self._session.metadata())
        renewing: asyncio.Task[None] | None = None
        silence = OPEN_SECONDS
        try:
            while True:
                async with asyncio.timeout(silence):
                    event = await call.read()
                if not isinstance(event, pb.ConnectClientResponse):  # the end, with OK
                    return
                match event.WhichOneof("event"):
                    case "opened":
                        self._request.client = event.opened.client.name
                        interval = event.opened.heartbeat_duration.ToTimedelta().total_seconds()
                        silence = MISSED_HEARTBEATS * interval
                        renewing = asyncio.create_task(self._renew(interval))
                        yield None
                    case "update_started":
                        yield UpdateStarted(event.update_started)
                    case "update_over":
                        yield UpdateOver(event.update_over)
                    case "ended":
                        yield Ended(event.ended.reason, event.ended.text)
                    case _:
                        yield None
        finally:
            call.cancel()
            if renewing is not None:
                renewing.cancel()

    async def _renew(self, interval: float) -> None:
        request = pb.RenewClientRequest(name=self.name)
        while True:
            await asyncio.sleep(interval)
            try:
                await self._session.ask(self._stub.RenewClient, request)
            except grpc.aio.AioRpcError:
                continue  # the stream notices by itself when the server is away
