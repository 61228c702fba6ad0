"""How the other rooms tell employees something: in their own transaction, pushed once it is committed."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from mesh.database import UnitOfWork
from mesh.failpoints import failpoint
from mesh.wakeups import Doorbell
from server_es.messages.rows import Action, Change, Content
from server_es.messages.rules import Kind, Priority, recipients
from server_es.messages.store import MessageStore

BELL: Final = "messages.told"


class Messages:
    """Puts messages into inboxes.

    Args:
        store: the inboxes.
        bell: `wakeups.bell(BELL)`; wakes the other processes after the commit.
        offer: tells the streams of this process, `Fanout.offer`; it may forget, they find the rows by themselves.
    """

    def __init__(self, store: MessageStore, bell: Doorbell, offer: Callable[[Sequence[Change]], object]) -> None:
        self._store = store
        self._bell = bell
        self._offer = offer

    def address(
        self,
        unit: UnitOfWork,
        employees: Iterable[str],
        *,
        subject: str,
        text: str = "",
        about: str = "",
        kind: Kind = Kind.MESSAGE,
        priority: Priority = Priority.NORMAL,
        sender: str,
        expire_time: datetime | None = None,
        actions: tuple[Action, ...] = (),
    ) -> None:
        """Tell employees something; each of them once, and exactly when the unit is committed.

        Args:
            unit: the transaction of what they are told about.
            employees: personnel numbers.
            subject: one line, at most 200 characters.
            text: at most 4,000 characters.
            about: resource name, such as `servicecalls/4711`.
            kind: how it is shown.
            priority: how urgent it is.
            sender: resource name, such as `employees/17` or `services/server_es`.
            expire_time: from when on it is out of date.
            actions: what can be done out of it; rooms register them with `Actions`.
        """
        content = Content(
            subject=subject,
            text=text,
            about=about,
            kind=kind,
            priority=priority,
            sender=sender,
            expire_time=expire_time,
            actions=actions,
        )
        self.address_all(unit, [(list(employees), content)])

    def address_all(self, unit: UnitOfWork, letters: Sequence[tuple[Iterable[str], Content]]) -> Sequence[Change]:
        """Tell many things at once, with a handful of statements: for imports of thousands. Return what is new."""
        once = [(recipients(employees, {}, sender=None, include_sender=True), said) for employees, said in letters]
        changes = self._store.append(unit, once)
        self.push_after(unit, changes)
        return changes

    def read_times(self, unit: UnitOfWork, places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], datetime]:
        """Return when messages were read, by recipient and number; without those that are unread or not kept."""
        return self._store.read_times(unit, places)

    def push_after(self, unit: UnitOfWork, changes: Sequence[Change]) -> None:
        """Hand changes to the open streams once the unit is committed."""
        if changes:
            unit.after_commit(partial(self._push, changes))

    def _push(self, changes: Sequence[Change]) -> None:
        failpoint("messages.push")
        self._offer(changes)
        self._bell.ring_others()
