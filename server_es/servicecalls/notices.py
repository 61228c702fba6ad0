"""Tells those who are responsible for a call, in the transaction of what happened (esMessage)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mesh.database import UnitOfWork
from server_es.directory.subjects import members_of
from server_es.messages.address import Messages
from server_es.messages.rows import Content
from server_es.servicecalls.actors import Actor
from server_es.servicecalls.names import SERVICECALL

NEW: Final = "Neuer Servicecall {number}: {title}"
ADDENDUM: Final = "Nachtrag zu Servicecall {number}: {title}"
REOPENED: Final = "Servicecall {number} wieder geöffnet: {title}"

_SUBJECT_AT_MOST: Final = 200
_TEXT_AT_MOST: Final = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What happened to a call.

    Attributes:
        call: its row, with `number`, `title`, `responsible_employee` and `responsible_team`.
        subject: one of the subjects above.
        text: what was said with it.
    """

    call: Any
    subject: str
    text: str = ""


class Notices:
    """Tells the responsible employee and the members of the responsible team, each once, not whoever did it.

    Args:
        messages: the inboxes.
        active: whether anybody is told at all.
    """

    def __init__(self, messages: Messages, *, active: bool = True) -> None:
        self._messages = messages
        self.active = active

    def tell(self, unit: UnitOfWork, notices: Sequence[Notice], by: Actor) -> None:
        """Tell; with a handful of statements, however many calls."""
        concerned = [one for one in notices if one.call.responsible_employee or one.call.responsible_team]
        if not self.active or not concerned:
            return
        members = members_of(unit, {one.call.responsible_team for one in concerned if one.call.responsible_team})
        letters = [(told, _content(one, by)) for one in concerned if (told := _told(one.call, members, by))]
        if letters:
            self._messages.address_all(unit, letters)


def _told(call: Any, members: Mapping[str, Sequence[str]], by: Actor) -> set[str]:
    told = set(members.get(call.responsible_team, ()))
    if call.responsible_employee:
        told.add(call.responsible_employee)
    return told - {by.employee}


def _content(notice: Notice, by: Actor) -> Content:
    call = notice.call
    subject = notice.subject.format(number=call.number, title=call.title)
    return Content(
        subject=subject[:_SUBJECT_AT_MOST],
        text=notice.text[:_TEXT_AT_MOST],
        about=SERVICECALL.build(call.number),
        sender=by.name,
    )
