"""The real server_es: its rooms as `server_es.app` adds them, behind mutual TLS, in this process or one of its own.

`python -m tests.servers.es CERTS DATABASE_URL PORT` serves until it is killed and says `serving` when it does.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import grpc
from esoffice.config.v1 import settings_pb2

from config_service import pki
from mesh.app import App
from mesh.audit import AuditLog
from mesh.bootstrap import Bootstrap
from mesh.callers import Callers
from mesh.certificates import ServiceCertificate
from mesh.channel import connect_blocking
from mesh.clock import Clock, SystemClock
from mesh.database import Database
from mesh.key_set import KeySet
from mesh.permissions import Permissions
from mesh.pipeline import Identify, Pipeline
from mesh.server import Server
from mesh.spiffe import SpiffeId
from mesh.tokens import AUDIENCE, Caller, Kind, Verifier
from mesh.upstream import RemoteUpstream
from mesh.wakeups import Wakeups
from mesh.workers import Workers
from server_es.app import NAME, definition

T = TypeVar("T")
SITE = "muster"
CHIEF = Caller(kind=Kind.PERSON, name="chief", employee="100", permissions=Permissions(["*"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Ports of a running server_es: the one services come in by, and one where everybody is the chief."""

    services: int
    chief: int


def make_certificates(folder: Path) -> Path:
    """Make those of a site with server_es and server_business, and return their folder."""
    certs, clock = folder / "certs", SystemClock()
    pki.init_site(certs, SITE, clock)
    for service in ("server_es", "server_business"):
        pki.issue(certs, service, now=clock.now(), ip=["127.0.0.1"])
    return certs


def channel(certs: Path, port: int) -> grpc.Channel:
    """Connect as server_business does, for plain threads."""
    certificate = ServiceCertificate(certs, "server_business", SystemClock())
    name = SpiffeId(SITE, NAME).dns_name
    return connect_blocking(f"127.0.0.1:{port}", certificate.channel_credentials(), name=name)


def opened(url: str, clock: Clock) -> Database:
    """Open the database of server_es as the service does, with its tables."""
    audit = AuditLog(definition.outbox, clock)
    database = Database(url, metadata=definition.metadata, clock=clock, before_commit=audit.before_commit)
    definition.metadata.create_all(database.engine)
    return database


@asynccontextmanager
async def serving(
    certs: Path,
    database: Database,
    port: int = 0,
    peers: tuple[tuple[str, str], ...] = (),
    identify: Identify = lambda _: CHIEF,
) -> AsyncIterator[Doors]:
    """Serve until the block ends.

    Args:
        certs: of the site.
        database: of server_es.
        port: of the door for services; 0: any.
        peers: other services by name, with their `host:port`.
        identify: who calls at the chief's door.
    """
    certificate = ServiceCertificate(certs, NAME, SystemClock())
    settings = settings_pb2.Settings()
    settings.common.site.time_zone = "Europe/Berlin"
    settings.server_es.messages.heartbeat_duration.FromTimedelta(timedelta(seconds=30))
    settings.server_es.messages.kept_days = 30
    settings.server_es.servicecalls.reopen_solved = True
    notifications = settings.server_es.notifications
    notifications.bundle_duration.FromTimedelta(timedelta(seconds=1))
    notifications.identical_duration.FromTimedelta(timedelta(minutes=5))
    notifications.mails_per_hour = notifications.sms_per_hour = 10
    settings.server_es.status_events.customer_mails_per_day = 20
    settings.server_es.status_events.call_mark = "Call <ServCall.ServicecallNr>"
    bootstrap = Bootstrap(
        data=certs.parent, certs=certs, config_address="127.0.0.1:1", listen="127.0.0.1:0", peers=peers
    )
    nobody = grpc.aio.insecure_channel(bootstrap.config_address)  # config_service, which no room of server_es calls
    draining = asyncio.Event()
    with Wakeups(database) as wakeups:
        app = App(
            name=NAME, settings=settings, bootstrap=bootstrap, certificate=certificate, clock=database.clock,
            database=database, wakeups=wakeups, draining=draining, upstream=RemoteUpstream(nobody, None),
            instance="es",
        )  # fmt: skip
        await definition.build(app)
        audit = AuditLog(definition.outbox, database.clock)
        known = Callers(SITE, Verifier(SITE, AUDIENCE, KeySet({}), database.clock), definition.allows)
        by_service = _door(app, known, audit)
        by_chief = _door(app, identify, audit)
        workers = Workers(app.workers, clock=database.clock)
        try:
            workers.start()
            chief = await by_chief.start("127.0.0.1:0", None)
            services = await by_service.start(f"127.0.0.1:{port}", certificate.server_credentials())
            yield Doors(services=services, chief=chief)
        finally:
            draining.set()
            await asyncio.gather(by_service.drain(timedelta(0)), by_chief.drain(timedelta(0)))
            await workers.stop(timedelta(seconds=5))
            await app.close()
            await nobody.close()


def serving_in_a_thread(
    certs: Path, database: Database, peers: tuple[tuple[str, str], ...] = ()
) -> AbstractContextManager[Doors]:
    """The same for tests that are no coroutines."""
    return in_a_thread(lambda: serving(certs, database, peers=peers))


@contextmanager
def in_a_thread(service: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """Hold an asynchronous block open in a thread and a loop of its own until this one ends."""
    found: list[T] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    end = asyncio.Event()

    async def run() -> None:
        async with service() as made:
            found.append(made)
            ready.set()
            await end.wait()

    def live() -> None:
        try:
            loop.run_until_complete(run())
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=live, name="service")
    thread.start()
    try:
        ready.wait()
        yield found[0]
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(end.set)
        thread.join()


async def run(certs: str, url: str, port: str) -> None:
    """Serve until killed."""
    with opened(url, SystemClock()) as database:
        async with serving(Path(certs), database, int(port)):
            print("serving", flush=True)
            await asyncio.Event().wait()


def _door(app: App, identify: Identify, audit: AuditLog) -> Server:
    server = Server(Pipeline(identify=identify, audit=audit))
    for contract, servicer in app.servicers:
        server.add(contract, servicer)
    return server


if __name__ == "__main__":
    import uvloop

    uvloop.run(run(*sys.argv[1:]))
