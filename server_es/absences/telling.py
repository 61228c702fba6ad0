"""Who is told what, in the transaction of what happened (Popups)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mesh.database import UnitOfWork
from server_es.absences import letters
from server_es.absences.askers import Asker
from server_es.absences.cases import Case
from server_es.absences.office import Office
from server_es.absences.rules import OPEN, State
from server_es.messages.address import Messages
from server_es.messages.rows import Action
from server_es.messages.rules import Kind

APPROVE, REJECT = "absences.approve", "absences.reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that happened to a request.

    Attributes:
        case: the request as it is now.
        office: for names, and for who decides.
        by: who did it; is not told.
        word: what happened, in a word or two, in front of the subject.
        text: more of it.
    """

    case: Case
    office: Office
    by: Asker
    word: str
    text: str = ""


class Telling:
    """Tells approvers, applicants and those who are informed; what is told waits in the inboxes until it is read.

    Args:
        messages: the inboxes.
    """

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def approvers(self, unit: UnitOfWork, news: News, groups: Iterable[str]) -> None:
        """Tell who decides for these groups now. Their popup is out of date when the absence has begun."""
        row = news.case.row
        told = {one for group in groups for one in news.office.deciders(group, row.employee)}
        begins = row.start_time
        expire_time = begins if begins > unit.now else None
        self._tell(unit, news, told, expire_time=expire_time, actions=_decisions(news.case))

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
        self._tell(unit, news, set(news.case.informed) - {news.case.row.employee}, kind=Kind.MESSAGE)

    def _tell(
        self,
        unit: UnitOfWork,
        news: News,
        employees: set[str],
        *,
        kind: Kind = Kind.POPUP,
        expire_time: datetime | None = None,
        actions: tuple[Action, ...] = (),
    ) -> None:
        told = sorted(employees - {news.by.employee})
        if told:
            self._messages.address(
                unit,
                told,
                subject=letters.subject(news.word, news.case, news.office),
                text=news.text[: letters.TEXT_AT_MOST],
                about=news.case.name,
                kind=kind,
                sender=news.by.name,
                expire_time=expire_time,
                actions=actions,
            )


def _decisions(case: Case) -> tuple[Action, ...]:
    """Return the buttons of the popup; once the request has changed, they refuse."""
    if State(case.row.state) not in OPEN:
        return ()
    etag = case.message().etag
    return Action(APPROVE, "Genehmigen", etag), Action(REJECT, "Ablehnen", etag)
