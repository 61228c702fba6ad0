"""Tells a team of open mails (offene Helpdesk-E-Mails): once each, many in one message."""

from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Select, func, literal_column, select, update

from mesh.database import Database, UnitOfWork
from server_business.mail.accounts import Account
from server_business.mail.es_server import EsServer
from server_business.mail.fences import Fence, free
from server_business.mail.tables import MAIL, Announcement

_C = MAIL.c
_MOST: Final = 500
_SHOWN: Final = 10
_SUBJECT, _TEXT = 200, 4_000


class Announcer:
    """Tells one account's team. Arguments as of `Desk`."""

    def __init__(self, database: Database, es: EsServer, account: Account, fence: Fence = free) -> None:
        self._database = database
        self._es = es
        self._account = account
        self._fence = fence

    def turn(self) -> bool:
        """Send one message, if there is something to tell; return whether there was.

        Raises:
            EsServerAway: it is sent later, under the same id.
        """
        team = self._account.open_mail_team
        if not team:
            return False
        with self._database.reading() as unit:
            due = unit.connection.execute(self._due(func.count())).scalar_one()
        if not due:
            return False
        with self._database.unit() as unit:
            self._fence(unit)
            request_id, mails = self._message(unit)
        subject, text = _said(self._account.name, mails)
        about = f"mails/{mails[0][0]}" if len(mails) == 1 else ""
        refusal = self._es.tell(team, subject=subject, text=text, about=about, request_id=request_id)
        if refusal is not None and refusal.later:
            return False
        with self._database.unit() as unit:
            self._fence(unit)
            # Refused for good: the team does not exist any more. The mails are in the list of open ones anyway.
            told = update(MAIL).where(_C.announcement_id == request_id, literal_column("mail.announcement = 1"))
            unit.connection.execute(told.values(announcement=Announcement.MADE))
        return True

    def _due(self, *columns: Any) -> Select[Any]:
        return select(*columns).where(_C.account == self._account.name, literal_column("mail.announcement = 1"))

    def _message(self, unit: UnitOfWork) -> tuple[str, list[tuple[int, str, str]]]:
        """Return the message that was begun, or begin one: which mails it tells of stays the same for every attempt."""
        columns = (_C.id, _C.sender, _C.subject, _C.announcement_id)
        rows = unit.connection.execute(self._due(*columns).order_by(_C.id).limit(_MOST)).all()
        begun = next((row.announcement_id for row in rows if row.announcement_id), None)
        if begun:
            rows = unit.connection.execute(self._due(*columns).where(_C.announcement_id == begun).order_by(_C.id)).all()
            return begun, [(row.id, row.sender, row.subject) for row in rows]
        fresh = str(uuid4())
        ids = [row.id for row in rows]
        unit.connection.execute(update(MAIL).where(_C.id.in_(ids)).values(announcement_id=fresh))
        return fresh, [(row.id, row.sender, row.subject) for row in rows]


def _said(account: str, mails: list[tuple[int, str, str]]) -> tuple[str, str]:
    if len(mails) == 1:
        _, sender, subject = mails[0]
        line = f"Offene Helpdesk-E-Mail von {sender or 'unbekannt'}: {subject}"
        return line[:_SUBJECT], ""
    lines = [f"{sender or 'unbekannt'}: {subject}" for _, sender, subject in mails[:_SHOWN]]
    if len(mails) > _SHOWN:
        lines.append(f"… und {len(mails) - _SHOWN} weitere")
    return f"{len(mails)} offene Helpdesk-E-Mails in {account}"[:_SUBJECT], "\n".join(lines)[:_TEXT]
