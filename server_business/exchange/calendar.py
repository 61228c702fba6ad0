"""A side of the sync, as the engine sees it: the ERP, or a mailbox (Groupware). Both are the same to it.

Returning means that the other side has accepted; `Away` means that it may be tried again, and that of what was handed
over nobody knows whether it was taken. What is refused for good is an outcome, because it must not hold up the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from mesh.errors import Unavailable
from server_business.exchange.items import Fields, Kind
from server_business.exchange.rules import NEVER, Verb


class Away(Unavailable):
    """The side does not answer; says why. `retry_after` when it says how long it wants to be left alone."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TokenLost(Exception):
    """The side does not know any more from where on to tell; everything has to be read anew."""


class Departed(Exception):
    """There is no such mailbox or employee (any more); says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item of a side as it is now.

    Attributes:
        id: how the side calls it.
        uid: names it on both sides; empty when it is gone.
        version: changes with every change.
        modified: when it was changed.
        fields: what it says; None: it is gone.
        conference: people outside are invited, or it is an invitation.
        fixed: cannot be changed from outside.
    """

    id: str
    uid: str = ""
    version: str = ""
    modified: datetime = NEVER
    fields: Fields | None = None
    conference: bool = False
    fixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Changes since a token.

    Attributes:
        items: what has changed.
        token: where the next page, or the next time, begins.
        more: there are more already.
        unreadable: items that are there, of which the side cannot say what they say: why not, by id.
    """

    items: Sequence[Item]
    token: str
    more: bool = False
    unreadable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Something to be written.

    Attributes:
        kind: appointment or task.
        verb: what is done.
        uid: given to what is made, so that it can be found by it.
        id: of what is there; empty for a creation.
        version: it must still have; otherwise the outcome is STALE.
        changes: fields that change; an empty value takes one away.
        target: all fields as they are afterwards.
    """

    kind: Kind
    verb: Verb
    uid: str
    id: str
    version: str
    changes: Fields
    target: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """It is done. After a deletion all is empty.

    Attributes:
        id: how the side calls it.
        version: that it has now.
        modified: when it was changed.
        lacking: fields of occurrences that the side did not take, though it has taken the series.
        reason: why.
    """

    id: str = ""
    version: str = ""
    modified: datetime = NEVER
    lacking: frozenset[str] = frozenset()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stale:
    """It was changed meanwhile; nothing was written."""


@dataclass(frozen=True, slots=True)
class Missing:
    """It is not there any more."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It is not accepted, now or later, as it is; says why."""

    reason: str


Outcome = Written | Stale | Missing | Refused


class Calendar(Protocol):
    """One side of one mailbox. Every method may raise Away or Departed."""

    def carried(self, kind: Kind) -> frozenset[str]:
        """Return the fields it can say."""

    def changes(self, kind: Kind, token: str) -> Page:
        """Return what has changed; everything for an empty token. What this object has written itself may be left out,
        but not of everything.

        Raises:
            TokenLost: read everything.
        """

    def look(self, kind: Kind, ids: Sequence[str], /) -> Sequence[Item]:
        """Return what is there of items that `changes` does not tell of, because it sees only a span of time."""

    def find(self, kind: Kind, uids: Sequence[str], /) -> Sequence[Item]:
        """Return what was made under these names."""

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Write; one outcome for each, in order."""
