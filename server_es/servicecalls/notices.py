"""Tells those who are responsible for a call, in the transaction of what happened (esMessage)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

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


class Absences(Protocol):
    """Who is away."""

    def __call__(self, unit: UnitOfWork, employees: Collection[str], at: datetime) -> Mapping[str, str]:
        """Return which of the employees are away at `at`, each with who stands in for him; empty for nobody."""


class Notices:
    """Tells the responsible employee and the members of the responsible team, each once, not whoever did it.

    Who is away finds it when he is back; whoever stands in for him is told too.

    Args:
        messages: the inboxes.
        absent: who is away.
        active: whether anybody is told at all.
    """

    def __init__(self, messages: Messages, absent: Absences, *, active: bool = True) -> None:
        self._messages = messages
        self._absent = absent
        self.active = active

    def tell(self, unit: UnitOfWork, notices: Sequence[Notice], by: Actor) -> None:
        """Tell; with a handful of statements, however many calls."""
        concerned = [one for one in notices if one.call.responsible_employee or one.call.responsible_team]
        if not self.active or not concerned:
            return
        members = members_of(unit, {one.call.responsible_team for one in concerned if one.call.responsible_team})
        meant = [_meant(one.call, members) for one in concerned]
        absent = self._absent(unit, {employee for some in meant for employee in some}, unit.now)
        letters = [
            (told, _content(one, by))
            for one, some in zip(concerned, meant, strict=True)
            if (told := _told(some, absent, by))
        ]
        if letters:
            self._messages.address_all(unit, letters)


def _meant(call: Any, members: Mapping[str, Sequence[str]]) -> set[str]:
    meant = set(members.get(call.responsible_team, ()))
    if call.responsible_employee:
        meant.add(call.responsible_employee)
    return meant


def _told(meant: set[str], absent: Mapping[str, str], by: Actor) -> set[str]:
    return (meant | {absent[one] for one in meant if absent.get(one)}) - {by.employee}


def _content(notice: Notice, by: Actor) -> Content:
    call = notice.call
    subject = notice.subject.format(number=call.number, title=call.title)
    return Content(
        subject=subject[:_SUBJECT_AT_MOST],
        text=notice.text[:_TEXT_AT_MOST],
        about=SERVICECALL.build(call.number),
        sender=by.name,
    )
