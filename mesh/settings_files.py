"""A service's own copies of its settings, so that it starts when config_service is down and goes back when it must.

    settings.good       the last settings the service became healthy on
    settings.candidate  settings it is to start on next; not known to be good
    settings.rejected   which settings it did not start on, and why

Each file is one line of JSON, then the settings as bytes; only the service's own user may read it, because the secrets
of the service are in it. Replaced as a whole: a kill leaves the old content or the new. Standard library only: the
supervisor reads them too.
"""

import contextlib
import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from mesh import private_files

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Copy:
    """Settings as they lie on the disk: revision and serialised `esoffice.config.v1.Settings`."""

    revision: int
    content: bytes

    @property
    def digest(self) -> str:
        """Tells settings apart whatever their revision."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Rejection:
    """Settings that the service did not start on."""

    revision: int
    digest: str
    reason: str


class SettingsFiles:
    """The three files in the service's data folder."""

    def __init__(self, folder: Path) -> None:
        self._good = folder / "settings.good"
        self._candidate = folder / "settings.candidate"
        self._rejected = folder / "settings.rejected"

    def good(self) -> Copy | None:
        """Return the last good settings, None when there are none (or the file is damaged)."""
        return _read(self._good)

    def candidate(self) -> Copy | None:
        """Return the settings to start on next."""
        return _read(self._candidate)

    def keep(self, copy: Copy) -> None:
        """Write down settings that are good."""
        _write(self._good, copy)

    def propose(self, copy: Copy) -> None:
        """Write down settings to start on next."""
        _write(self._candidate, copy)

    def promote(self) -> None:
        """Make the candidate the last good settings: the service is healthy on it."""
        with contextlib.suppress(FileNotFoundError):
            self._candidate.replace(self._good)
            private_files.settle(self._good.parent)
        self.forget_rejection()

    def reject(self, copy: Copy, reason: str) -> None:
        """Write down that the service does not run on these settings, then drop them as a candidate."""
        said = {"revision": copy.revision, "digest": copy.digest, "reason": reason}
        private_files.replace(self._rejected, json.dumps(said).encode())
        self._candidate.unlink(missing_ok=True)

    def rejection(self) -> Rejection | None:
        """Return which settings were rejected last, if no better ones have come since."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Rejection(**json.loads(self._rejected.read_bytes()))
        return None

    def forget_rejection(self) -> None:
        """Drop the rejection, so that the settings are tried again."""
        self._rejected.unlink(missing_ok=True)


def _write(path: Path, copy: Copy) -> None:
    head = json.dumps({"revision": copy.revision, "sha256": copy.digest}).encode()
    private_files.replace(path, head + b"\n" + copy.content)


def _read(path: Path) -> Copy | None:
    try:
        head, _, content = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    try:
        said = json.loads(head)
        copy = Copy(int(said["revision"]), content)
        if copy.digest == said["sha256"]:
            return copy
    except (ValueError, KeyError, TypeError):
        pass
    _log.warning("%s is damaged and is not used", path)
    return None
