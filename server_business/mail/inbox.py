"""One account's folder: what is new is stored, what is decided is filed away. Used by one thread.

Every step can be repeated: a mail that was stored and not filed is still there, found again by its identity, and not
stored twice; a mail that was filed and not marked is not there any more, and marked the next time.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from mesh.database import Database
from mesh.errors import DomainError
from mesh.failpoints import failpoint
from server_business.mail import store
from server_business.mail.accounts import Account
from server_business.mail.automatic import OwnMarks
from server_business.mail.budget import Budget
from server_business.mail.fences import Fence, free
from server_business.mail.intake import arrival
from server_business.mail.rules import Reason
from server_business.mail.source import MailIdentity, MailSource, NotFiled, Shelf, Waiting
from server_business.mail.store import Row
from server_business.mail.tables import State

BATCH: Final = 500
BYTES: Final = 16 * 1024 * 1024
_FILED_AT_ONCE: Final = 500
_LONGEST_WAIT: Final = timedelta(seconds=10)
_DECIDED_SOON: Final = timedelta(seconds=1)
_TURN: Final = timedelta(seconds=10)


class Inbox:
    """Takes in mails of one account.

    Args:
        database: of server_business.
        account: the settings.
        own: how our own mails are recognised.
        fence: called in every transaction that writes; raises when somebody else has taken over.
        stored: called when there is something to decide.
    """

    def __init__(
        self,
        database: Database,
        account: Account,
        own: OwnMarks,
        *,
        fence: Fence = free,
        stored: Callable[[], object] = lambda: None,
    ) -> None:
        self._database = database
        self._account = account
        self._own = own
        self._fence = fence
        self._stored = stored
        self._budget = Budget(size=account.size_limit)
        self._source: MailSource | None = None
        self._uidvalidity = 0
        self._after = ""
        self._seen = 0

    def turn(self, stop: threading.Event) -> bool:
        """Look through the folder, then wait for news if the server tells any. Return whether to go on at once.

        Raises:
            DomainError: the account cannot be reached or read; the next turn begins anew. The state of the account says
                why.
        """
        try:
            source = self._opened(stop)
            took = self._look_on(source, stop)
            if self._after:
                return True  # not at the end of the folder yet
            return self._account.idle and not stop.is_set() and self._news(source, took)
        except DomainError as error:
            self.close()
            self._note(healthy=False, status=error.message)
            raise
        except Exception as error:
            self.close()
            self._note(healthy=False, status=f"failed ({type(error).__name__}); the log has the detail")
            raise

    def close(self) -> None:
        """Let go of the connection."""
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _opened(self, stop: threading.Event) -> MailSource:
        if self._source is None:
            source = self._account.source(stop)
            self._uidvalidity = source.open()
            self._source, self._after, self._seen = source, "", 0
        return self._source

    def _news(self, source: MailSource, took: int) -> bool:
        """Wait in pieces, so that the lease is renewed and what is decided meanwhile is filed away."""
        source.wait(min(self._account.poll, _DECIDED_SOON if took else _LONGEST_WAIT))
        return True

    def _look_on(self, source: MailSource, stop: threading.Event) -> int:
        """Go on through the folder, for a while or to its end; return how many mails were taken in."""
        clock = self._database.clock
        until = clock.monotonic() + _TURN.total_seconds()
        took = 0
        held_up = self._filed(source, stop)
        while not stop.is_set() and clock.monotonic() < until:
            batch = source.waiting(BATCH, self._after)
            if not batch:
                self._at_the_end()
                break
            for some in self._unknown(batch):
                took += self._take_in(source, some)
            self._seen += len(batch)
            self._after = batch[-1].identity.uid
            held_up = held_up or self._filed(source, stop)
        if held_up is not None:
            raise held_up
        return took

    def _at_the_end(self) -> None:
        with self._database.unit() as unit:
            self._fence(unit)
            store.give_up_filing(unit, self._account.name, self._account.folder, self._uidvalidity)
        status = f"read completely, {self._seen} mails waited"
        self._note(healthy=True, status=status, seen=self._seen, success=self._database.clock.now())
        self._after, self._seen = "", 0

    def _unknown(self, batch: Sequence[Waiting]) -> Iterator[list[Waiting]]:
        """Leave out what is stored, and cut the rest so that no piece costs more memory than it may."""
        with self._database.unit() as unit:
            self._fence(unit)
            known = store.known(unit, [one.identity for one in batch])
        piece: list[Waiting] = []
        room = BYTES
        for one in batch:
            if one.identity in known:
                continue
            cost = min(one.size, self._account.size_limit)
            if piece and cost > room:
                yield piece
                piece, room = [], BYTES
            piece.append(one)
            room -= cost
        if piece:
            yield piece

    def _take_in(self, source: MailSource, mails: Sequence[Waiting]) -> int:
        announce = bool(self._account.open_mail_team)
        arrivals = [
            arrival(one, budget=self._budget, own=self._own, announce=announce, policy=self._account.policy)
            for one in source.fetch(mails, self._account.size_limit, BYTES)
        ]
        failpoint("mail.fetched")
        with self._database.unit() as unit:
            self._fence(unit)
            if store.store(unit, arrivals):
                store.note_arrival(unit, self._account.name)
        failpoint("mail.stored")
        self._stored()
        return len(arrivals)

    def _filed(self, source: MailSource, stop: threading.Event) -> NotFiled | None:
        """File away; return why some mails cannot be: that keeps no other from being taken in."""
        try:
            self._file(source, stop)
        except NotFiled as error:
            return error
        return None

    def _file(self, source: MailSource, stop: threading.Event) -> None:
        after = 0
        while not stop.is_set():
            with self._database.reading() as unit:
                rows = store.to_file(
                    unit, self._account.name, self._account.folder, self._uidvalidity, limit=_FILED_AT_ONCE, after=after
                )
            if not rows:
                return
            for shelf in Shelf:
                if mine := [row for row in rows if shelf_of(row) is shelf]:
                    failpoint("mail.filing")
                    source.file_away([_identity(row) for row in mine], shelf)
                    failpoint("mail.filed")
            with self._database.unit() as unit:
                self._fence(unit)
                store.mark_filed(unit, [row["id"] for row in rows])
            failpoint("mail.marked")
            after = rows[-1]["id"]

    def _note(self, *, healthy: bool, status: str, seen: int | None = None, success: datetime | None = None) -> None:
        with self._database.unit() as unit:
            store.note_account(unit, self._account.name, healthy=healthy, status=status, seen=seen, success=success)


def shelf_of(row: Row) -> Shelf:
    """Say where a decided mail is filed."""
    if row["state"] != State.OPEN:
        return Shelf.DONE
    unread = row["open_reason"] in (Reason.UNREADABLE, Reason.OVERSIZE)
    return Shelf.FAILED if unread else Shelf.UNKNOWN


def _identity(row: Row) -> MailIdentity:
    return MailIdentity(account=row["account"], folder=row["folder"], uidvalidity=row["uidvalidity"], uid=row["uid"])
