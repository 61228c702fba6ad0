"""Who the client is: a token that is kept fresh, and the header every call carries."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import grpc

from mesh.clock import Clock

_EARLY = timedelta(minutes=1)
"""So long before its end a token is replaced: a call must not set out with one that expires on its way."""

Metadata = tuple[tuple[str, str], ...]
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What signing in has given.

    Args:
        text: sent as `authorization: Bearer …`; never logged.
        expire_time: from when on it is refused.
    """

    text: str = field(repr=False)
    expire_time: datetime


TokenProvider = Callable[[], Awaitable[Token]]
"""Signs in, again and again; raises what the server said when it refuses."""


class Session:
    """One signed-in employee.

    Args:
        channel: to the mesh; the session closes it.
        sign_in: gives a token whenever the last one runs out.
        clock: tells when that is.
    """

    def __init__(self, channel: grpc.aio.Channel, sign_in: TokenProvider, clock: Clock) -> None:
        self.channel = channel
        self._sign_in = sign_in
        self._clock = clock
        self._token: Token | None = None
        self._signing_in = asyncio.Lock()

    async def ask(self, method: Callable[..., Awaitable[Answer]], request: Any) -> Answer:
        """Make a call that answers once: `await session.ask(stub.GetServicecall, request)`.

        A token the server does not take any more, because its keys were replaced, is replaced once. Other repeats are
        the channel's business: the service config says which calls it may repeat.
        """
        metadata = await self.metadata()
        try:
            return await method(request, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise
        self.forget_token()
        return await method(request, metadata=await self.metadata())

    async def metadata(self) -> Metadata:
        """Return the header of the next call; signs in when the token is about to expire, once for all who wait."""
        async with self._signing_in:
            token = self._token
            if token is None or self._clock.now() >= token.expire_time - _EARLY:
                token = self._token = await self._sign_in()
        return (("authorization", f"Bearer {token.text}"),)

    def forget_token(self) -> None:
        """Sign in anew before the next call, because the server refused the token (UNAUTHENTICATED)."""
        self._token = None

    async def close(self) -> None:
        await self.channel.close()
