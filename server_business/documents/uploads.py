"""Uploads: a row that says how much is durable, a file that holds it. Broken off, they go on where the row says."""

import fcntl
import os
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Row, delete, insert, select, update

from mesh import private_files
from mesh.database import UnitOfWork
from mesh.errors import Conflict, FailedPrecondition, NotFound
from mesh.failpoints import failpoint
from server_business.documents.content_store import PIECE, Parcel
from server_business.documents.file_tree import readable_errors
from server_business.documents.tables import UPLOAD

_C = UPLOAD.c
DURABLE_EVERY: Final = 64 << 20
"""After so many bytes they are made durable: what a broken connection or a crash costs at most."""


class UploadOffset(Conflict):
    """The piece does not follow what is here."""

    reason = "UPLOAD_OFFSET"


class UploadBusy(Conflict):
    """Another call writes the same upload."""

    reason = "UPLOAD_BUSY"


class UploadIncomplete(FailedPrecondition):
    """Not all of it is here."""

    reason = "UPLOAD_INCOMPLETE"


class ChecksumMismatch(FailedPrecondition):
    """The bytes are not those that were announced."""

    reason = "CHECKSUM_MISMATCH"


# -- rows --------------------------------------------------------------------------------------------------------------


def begin(unit: UnitOfWork, *, owner: str, size: int, expected: str, keep: timedelta) -> Row[Any]:
    row = {
        "id": uuid4().hex, "owner": owner, "size": size, "expected": expected, "received": 0,
        "sha256": sha256().hexdigest() if size == 0 else "", "expire_time": unit.now + keep,
    }  # fmt: skip
    return unit.connection.execute(insert(UPLOAD).values(row).returning(UPLOAD)).one()


def get(unit: UnitOfWork, id_: str, *, owner: str) -> Row[Any]:
    """Return an upload. Raises NotFound: also when it is another one's."""
    found = unit.connection.execute(select(UPLOAD).where(_C.id == id_, _C.owner == owner)).one_or_none()
    if found is None or found.expire_time <= unit.now:
        raise NotFound(f"uploads/{id_} does not exist.", resource=f"uploads/{id_}")
    return found


def note(unit: UnitOfWork, id_: str, *, received: int, digest: str = "") -> Row[Any]:
    """Note what is durable now. Raises NotFound: it has expired meanwhile."""
    changed = update(UPLOAD).where(_C.id == id_).values(received=received, sha256=digest).returning(UPLOAD)
    found = unit.connection.execute(changed).one_or_none()
    if found is None:
        raise NotFound(f"uploads/{id_} has expired.", resource=f"uploads/{id_}")
    return found


def use_up(unit: UnitOfWork, id_: str) -> None:
    """Let an upload that became a version expire: whoever erases the version must find no second copy."""
    unit.connection.execute(update(UPLOAD).where(_C.id == id_).values(expire_time=unit.now))


def are_left(unit: UnitOfWork, digests: Collection[str]) -> bool:
    """Tell whether uploads of these bytes have expired, but are not removed yet."""
    query = select(_C.id).where(_C.sha256.in_(digests), _C.expire_time <= unit.now)
    return unit.connection.execute(query.limit(1)).first() is not None


def expired(unit: UnitOfWork, limit: int) -> list[str]:
    """Return uploads whose time is over."""
    return list(unit.connection.execute(select(_C.id).where(_C.expire_time <= unit.now).limit(limit)).scalars())


def forget(unit: UnitOfWork, ids: list[str]) -> None:
    unit.connection.execute(delete(UPLOAD).where(_C.id.in_(ids)))


# -- files -------------------------------------------------------------------------------------------------------------


class Landing:
    """The folder in which uploads are gathered; on the same disk as the file tree, so that a rename stores them.

    Args:
        folder: of the documents.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "uploads"
        private_files.make_folder(self._folder)

    def parcel(self, row: Row[Any]) -> Parcel:
        """Return what a complete upload is to be stored as. Raises UploadIncomplete."""
        if not row.sha256:
            raise UploadIncomplete(
                f"uploads/{row.id} has {row.received} of {row.size} bytes.", received_bytes=str(row.received)
            )
        if row.size == 0:
            return Parcel(sha256=row.sha256, size=0, data=b"")
        return Parcel(sha256=row.sha256, size=row.size, file=self.path(row.id))

    def path(self, id_: str) -> Path:
        return self._folder / id_

    def remove(self, id_: str) -> None:
        with suppress(FileNotFoundError):
            self.path(id_).unlink()

    def open(self, id_: str) -> "Intake":
        """Open an upload for writing; nobody else can until it is closed. Raises UploadBusy, StorageFull.

        Read its row afterwards: whoever wrote it before has finished by then.
        """
        with readable_errors(self._folder):
            handle = os.open(self.path(id_), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private_files.PRIVATE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel gives it back, whatever ends us
        except BlockingIOError:
            os.close(handle)
            raise UploadBusy(f"uploads/{id_} is being written by another call.") from None
        return Intake(handle, self._folder)


class Intake:
    """An upload while it is written, by one thread at a time.

    Attributes:
        received: bytes taken in, durable or not.
    """

    def __init__(self, handle: int, folder: Path) -> None:
        self._handle = handle
        self._folder = folder
        self._hash = sha256()
        self._durable = 0
        self.received: int = 0

    def close(self) -> None:
        os.close(self._handle)

    def resume(self, durable: int) -> None:
        """Throw away what is not known to be durable, and read the rest, whose SHA-256 nobody remembers."""
        with readable_errors(self._folder):
            os.ftruncate(self._handle, durable)
            os.lseek(self._handle, 0, os.SEEK_SET)
            while piece := os.read(self._handle, PIECE):
                self._hash.update(piece)
                self.received += len(piece)
        self._durable = self.received

    def take(self, pieces: list[bytes]) -> bool:
        """Write pieces behind what is here; return whether it is time to make them durable."""
        with readable_errors(self._folder):
            for piece in pieces:
                self._hash.update(piece)
                view = memoryview(piece)
                while view:
                    view = view[os.write(self._handle, view) :]
                self.received += len(piece)
        failpoint("documents.taken")
        return self.received - self._durable >= DURABLE_EVERY

    def make_durable(self, upto: int) -> None:
        """Make the first `upto` bytes durable; more may be taken in meanwhile."""
        with readable_errors(self._folder):
            os.fdatasync(self._handle)
            if not self._durable:
                private_files.settle(self._folder)
        self._durable = upto
        failpoint("documents.durable")

    def digest(self) -> str:
        """Return the SHA-256 of what was taken in."""
        return self._hash.hexdigest()
