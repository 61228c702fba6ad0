"""Etags: opaque words that change with a resource, so that nobody overwrites what he has not read."""

import base64
import hashlib

from mesh.errors import Conflict


class StaleEtag(Conflict):
    """The resource was changed since it was read."""


def etag(*facts: object) -> str:
    """Return the etag of a state: of what changes with every write, such as revision and update time."""
    digest = hashlib.blake2b("\0".join(map(str, facts)).encode(), digest_size=9).digest()
    return base64.urlsafe_b64encode(digest).decode()


def check(given: str, current: str, name: str) -> None:
    """Let a change pass that was decided on the current state, or that names no state.

    Raises:
        StaleEtag: it was decided on an older one.
    """
    if given and given != current:
        raise StaleEtag(f"{name} was changed since it was read; read it again, then decide again.", resource=name)
