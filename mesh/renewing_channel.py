"""A client channel that outlives its certificate.

gRPC keeps the certificate a channel was made with. Such a channel works for weeks after a renewal and then, at the
first reconnect after the old certificate has expired, never again until a restart (spiffe/spire#1562 tells how that
feels). Here every call looks whether the certificate's files have changed and goes over a new channel if so.
"""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import grpc

from mesh.certificates import Credentials, ServiceCertificate

# Calls that run when the certificate changes go on over the old channel; a stream that takes longer is ended, and
# resumes.
GRACE = 3600.0
Options = Sequence[tuple[str, Any]]


class RenewingChannel(grpc.aio.Channel):
    """A secure channel with mutual TLS to one service; stubs made from it stay good.

    Args:
        target: address to dial, such as `dns:///mesh.example:12164`.
        certificate: of the service that calls.
        peer: the service whose certificate is insisted on; behind the proxy that is `envoy-lan`.
        options: further channel options, such as `mesh.channel.options()`.
        interceptors: client interceptors, such as the one that adds a token.
        grace: seconds that calls in progress get when the certificate changes.
    """

    def __init__(
        self,
        target: str,
        certificate: ServiceCertificate,
        peer: str,
        options: Options = (),
        *,
        interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
        grace: float = GRACE,
    ) -> None:
        self._target = target
        self._certificate = certificate
        self._peer = peer
        self._options = tuple(options)
        self._interceptors = tuple(interceptors)
        self._grace = grace
        self._closing: set[asyncio.Task[None]] = set()
        self._credentials = certificate.current()
        self._channel = self._opened()

    def current(self) -> grpc.aio.Channel:
        """Return the channel for a new call, a fresh one if the certificate has changed. Call it in the event loop."""
        if self._certificate.current() is not self._credentials:
            old, self._credentials = self._channel, self._certificate.current()
            self._channel = self._opened()
            task = asyncio.get_running_loop().create_task(old.close(self._grace))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        return self._channel

    @property
    def credentials(self) -> Credentials:
        """The certificate of the channel that new calls use."""
        return self._credentials

    def unary_unary(self, *names: Any, **more: Any) -> Any:
        return _Method(self, lambda channel: channel.unary_unary(*names, **more))

    def unary_stream(self, *names: Any, **more: Any) -> Any:
        return _Method(self, lambda channel: channel.unary_stream(*names, **more))

    def stream_unary(self, *names: Any, **more: Any) -> Any:
        return _Method(self, lambda channel: channel.stream_unary(*names, **more))

    def stream_stream(self, *names: Any, **more: Any) -> Any:
        return _Method(self, lambda channel: channel.stream_stream(*names, **more))

    async def close(self, grace: float | None = None) -> None:
        for task in self._closing:
            task.cancel()
        await asyncio.gather(self._channel.close(grace), *self._closing, return_exceptions=True)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002 - gRPC's
        return self.current().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self.current().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self.current().channel_ready()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.close()

    def _opened(self) -> grpc.aio.Channel:
        options = (*self._options, *self._certificate.channel_options(self._peer))
        credentials = self._certificate.channel_credentials()
        return grpc.aio.secure_channel(self._target, credentials, options, interceptors=self._interceptors)


class _Method:
    """One method of a stub: bound to the channel of the moment when it is called."""

    __slots__ = ("_bind", "_bound", "_channel", "_owner")

    def __init__(self, owner: RenewingChannel, bind: Callable[[grpc.aio.Channel], Any]) -> None:
        self._owner = owner
        self._bind = bind
        self._channel: grpc.aio.Channel | None = None
        self._bound: Any = None

    def __call__(self, *request: Any, **options: Any) -> Any:
        channel = self._owner.current()
        if channel is not self._channel:
            self._channel, self._bound = channel, self._bind(channel)
        return self._bound(*request, **options)
