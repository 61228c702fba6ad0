"""Mailboxes of Exchange that are listened to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from exchangelib.properties import DistinguishedFolderId, Mailbox

EVENTS: Final = ("NewMailEvent", "CreatedEvent", "DeletedEvent", "ModifiedEvent", "MovedEvent", "CopiedEvent")
ARRIVALS: Final = ("NewMailEvent", "CreatedEvent", "MovedEvent", "CopiedEvent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ear:
    """A mailbox that is listened to.

    Args:
        mailbox: its mail address.
        open: opens it with connections of its own, and returns it with the ids of the folders.
        ring: called when something has changed in one of them.
        events: which of `EVENTS` count.
    """

    mailbox: str
    open: Callable[[], tuple[Any, Sequence[Any]]] = field(repr=False)
    ring: Callable[[], object] = field(repr=False)
    events: Sequence[str] = EVENTS


def calendars_of(address: str) -> list[DistinguishedFolderId]:
    """Return the ids of the folders of a mailbox that hold appointments and tasks."""
    mailbox = Mailbox(email_address=address)
    return [DistinguishedFolderId(id=name, mailbox=mailbox) for name in ("calendar", "tasks")]
