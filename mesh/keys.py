"""Keeps a service's key set fresh: read from config_service, and kept on disk for when that is down.

The last good document lies in the service's own folder. Whoever can write there can make tokens this service believes,
so it is the service's alone (mode 0600).
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import grpc
import structlog
from esoffice.config.v1 import identity_pb2
from esoffice.config.v1.identity_pb2_grpc import IdentityServiceStub

from mesh.clock import Clock
from mesh.errors import Unavailable
from mesh.key_set import KeySet
from mesh.tokens import Verifier

EVERY = timedelta(minutes=10)
AFTER_FAILURE = timedelta(seconds=15)
# Wrong tokens must not become calls to config_service.
AT_MOST_EVERY = timedelta(seconds=10)
FILE = "jwks.json"
_log = structlog.get_logger(__name__)

Fetch = Callable[[], Awaitable[str]]


def fetch_over(channel: grpc.aio.Channel) -> Fetch:
    """Return a function that reads the document from config_service over a channel."""
    stub = IdentityServiceStub(channel)

    async def fetch() -> str:
        answer = await stub.GetKeySet(identity_pb2.GetKeySetRequest(), timeout=10)
        return answer.jwks

    return fetch


class KeyProvider:
    """Gives a verifier its keys. Make it, `load()` before the first call, then `run()` as a task.

    Args:
        verifier: gets every new key set, and asks for one when a token names a key it does not know.
        fetch: reads the document, see `fetch_over`.
        folder: of the service's own data; the document is kept in it.
        clock: for the rate limit.
        every: how often it is read.
    """

    def __init__(
        self, verifier: Verifier, fetch: Fetch, folder: Path, clock: Clock, *, every: timedelta = EVERY
    ) -> None:
        self._verifier = verifier
        self._fetch = fetch
        self._file = folder / FILE
        self._clock = clock
        self._every = every
        self._wanted = asyncio.Event()
        self._begun_time: datetime | None = None
        self._document = ""
        self.problem = "the key set for tokens has not been read yet"
        verifier.unknown_key = self.ask

    def load(self) -> bool:
        """Take the document on disk; tell whether there is a good one."""
        try:
            document = self._file.read_text(encoding="utf-8")
            self._use(document)
        except OSError:
            return False
        except Unavailable as wrong:
            _log.warning("kept key set not usable", file=str(self._file), problem=wrong.message)
            return False
        return True

    def ask(self) -> bool:
        """Have the document read at once; False while that was done a moment ago. Called in the event loop."""
        if self._begun_time is not None and self._clock.now() - self._begun_time < AT_MOST_EVERY:
            return False
        self._wanted.set()
        return True

    async def refresh(self) -> bool:
        """Read the document, use it and keep it; tell whether that went well. What went wrong is in `problem`."""
        self._begun_time = self._clock.now()
        try:
            document = await self._fetch()
            changed = document != self._document
            self._use(document)
            if changed:
                await asyncio.to_thread(self._keep, document)
        except grpc.aio.AioRpcError as wrong:
            self._failed(f"config_service does not give the key set for tokens: {wrong.code().name}")
        except (Unavailable, OSError) as wrong:
            self._failed(str(wrong))
        else:
            self.problem = ""
            return True
        return False

    async def run(self) -> None:
        """Refresh at once, then again and again, and whenever it is asked for, until cancelled."""
        while True:
            self._wanted.clear()
            pause = self._every if await self.refresh() else AFTER_FAILURE
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), pause.total_seconds())

    def _failed(self, problem: str) -> None:
        self.problem = problem
        _log.warning("key set not refreshed", problem=problem)

    def _use(self, document: str) -> None:
        if document == self._document:
            return
        keys = KeySet.from_jwks(document)
        self._verifier.use(keys)
        self._document = document
        _log.info("key set taken over", keys=sorted(keys.key_ids))

    def _keep(self, document: str) -> None:
        fresh = self._file.with_name(f".{FILE}.{os.getpid()}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(document)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._file)
