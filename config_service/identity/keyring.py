"""The signing keys at work: made at the first start, rotated when they are due, told to whoever verifies."""

import asyncio
import fcntl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import structlog

from config_service import private_files
from config_service.identity.signing import (
    FILE,
    Grant,
    IssuedToken,
    Issuer,
    SigningKeys,
    is_rotation_due,
    load_keys,
    make_keys,
    rotate,
)
from mesh.clock import Clock
from mesh.errors import AlreadyExists
from mesh.key_set import KeySet

LOOKED_AT_SECONDS = 60.0
_log = structlog.get_logger(__name__)


class Keyring:
    """The site's signing keys; several processes may share their folder.

    Args:
        folder: where they lie, such as `<data>/keys`; the first keys are made when there are none.
        site: the issuer of tokens.
        audience: of tokens.
        clock: says when a rotation is due.
        changed: told of every new key set, for this service's own verifier.
    """

    def __init__(
        self,
        folder: Path,
        site: str,
        audience: str,
        clock: Clock,
        *,
        changed: Callable[[KeySet], object] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._changed = changed
        if not (folder / FILE).exists():
            try:
                make_keys(folder, clock.now())
            except AlreadyExists:  # another process was faster
                _log.info("signing keys were made by another process")
        self.issuer = Issuer(load_keys(folder), site, audience)

    @property
    def jwks(self) -> str:
        """The document that verifiers read."""
        return self.issuer.keys.jwks()

    @property
    def key_set(self) -> KeySet:
        """The public keys."""
        return KeySet.from_jwks(self.jwks)

    def issue(self, grant: Grant, lifetime: timedelta | None = None) -> IssuedToken:
        """Sign a token with the key in use."""
        return self.issuer.issue(grant, self._clock.now(), lifetime)

    def look(self) -> bool:
        """Rotate if it is due, take over what another process has rotated; tell whether there are new keys."""
        private_files.make_folder(self._folder)
        with (self._folder / "signing.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = load_keys(self._folder)
            if is_rotation_due(keys, self._clock.now()):
                keys = rotate(self._folder, self._clock.now())
        if _ids(keys) == _ids(self.issuer.keys):
            return False
        self.issuer.keys = keys
        self._changed(self.key_set)
        _log.info("signing keys changed", current=keys.current.kid)
        return True

    async def run(self, every_seconds: float = LOOKED_AT_SECONDS) -> None:
        """Look again and again until cancelled; a failure is logged and does not end it."""
        while True:
            await asyncio.sleep(every_seconds)
            try:
                await asyncio.to_thread(self.look)
            except Exception:  # noqa: BLE001 - whatever it was, the next look may succeed
                _log.exception("signing keys not looked at")


def _ids(keys: SigningKeys) -> tuple[str, ...]:
    return (keys.current.kid, keys.following.kid, *(one.key.kid for one in keys.retired))
