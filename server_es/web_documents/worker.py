"""What the web documents do by themselves: send access codes, forget what is over."""

from typing import Final, Protocol

from mesh import log
from mesh.database import Database
from mesh.workers import Turn
from server_es.notices.post import Away, Refused
from server_es.web_documents import store

_AT_ONCE: Final = 50


class Post(Protocol):
    """Hands a mail over; returning means that it was accepted, a repeat with the same id sends nothing twice.

    Raises:
        Away: it may or may not have been taken.
        Refused: it was not, and will not be.
    """

    def __call__(self, request_id: str, recipient: str, subject: str, text: str) -> None: ...


class CodeSender:
    """Sends access codes that wait.

    Args:
        database: of server_es.
        post: takes the mails.
    """

    def __init__(self, database: Database, post: Post) -> None:
        self._database = database
        self._post = post

    def send(self, turn: Turn) -> bool:
        """Hand over what waits; return whether there is more. A code that is over meanwhile is not sent any more."""
        with self._database.reading() as unit:
            waiting = store.codes_to_send(unit, _AT_ONCE)
        for row in waiting:
            if turn.stopping.is_set():
                return False
            try:
                # The subject names the system number, the text is the code alone, so that a program can read it.
                self._post(row.id, row.recipient, row.system, row.code)
            except Away as away:
                log.get("web_documents").warning("access codes wait", reason=str(away))
                return False
            except Refused as refused:  # nobody can be written to there: it must not hold up the others
                log.get("web_documents").warning("access code not sent", code=row.id, reason=str(refused))
            with self._database.unit() as unit:
                store.sent(unit, row.id)
        return len(waiting) == _AT_ONCE


def prune(database: Database, _turn: Turn) -> None:
    """Delete codes and tickets that ended a day ago."""
    with database.unit() as unit:
        store.prune(unit)
