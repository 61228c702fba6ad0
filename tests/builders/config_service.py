"""config_service in this process, behind a real gRPC server on a free port.

Who calls says so in the call's metadata.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from esoffice.config.v1 import (
    audit_pb2,
    audit_pb2_grpc,
    fleet_pb2,
    fleet_pb2_grpc,
    settings_pb2,
    settings_pb2_grpc,
    watch_pb2,
    watch_pb2_grpc,
)
from google.protobuf.field_mask_pb2 import FieldMask

from config_service import schema
from config_service.app import Rooms
from mesh.audit import AuditLog
from mesh.bootstrap import Bootstrap
from mesh.clock import Clock
from mesh.database import Database
from mesh.permissions import Permissions
from mesh.pipeline import Pipeline
from mesh.server import Server
from mesh.tokens import Caller, Kind
from mesh.wakeups import Wakeups

ADMIN = (("caller", "person anna *"),)
READER = (("caller", "person rita settings.read"),)
SERVER_ES = (("caller", "service server_es"),)
SERVER_BUSINESS = (("caller", "service server_business"),)


def identify(context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
    """Believe what the metadata say: `caller: <kind> <name> <permission>…`."""
    said = dict(context.invocation_metadata() or ()).get("caller", "anonymous")
    kind, *rest = str(said).split()
    name, *patterns = rest or [""]
    return Caller(kind=Kind(kind), name=name, permissions=Permissions(patterns), address="192.0.2.7")


class Mesh:
    """A running config_service and the stubs to talk to it."""

    def __init__(self, rooms: Rooms, audit: AuditLog, channel: grpc.aio.Channel) -> None:
        self.rooms = rooms
        self.audit_log = audit
        self.settings = settings_pb2_grpc.SettingsServiceStub(channel)
        self.watch = watch_pb2_grpc.WatchServiceStub(channel)
        self.fleet = fleet_pb2_grpc.FleetServiceStub(channel)
        self.audit = audit_pb2_grpc.AuditServiceStub(channel)

    async def newest(self) -> settings_pb2.SettingsRevision:
        return await self.settings.GetSettings(settings_pb2.GetSettingsRequest(), metadata=ADMIN)

    async def update(
        self, settings: settings_pb2.Settings, *paths: str, metadata: Any = ADMIN, **more: Any
    ) -> settings_pb2.SettingsRevision:
        request = settings_pb2.UpdateSettingsRequest(settings=settings, update_mask=FieldMask(paths=paths), **more)
        return await self.settings.UpdateSettings(request, metadata=metadata)


@contextlib.asynccontextmanager
async def config_service(database_url: str, folder: Path, clock: Clock) -> AsyncIterator[Mesh]:
    """Run config_service on a database, with its rooms alone: no workers, no files but its secret key."""
    audit = AuditLog(schema.outbox, clock)
    bootstrap = Bootstrap(data=folder, certs=folder, config_address="", listen="")
    draining = asyncio.Event()
    opened = Database(database_url, metadata=schema.metadata, clock=clock, before_commit=audit.before_commit)
    with opened as database, Wakeups(database) as wakeups:
        schema.metadata.create_all(database.engine)
        rooms = Rooms(bootstrap, database, wakeups, draining, clock)
        server = Server(Pipeline(identify=identify, audit=audit), draining=draining)
        server.add(settings_pb2.DESCRIPTOR, rooms.settings)
        server.add(watch_pb2.DESCRIPTOR, rooms.watcher)
        server.add(fleet_pb2.DESCRIPTOR, rooms.fleet)
        server.add(audit_pb2.DESCRIPTOR, rooms.audit)
        port = await server.start("127.0.0.1:0", None)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Mesh(rooms, audit, channel)
        draining.set()
        await server.grpc.stop(1)
