"""Tells services of their settings: ordered, unique, atomic, reliable, resumable, bookmarkable.

There is no queue for a reader. Each stream asks the history for what comes after the revision it has delivered, and
asks
again when its reader has taken that: a slow reader costs one revision, and misses none.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from esoffice.config.v1 import watch_pb2 as pb

from config_service.settings.rules import visible_to
from config_service.settings.store import Revision, RevisionStore
from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.sealing import SecretBox
from mesh.wakeups import Doorbell

_HEARTBEAT_SECONDS = 20
_AT_ONCE = 20  # revisions looked at in one unit
Event = pb.SettingsEvent


class WatchServicer:
    """Serves `WatchService`.

    Args:
        database: of config_service; it holds a first revision.
        store: the revisions.
        box: opens secrets, for the service they belong to.
        changed: rung when there is a new revision.
        draining: set when streams are to end, so that their readers resume elsewhere.
        poll_seconds: how often the history is looked at although nobody rang.
    """

    def __init__(
        self,
        database: Database,
        *,
        store: RevisionStore,
        box: SecretBox,
        changed: Doorbell,
        draining: asyncio.Event,
        poll_seconds: float = 5,
    ) -> None:
        self._database = database
        self._store = store
        self._box = box
        self._changed = changed
        self._draining = draining
        self._poll_seconds = poll_seconds

    async def WatchSettings(self, request: pb.WatchSettingsRequest, _context: Any) -> AsyncIterator[Event]:
        seconds = request.heartbeat_seconds or _HEARTBEAT_SECONDS
        async for event in self.follow(caller().name, after=request.after_revision, heartbeat_seconds=seconds):
            yield event

    async def follow(
        self, service: str, *, after: int, heartbeat_seconds: float = _HEARTBEAT_SECONDS
    ) -> AsyncIterator[Event]:
        """Yield a service's settings, then what changes them, until the server drains.

        Raises:
            OutOfRange: `after` is from the future, or no longer kept; also in the middle, for a reader that fell
            behind.
        """
        loop = asyncio.get_running_loop()
        with self._changed.listening_async() as rung:
            event = await self._database.read(self._first, service, after)
            yield event
            through = event.through_revision
            told = loop.time()
            patience = _with_jitter(heartbeat_seconds)
            while not self._draining.is_set():
                rung.clear()
                event = await self._database.read(self._next, service, through)
                if event.through_revision == through:
                    if loop.time() - told < patience:
                        left = patience - (loop.time() - told)
                        await self._wait(rung, min(self._poll_seconds, left))
                        continue
                    event = Event(kind=Event.KIND_HEARTBEAT, through_revision=through)
                yield event
                through, told, patience = event.through_revision, loop.time(), _with_jitter(heartbeat_seconds)

    async def _wait(self, rung: asyncio.Event, seconds: float) -> None:
        waiting = [asyncio.ensure_future(one.wait()) for one in (rung, self._draining)]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*waiting, return_exceptions=True)

    # -- units of work ------------------------------------------------------------------------------------------------

    def _first(self, unit: UnitOfWork, service: str, after: int) -> Event:
        if after:
            return self._next(unit, service, after)
        newest = self._store.newest(unit)
        if newest is None:
            raise RuntimeError("the settings have no first revision; config_service makes it when it starts")
        return self._with_settings(unit, service, newest, Event.KIND_SNAPSHOT)

    def _next(self, unit: UnitOfWork, service: str, through: int) -> Event:
        """Return the first revision after `through` that changes the service's settings, or up to where none does."""
        if self._store.kept(unit)[1] == through:  # what a poll mostly finds, without reading a revision
            return Event(kind=Event.KIND_CURRENT, through_revision=through)
        last, *later = self._store.after(unit, through, limit=_AT_ONCE)
        own = visible_to(service, last.settings)
        for revision in later:
            if visible_to(service, revision.settings) != own:
                return self._with_settings(unit, service, revision, Event.KIND_CHANGED)
            last = revision
        return Event(kind=Event.KIND_CURRENT, through_revision=last.number)

    def _with_settings(self, unit: UnitOfWork, service: str, revision: Revision, kind: Event.Kind.ValueType) -> Event:
        seen = visible_to(service, revision.settings)
        self._store.reveal(unit, seen, self._box)
        return Event(kind=kind, through_revision=revision.number, settings=seen)


def _with_jitter(seconds: float, chance: Callable[[], float] = random.random) -> float:
    return seconds * (1 + chance() / 10)
