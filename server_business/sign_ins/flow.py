"""A person signs in for an account: the steps of the device flow (RFC 8628)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

from esoffice.business.v1 import mail_pb2 as pb

from mesh.clock import Clock
from mesh.errors import FailedPrecondition, Unavailable
from mesh.instants import timestamp
from server_business.oauth2 import IssuerRefused, NoToken, Token, ask, begin
from server_business.sign_ins.rules import USUAL_INTERVAL, SignInEnded, next_look
from server_business.sign_ins.tokens import SignIns

_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Flow:
    """Begins sign-ins and waits until they are done.

    Args:
        sign_ins: keeps them.
        clock: when a code ends.
        pause: waits so many seconds; True: the service ends.
    """

    def __init__(self, sign_ins: SignIns, clock: Clock, pause: Callable[[float], Awaitable[bool]]) -> None:
        self._sign_ins = sign_ins
        self._clock = clock
        self._pause = pause

    async def steps(self, account: str) -> AsyncIterator[pb.SignInProgress]:
        """Yield where to enter which code, something empty as long as nobody has done so, and then that it is done.

        Raises:
            FailedPrecondition: nobody can sign in for the account, has done so in time, or was let.
            Unavailable: the issuer cannot be reached, or the service ends.
        """
        client = self._sign_ins.client(account)
        if client is None:
            raise FailedPrecondition(f"{account} is not active, or its settings name no `device_authorization_url`.")
        try:
            begun = await asyncio.to_thread(begin, client)
        except IssuerRefused as error:
            raise SignInEnded(error.message) from error
        until = self._clock.monotonic() + begun.seconds
        yield pb.SignInProgress(
            verification_uri=begun.page,
            user_code=begun.user_code,
            verification_uri_complete=begun.page_with_code,
            expire_time=timestamp(self._clock.now() + timedelta(seconds=begun.seconds)),
        )
        interval = begun.interval or USUAL_INTERVAL
        asked = {"grant_type": _DEVICE, "device_code": begun.device_code}
        token: Token | None = None
        while token is None:
            if await self._pause(interval):
                raise Unavailable("The service ends; begin again in a moment.")
            if self._clock.monotonic() >= until:
                next_look("expired_token", "", interval)
            try:
                token = await asyncio.to_thread(ask, client, asked)
            except IssuerRefused as error:
                interval = next_look(error.error, error.text, interval)
            except NoToken:
                interval = next_look("", "", interval)
            if token is None:
                yield pb.SignInProgress()  # keeps the stream alive on its way
        if not token.refresh:
            raise SignInEnded("The issuer gives nothing to stay signed in with; add `offline_access` to the scope.")
        await asyncio.to_thread(self._sign_ins.signed_in, account, client, token.refresh)
        yield pb.SignInProgress(done=True)
