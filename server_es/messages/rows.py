"""What the inboxes hold, as the rest of the room sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server_es.messages.rules import Kind, Priority


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done out of a message.

    Args:
        action: which of the actions that rooms have registered, such as `absences.approve`.
        label: what stands on the button.
        etag: of what the message is about, as it was then: the action refuses when it has changed.
    """

    action: str
    label: str
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message says; the same for all its recipients.

    Args:
        sender: resource name, such as `employees/17` or `services/server_business`.
        about: resource name, or empty.
        actions: what can be done about it, in the order of the buttons.
        in_reply_to: name of the message it answers, or empty.
    """

    subject: str
    text: str = ""
    kind: Kind = Kind.MESSAGE
    priority: Priority = Priority.NORMAL
    about: str = ""
    sender: str
    expire_time: datetime | None = None
    actions: tuple[Action, ...] = ()
    in_reply_to: str = ""


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
