"""The documents on disk. Every step of a way is opened inside the one before and follows no link (`openat`)."""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mesh.errors import Exhausted, NotFound, Unavailable
from server_es.web_documents import rules
from server_es.web_documents.rules import Folder, Place, Structure

MOST_ENTRIES = 5000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe that somebody left there must not wait for its other end.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A released file in a listing."""

    name: str
    size: int
    written: datetime


@dataclass(slots=True, kw_only=True)
class Opened:
    """A released file, open for reading; whoever has it closes it."""

    handle: int
    size: int
    written: datetime
    tag: str

    def close(self) -> None:
        os.close(self.handle)


class Shelf:
    """Finds and opens what the structure allows, and nothing else.

    Args:
        structure: by the settings.
    """

    def __init__(self, structure: Structure) -> None:
        self.structure = structure

    def folder(self, id_: str) -> Folder:
        """Return a folder of the structure, or raise NotFound."""
        found = self.structure.folders.get(id_)
        if found is None:
            raise NotFound(f"there is no folder {id_!r} in the structure")
        return found

    def present(self, number: str, matchcode: str) -> list[Folder]:
        """Return the folders of the structure that a system has on disk, in the structure's order."""
        found = []
        for one in self.structure.folders.values():
            with contextlib.suppress(FileNotFoundError), self._opened(number, matchcode, one):
                found.append(one)
        return found

    def files(self, number: str, matchcode: str, folder: Folder) -> list[Entry]:
        """Return the released files of a folder, by name.

        Raises:
            NotFound: the system has no such folder on disk.
            Exhausted: there are too many entries to be looked at.
        """
        found: dict[str, Entry] = {}
        with _as_not_found(folder), self._opened(number, matchcode, folder) as handle, os.scandir(handle) as entries:
            for count, entry in enumerate(entries):
                if count >= MOST_ENTRIES:
                    raise Exhausted(f"the folder {folder.id!r} holds more than {MOST_ENTRIES} entries")
                name = rules.composed(entry.name)
                if entry.name not in rules.spellings(name) or not rules.is_released(name, self.structure.excluded):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    # Of a name in both spellings the composed one is opened, so it is the one that is listed.
                    if stat.S_ISREG(status.st_mode) and (name == entry.name or name not in found):
                        found[name] = Entry(name=name, size=status.st_size, written=_instant(status))
        return [found[name] for name in sorted(found, key=lambda one: (one.casefold(), one))]

    def open(self, matchcode: str, at: Place) -> Opened:
        """Open a released file.

        Raises:
            NotFound: there is none of this name; also when it is a link, a folder or a device.
        """
        folder = self.folder(at.folder)
        if not rules.is_released(at.name, self.structure.excluded):
            raise _no_file(at)
        with _as_not_found(folder), self._opened(at.system, matchcode, folder) as parent:
            for name in rules.spellings(at.name):
                with contextlib.suppress(FileNotFoundError, OSError):
                    return _regular(os.open(name, _FILE, dir_fd=parent))
        raise _no_file(at)

    @contextlib.contextmanager
    def _opened(self, number: str, matchcode: str, folder: Folder) -> Iterator[int]:
        way = (rules.system_folder(self.structure.system_folder, number, matchcode), *folder.path)
        try:
            handle = os.open(self.structure.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as wrong:
            raise Unavailable(f"the documents' folder cannot be opened: {wrong.strerror}") from wrong
        try:
            handle = _walked(handle, way)
            yield handle
        finally:
            os.close(handle)


def _walked(handle: int, way: Sequence[str]) -> int:
    """Go down a way; the handle given is closed, but for when nothing of the way could be opened.

    Raises:
        FileNotFoundError: a step is missing, or is no folder but a link or a file.
    """
    for step in way:
        for name in rules.spellings(rules.composed(step)):
            try:
                deeper = os.open(name, _FOLDER, dir_fd=handle)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue
            except OSError as wrong:  # ELOOP: a link
                raise FileNotFoundError(step) from wrong
            os.dup2(deeper, handle, inheritable=False)
            os.close(deeper)
            break
        else:
            raise FileNotFoundError(step)
    return handle


def _regular(handle: int) -> Opened:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise FileNotFoundError
    tag = f'"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"'
    return Opened(handle=handle, size=status.st_size, written=_instant(status), tag=tag)


def _instant(status: os.stat_result) -> datetime:
    return datetime.fromtimestamp(status.st_mtime, UTC)


@contextlib.contextmanager
def _as_not_found(folder: Folder) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFound(f"the system has no folder {folder.id!r}") from None


def _no_file(at: Place) -> NotFound:
    return NotFound(f"there is no document {at.name!r} in the folder {at.folder!r} of systems/{at.system}")
