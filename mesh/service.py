"""Runs a service: settings, database, rooms, server, workers; reports; drains when it is told to stop or to restart."""

import asyncio
import contextlib
import gc
import inspect
from datetime import timedelta

import grpc
from esoffice.config.v1 import settings_pb2
from sqlalchemy import make_url

from mesh import claims, log, metrics, migrations, private_files
from mesh.app import App, Definition
from mesh.audit import AuditLog
from mesh.bootstrap import Bootstrap
from mesh.callers import Callers
from mesh.certificates import ServiceCertificate
from mesh.channel import options
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.errors import DomainError
from mesh.fleet import EVERY_SECONDS, Place, State, StatusReporter, own_address
from mesh.key_set import KeySet
from mesh.keys import KeyKeeper
from mesh.parent import Parent
from mesh.pipeline import Pipeline
from mesh.predecessors import Predecessors
from mesh.renewing_channel import RenewingChannel
from mesh.server import Server
from mesh.setting_paths import own_part
from mesh.settings import SettingsFollower, Snapshot, first
from mesh.settings_files import SettingsFiles
from mesh.tokens import AUDIENCE, Verifier
from mesh.tracing import otlp
from mesh.upstream import RemoteUpstream, Upstream
from mesh.wakeups import Doorbell, Gathering, Wakeups
from mesh.workers import HealthLine, Turn, Worker, Workers

STOP, RESTART, FAILED = 0, 75, 1
_OUTSIDE = timedelta(seconds=20)  # limit of a turn that waits for config_service
_SELDOM = timedelta(seconds=30)  # what a bell that was lost, or another instance, has left lying


