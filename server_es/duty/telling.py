"""How the room tells employees something: through the notices, all of a transaction at once."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from mesh.database import UnitOfWork
from server_es.notices.rules import Notice, Recipient


class Tell(Protocol):
    """The one way in which somebody is told."""

    def __call__(self, unit: UnitOfWork, notices: Sequence[Notice], /) -> None:
        """Tell all of it in this unit, at once: a second call would lock inboxes in another order."""


def to(
    employees: Iterable[str], *, cause: str, about: str, subject: str, text: str = "", urgent: bool = False
) -> list[Notice]:
    """Return what employees are told of a cause; who stands in for an absent one is told too."""
    return [
        Notice(
            cause=cause,
            about=about,
            recipient=Recipient(employee=one),
            subject=subject,
            text=text,
            urgent=urgent,
        )
        for one in employees
    ]
