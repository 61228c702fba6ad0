"""Puts config_service together: the one place that names its concrete classes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

from esoffice.config.v1 import audit_pb2, fleet_pb2, identity_pb2, settings_pb2, watch_pb2

from config_service import schema
from config_service.audit.service import AuditServicer
from config_service.envoy.dmz import DmzEnvoys
from config_service.envoy.lan import LanEnvoys
from config_service.envoy.service import ControlPlane
from config_service.fleet.endpoints import Endpoints
from config_service.fleet.service import FleetServicer
from config_service.housekeeping import housekeeping
from config_service.identity.keyring import Keyring
from config_service.identity.passwords import Passwords
from config_service.identity.service import IdentityServicer
from config_service.identity.sign_in import Hashing
from config_service.settings.first import ensure_first_revision
from config_service.settings.service import SettingsServicer
from config_service.watch.service import WatchServicer
from mesh.app import App, Definition
from mesh.bootstrap import Bootstrap
from mesh.clock import Clock
from mesh.database import Database, UnitOfWork
from mesh.sealing import FILE as SECRETS_FILE
from mesh.sealing import SecretBox
from mesh.tokens import AUDIENCE
from mesh.wakeups import Wakeups
from mesh.workers import Turn, Worker

NAME = "config_service"
FLEET = "fleet"


class Rooms:
    """The rooms of config_service.

    To the runtime they are config_service itself (`mesh.upstream.Upstream`), uncalled.
    """

    def __init__(
        self, bootstrap: Bootstrap, database: Database, wakeups: Wakeups, draining: asyncio.Event, clock: Clock
    ) -> None:
        self.certs = bootstrap.certs
        self.clock = clock
        self.database = database
        self.box = _secret_box(bootstrap.data / "keys")
        with database.unit() as unit:
            ensure_first_revision(unit, schema.revisions, self.box)
        changed = wakeups.bell("settings")
        self.settings = SettingsServicer(
            database, store=schema.revisions, box=self.box, requests=schema.requests, changed=changed
        )
        self.watcher = WatchServicer(database, store=schema.revisions, box=self.box, changed=changed, draining=draining)
        self.endpoints = Endpoints(database, schema.instances)
        self.fleet = FleetServicer(
            database,
            store=schema.instances,
            revisions=schema.revisions,
            endpoints=self.endpoints,
            changed=wakeups.bell(FLEET),
        )
        self.audit = AuditServicer(database, store=schema.audit)
        self.keyring: Keyring | None = None  # its tokens name the site, which `build` knows

    def watch(self, after: int) -> AsyncIterator[watch_pb2.SettingsEvent]:
        return self.watcher.follow(NAME, after=after)

    async def report(self, request: fleet_pb2.ReportStatusRequest) -> None:
        await self.fleet.report(NAME, request)

    async def record(self, entries: Sequence[audit_pb2.AuditEntry]) -> None:
        await self.database.run(schema.audit.record, NAME, entries)

    async def key_set(self) -> str:
        return self.keyring.jwks if self.keyring is not None else ""


def build(app: App) -> None:
    """Add the rooms."""
    rooms = app.upstream
    assert isinstance(rooms, Rooms)
    app.serve(settings_pb2.DESCRIPTOR, rooms.settings)
    app.serve(watch_pb2.DESCRIPTOR, rooms.watcher)
    app.serve(fleet_pb2.DESCRIPTOR, rooms.fleet)
    app.serve(audit_pb2.DESCRIPTOR, rooms.audit)
    keyring = rooms.keyring = Keyring(app.data / "keys", app.site, AUDIENCE, app.clock)
    hashing = Hashing(Passwords())
    app.on_close(hashing.close)
    app.serve(
        identity_pb2.DESCRIPTOR,
        IdentityServicer(
            app.database,
            users=schema.users,
            failures=schema.failed_sign_ins,
            settings=_newest_settings,
            hashing=hashing,
            keyring=keyring,
        ),
    )

    plane = ControlPlane(site=app.site, clock=app.clock)
    app.serve_foreign(plane.add_to)
    envoys = LanEnvoys(plane, rooms.certs, app.module("envoy.lan"))
    app.live(envoys.take)
    rooms.endpoints.on_change(envoys.told)
    outside = DmzEnvoys(plane, rooms.certs, app.module("envoy.dmz"), site=app.site, keys=lambda: keyring.jwks)
    app.live(outside.take)
    rooms.endpoints.on_change(outside.told)

    async def look(_: Turn) -> None:
        outside.served_on(await app.database.read(_documents_port))
        await rooms.endpoints.look()

    def look_at_keys(_: Turn) -> None:
        if keyring.look():
            app.loop.call_soon_threadsafe(outside.publish)

    app.work(
        Worker(name="identity.keys", work=look_at_keys, every=timedelta(minutes=1)),
        Worker(
            name="fleet.endpoints",
            work=look,
            every=timedelta(seconds=2),
            bell=app.bell(FLEET),
            limit=timedelta(seconds=10),
        ),
        Worker(name="housekeeping", work=housekeeping(app.database), every=timedelta(minutes=10)),
    )


def _newest_settings(unit: UnitOfWork) -> settings_pb2.Settings:
    newest = schema.revisions.newest(unit)
    return newest.settings if newest else settings_pb2.Settings()


def _documents_port(unit: UnitOfWork) -> int:
    """Return a setting of server_es, which config_service follows as little as any other service's."""
    return _newest_settings(unit).server_es.web_documents.port


def _secret_box(folder: Path) -> SecretBox:
    return SecretBox.load(folder) if (folder / SECRETS_FILE).exists() else SecretBox.create(folder)


definition = Definition(
    name=NAME,
    metadata=schema.metadata,
    migrations=Path(__file__).parent / "migrations",
    outbox=schema.outbox,
    leases=schema.leases,
    build=build,
    local=Rooms,
)
