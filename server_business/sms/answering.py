"""Does what received messages want: STOP and START here, acknowledgements and everything else at server_es."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from mesh import claims, log
from mesh.claims import Claim
from mesh.database import Database, UnitOfWork
from mesh.failpoints import failpoint
from mesh.wakeups import Doorbell
from mesh.workers import Turn, Worker
from server_business.sms import inbox, replies, store
from server_business.sms.replies import Wish
from server_business.sms.tables import sms_inbound

_AT_ONCE: Final = 50
_LEASE: Final = timedelta(minutes=5)
_LIMIT: Final = timedelta(minutes=4)
_FIRST_PAUSE: Final = timedelta(seconds=5)
_LONGEST_PAUSE: Final = timedelta(minutes=10)
_DOUBLINGS: Final = 8
_SUBJECT: Final = 200


class Later(Exception):
    """server_es does not answer, or not to us; the same is asked again."""


Acknowledge = Callable[[str, str, str], str]
"""Acknowledges: code, number, request id; returns why not, empty when it did. Raises Later."""
Tell = Callable[[str, str, str, str, str], str]
"""Tells a team: team, subject, text, about, request id; returns why not, empty when it did. Raises Later."""


class Answering:
    """Works through what was received.

    Args:
        database: of the service.
        acknowledge: at server_es.
        tell: at server_es.
        team: who is told of what is neither; empty: nobody.
        owner: of claims, for people to read.
    """

    def __init__(self, database: Database, acknowledge: Acknowledge, tell: Tell, team: str, owner: str) -> None:
        self._database = database
        self._acknowledge = acknowledge
        self._tell = tell
        self._team = team
        self._owner = owner

    def worker(self, bell: Doorbell) -> Worker:
        """Return the worker for the runtime."""
        return Worker(name="sms.inbox", work=self.turn, bell=bell, every=timedelta(seconds=5), limit=_LIMIT)

    def turn(self, turn: Turn) -> bool:
        """Do what is due; return whether there may be more."""
        with self._database.unit() as unit:
            inbox.join_late(unit)
            due = claims.claim(unit, sms_inbound, limit=_AT_ONCE, lease=_LEASE, owner=self._owner)
        away = ""
        for place, one in enumerate(due):
            if turn.stopping.is_set():
                self._later(due[place:], "", count=False)
                return False
            try:
                self._answer(one, away)
            except Later as later:
                away = str(later)
                self._later([one], away, count=True)
            except Exception as error:  # noqa: BLE001 - one that cannot be answered must not hold up the others
                log.get("sms").error("a defect", inbound=one.key[0], exc_info=error)
                self._later([one], f"a defect: {type(error).__name__}; the log says more", count=True)
        return len(due) == _AT_ONCE and not away

    def _answer(self, claim: Claim, away: str) -> None:
        """Do what one wants; `away` says why server_es need not be asked just now."""
        row = claim.row
        reply = replies.meaning(row["text"])
        if reply.wish in (Wish.STOP, Wish.START):
            self._stop_or_start(claim, reply.wish)
            return
        if away:
            raise Later(away)
        if reply.wish is Wish.ACKNOWLEDGE:
            why = self._acknowledge(reply.code, row["sender"], row["request_id"])
            failpoint("sms.answered")
            if not why:
                self._end(claim, inbox.ACKNOWLEDGED, f"acknowledged by {reply.code}")
                return
        if not self._team:
            self._end(claim, inbox.KEPT, "no team is set for received messages")
            return
        subject = f"SMS von {row['sender'] or 'unbekannt'}"[:_SUBJECT]
        about = f"inboundSms/{row['id']}"
        why = self._tell(self._team, subject, row["text"], about, row["request_id"])
        failpoint("sms.answered")
        self._end(claim, inbox.KEPT if why else inbox.TOLD, why or f"{self._team} was told")

    def _stop_or_start(self, claim: Claim, wish: Wish) -> None:
        number, id_ = claim.row["sender"], claim.row["id"]
        with self._database.unit() as unit:
            if wish is Wish.STOP:
                store.stop(unit, number, id_)
                _confirm(unit, claim, inbox.STOPPED, "gets no more short messages")
            else:
                store.start(unit, number)
                _confirm(unit, claim, inbox.STARTED, "gets short messages again")

    def _end(self, claim: Claim, outcome: int, reason: str) -> None:
        with self._database.unit() as unit:
            _confirm(unit, claim, outcome, reason)

    def _later(self, due: list[Claim], reason: str, *, count: bool) -> None:
        with self._database.unit() as unit:
            for one in claims.held(unit, sms_inbound, due):
                attempts = one.row["attempts"] + count
                again = unit.now + _pause(attempts) if count else unit.now
                claims.release(unit, sms_inbound, one, next_attempt_time=again, attempts=attempts, reason=reason[:2000])


def _pause(attempts: int) -> timedelta:
    return min(_FIRST_PAUSE * (1 << min(attempts - 1, _DOUBLINGS)), _LONGEST_PAUSE)


def _confirm(unit: UnitOfWork, claim: Claim, outcome: int, reason: str) -> None:
    claims.confirm(unit, sms_inbound, claim, outcome=outcome, reason=reason[:2000])
