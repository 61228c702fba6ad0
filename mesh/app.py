"""What a service is made of, and what its rooms get to work with. Rooms are added in the service's `app.py`."""

import asyncio
import concurrent.futures
import contextlib
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc
from esoffice.config.v1 import settings_pb2
from google.protobuf.descriptor import FileDescriptor
from sqlalchemy import MetaData, Table

from mesh.audit import AuditOutbox
from mesh.bootstrap import Bootstrap
from mesh.certificates import ServiceCertificate
from mesh.channel import options
from mesh.clock import Clock
from mesh.database import Database
from mesh.leases import Leases
from mesh.renewing_channel import RenewingChannel
from mesh.settings import Take
from mesh.upstream import FetchKeys, Upstream
from mesh.wakeups import Doorbell, Wakeups
from mesh.workers import HealthLine, Worker

T = TypeVar("T")
CALL_LIMIT_SECONDS = 30.0


class App:
    """One running service while it is put together, and the means its rooms work with.

    Attributes:
        name: of the service, such as `server_es`.
        site: of its certificate.
        data: folder for files of its own.
        clock: the machine's.
        database: opened and migrated.
        wakeups: doorbells between writers and workers.
        settings: what it starts on: `common` and its own part. LIVE changes come over `live`.
        draining: set when streams are to end, so that their clients resume elsewhere.
        upstream: config_service as this service sees it.
        certificate: of this service.
        instance: name of this process, as it signs leases and claims.
    """

    def __init__(
        self,
        *,
        name: str,
        settings: settings_pb2.Settings,
        bootstrap: Bootstrap,
        certificate: ServiceCertificate,
        clock: Clock,
        database: Database,
        wakeups: Wakeups,
        draining: asyncio.Event,
        upstream: Upstream,
        instance: str,
    ) -> None:
        self.name = name
        self.settings = settings
        self.site = certificate.current().spiffe_id.site
        self.data = bootstrap.data
        self.clock = clock
        self.database = database
        self.wakeups = wakeups
        self.draining = draining
        self.upstream = upstream
        self.instance = instance
        self.loop = asyncio.get_running_loop()
        self.servicers: list[tuple[FileDescriptor, object]] = []
        self.foreign: list[Callable[[grpc.aio.Server], None]] = []
        self.workers: list[Worker] = []
        self.takers: list[Take] = []
        self.modules: list[HealthLine] = []
        self.queues: list[Table] = []
        self.closers: list[Callable[[], Any]] = []
        self._bootstrap = bootstrap
        self.certificate = certificate
        self._channels: dict[str, RenewingChannel] = {}

    def serve(self, contract: FileDescriptor, servicer: object) -> None:
        """Serve the one gRPC service of a contract file: `app.serve(forwarding_pb2.DESCRIPTOR,
        ForwardingServicer(…))`.
        """
        self.servicers.append((contract, servicer))

    def serve_foreign(self, add: Callable[[grpc.aio.Server], None]) -> None:
        """Serve a contract that is not ours, past the pipeline: it looks at its callers itself."""
        self.foreign.append(add)

    def work(self, *workers: Worker) -> None:
        """Run background work."""
        self.workers.extend(workers)

    def queue(self, table: Table) -> None:
        """Free the rows of a queue at start that a predecessor had claimed when it was killed."""
        self.queues.append(table)

    def live(self, take: Take) -> None:
        """Call back now, and with every later settings whose changes are all LIVE. Raising refuses the settings."""
        take(self.settings)
        self.takers.append(take)

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine beside the calls until the service ends; then it is cancelled."""
        task = self.loop.create_task(work)

        async def end() -> None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

        self.on_close(end)

    def bell(self, name: str) -> Doorbell:
        """Return a doorbell, the same for all who name it."""
        return self.wakeups.bell(name)

    def module(self, name: str) -> HealthLine:
        """Return a health line that the room itself keeps up to date; workers have theirs without asking."""
        line = HealthLine(name)
        self.modules.append(line)
        return line

    def channel(self, service: str) -> grpc.aio.Channel:
        """Return the channel to another service, over Envoy or as `--peer` says, with this service's certificate."""
        if service not in self._channels:
            direct = dict(self._bootstrap.peers).get(service)
            if service == "config_service":
                direct = direct or self._bootstrap.config_address
            if direct is None and not self._bootstrap.envoy:
                raise RuntimeError(
                    f"{self.name} calls {service}: start it with --envoy HOST:PORT or --peer {service}=HOST:PORT"
                )
            target, peer = (direct, service) if direct else (self._bootstrap.envoy, "envoy-lan")
            self._channels[service] = RenewingChannel(target, self.certificate, peer, options())
        return self._channels[service]

    def wait(self, call: Callable[[], Awaitable[T]], *, limit: float = CALL_LIMIT_SECONDS) -> T:
        """Wait in a worker's thread for a call over a channel: `app.wait(lambda: stub.Method(request))`.

        The call is begun in the event loop, where its channel lives.

        Raises:
            TimeoutError: it took longer than `limit` seconds; the call is cancelled.
        """
        future = asyncio.run_coroutine_threadsafe(_awaited(call), self.loop)
        try:
            return future.result(limit)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise TimeoutError(f"no answer within {limit:g} s") from None

    def on_close(self, close: Callable[[], Any]) -> None:
        """Call back when the service ends, in the reverse order; may be a coroutine function."""
        self.closers.append(close)

    async def close(self) -> None:
        """Close what was opened."""
        for close in reversed(self.closers):
            done = close()
            if inspect.isawaitable(done):
                await done
        for channel in self._channels.values():
            await channel.close()


async def _awaited(call: Callable[[], Awaitable[T]]) -> T:
    return await call()


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a service is. One per service, in its `app.py`; `python -m <service>` runs it.

    Args:
        name: of the service: of its package, its certificate, and its part of `Settings`.
        metadata: its tables.
        migrations: folder that holds `versions/`.
        outbox: its table of audit entries, in `metadata`.
        leases: its table of leases, if a worker needs one.
        build: adds the rooms.
        allows: what other services may do here, by service name: patterns of permissions.
        keys: asks config_service for the keys of tokens; None: people's tokens are refused.
        local: for config_service alone: its own settings, fleet and audit log, without a call.
    """

    name: str
    metadata: MetaData
    migrations: Path
    outbox: AuditOutbox
    leases: Leases | None = None
    build: Callable[[App], Any]
    allows: Mapping[str, Iterable[str]] = field(default_factory=dict)
    keys: FetchKeys | None = None
    local: Callable[[Bootstrap, Database, Wakeups, asyncio.Event, Clock], Upstream] | None = None
