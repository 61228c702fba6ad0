"""The settings a service runs on, followed while it runs.

A change that is all LIVE is taken over at once; one that needs a restart is written down as a candidate and the service
asks to be restarted; one that a part of the service refuses is reported as rejected and the settings before it stay.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import grpc
from esoffice.config.v1 import settings_pb2, watch_pb2

from mesh import log, metrics
from mesh.errors import DomainError, OutOfRange
from mesh.setting_paths import diff, needs_restart
from mesh.settings_files import Copy, SettingsFiles
from mesh.upstream import HEARTBEAT_SECONDS, Upstream

_SILENCE_SECONDS = 3.5 * HEARTBEAT_SECONDS  # three missed heartbeats: the connection is dead
_LONGEST_BACKOFF = 5.0
Event = watch_pb2.SettingsEvent
Take = Callable[[settings_pb2.Settings], None]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Settings as of a revision: the common part and the service's own."""

    revision: int
    settings: settings_pb2.Settings

    def copy(self) -> Copy:
        """Return them as they are written to the disk."""
        return Copy(self.revision, self.settings.SerializeToString(deterministic=True))

    @classmethod
    def of(cls, copy: Copy) -> "Snapshot":
        """Return what was written to the disk."""
        return cls(copy.revision, settings_pb2.Settings.FromString(copy.content))


class SettingsFollower:
    """Keeps a service on its settings.

    Args:
        snapshot: what the service starts on.
        files: its copies on the disk.

    Attributes:
        current: what the service runs on now.
        restart: set when it should restart to run on newer settings.
        problem: empty while config_service answers, else one sentence.
    """

    def __init__(self, snapshot: Snapshot, files: SettingsFiles) -> None:
        self.current = snapshot
        self.restart = asyncio.Event()
        self.problem = "config_service has not answered yet"
        self._files = files
        self._takers: list[Take] = []
        self._through = snapshot.revision
        self._ahead = False  # the stream is past settings that were rejected

    def on_live(self, take: Take) -> None:
        """Call back with every new settings whose changes are all LIVE.

        Raising refuses them; the old ones come again.
        """
        self._takers.append(take)

    async def follow(self, upstream: Upstream) -> None:
        """Follow the watch until cancelled, over every break."""
        failures = 0
        while True:
            try:
                async with contextlib.aclosing(_events(upstream, self._through)) as events:
                    async for event in events:
                        failures, self.problem = 0, ""
                        self.handle(event)
                self.problem = "config_service ended the watch"
            except (grpc.aio.AioRpcError, DomainError, TimeoutError) as error:
                self._broken(error, failures)
                failures += 1
            backoff = min(_LONGEST_BACKOFF, 0.2 * 2.0 ** min(failures, 10))
            await asyncio.sleep(backoff * (0.5 + random.random()))  # noqa: S311 - spreads replicas, guards nothing

    def handle(self, event: Event) -> None:
        """Take one message of the watch."""
        if event.kind in (Event.KIND_SNAPSHOT, Event.KIND_CHANGED):
            self._new(Snapshot(event.through_revision, event.settings))
        elif event.through_revision != self._through and not self._ahead and not self.restart.is_set():
            self._keep(replace(self.current, revision=event.through_revision))
        self._through = event.through_revision

    def _new(self, wanted: Snapshot) -> None:
        rejection = self._files.rejection()
        if rejection is not None and rejection.digest == wanted.copy().digest:
            self._ahead = True
            return
        self._ahead = False
        changes = diff(self.current.settings, wanted.settings)
        restart = needs_restart(changes)
        if restart:
            log.get("settings").info("restart needed", revision=wanted.revision, settings=restart[:20])
            self._files.propose(wanted.copy())
            self._ahead = True
            self.restart.set()
        elif self._take(wanted):
            self._keep(wanted)

    def _take(self, wanted: Snapshot) -> bool:
        try:
            for take in self._takers:
                take(wanted.settings)
        except Exception as error:  # noqa: BLE001 - whatever a part of the service says, the service goes on
            reason = error.message if isinstance(error, DomainError) else f"{type(error).__name__}: {error}"
            log.get("settings").error("settings refused", revision=wanted.revision, reason=reason)
            self._files.reject(wanted.copy(), reason)
            self._ahead = True
            for take in self._takers:
                with contextlib.suppress(Exception):
                    take(self.current.settings)
            return False
        return True

    def _keep(self, snapshot: Snapshot) -> None:
        self.current = snapshot
        self._files.keep(snapshot.copy())
        self._files.forget_rejection()
        metrics.SETTINGS_REVISION.set(snapshot.revision)

    def _broken(self, error: Exception, failures: int) -> None:
        lost = isinstance(error, OutOfRange) or (
            isinstance(error, grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.OUT_OF_RANGE
        )
        if lost:
            self._through = 0  # read anew: going on somewhere else could lose a revision
        said = error.details() if isinstance(error, grpc.aio.AioRpcError) else str(error)
        self.problem = (
            f"config_service does not answer ({said}); running on the copy of revision {self.current.revision}"
        )
        if failures == 0:
            log.get("settings").warning("watch broken", reason=said, through=self._through)


async def first(upstream: Upstream) -> Snapshot:
    """Wait for config_service and return the newest settings; for a service that has none of its own yet."""
    failures = 0
    while True:
        try:
            async with contextlib.aclosing(_events(upstream, 0)) as events:
                async for event in events:
                    return Snapshot(event.through_revision, event.settings)
        except (grpc.aio.AioRpcError, DomainError, TimeoutError) as error:
            if failures % 10 == 0:
                said = error.details() if isinstance(error, grpc.aio.AioRpcError) else str(error)
                log.get("settings").warning("waiting for config_service", reason=said)
            failures += 1
        await asyncio.sleep(min(_LONGEST_BACKOFF, 0.1 * 2.0 ** min(failures, 10)))


async def _events(upstream: Upstream, after: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
    source = upstream.watch(after)
    while True:
        try:
            event = await asyncio.wait_for(anext(source), _SILENCE_SECONDS)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise TimeoutError(f"no heartbeat for {_SILENCE_SECONDS:g} s") from None
        yield event
