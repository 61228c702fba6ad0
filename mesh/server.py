"""A service's gRPC server: TLS, limits, health per service and module, reflection by setting, graceful drain."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from mesh.pipeline import Pipeline

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one server gives its callers at most."""

    message_bytes: int = 16 * 1024 * 1024
    streams_per_connection: int = 20_000  # Envoy carries all clients over a few connections
    connection_age: timedelta = timedelta(hours=12)
    connection_grace: timedelta = timedelta(seconds=30)
    keepalive: timedelta = timedelta(seconds=60)
    keepalive_timeout: timedelta = timedelta(seconds=20)
    waiting_calls: int = 20_000  # gRPC's default drops what a herd of reconnecting clients brings at once

    def options(self) -> list[tuple[str, Any]]:
        """Return the limits as gRPC channel arguments."""
        return [
            ("grpc.max_receive_message_length", self.message_bytes),
            ("grpc.max_send_message_length", self.message_bytes),
            ("grpc.max_concurrent_streams", self.streams_per_connection),
            ("grpc.max_connection_age_ms", _ms(self.connection_age)),
            ("grpc.max_connection_age_grace_ms", _ms(self.connection_grace)),
            ("grpc.keepalive_time_ms", _ms(self.keepalive)),
            ("grpc.keepalive_timeout_ms", _ms(self.keepalive_timeout)),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.server.max_pending_requests", self.waiting_calls),
            ("grpc.server.max_pending_requests_hard_limit", self.waiting_calls),
            ("grpc.so_reuseport", 0),
        ]


class Server:
    """Serves contracts through a pipeline.

    Args:
        pipeline: what every call goes through.
        limits: see `Limits`.
        reflection: whether clients may list the contracts.
        channelz: whether gRPC's own connection statistics are served.
        draining: set by `drain`: streams watch it, end themselves, and their clients resume elsewhere.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        limits: Limits | None = None,
        reflection: bool = False,
        channelz: bool = False,
        draining: asyncio.Event | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._limits = limits or Limits()
        self._reflection = reflection
        self._names: list[str] = []
        self.draining = draining or asyncio.Event()
        self.health = health.aio.HealthServicer()
        options = [*self._limits.options(), ("grpc.enable_channelz", int(channelz))]
        self.grpc = grpc.aio.server(options=options)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.grpc)  # type: ignore[no-untyped-call,unused-ignore]
        if channelz:
            from grpc_channelz.v1 import channelz as servicer

            servicer.add_channelz_servicer(self.grpc)

    def add(self, contract: FileDescriptor, servicer: object) -> None:
        """Serve the one service of a contract file.

        Raises:
            UnmarkedMethod: a method says no permission.
            TypeError: the servicer lacks a method, or the contract has not exactly one service.
        """
        services = list(contract.services_by_name.values())
        if len(services) != 1:
            raise TypeError(f"{contract.name} has {len(services)} services; a room has one")
        service: ServiceDescriptor = services[0]
        handlers = {method.name: self._handler(method, servicer) for method in service.methods}
        self.grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
        self.grpc.add_registered_method_handlers(service.full_name, handlers)
        self._names.append(service.full_name)

    def _handler(self, method: Any, servicer: object) -> "grpc.RpcMethodHandler[Any, Any]":
        behaviour = getattr(servicer, method.name, None)
        if behaviour is None:
            raise TypeError(f"{type(servicer).__name__} has no {method.name}")
        request = GetMessageClass(method.input_type)
        if method.client_streaming:
            if method.server_streaming:
                raise TypeError(f"{method.full_name}: no method streams both ways")
            return grpc.stream_unary_rpc_method_handler(
                self._pipeline.receiving(method, behaviour), request.FromString, serialised
            )
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._pipeline.streaming(method, behaviour), request.FromString, serialised
            )
        return grpc.unary_unary_rpc_method_handler(
            self._pipeline.unary(method, behaviour), request.FromString, serialised
        )

    async def start(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        """Listen on `host:port` (port 0: any) and return the port. Without credentials the server is for tests only.

        Raises:
            RuntimeError: the address is taken.
        """
        if self._reflection:
            from grpc_reflection.v1alpha import reflection

            reflection.enable_server_reflection([*self._names, reflection.SERVICE_NAME], self.grpc)
        if credentials is None:
            port = self.grpc.add_insecure_port(address)
        else:
            port = self.grpc.add_secure_port(address, credentials)
        await self.grpc.start()
        for name in ("", *self._names):
            await self.health.set(name, SERVING)
        return port

    async def set_module(self, module: str, *, serving: bool) -> None:
        """Say how a module of this service is, under its own name in the health service."""
        await self.health.set(module, SERVING if serving else NOT_SERVING)

    async def drain(self, grace: timedelta) -> None:
        """Stop taking calls, let running ones end, tell streams to end so that their clients resume elsewhere."""
        self.draining.set()
        await self.health.enter_graceful_shutdown()
        await self.grpc.stop(grace.total_seconds())


def serialised(message: Message | bytes) -> bytes:
    """Return a message's bytes; a stream that tells many the same hands over bytes it has made once."""
    return message if isinstance(message, bytes) else message.SerializeToString()


def _ms(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
