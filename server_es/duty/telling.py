"""How the room tells employees something."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from mesh.database import UnitOfWork
from server_es.messages.address import Messages
from server_es.messages.rows import Content
from server_es.messages.rules import Kind

_SENDER: Final = "services/server_es"
_SUBJECT_AT_MOST: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Something employees are told.

    Attributes:
        employees: personnel numbers.
        about: resource name.
        subject: one line.
        text: more of it.
    """

    employees: Sequence[str]
    about: str
    subject: str
    text: str = ""


class Tell(Protocol):
    """The one way in which somebody is told."""

    def __call__(self, unit: UnitOfWork, letters: Sequence[Letter]) -> None:
        """Tell all of it in this unit, at once: a second call would lock inboxes in another order."""


class Telling:
    """Tells by popup, in the transaction of what is told.

    Args:
        messages: the inboxes.
    """

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def __call__(self, unit: UnitOfWork, letters: Sequence[Letter]) -> None:
        """Tell all of it."""
        self._messages.address_all(unit, [(one.employees, _content(one)) for one in letters])


def _content(letter: Letter) -> Content:
    return Content(
        subject=letter.subject[:_SUBJECT_AT_MOST],
        text=letter.text,
        about=letter.about,
        kind=Kind.POPUP,
        sender=_SENDER,
    )
