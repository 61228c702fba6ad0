"""How the room tells employees something."""

from collections.abc import Iterable
from typing import Final

from mesh.database import UnitOfWork
from server_es.messages.address import Messages
from server_es.messages.rules import Kind

_SENDER: Final = "services/server_es"
_SUBJECT_AT_MOST: Final = 200


class Telling:
    """Tells by popup, in the transaction of what is told.

    Args:
        messages: the inboxes.
    """

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def __call__(
        self, unit: UnitOfWork, employees: Iterable[str], *, cause: str, about: str, subject: str, text: str
    ) -> None:
        """Tell employees something; each of them once."""
        del cause  # a popup is told in the transaction of its cause, which happens once
        said = subject[:_SUBJECT_AT_MOST]
        self._messages.address(unit, employees, subject=said, text=text, about=about, kind=Kind.POPUP, sender=_SENDER)
