"""Who is told what, in the transaction of what happened (Popups)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mesh.database import UnitOfWork
from server_es.absences import letters
from server_es.absences.askers import Asker
from server_es.absences.cases import Case
from server_es.absences.office import Office
from server_es.messages.rows import Action
from server_es.notices.rules import Channel, Notice, Recipient
from server_es.notices.telling import Notices

APPROVE, REJECT = "absences.approve", "absences.reject"
ASKED = "asked"
"""The event after which approvers decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that happened to a request.

    Attributes:
        case: the request as it is now.
        office: for names, and for who decides.
        by: who did it; is not told.
        event: what happened, as a cause by which nobody is told twice.
        word: the same for people, in front of the subject.
        text: more of it.
    """

    case: Case
    office: Office
    by: Asker
    event: str
    word: str
    text: str = ""


class Telling:
    """Tells approvers, applicants and those who are informed, each over the channels he prefers.

    Args:
        notices: the one way in which somebody is told.
    """

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    def approvers(self, unit: UnitOfWork, news: News, groups: Iterable[str]) -> None:
        """Tell who decides for these groups now. Their popup is out of date when the absence has begun."""
        row = news.case.row
        told = {one for group in groups for one in news.office.deciders(group, row.employee)}
        begins = row.start_time
        self._tell(
            unit,
            news,
            told,
            expire_time=begins if begins > unit.now else None,
            actions=_decisions(news.case) if news.event == ASKED else (),
        )

    def applicant(self, unit: UnitOfWork, news: News) -> None:
        """Tell whose request it is, and who made it for him."""
        row = news.case.row
        told = {row.employee}
        if row.creator.startswith("employees/"):
            told.add(row.creator.removeprefix("employees/"))
        self._tell(unit, news, told)

    def former_applicant(self, unit: UnitOfWork, news: News, employee: str) -> None:
        """Tell whose request it was before it was made another one's, unless he is told as who made it."""
        if news.case.row.creator != f"employees/{employee}":
            self._tell(unit, news, {employee})

    def informed(self, unit: UnitOfWork, news: News) -> None:
        """Tell those who are to know how it ended."""
        told = set(news.case.informed) - {news.case.row.employee}
        self._tell(unit, news, told, channels=frozenset({Channel.ESMESSAGE}))

    def _tell(
        self,
        unit: UnitOfWork,
        news: News,
        employees: set[str],
        *,
        channels: frozenset[Channel] | None = None,
        expire_time: datetime | None = None,
        actions: tuple[Action, ...] = (),
    ) -> None:
        case = news.case
        self._notices.tell(
            unit,
            [
                Notice(
                    cause=f"{case.name}/{case.row.revision}/{news.event}",
                    about=case.name,
                    recipient=Recipient(employee=one),
                    subject=letters.subject(news.word, case, news.office),
                    text=news.text[: letters.TEXT_AT_MOST],
                    channels=channels,
                    expire_time=expire_time,
                    substitutes=False,  # who stands in for an absent approver is among those who decide
                    by=news.by.employee,
                    sender=news.by.name,
                    actions=actions,
                )
                for one in sorted(employees - {news.by.employee})
            ],
        )


def _decisions(case: Case) -> tuple[Action, ...]:
    """Return the buttons of the popup; once the request has changed, they refuse."""
    etag = case.message().etag
    return Action(APPROVE, "Genehmigen", etag), Action(REJECT, "Ablehnen", etag)
