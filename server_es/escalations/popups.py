"""Tells employees by popup; the only channel there is as long as nothing leaves the house."""

from collections.abc import Sequence
from typing import Final

from mesh.database import UnitOfWork
from server_es.escalations.recipients import Channel
from server_es.escalations.telling import Delivery, Tiding
from server_es.messages.address import Messages
from server_es.messages.rows import Content
from server_es.messages.rules import Kind, Priority

SENDER: Final = "services/server_es"


class Popups:
    """Puts popups into inboxes.

    Args:
        messages: the inboxes.
    """

    channels = frozenset({Channel.ES_MESSAGE})

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def tell(self, unit: UnitOfWork, tidings: Sequence[Tiding]) -> None:
        letters = [
            (
                [one.told.employee],
                Content(
                    subject=one.subject,
                    text=one.text,
                    about=one.about,
                    kind=Kind.POPUP,
                    priority=Priority.HIGH,
                    sender=SENDER,
                ),
            )
            for one in tidings
            if Channel.ES_MESSAGE in one.told.channels
        ]
        if letters:
            self._messages.address_all(unit, letters)

    def deliveries(self, unit: UnitOfWork, cause: str) -> Sequence[Delivery]:
        del unit, cause
        return ()