class Service:
    """One run of a service, from its settings to its end.

    Args:
        definition: what the service is.
        bootstrap: its command line.
        parent: the supervisor, told when the service is healthy.
    """

    def __init__(self, definition: Definition, bootstrap: Bootstrap, parent: Parent) -> None:
        self._definition = definition
        self._bootstrap = bootstrap
        self._parent = parent
        self._clock = SystemClock()
        self._files = SettingsFiles(bootstrap.data)
        self._refused = Gathering(_own_bell("audit.refused"), 0.5)
        self._saved = Gathering(_own_bell("audit.saved"), 1)
        self._audit = AuditLog(definition.outbox, self._clock, refused=self._refused.ring, saved=self._saved.ring)
        self._stop = asyncio.Event()
        self._draining = asyncio.Event()
        self._workers: Workers | None = None
        self._lines: list[HealthLine] = []

    def stop(self) -> None:
        """End the service: running calls get their time."""
        self._stop.set()

    async def run(self) -> int:
        """Run until told to stop, or until newer settings need a restart; return which.

        Raises:
            Exception: it cannot start; the text is the reason for the administrator.
        """
        private_files.make_folder(self._bootstrap.data)
        certificate = ServiceCertificate(self._bootstrap.certs, self._definition.name, self._clock)
        async with contextlib.AsyncExitStack() as stack:
            database = None
            if self._definition.local is not None:
                database = await self._opened(stack, self._bootstrap.database)
                wakeups = stack.enter_context(Wakeups(database))
                upstream: Upstream = self._definition.local(
                    self._bootstrap, database, wakeups, self._draining, self._clock
                )
            else:
                channel = RenewingChannel(self._bootstrap.config_address, certificate, "config_service", options())
                stack.push_async_callback(channel.close)
                upstream = RemoteUpstream(channel, self._definition.keys)
            reporter = StatusReporter(upstream, self._files, self._clock.now(), self._health)
            reporting = asyncio.create_task(self._report_early(reporter))
            stack.callback(reporting.cancel)
            start = await self._settings(upstream)
            if start is None:
                return STOP
            snapshot, is_candidate = start
            try:
                if database is None:
                    database = await self._opened(stack, self._database_url(snapshot))
                    wakeups = stack.enter_context(Wakeups(database))
                app = App(
                    name=self._definition.name, settings=snapshot.settings, bootstrap=self._bootstrap,
                    certificate=certificate, clock=self._clock, database=database, wakeups=wakeups,
                    draining=self._draining, upstream=upstream, instance=reporter.instance,
                )  # fmt: skip
                stack.push_async_callback(app.close)
                served = await self._started(app, stack, certificate, snapshot, reporter)
            except Exception as error:
                if self._files.good() is None:  # nothing to go back to: tried again and again, seen in the fleet's list
                    self._files.reject(snapshot.copy(), said_of(error))
                    await asyncio.wait([asyncio.ensure_future(self._reported(reporter))], timeout=1)
                raise
            reporting.cancel()
            self._healthy(snapshot, is_candidate=is_candidate)
            return await self._until_told(app, *served, reporter)

    # -- from settings to healthy -------------------------------------------------------------------------------------

    async def _settings(self, upstream: Upstream) -> tuple[Snapshot, bool] | None:
        """Return what to start on and whether it is not yet known to be good; None: told to stop while waiting."""
        candidate = self._files.candidate()
        if candidate is not None:
            return Snapshot.of(candidate), True
        good = self._files.good()
        if good is not None:
            return Snapshot.of(good), False
        waiting, stopped = asyncio.ensure_future(first(upstream)), asyncio.ensure_future(self._stop.wait())
        await asyncio.wait([waiting, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not waiting.done():
            waiting.cancel()
            return None
        return waiting.result(), True

    def _database_url(self, snapshot: Snapshot) -> str:
        database = own_part(snapshot.settings, self._definition.name).database
        if database.url and database.password.value:
            return make_url(database.url).set(password=database.password.value).render_as_string(hide_password=False)
        return str(database.url)

    async def _opened(self, stack: contextlib.AsyncExitStack, url: str) -> Database:
        database = Database(
            url or f"sqlite:///{self._bootstrap.data / self._definition.name}.db",
            metadata=self._definition.metadata, clock=self._clock, before_commit=self._audit.before_commit,
        )  # fmt: skip
        stack.callback(database.close)
        steps = await asyncio.to_thread(migrations.upgrade, database, self._definition.migrations)
        if steps:
            log.get("service").info("database migrated", steps=steps)
        return database

    async def _started(
        self, app: App, stack: contextlib.AsyncExitStack, certificate: ServiceCertificate, snapshot: Snapshot,
        reporter: StatusReporter,
    ) -> tuple[SettingsFollower, Server]:  # fmt: skip
        common, own = snapshot.settings.common, own_part(snapshot.settings, app.name)
        done = self._definition.build(app)
        if inspect.isawaitable(done):
            await done
        follower = SettingsFollower(snapshot, self._files)
        for take in app.takers:
            follower.on_live(take)
        follower.on_live(self._log_live)
        tracer = otlp(common.telemetry.otlp_endpoint, service=app.name)
        if tracer is not None:
            stack.callback(tracer.shutdown)
        if own.metrics.port:
            metrics.serve(own.metrics.address, own.metrics.port)
        verifier = Verifier(app.site, AUDIENCE, KeySet({}), self._clock)
        keys = KeyKeeper(verifier, app.upstream, app.data)
        keys.load()
        pipeline = Pipeline(
            identify=Callers(app.site, verifier, self._definition.allows), audit=self._audit, tracer=tracer
        )
        server = Server(pipeline, reflection=common.telemetry.reflection, draining=self._draining)
        for contract, servicer in app.servicers:
            server.add(contract, servicer)
        for add in app.foreign:
            add(server.grpc)
        self._lines = app.modules
        self._workers = Workers(
            [*app.workers, *self._own_workers(app, keys, reporter, certificate)],
            clock=self._clock, owner=reporter.instance, database=app.database, leases=self._definition.leases,
        )  # fmt: skip
        if self._definition.leases is not None or app.queues:
            before = stack.enter_context(Predecessors(app.data, reporter.instance))
            if self._definition.leases is not None:
                await app.database.run(self._definition.leases.give_back_of, before.dead)
            for table in app.queues:
                await app.database.run(claims.give_back_of, table, before.dead)
            before.forget()
        port = await server.start(self._bootstrap.listen, certificate.server_credentials())
        reporter.place = self._place(port)
        reporter.follower = follower
        reporter.state = State.Value("STATE_SERVING")
        self._workers.start()
        gc.collect()
        gc.freeze()  # what start-up has made is not looked at again: 125,000 to 200,000 objects, a pause for all calls
        log.get("service").info("serving", port=port, revision=snapshot.revision)
        return follower, server

    def _healthy(self, snapshot: Snapshot, *, is_candidate: bool) -> None:
        if is_candidate and self._files.candidate() is not None:
            self._files.promote()
        elif is_candidate:
            self._files.keep(snapshot.copy())
            self._files.forget_rejection()
        metrics.SETTINGS_REVISION.set(snapshot.revision)
        self._parent.healthy(snapshot.revision)

    async def _until_told(self, app: App, follower: SettingsFollower, server: Server, reporter: StatusReporter) -> int:
        assert self._workers is not None
        following = asyncio.create_task(follower.follow(app.upstream))
        told = [asyncio.ensure_future(one.wait()) for one in (self._stop, follower.restart, self._parent.gone)]
        try:
            await asyncio.wait([*told, following], return_when=asyncio.FIRST_COMPLETED)
            if following.done() and not self._stop.is_set():
                following.result()  # a defect in the follower: the service must not go on without settings
        finally:
            for task in (*told, following):
                task.cancel()
        restart = follower.restart.is_set() and not self._stop.is_set()
        log.get("service").info("draining", restart=restart)
        reporter.state = State.Value("STATE_DRAINING")
        await asyncio.wait([asyncio.ensure_future(self._reported(reporter))], timeout=1)
        limit = timedelta(seconds=self._bootstrap.drain_within)
        _, late = await asyncio.gather(server.drain(limit), self._workers.stop(limit))
        if late:
            log.get("service").warning("workers did not end in time", workers=late)
        with contextlib.suppress(DomainError):
            await self._audit.write(app.database)
        return RESTART if restart else STOP

    # -- what every service does by itself ----------------------------------------------------------------------------

    def _own_workers(
        self, app: App, keys: KeyKeeper, reporter: StatusReporter, certificate: ServiceCertificate
    ) -> list[Worker]:
        async def write_audit(_: Turn) -> None:
            await self._audit.write(app.database)

        async def send_audit(_: Turn) -> bool:
            return await self._audit.send(app.database, app.upstream.record)

        async def report(_: Turn) -> None:
            metrics.CERTIFICATE_SECONDS.set(certificate.seconds_until_expiry())
            await reporter.report()

        async def renew_keys(_: Turn) -> None:
            await keys.renew()

        every = timedelta(seconds=EVERY_SECONDS)
        return [
            Worker(name="audit.write", work=write_audit, every=_SELDOM, bell=self._refused.bell, limit=_OUTSIDE),
            Worker(name="audit.send", work=send_audit, every=_SELDOM, bell=self._saved.bell, limit=_OUTSIDE),
            Worker(name="fleet.report", work=report, every=every, limit=_OUTSIDE),
            Worker(name="keys", work=renew_keys, every=timedelta(seconds=30), limit=_OUTSIDE),
        ]

    async def _report_early(self, reporter: StatusReporter) -> None:
        """Report while the service starts; later its worker does."""
        while True:
            await self._reported(reporter)
            await asyncio.sleep(EVERY_SECONDS)

    async def _reported(self, reporter: StatusReporter) -> None:
        with contextlib.suppress(grpc.aio.AioRpcError, DomainError, TimeoutError):
            await asyncio.wait_for(reporter.report(), EVERY_SECONDS)

    def _health(self) -> list[HealthLine]:
        return [*self._lines, *(self._workers.health() if self._workers else ())]

    def _place(self, port: int) -> Place:
        if self._bootstrap.advertise:
            host, _, said = self._bootstrap.advertise.rpartition(":")
            return Place(address=host.strip("[]"), port=int(said))
        host = self._bootstrap.listen.rpartition(":")[0].strip("[]")
        if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            host = own_address(self._bootstrap.config_address)
        return Place(address=host, port=port)

    def _log_live(self, settings: settings_pb2.Settings) -> None:
        log.set_level(own_part(settings, self._definition.name).log_level)


def _own_bell(name: str) -> Doorbell:
    return Doorbell(name, lambda _: None)


def said_of(error: Exception) -> str:
    """Return an error as one sentence for the administrator."""
    return error.message if isinstance(error, DomainError) else f"{type(error).__name__}: {error}"
