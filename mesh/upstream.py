"""What a service needs from config_service, and how it gets it over the contract."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

import grpc
from esoffice.config.v1 import audit_pb2, audit_pb2_grpc, fleet_pb2, fleet_pb2_grpc, watch_pb2, watch_pb2_grpc

HEARTBEAT_SECONDS = 10
FetchKeys = Callable[[grpc.aio.Channel], Awaitable[str]]
"""Asks config_service for its public keys and returns them as a JWKS document."""


class Upstream(Protocol):
    """config_service as the others see it; config_service itself has one that makes no calls."""

    def watch(self, after: int) -> AsyncIterator[watch_pb2.SettingsEvent]:
        """Yield the service's settings after a revision, 0: from the newest on."""

    async def report(self, request: fleet_pb2.ReportStatusRequest) -> None:
        """Say how this instance is."""

    async def record(self, entries: Sequence[audit_pb2.AuditEntry]) -> None:
        """Hand entries of the audit log over; returning means that they are stored."""

    async def key_set(self) -> str:
        """Return the public keys that sign tokens, as JWKS; empty when there are none."""


class RemoteUpstream:
    """Over a channel with the service's own certificate.

    Args:
        channel: to config_service.
        keys: asks for the keys; None in a service that no person calls.
    """

    def __init__(self, channel: grpc.aio.Channel, keys: FetchKeys | None) -> None:
        self._channel = channel
        self._keys = keys
        self._watch = watch_pb2_grpc.WatchServiceStub(channel)
        self._fleet = fleet_pb2_grpc.FleetServiceStub(channel)
        self._audit = audit_pb2_grpc.AuditServiceStub(channel)

    def watch(self, after: int) -> AsyncIterator[watch_pb2.SettingsEvent]:
        request = watch_pb2.WatchSettingsRequest(after_revision=after, heartbeat_seconds=HEARTBEAT_SECONDS)
        return aiter(self._watch.WatchSettings(request))

    async def report(self, request: fleet_pb2.ReportStatusRequest) -> None:
        await self._fleet.ReportStatus(request)

    async def record(self, entries: Sequence[audit_pb2.AuditEntry]) -> None:
        await self._audit.RecordAuditEntries(audit_pb2.RecordAuditEntriesRequest(entries=entries))

    async def key_set(self) -> str:
        return await self._keys(self._channel) if self._keys is not None else ""
