"""The public keys that sign people's tokens, renewed while the service runs, kept for when config_service is down."""

import contextlib
from pathlib import Path

from mesh import log, private_files
from mesh.errors import Unavailable
from mesh.key_set import KeySet
from mesh.tokens import Verifier
from mesh.upstream import Upstream

FILE = "keys.json"


class KeyKeeper:
    """Keeps a verifier on the site's current keys.

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
