"""What waits for an employee, who is addressed, and which cursor can be served (esMessages, Popups)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final, NamedTuple

from mesh.errors import InvalidArgument, OutOfRange, Violation


class Kind(IntEnum):
    """How a message is shown; the numbers of the contract."""

    MESSAGE = 1
    POPUP = 2


class Priority(IntEnum):
    """How urgent a message is; the numbers of the contract."""

    LOW = 1
    NORMAL = 2
    HIGH = 3


class Position(NamedTuple):
    """How far an inbox is known: messages through `sequence`, markings as read through `reads`."""

    sequence: int = 0
    reads: int = 0

    def lacks(self, other: "Position") -> bool:
        """Tell whether `other` knows something that this one does not."""
        return self.sequence < other.sequence or self.reads < other.reads

    def joined(self, other: "Position") -> "Position":
        """Return the position that knows what either of the two knows."""
        return Position(max(self.sequence, other.sequence), max(self.reads, other.reads))


START: Final = Position()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """The counters of one inbox.

    Args:
        identity: tells this inbox from every other one; 0 before the first message.
        newest: through where messages and markings are numbered.
        oldest: number of the oldest message that is kept, or of the next one when none is.
    """

    identity: int = 0
    newest: Position = START
    oldest: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """What a client says it knows."""

    position: Position
    identity: int = 0


def begin(inbox: Inbox, cursor: Cursor | None) -> Position:
    """Return where a subscription begins: at the cursor, or before everything that is kept.

    Who begins without a cursor needs no old markings as read: what it gets is unread.

    Raises:
        OutOfRange: the cursor is from the future, of another inbox, or older than the kept history.
    """
    if cursor is None:
        return Position(inbox.oldest - 1, inbox.newest.reads)
    at = cursor.position
    bounds = {"oldest": str(inbox.oldest), "newest": str(inbox.newest.sequence)}
    if at != START and cursor.identity != inbox.identity:
        raise OutOfRange("The cursor belongs to another inbox; subscribe without a cursor.", **bounds)
    if inbox.newest.lacks(at):
        raise OutOfRange(
            f"The cursor {at.sequence} is from the future, the inbox ends at {inbox.newest.sequence}; "
            "subscribe without a cursor.",
            **bounds,
        )
    if at.sequence < inbox.oldest - 1:
        raise OutOfRange(
            f"The cursor {at.sequence} is older than the kept history, which begins at {inbox.oldest}; "
            "subscribe without a cursor.",
            **bounds,
        )
    return at


def is_current(expire_time: datetime | None, now: datetime) -> bool:
    """Tell whether a message is still worth showing; from its expire time on it is not."""
    return expire_time is None or now < expire_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What is said about the messages that wait at login.

    Args:
        one_by_one: show each of them; otherwise their sum.
        shown: how many of the newest are carried in full.
    """

    one_by_one: bool
    shown: int


def waiting(count: int, *, at_most: int, newest_shown: int) -> Waiting:
    """Decide between popups and "5 new".

    Args:
        count: messages that wait, neither read nor expired.
        at_most: up to so many are shown one by one.
        newest_shown: so many of the newest come along with the sum.
    """
    if count <= at_most:
        return Waiting(one_by_one=True, shown=count)
    return Waiting(one_by_one=False, shown=min(count, newest_shown))


def page_bounds(*, after: int, through: int | None, token: str, oldest_first: bool) -> tuple[int, int | None]:
    """Return after and through of the page that a token stands for: the number of the last message before it.

    Raises:
        InvalidArgument: the token was not given out by this method.
    """
    if not token:
        return after, through
    if not (token.isascii() and token.isdigit()):
        raise InvalidArgument([Violation("page_token", "is not the next_page_token of a page before")])
    last = int(token)
    if oldest_first:
        return max(after, last), through
    return after, last - 1 if through is None else min(through, last - 1)


def recipients(
    employees: Iterable[str], members: Mapping[str, Iterable[str]], *, sender: str | None, include_sender: bool
) -> tuple[str, ...]:
    """Return who gets a message, each once, in ascending order: every transaction locks inboxes in the same order.

    Args:
        employees: personnel numbers named one by one.
        members: members of the teams that are named.
        sender: personnel number of the sender; None when a service sends.
        include_sender: the sender wants a copy, if addressed.
    """
    addressed = set(employees)
    for team in members.values():
        addressed.update(team)
    if sender is not None and not include_sender:
        addressed.discard(sender)
    return tuple(sorted(addressed))


def ranges(sequences: Sequence[int]) -> list[tuple[int, int]]:
    """Draw neighbours together: ascending numbers to (first, last) pairs, last inclusive."""
    drawn: list[tuple[int, int]] = []
    for sequence in sequences:
        if drawn and drawn[-1][1] == sequence - 1:
            drawn[-1] = (drawn[-1][0], sequence)
        else:
            drawn.append((sequence, sequence))
    return drawn
