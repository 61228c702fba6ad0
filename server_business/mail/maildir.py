"""Mails from a Maildir, for sites whose mail server writes files (https://cr.yp.to/proto/maildir.html, Maildir++)."""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from imapclient import imap_utf7

from mesh.clock import Clock
from server_business.mail.source import (
    FolderMissing,
    FolderRenewed,
    MailIdentity,
    RawMail,
    Shelf,
    Shelves,
    SourceUnavailable,
    Waiting,
)

_NUMBER = re.compile(r"([0-9]+)")
_VALIDITY = "esoffice-uidvalidity"
_HEAD_SIZE = 65_536
_POLL = timedelta(seconds=1)
_FILED = "S"  # Maildir has no free keywords: "seen" is the mark of a mail that stays
_DELETED = "T"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaildirAccount:
    """Where the Maildir lies; `folder` with `/` between levels, `INBOX` for the Maildir itself."""

    name: str
    path: Path
    folder: str = "INBOX"
    shelves: Shelves = field(default_factory=Shelves)


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    uid: str
    flags: str


class MaildirSource:
    """A MailSource over files. A mail's uid is the unique part of its name, which survives every rename."""

    def __init__(self, account: MaildirAccount, clock: Clock, stop: threading.Event) -> None:
        self.account = account
        self.clock = clock
        self.stop = stop
        self._folder = folder_path(account.path, account.folder)
        self._uidvalidity = 0
        self._seen: set[str] = set()

    def open(self) -> int:
        if not (self._folder / "cur").is_dir():
            raise FolderMissing(f"the account {self.account.name!r} has no folder {self.account.folder!r}")
        self._uidvalidity = self._validity()
        return self._uidvalidity

    def waiting(self, limit: int, after: str = "") -> tuple[Waiting, ...]:
        entries = self._waiting()
        self._seen = {entry.uid for entry in entries}
        behind = [entry for entry in entries if _order(entry.uid) > _order(after)][:limit] if after else entries[:limit]
        found = []
        for entry in behind:
            with suppress(FileNotFoundError):
                size = entry.path.stat().st_size
                found.append(Waiting(identity=self._identity(entry.uid), size=size))
        return tuple(found)

    def fetch(self, mails: Sequence[Waiting], size_limit: int, bytes_at_once: int) -> Iterator[RawMail]:  # noqa: ARG002
        """One mail is read at a time, so no batch needs a bound."""
        for mail in mails:
            self._check(mail.identity)
        places = {entry.uid: entry.path for entry in self._entries()}
        for mail in mails:
            place = places.get(mail.identity.uid)
            with suppress(FileNotFoundError):
                if place is not None:
                    yield self._read(mail.identity, place, size_limit)

    def file_away(self, mails: Sequence[MailIdentity], shelf: Shelf) -> None:
        for mail in mails:
            self._check(mail)
        wanted = {mail.uid for mail in mails}
        name = self.account.shelves.folder(shelf)
        folder = self._folder if name is None else _made(folder_path(self.account.path, name))
        # What is not there any more was filed by an earlier attempt, or taken by a person.
        for entry in [one for one in self._entries() if one.uid in wanted]:
            flags = "".join(sorted({*entry.flags, _FILED})) if name is None else entry.flags
            with suppress(FileNotFoundError):
                entry.path.rename(folder / "cur" / f"{entry.uid}:2,{flags}")
        # First where they are now: after a power cut a mail may be there twice, never nowhere.
        for directory in (folder / "cur", self._folder / "new", self._folder / "cur"):
            _sync(directory)

    def wait(self, limit: timedelta) -> bool:
        until = self.clock.monotonic() + limit.total_seconds()
        while {entry.uid for entry in self._waiting()} <= self._seen:
            left = until - self.clock.monotonic()
            if left <= 0 or self.clock.wait(self.stop, min(_POLL, timedelta(seconds=left))):
                return False
        return True

    def close(self) -> None:
        self._seen = set()

    def _waiting(self) -> list[_Entry]:
        filed = {_DELETED} if None not in self._shelf_folders() else {_DELETED, _FILED}
        entries = [entry for entry in self._entries() if filed.isdisjoint(entry.flags)]
        return sorted(entries, key=lambda entry: _order(entry.uid))

    def _shelf_folders(self) -> set[str | None]:
        return {self.account.shelves.folder(shelf) for shelf in Shelf}

    def _entries(self) -> Iterator[_Entry]:
        try:
            for place in ("new", "cur"):
                with os.scandir(self._folder / place) as files:
                    for file in files:
                        if file.is_file(follow_symlinks=False) and not file.name.startswith("."):
                            uid, _, marks = file.name.partition(":")
                            yield _Entry(Path(file.path), uid, marks.removeprefix("2,"))
        except OSError as error:
            raise SourceUnavailable(f"the folder {self._folder} cannot be read: {error.strerror}") from error

    @staticmethod
    def _read(identity: MailIdentity, path: Path, size_limit: int) -> RawMail:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            complete = status.st_size <= size_limit
            content = file.read(size_limit if complete else min(_HEAD_SIZE, size_limit))
        received = datetime.fromtimestamp(status.st_mtime, UTC)
        return RawMail(identity=identity, received=received, content=content, complete=complete)

    def _validity(self) -> int:
        """Read the number this folder was given when we first saw it; a new folder in its place has none."""
        path = self._folder / _VALIDITY
        if not path.exists():
            fresh = path.with_name(f"{_VALIDITY}.{os.getpid()}")
            with fresh.open("w") as file:
                file.write(str(int(self.clock.now().timestamp())))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # a sister process was faster, its number counts
                os.link(fresh, path)
            fresh.unlink()
            _sync(self._folder)
        return int(path.read_text())

    def _identity(self, uid: str) -> MailIdentity:
        account = self.account
        return MailIdentity(account=account.name, folder=account.folder, uidvalidity=self._uidvalidity, uid=uid)

    def _check(self, identity: MailIdentity) -> None:
        if identity.uidvalidity != self._uidvalidity:
            raise FolderRenewed(
                f"the folder {identity.folder!r} is a new one: UIDVALIDITY was {identity.uidvalidity}, "
                f"is {self._uidvalidity}"
            )


def folder_path(maildir: Path, folder: str) -> Path:
    """Return the directory of a folder: Maildir++ keeps all levels side by side, names in IMAP's UTF-7 as Dovecot does.

    Raises:
        FolderMissing: the name cannot be one, or would lead out of the Maildir.
    """
    if folder.upper() == "INBOX":
        return maildir
    levels = folder.split("/")
    if any(not level or "." in level for level in levels):
        raise FolderMissing(f"the folder name {folder!r} has an empty level or a dot, which Maildir++ cannot keep")
    encoded: bytes = imap_utf7.encode(".".join(levels))
    return maildir / f".{encoded.decode('ascii')}"


def _order(uid: str) -> list[str | int]:
    """Unique names begin with the second of delivery, then microseconds and a count: numbers, without leading zeros."""
    parts = _NUMBER.split(uid)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def _made(folder: Path) -> Path:
    if not (folder / "cur").is_dir():
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "maildirfolder").touch()  # Maildir++: a folder, not a Maildir of its own
        _sync(folder)
        _sync(folder.parent)
    return folder


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
