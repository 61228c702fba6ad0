"""The default store: a tree of files named by their SHA-256, `objects/ab/ab12…`.

A file is written under another name and renamed, so that a name never stands for half of the bytes. One file is made
durable by itself; many by one `syncfs` for all of them (group commit): one wait for the disk, whatever their number.
"""

import ctypes
import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

from mesh import private_files
from mesh.failpoints import failpoint
from server_business.documents.content_store import PIECE, Missing, Parcel, StorageFull, StoreAway

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FEW: Final = 2
_libc = ctypes.CDLL(None, use_errno=True)


class FileTree:
    """Files below a folder. All replicas of the service must see the same folder.

    Args:
        folder: made when it is missing, with `objects` and `uploads` in it.
    """

    name = "files"

    def __init__(self, folder: Path) -> None:
        self._objects = folder / "objects"
        private_files.make_folder(self._objects)
        self._known: set[str] = set()

    def put(self, parcels: Sequence[Parcel]) -> list[str]:
        with readable_errors(self._objects):
            if len(parcels) < _FEW:
                for parcel in parcels:
                    self._put(parcel, alone=True)
            else:
                for parcel in parcels:
                    self._put(parcel, alone=False)
                failpoint("documents.renamed")
                _flush(self._objects)
        failpoint("documents.synced")
        return [one.sha256 for one in parcels]

    def read(self, sha256: str, locator: str, offset: int = 0) -> Iterator[bytes]:
        del locator  # the name says it all
        try:
            with self._path(sha256).open("rb", buffering=0) as file:
                file.seek(offset)
                while piece := file.read(PIECE):
                    yield piece
        except FileNotFoundError:
            raise Missing(f"{sha256} is not in {self._objects}") from None
        except OSError as error:
            if error.errno == errno.EIO:
                raise Missing(f"{sha256} cannot be read: {error.strerror}") from error
            raise StoreAway(f"{self._objects} cannot be read: {error.strerror}") from error

    def remove(self, sha256: str, locator: str) -> None:
        del locator
        with readable_errors(self._objects):
            found = self._found(sha256)
            for path in found:
                with suppress(FileNotFoundError):
                    path.unlink()
            if found:
                private_files.settle(found[0].parent)

    def forgets(self, locator: str) -> bool:  # noqa: ARG002 - whatever it is
        return True

    def has(self, sha256: str, locator: str) -> bool:
        del locator
        with readable_errors(self._objects):
            return bool(self._found(sha256))

    def close(self) -> None:
        """Nothing is open."""

    def _put(self, parcel: Parcel, *, alone: bool) -> None:
        path = self._path(parcel.sha256)
        self._make_folder(path.parent)
        if parcel.file is None:
            fresh = path.with_name(f".{path.name}.{token_hex(4)}")
            _write(fresh, parcel.data or b"", durable=alone)
            failpoint("documents.written")
            fresh.rename(path)
        elif _has_size(parcel.file, parcel.size):
            parcel.file.rename(path)  # an upload is durable already
        elif not _has_size(path, parcel.size):  # else it was taken over before, and a crash lost the row
            raise FileNotFoundError(errno.ENOENT, "the upload is gone", str(parcel.file))
        if alone:
            failpoint("documents.renamed")
            private_files.settle(path.parent)

    def _make_folder(self, folder: Path) -> None:
        if folder.name not in self._known:
            folder.mkdir(mode=0o700, exist_ok=True)
            private_files.settle(self._objects)
            self._known.add(folder.name)

    def _found(self, sha256: str) -> list[Path]:
        """Return every file with these bytes: a crash before the rename leaves one under another name for ever."""
        path = self._path(sha256)
        return [*([path] if path.exists() else ()), *path.parent.glob(f".{sha256}.*")]

    def _path(self, sha256: str) -> Path:
        return self._objects / sha256[:2] / sha256


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def _write(path: Path, content: bytes, *, durable: bool) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, private_files.PRIVATE)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        if durable:
            os.fsync(handle)
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(handle)


def _flush(folder: Path) -> None:
    """Make everything on the folder's file system durable (syncfs(2)); it reports what could not be written."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc.syncfs(handle):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(handle)


@contextmanager
def readable_errors(folder: Path) -> Iterator[None]:
    """Say in domain words what a disk cannot do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(f"There is no room for documents in {folder}: {error.strerror}.") from error
        raise StoreAway(f"Documents cannot be written to {folder}: {error.strerror}.") from error
