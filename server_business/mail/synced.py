"""Mails from a server that tells of changes by a sync state (Exchange Web Services, Microsoft Graph).

What lies in the folder is kept in memory for as long as the connection is open; the folder itself and the rows of the
mails are the truth. A sync state is therefore nothing that can be lost: without one the folder is listed anew.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

from mesh.clock import Clock
from server_business.mail.source import (
    FolderRenewed,
    MailIdentity,
    RawMail,
    Shelf,
    Shelves,
    SourceUnavailable,
    Waiting,
)

MARKS: Final = {Shelf.DONE: "EsofficeDone", Shelf.FAILED: "EsofficeFailed", Shelf.UNKNOWN: "EsofficeUnknown"}
HEAD_SIZE: Final = 65_536
_LONGEST_UID: Final = 255
_USUAL_PAUSE: Final = timedelta(seconds=10)


class SyncStateLost(Exception):
    """The server does not know the sync state any more: list the folder anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A mail in the folder.

    Args:
        id: the server's name of it, here.
        received: when the mailbox took it, in UTC.
        size: in bytes as the server says.
        marks: names it was marked with.
    """

    id: str
    received: datetime
    size: int
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What has changed: `entries` are new or different, `gone` are the ids of those that went away."""

    entries: Sequence[Entry]
    gone: Sequence[str]
    state: str
    more: bool


class Mailbox(Protocol):
    """A mailbox, one folder of which is open. Every method but `close` may raise SourceUnavailable or LoginRefused."""

    def open(self, folder: str) -> str:
        """Sign in and return the id of the folder, which a folder made anew in its place does not have.

        Raises:
            FolderMissing: no such folder.
        """

    def changes(self, state: str) -> Page:
        """Return a page of what has changed since `state`; everything, when it is empty. Raises SyncStateLost."""

    def contents(self, entries: Sequence[Entry], size_limit: int) -> Iterator[tuple[Entry, bytes, bool]]:
        """Yield mails with their bytes, and whether these are all; those that went away are left out."""

    def move(self, ids: Sequence[str], folder: str) -> None:
        """Move mails, making the folder when it is missing; those that went away are left out."""

    def mark(self, entries: Sequence[Entry], name: str) -> None:
        """Mark mails as seen and by a name; those that went away are left out."""

    def close(self) -> None:
        """Let go of the connection."""


