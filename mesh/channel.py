"""Channels to the services: retry and deadline policy from the data beside the contracts, mTLS or a token."""

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import grpc

AREAS = ("config", "es", "business")


@cache
def service_config() -> str:
    """Return gRPC's service config: the union of `<area>_grpc_service_config.json` of every area, as JSON."""
    methods: list[Any] = []
    for area in AREAS:
        path = resources.files(f"esoffice.{area}.v1") / f"{area}_grpc_service_config.json"
        methods += json.loads(path.read_text(encoding="utf-8"))["methodConfig"]
    return json.dumps({"methodConfig": methods, "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1}})


def options(*, message_bytes: int = 64 * 1024 * 1024) -> list[tuple[str, Any]]:
    """Return the channel arguments every client of the mesh uses."""
    return [
        ("grpc.service_config", service_config()),
        ("grpc.enable_retries", 1),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.max_receive_message_length", message_bytes),
        ("grpc.max_send_message_length", message_bytes),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5_000),
    ]


def connect(
    target: str, credentials: grpc.ChannelCredentials | None, *, name: str = "", interceptors: Sequence[Any] = ()
) -> grpc.aio.Channel:
    """Open an asynchronous channel to `host:port`.

    Args:
        target: address of the server.
        credentials: TLS or mTLS; None only for tests.
        name: name the server's certificate must carry, when it is not the target's host.
        interceptors: client interceptors, such as the one that adds a token.
    """
    arguments = options()
    if name:
        arguments.append(("grpc.ssl_target_name_override", name))
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=arguments, interceptors=interceptors)
    return grpc.aio.secure_channel(target, credentials, options=arguments, interceptors=interceptors)


def connect_blocking(target: str, credentials: grpc.ChannelCredentials | None, *, name: str = "") -> grpc.Channel:
    """Open a channel for plain threads: workers and command-line tools."""
    arguments = options()
    if name:
        arguments.append(("grpc.ssl_target_name_override", name))
    if credentials is None:
        return grpc.insecure_channel(target, options=arguments)
    return grpc.secure_channel(target, credentials, options=arguments)
