"""Puts published documents into the folders on disk, and takes them out again.

Every step is opened inside the one before.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final, Self

from mesh.errors import FailedPrecondition, Unavailable
from server_es.web_documents import rules

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FRESH: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE: Final = 0o640
_FOLDER_MODE: Final = 0o750


class ChecksumMismatch(FailedPrecondition):
    """The bytes are not those that were announced."""

    reason = "CHECKSUM_MISMATCH"


class Incoming:
    """A file that is being written, under a name nobody is shown.

    Args:
        root: of the documents.
        way: folders below it; those that are missing are made.
    """

    def __init__(self, root: str, way: Sequence[str]) -> None:
        self._folder = _opened(root, way, make=True)
        self._name = f".{secrets.token_hex(8)}.part"
        self._hash = sha256()
        self._done = False
        with _readable():
            self._file = os.open(self._name, _FRESH, _MODE, dir_fd=self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._done:
            with contextlib.suppress(OSError):
                os.unlink(self._name, dir_fd=self._folder)
        os.close(self._file)
        os.close(self._folder)

    def take(self, data: bytes) -> None:
        self._hash.update(data)
        with _readable():
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]

    def finish(self, digest: str) -> None:
        """Make it durable. Raises ChecksumMismatch."""
        if self._hash.hexdigest() != digest:
            raise ChecksumMismatch(f"The bytes have the SHA-256 {self._hash.hexdigest()}, not {digest}.")
        with _readable():
            os.fsync(self._file)

    def settle(self, name: str) -> None:
        """Give it its name."""
        with _readable():
            os.rename(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)
        self._done = True

    def is_taken(self, name: str) -> bool:
        """Tell whether something of this name lies in the folder."""
        for one in rules.spellings(name):
            with contextlib.suppress(FileNotFoundError):
                os.stat(one, dir_fd=self._folder, follow_symlinks=False)
                return True
        return False


def remove(root: str, way: Sequence[str], name: str) -> None:
    """Take a file away; one that is gone already is no error."""
    with _readable(), contextlib.suppress(FileNotFoundError):
        folder = _opened(root, way, make=False)
        try:
            os.unlink(name, dir_fd=folder)
            os.fsync(folder)
        finally:
            os.close(folder)


def _opened(root: str, way: Sequence[str], *, make: bool) -> int:
    """Open a folder. Raises FileNotFoundError: a step is missing, and none is made."""
    with _readable():
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for step in way:
                deeper = _step(handle, rules.composed(step), make=make)
                os.close(handle)
                handle = deeper
        except BaseException:
            os.close(handle)
            raise
    return handle


def _step(handle: int, name: str, *, make: bool) -> int:
    for one in rules.spellings(name):
        with contextlib.suppress(FileNotFoundError):
            return os.open(one, _FOLDER, dir_fd=handle)
    if not make:
        raise FileNotFoundError(name)
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, _FOLDER_MODE, dir_fd=handle)
        os.fsync(handle)
    return os.open(name, _FOLDER, dir_fd=handle)


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Say in domain words what a disk cannot do."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unavailable(f"the documents' folder cannot be written: {error.strerror}") from error
