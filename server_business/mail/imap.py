"""Mails from an IMAP server."""

import imaplib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, timedelta
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from mesh.clock import Clock
from server_business.mail import imap_quirks as quirks
from server_business.mail.imap_account import ImapAccount, connected, sign_in
from server_business.mail.source import (
    FolderMissing,
    FolderRenewed,
    MailIdentity,
    RawMail,
    Shelf,
    SourceUnavailable,
    Waiting,
)

_LONGEST_IDLE = timedelta(minutes=29)  # RFC 2177: servers may hang up after 30
_IDLE_SLICE = timedelta(seconds=1)  # how soon a wait notices `stop`
_KEYWORDS = {Shelf.DONE: "EsofficeDone", Shelf.FAILED: "EsofficeFailed", Shelf.UNKNOWN: "EsofficeUnknown"}
_SEEN = b"\\Seen"


class ImapSource:
    """A MailSource over one connection. `stop` ends a wait early."""

    def __init__(self, account: ImapAccount, clock: Clock, stop: threading.Event) -> None:
        self.account = account
        self.clock = clock
        self.stop = stop
        self._client: IMAPClient | None = None
        self._uidvalidity = 0
        self._keywords = True
        self._exists = 0
        self._known_folders: set[str] = set()

    def open(self) -> int:
        self.close()
        with self._translated():
            self._client = client = connected(self.account)
            sign_in(client, self.account)
            self._enter(client)
        return self._uidvalidity

    def waiting(self, limit: int, after: str = "") -> tuple[Waiting, ...]:
        behind = int(after or 0)
        criteria: list[Any] = ["UNDELETED", "UID", f"{behind + 1}:*"]
        if None in (self.account.shelves.done, self.account.shelves.failed, self.account.shelves.unknown):
            marks = [part for one in _KEYWORDS.values() for part in ("UNKEYWORD", one)]
            criteria += marks if self._keywords else ["UNSEEN"]
        with self._lent() as client:
            self._count(client.noop()[1])  # a server tells of new mails only when it is spoken to
            uids = quirks.uids_behind(client.search(criteria), behind)[:limit]
            sizes = quirks.sizes(client, uids)
        return tuple(Waiting(identity=self._identity(uid), size=sizes[uid]) for uid in uids if uid in sizes)

    def fetch(self, mails: Sequence[Waiting], size_limit: int, bytes_at_once: int) -> Iterator[RawMail]:
        for mail in mails:
            self._check(mail.identity)
        small = [mail for mail in mails if mail.size <= size_limit]
        for batch in quirks.batches(small, bytes_at_once):
            yield from self._fetched(batch, b"BODY.PEEK[]", b"BODY[]", complete=True)
        for mail in mails:
            if mail.size > size_limit:
                asked = b"BODY.PEEK[]<0.%d>" % min(quirks.HEAD_SIZE, size_limit)
                yield from self._fetched([mail], asked, b"BODY[]<0>", complete=False)

    def file_away(self, mails: Sequence[MailIdentity], shelf: Shelf) -> None:
        for mail in mails:
            self._check(mail)
        if not mails:
            return
        folder = self.account.shelves.folder(shelf)
        with self._lent() as client:
            # What is not there any more was filed by an earlier attempt, or taken by a person.
            uids = client.search(["UID", ",".join(mail.uid for mail in mails)])
            if not uids:
                return
            if folder is None:
                client.add_flags(uids, [_KEYWORDS[shelf] if self._keywords else _SEEN], silent=True)
                return
            target = self._made(client, folder)
            if client.has_capability("MOVE"):
                client.move(uids, target)
            else:
                self._moved_by_hand(client, uids, target)

    def wait(self, limit: timedelta) -> bool:
        until = self.clock.monotonic() + limit.total_seconds()
        with self._lent() as client:
            before = self._exists
            self._count(client.noop()[1])
            if self._exists > before:
                return True
            if client.has_capability("IDLE"):
                return self._idle(client, min(limit, _LONGEST_IDLE))
        while (left := until - self.clock.monotonic()) > 0:
            if self.clock.wait(self.stop, min(self.account.poll, timedelta(seconds=left))):
                return False
            with self._lent() as client:
                self._count(client.noop()[1])
            if self._exists > before:
                return True
        return False

    def close(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        with suppress(OSError, imaplib.IMAP4.error, IMAPClientError):
            client.logout()
        with suppress(OSError, imaplib.IMAP4.error, IMAPClientError):
            client.shutdown()

    def _enter(self, client: IMAPClient) -> None:
        self._known_folders = set()
        path = self._path(client, self.account.folder)
        if not client.folder_exists(path):
            raise FolderMissing(f"the account {self.account.name!r} has no folder {self.account.folder!r}")
        selected = client.select_folder(path)
        self._uidvalidity = int(selected[b"UIDVALIDITY"])
        self._keywords = quirks.takes_keywords(selected.get(b"PERMANENTFLAGS", ()))
        self._exists = int(selected.get(b"EXISTS", 0))

    def _path(self, client: IMAPClient, folder: str) -> str:
        prefix, delimiter = "", "/"
        if client.has_capability("NAMESPACE") and (personal := client.namespace().personal):
            prefix, delimiter = personal[0]
        return quirks.server_path(folder, delimiter, prefix)

    def _made(self, client: IMAPClient, folder: str) -> str:
        path = self._path(client, folder)
        if path not in self._known_folders and not client.folder_exists(path):
            with suppress(imaplib.IMAP4.error):  # a sister process was faster; if not, the move says so
                client.create_folder(path)
                client.subscribe_folder(path)
        self._known_folders.add(path)
        return path

    @staticmethod
    def _moved_by_hand(client: IMAPClient, uids: list[int], target: str) -> None:
        """COPY, flag, expunge (RFC 6851 section 3.3).

        Without UIDPLUS, EXPUNGE takes everything that is flagged: it is sent only when that is these mails alone.
        Otherwise they stay flagged, which `waiting` does not list.
        """
        client.copy(uids, target)
        client.delete_messages(uids, silent=True)
        if client.has_capability("UIDPLUS"):
            client.uid_expunge(uids)
        elif set(client.search(["DELETED"])) == set(uids):
            client.expunge()

    def _fetched(self, batch: list[Waiting], asked: bytes, key: bytes, *, complete: bool) -> Iterator[RawMail]:
        uids = [int(mail.identity.uid) for mail in batch]
        with self._lent() as client:
            found = quirks.bodies(client, uids, asked)
            unusual = [uid for uid in uids if uid not in found]  # or taken away meanwhile
            reply = client.fetch(unusual, [asked, b"INTERNALDATE"]) if unusual else {}
        for uid in unusual:
            if one := quirks.answered(reply, uid, key, b"INTERNALDATE"):
                found[uid] = (one[b"INTERNALDATE"], one[key])
        for mail, uid in zip(batch, uids, strict=True):
            if uid in found:
                received, content = found[uid]
                yield RawMail(
                    identity=mail.identity, received=received.astimezone(UTC), content=content, complete=complete
                )

    def _idle(self, client: IMAPClient, limit: timedelta) -> bool:
        until = self.clock.monotonic() + limit.total_seconds()
        client.idle()
        news = False
        try:
            while not news and not self.stop.is_set() and (left := until - self.clock.monotonic()) > 0:
                news = self._count(client.idle_check(timeout=min(left, _IDLE_SLICE.total_seconds())))
        finally:
            _, rest = client.idle_done()
        return self._count(rest) or news

    def _count(self, responses: Sequence[Any]) -> bool:
        """Note the number of mails; True if it grew."""
        before = self._exists
        for one in responses:
            if len(one) > 1 and one[1] == b"EXISTS":
                self._exists = int(one[0])
            elif len(one) > 1 and one[1] == b"EXPUNGE":
                self._exists -= 1
        return self._exists > before

    def _identity(self, uid: int) -> MailIdentity:
        return MailIdentity(
            account=self.account.name, folder=self.account.folder, uidvalidity=self._uidvalidity, uid=str(uid)
        )

    def _check(self, identity: MailIdentity) -> None:
        if identity.uidvalidity != self._uidvalidity:
            raise FolderRenewed(
                f"the folder {identity.folder!r} counts anew: UIDVALIDITY was {identity.uidvalidity}, "
                f"is {self._uidvalidity}"
            )

    @contextmanager
    def _lent(self) -> Iterator[Any]:
        if self._client is None:
            raise SourceUnavailable(f"the connection for the account {self.account.name!r} is not open")
        with self._translated():
            yield self._client

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what the vendor raises into SourceUnavailable; the connection is given up then."""
        try:
            yield
        except (OSError, imaplib.IMAP4.error, IMAPClientError) as error:
            account = self.account
            self.close()
            raise SourceUnavailable(
                f"{account.host}:{account.port} for the account {account.name!r}: {error}"
            ) from error
