"""How the other rooms tell employees something: in their own transaction, pushed once it is committed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from mesh.database import UnitOfWork
from mesh.failpoints import failpoint
from mesh.wakeups import Doorbell
from server_es.messages.rules import Kind, Priority, recipients
from server_es.messages.store import Content, MessageStore

BELL: Final = "messages.told"


class Messages:
    """Puts messages into inboxes.

    Args:
        store: the inboxes.
        bell: `wakeups.bell(BELL)`; rung after the commit.
    """

    def __init__(self, store: MessageStore, bell: Doorbell) -> None:
        self._store = store
        self._bell = bell

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
        """
        content = Content(
            subject=subject,
            text=text,
            about=about,
            kind=kind,
            priority=priority,
            sender=sender,
            expire_time=expire_time,
        )
        self.address_all(unit, [(list(employees), content)])

    def address_all(self, unit: UnitOfWork, letters: Sequence[tuple[Iterable[str], Content]]) -> None:
        """Tell many things at once, with a handful of statements: for imports of thousands."""
        once = [(recipients(employees, {}, sender=None, include_sender=True), said) for employees, said in letters]
        self._store.append(unit, once)
        self.changed(unit)

    def changed(self, unit: UnitOfWork) -> None:
        """Say that inboxes have changed in this unit."""
        unit.after_commit(self._push)

    def _push(self) -> None:
        failpoint("messages.push")
        self._bell.ring()
