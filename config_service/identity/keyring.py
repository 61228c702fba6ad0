"""The signing keys at work: made at the first start, rotated when they are due, published."""

import fcntl
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import structlog

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
from mesh import private_files
from mesh.clock import Clock
from mesh.errors import AlreadyExists

TICKETS = "esoffice-documents"
_log = structlog.get_logger(__name__)


class Keyring:
    """The site's signing keys; several processes may share their folder.

    Args:
        folder: where they lie, such as `<data>/keys`; the first keys are made when there are none.
        site: the issuer of tokens.
        audience: of tokens.
        clock: says when a rotation is due.
    """

    def __init__(
        self,
        folder: Path,
        site: str,
        audience: str,
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._clock = clock
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

    def issue(self, grant: Grant, lifetime: timedelta | None = None) -> IssuedToken:
        """Sign a token with the key in use."""
        return self.issuer.issue(grant, self._clock.now(), lifetime)

    def issue_ticket(self, person: str, scopes: Sequence[str], lifetime: timedelta) -> IssuedToken:
        """Sign a ticket for the web documents: a token for another audience, which no service takes for a person's."""
        grant = Grant(user=person, roles=tuple(scopes))
        return self.issuer.issue(grant, self._clock.now(), lifetime, audience=TICKETS)

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
        _log.info("signing keys changed", current=keys.current.kid)
        return True


def _ids(keys: SigningKeys) -> tuple[str, ...]:
    return (keys.current.kid, keys.following.kid, *(one.key.kid for one in keys.retired))