class Respite:
    """How long a server asks to be left alone; kept over connections."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0

    def ask(self, pause: timedelta | None) -> SourceUnavailable:
        """Note it, and return what to raise."""
        seconds = (pause or _USUAL_PAUSE).total_seconds()
        self._until = self._clock.monotonic() + seconds
        return SourceUnavailable(f"the server asks to be left alone for {seconds:g} s")

    def check(self) -> None:
        """Raise SourceUnavailable while it lasts."""
        left = self._until - self._clock.monotonic()
        if left > 0:
            raise SourceUnavailable(f"the server asks to be left alone for another {left:.0f} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedFolder:
    """Which folder of which account is read; `poll`: how often `wait` looks."""

    name: str
    folder: str
    shelves: Shelves
    poll: timedelta


class SyncedSource:
    """A MailSource over a Mailbox. `stop` ends a wait early."""

    def __init__(
        self, account: SyncedFolder, mailbox: Mailbox, clock: Clock, stop: threading.Event, respite: Respite
    ) -> None:
        self.account = account
        self.clock = clock
        self.stop = stop
        self._mailbox = mailbox
        self._respite = respite
        self._folder_id = ""
        self._state = ""
        self._entries: dict[str, Entry] = {}
        self._places: dict[str, tuple[datetime, str]] = {}
        self._has_news = False

    def open(self) -> int:
        self.close()
        self._respite.check()
        try:
            self._folder_id = self._mailbox.open(self.account.folder)
        except BaseException:
            self.close()  # nobody closes what was never open
            raise
        return self._uidvalidity()

    def waiting(self, limit: int, after: str = "") -> tuple[Waiting, ...]:
        self._catch_up()
        self._has_news = False
        marked = MARKS.values() if None in map(self.account.shelves.folder, Shelf) else ()
        there = sorted(
            (one.received, uid, one.size) for uid, one in self._entries.items() if one.marks.isdisjoint(marked)
        )
        place = self._places.get(after)
        behind = [one for one in there if place is None or one[:2] > place][:limit]
        self._places = {uid: (received, uid) for received, uid, _ in behind}
        return tuple(Waiting(identity=self._identity(uid), size=size) for _, uid, size in behind)

    def fetch(self, mails: Sequence[Waiting], size_limit: int, bytes_at_once: int) -> Iterator[RawMail]:
        found = self._found([one.identity for one in mails])
        for batch in _batches(found, bytes_at_once):
            for entry, content, complete in self._mailbox.contents(batch, size_limit):
                identity = self._identity(uid_of(entry.id))
                yield RawMail(identity=identity, received=entry.received, content=content, complete=complete)

    def file_away(self, mails: Sequence[MailIdentity], shelf: Shelf) -> None:
        # What is not there any more was filed by an earlier attempt, or taken by a person.
        found = self._found(mails)
        folder = self.account.shelves.folder(shelf)
        if not found:
            return
        if folder is None:
            self._mailbox.mark(found, MARKS[shelf])
            self._entries.update({uid_of(one.id): replace(one, marks=one.marks | {MARKS[shelf]}) for one in found})
        else:
            self._mailbox.move([one.id for one in found], folder)
            for one in found:
                self._entries.pop(uid_of(one.id), None)

    def wait(self, limit: timedelta) -> bool:
        until = self.clock.monotonic() + limit.total_seconds()
        while True:
            self._catch_up()
            left = until - self.clock.monotonic()
            if self._has_news or left <= 0:
                return self._has_news
            if self.clock.wait(self.stop, min(self.account.poll, timedelta(seconds=left))):
                return False

    def close(self) -> None:
        self._mailbox.close()
        self._folder_id = self._state = ""
        self._entries, self._places, self._has_news = {}, {}, False

    def _catch_up(self) -> None:
        if not self._folder_id:
            raise SourceUnavailable(f"the connection for the account {self.account.name!r} is not open")
        more = True
        while more and not self.stop.is_set():
            try:
                page = self._mailbox.changes(self._state)
            except SyncStateLost:
                self._entries, self._state = {}, ""
                page = self._mailbox.changes("")
            for entry in page.entries:
                uid = uid_of(entry.id)
                self._has_news |= uid not in self._entries
                self._entries[uid] = entry
            for id_ in page.gone:
                self._entries.pop(uid_of(id_), None)
            self._state, more = page.state, page.more

    def _found(self, identities: Sequence[MailIdentity]) -> list[Entry]:
        """Return those that are still in the folder."""
        for identity in identities:
            if identity.uidvalidity != self._uidvalidity():
                raise FolderRenewed(
                    f"the folder {identity.folder!r} is a new one: UIDVALIDITY was {identity.uidvalidity}, "
                    f"is {self._uidvalidity()}"
                )
        if identities:
            self._catch_up()
        return [self._entries[one.uid] for one in identities if one.uid in self._entries]

    def _uidvalidity(self) -> int:
        """Make a number of the folder's id: 63 bits, as a column of the database holds."""
        return int.from_bytes(sha256(self._folder_id.encode()).digest()[:8]) >> 1

    def _identity(self, uid: str) -> MailIdentity:
        return MailIdentity(
            account=self.account.name, folder=self.account.folder, uidvalidity=self._uidvalidity(), uid=uid
        )


def uid_of(id_: str) -> str:
    """Return the server's id, or what stands for one that is too long for a column."""
    return id_ if len(id_) <= _LONGEST_UID else sha256(id_.encode()).hexdigest()


def levels_of(folder: str) -> tuple[bool, list[str]]:
    """Return whether a path begins at the inbox, and its levels below that."""
    first, *rest = folder.split("/")
    return (True, rest) if first.upper() == "INBOX" else (False, [first, *rest])


def _batches(entries: Sequence[Entry], bytes_at_once: int) -> list[list[Entry]]:
    """Group mails so that no request asks for more than the budget, unless a single mail is larger."""
    groups: list[list[Entry]] = []
    room = 0
    for one in entries:
        if not groups or one.size > room:
            groups.append([])
            room = bytes_at_once
        groups[-1].append(one)
        room -= one.size
    return groups
