"""The public keys that sign people's tokens, renewed while the service runs, kept for when config_service is down."""

import asyncio
import contextlib
from pathlib import Path

import grpc
from esoffice.config.v1 import identity_pb2
from esoffice.config.v1.identity_pb2_grpc import IdentityServiceStub

from mesh import log, private_files
from mesh.errors import DomainError, Unavailable
from mesh.key_set import KeySet
from mesh.tokens import Verifier
from mesh.upstream import Upstream

FILE = "keys.json"
# Tokens with made-up key ids must not become calls to config_service.
ASKED_AT_MOST_EVERY_SECONDS = 10.0


async def published_keys(channel: grpc.aio.Channel) -> str:
    """Ask config_service for its public keys; the `keys` of a service's `Definition`."""
    answer = await IdentityServiceStub(channel).GetKeySet(identity_pb2.GetKeySetRequest())
    return answer.jwks


class KeyKeeper:
    """Keeps a verifier on the site's current keys: renewed now and then, and when a token names one that is not known.

    Args:
        verifier: gets every new set.
        upstream: publishes them.
        data: folder of the last good copy.
    """

    def __init__(self, verifier: Verifier, upstream: Upstream, data: Path) -> None:
        self._verifier = verifier
        self._upstream = upstream
        self._file = data / FILE
        self._known = ""
        self._asked: float | None = None
        self._asking: asyncio.Task[None] | None = None
        verifier.unknown_key = self.ask

    def load(self) -> None:
        """Start on the last good copy, if there is one."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            document = self._file.read_text()
            try:
                self._verifier.use(KeySet.from_jwks(document))
            except Unavailable as wrong:
                log.get("keys").warning("copy of the keys is damaged and is not used", reason=wrong.message)

    async def renew(self) -> None:
        """Ask for the keys and take them over.

        Raises:
            Unavailable: what came is no key set; the keys before it stay.
        """
        document = await self._upstream.key_set()
        if not document or document == self._known:
            return
        self._verifier.use(KeySet.from_jwks(document))
        private_files.replace(self._file, document.encode())
        self._known = document

    def ask(self) -> bool:
        """Renew at once, in the background; False when that was done a moment ago. Called in the event loop."""
        loop = asyncio.get_running_loop()
        if self._asked is not None and loop.time() - self._asked < ASKED_AT_MOST_EVERY_SECONDS:
            return self._asking is not None and not self._asking.done()
        self._asked = loop.time()
        self._asking = loop.create_task(self._renew_quietly())
        return True

    async def _renew_quietly(self) -> None:
        try:
            await self.renew()
        except (DomainError, grpc.aio.AioRpcError, OSError) as wrong:
            log.get("keys").warning("keys were not renewed", reason=str(wrong))
