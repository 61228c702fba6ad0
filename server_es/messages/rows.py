"""What the inboxes hold, as the rest of the room sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server_es.messages.rules import Kind, Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message says; the same for all its recipients.

    Args:
        sender: resource name, such as `employees/17` or `services/server_business`.
        about: resource name, or empty.
    """

    subject: str
    text: str = ""
    kind: Kind = Kind.MESSAGE
    priority: Priority = Priority.NORMAL
    about: str = ""
    sender: str
    expire_time: datetime | None = None


@dataclass(slots=True)
class Told:
    """One message in one inbox."""

    recipient: str
    sequence: int
    read_time: datetime | None
    content_id: int
    content: Content
    created_time: datetime


@dataclass(slots=True)
class Change:
    """What one unit of work has done to one inbox.

    Args:
        told: the new messages, ascending.
        reads: number of the marking as read; 0 when nothing was marked.
        read: the messages it marked, ascending.
    """

    recipient: str
    identity: int
    told: list[Told]
    reads: int = 0
    read: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Unread messages that have not expired."""

    all: int
    popups: int
    high_priority: int
