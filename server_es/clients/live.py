"""The streams of this process: which clients are connected here, what they still have to be told, and who watches.

What a client is told follows from its row and from the update that is initiated, so nothing is queued: a stream that
was away looks where it stands, and is told that.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import structlog
from esoffice.es.v1 import clients_pb2 as pb

from mesh.database import Database, UnitOfWork
from mesh.errors import DomainError
from mesh.streams import Stream, Streams
from mesh.wakeups import Doorbell
from server_es.clients import answers, store

BELL = "clients.changed"
_HEARTBEAT = pb.ConnectClientResponse(heartbeat=pb.ClientHeartbeat())

_log = structlog.get_logger(__name__)


class LiveClient:
    """One client's stream, and what it was told."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.ended: Any = None
        """The client's row, once it is gone."""
        self.told_update: int | None = None
        """The update whose popup is shown there."""


class LiveClients:
    """All streams of this process; make it inside the event loop, and keep `run` running.

    Args:
        database: of the service.
        bell: rings when a client or an update has changed.
        streams: heartbeats and the end.
        poll: how often to look although nobody rang.
    """

    def __init__(self, database: Database, bell: Doorbell, streams: Streams, *, poll: timedelta) -> None:
        self.heartbeat = streams.heartbeat
        self._database = database
        self._bell = bell
        self._streams = streams
        self._poll = poll.total_seconds()
        self._clients: dict[str, set[LiveClient]] = {}
        self._watchers: set[Stream] = set()
        self._update: Any = None
        self._position = 0

    def __len__(self) -> int:
        return len(self._clients)

    def drain(self) -> None:
        """End every stream with OK."""
        self._streams.drain()

    # -- clients ------------------------------------------------------------------------------------------------------

    async def follow(self, opened: pb.Client, update: Any) -> AsyncIterator[pb.ConnectClientResponse]:
        """Tell a client everything from now on, until it is gone or the server drains.

        Args:
            opened: as it was when it connected.
            update: the newest update then.
        """
        id_ = answers.CLIENT.parse(opened.name)[0]
        with self._streams.open() as stream:
            live = LiveClient(stream)
            if self._update is None or (update is not None and update.id >= self._update.id):
                self._update = update
            if opened.update_answer and update is not None:
                live.told_update = update.id
            self._clients.setdefault(id_, set()).add(live)
            try:
                first = pb.ConnectClientResponse(opened=pb.ClientOpened(client=opened))
                first.opened.heartbeat_duration.FromTimedelta(self.heartbeat)
                yield first
                while not stream.ended:
                    event = self._next(live)
                    if event is not None:
                        yield event
                        if event.HasField("ended"):
                            return
                    elif stream.beat:
                        stream.beat = False
                        yield _HEARTBEAT
                    else:
                        await stream.wait()
            finally:
                self._clients[id_].discard(live)
                if not self._clients[id_]:
                    del self._clients[id_]

    def _next(self, live: LiveClient) -> pb.ConnectClientResponse | None:
        if live.ended is not None:
            ended = pb.ClientEnded(reason=live.ended.end_reason, text=live.ended.end_text)
            return pb.ConnectClientResponse(ended=ended)
        update = self._update
        initiated = update is not None and update.state == store.INITIATED
        if initiated and live.told_update != update.id:
            live.told_update = update.id
            return pb.ConnectClientResponse(update_started=answers.update(update))
        if not initiated and live.told_update is not None:
            live.told_update = None
            return pb.ConnectClientResponse(update_over=answers.update(update))
        return None

    # -- watchers -----------------------------------------------------------------------------------------------------

    async def watch(self, cursor: int, page: int) -> AsyncIterator[pb.WatchClientsResponse]:
        """Tell who looks on what changes after `cursor`."""
        with self._streams.open() as stream:
            self._watchers.add(stream)
            try:
                while not stream.ended:
                    seen = self._position
                    rows = await self._database.read(store.changed, cursor, page)
                    if rows:
                        cursor = rows[-1].revision
                        yield pb.WatchClientsResponse(cursor=cursor, clients=[answers.client(row) for row in rows])
                    elif stream.beat:
                        stream.beat = False
                        yield pb.WatchClientsResponse(cursor=cursor)
                    elif seen == self._position:  # otherwise something changed while it was read, and woke nobody
                        await stream.wait()
            finally:
                self._watchers.discard(stream)

    # -- looking ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look whenever the bell rings, and now and then without it. Ends by cancellation."""
        with self._bell.listening_async() as rung:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll):
                        await rung.wait()
                rung.clear()
                try:
                    await self.look()
                except DomainError as error:
                    _log.warning("changes of clients wait in the database", reason=error.message)
                except Exception as error:  # noqa: BLE001 - every stream depends on the next look
                    _log.error("a look for changes of clients failed", exc_info=error)

    async def look(self) -> None:
        """Read what changed and wake whom it concerns."""
        if not self._clients and not self._watchers:
            return
        newest, update, gone = await self._database.read(_look, list(self._clients))
        for row in gone:
            for live in self._clients.get(row.id, ()):
                live.ended = row
                live.stream.wake()
        if update is not None and (
            self._update is None or (update.id, update.state) != (self._update.id, self._update.state)
        ):
            self._update = update
            for here in self._clients.values():
                for live in here:
                    live.stream.wake()
        if newest != self._position:
            self._position = newest
            for watcher in self._watchers:
                watcher.wake()


def _look(unit: UnitOfWork, ids: list[str]) -> tuple[int, Any, list[Any]]:
    return store.position(unit)[0], store.newest_update(unit), store.gone(unit, ids)
