"""Where mails come from: one folder of one account, in words no mail protocol owns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Protocol

from mesh.errors import FailedPrecondition, Unavailable


class SourceUnavailable(Unavailable):
    """The server does not answer, or not sensibly. Close, open again later."""


class NotFiled(SourceUnavailable):
    """The server does not file some of the mails away; it has done what it could with the others."""


class LoginRefused(FailedPrecondition):
    """The server knows who asks and says no; a person must change the settings."""


class FolderMissing(FailedPrecondition):
    """The account has no such folder."""


class FolderRenewed(FailedPrecondition):
    """The folder counts anew (UIDVALIDITY changed): an old identity may name another mail, so nothing is done."""


class Shelf(Enum):
    """Where a processed mail goes."""

    DONE = auto()
    FAILED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """The folder for each shelf, `/` between levels; None: the mail stays where it is and gets a flag."""

    done: str | None = "Done"
    failed: str | None = "Failed"
    unknown: str | None = "Unknown"

    def folder(self, shelf: Shelf) -> str | None:
        return {Shelf.DONE: self.done, Shelf.FAILED: self.failed, Shelf.UNKNOWN: self.unknown}[shelf]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailIdentity:
    """What makes a mail this mail and no other. The Message-ID is no part of it: senders repeat and omit them."""

    account: str
    folder: str
    uidvalidity: int
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A mail that has not been filed away; `size` in bytes as the server says."""

    identity: MailIdentity
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMail:
    """A mail as it came.

    Args:
        identity: where it lies.
        received: when the mailbox took it, in UTC.
        content: the bytes.
        complete: False if the mail is over the size limit and `content` is only its beginning.
    """

    identity: MailIdentity
    received: datetime
    content: bytes = field(repr=False)
    complete: bool


class MailSource(Protocol):
    """One folder, used by one thread. Every method but `close` may raise SourceUnavailable."""

    def open(self) -> int:
        """Connect, sign in, choose the folder; return its UIDVALIDITY.

        Raises:
            LoginRefused: wrong name, password or token.
            FolderMissing: no such folder.
        """

    def waiting(self, limit: int, after: str = "") -> tuple[Waiting, ...]:
        """List what is not filed away, in the order of arrival, at most `limit`, behind the uid `after`."""

    def fetch(self, mails: Sequence[Waiting], size_limit: int, bytes_at_once: int) -> Iterator[RawMail]:
        """Yield the mails; one that somebody took away meanwhile is left out.

        Args:
            mails: as `waiting` listed them.
            size_limit: of one mail; of a larger one only the beginning is read.
            bytes_at_once: how much one command may ask for, and so how much memory it costs.

        Raises:
            FolderRenewed: the mails were listed under another UIDVALIDITY.
        """

    def file_away(self, mails: Sequence[MailIdentity], shelf: Shelf) -> None:
        """Move or flag mails; done already is fine, so that it can be repeated after a crash.

        Raises:
            FolderRenewed: an identity is of another UIDVALIDITY; nothing was filed.
        """

    def wait(self, limit: timedelta) -> bool:
        """Wait for news, at most `limit`. A hint: True may be wrong, and after False it is worth to look as well."""

    def close(self) -> None:
        """Let go of everything; never fails, may be repeated."""
