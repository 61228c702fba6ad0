"""Files that only the service's own user may read, written so that a crash leaves the old content or the new."""

import os
import secrets
import stat
from pathlib import Path

from mesh.errors import AlreadyExists, FailedPrecondition

PRIVATE = 0o600
PUBLIC = 0o644


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, that only the service's own user may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def replace(path: Path, content: bytes, mode: int = PRIVATE) -> None:
    """Write a file, in place of the one that may be there."""
    fresh = _written(path, content, mode)
    fresh.replace(path)
    settle(path.parent)


def create(path: Path, content: bytes, mode: int = PRIVATE) -> None:
    """Write a file that must not be there yet, also against another process that does the same.

    Raises:
        AlreadyExists: it is there; it stays as it is.
    """
    fresh = _written(path, content, mode)
    try:
        os.link(fresh, path)
    except FileExistsError:
        raise AlreadyExists(f"{path} exists already and is not overwritten.") from None
    finally:
        fresh.unlink()
    settle(path.parent)


def read(path: Path) -> bytes:
    """Read a private file.

    Raises:
        FailedPrecondition: it is missing, or somebody else may read it.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read()
    except OSError as wrong:
        raise FailedPrecondition(f"{path}: {wrong.strerror}.") from wrong
    if mode & 0o077:
        raise FailedPrecondition(
            f"{path}: others may read it (mode {mode:04o}); replace its keys, then `chmod 600` it."
        )
    return content


def settle(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _written(path: Path, content: bytes, mode: int) -> Path:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)  # whatever the umask says
        os.fsync(file.fileno())
    return fresh
