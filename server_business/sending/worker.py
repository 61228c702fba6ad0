"""Takes what is due from a queue and hands it over: one after the other, each marked before the point of no return."""

from datetime import timedelta
from typing import Any, Final

from mesh import claims, log
from mesh.claims import Claim
from mesh.database import Database
from mesh.failpoints import failpoint
from mesh.wakeups import Doorbell
from mesh.workers import HealthLine, Turn, Worker
from server_business.sending import rules
from server_business.sending.carrier import Away, Carrier
from server_business.sending.rules import Answer, Outcome, State, Step
from server_business.sending.store import SendQueue

_AT_ONCE: Final = 20
_LIMIT: Final = timedelta(minutes=15)
_LEASE: Final = timedelta(minutes=5)
_AWAY: Final = timedelta(seconds=10)


class Sender:
    """Sends the rows of one queue.

    Args:
        database: of the service.
        queue: what is sent.
        carrier: how; None while sending is off: then everything waits.
        owner: of claims, for people to read.
        line: tells administrators how it goes.
    """

    def __init__(
        self, database: Database, queue: SendQueue, carrier: Carrier | None, owner: str, line: HealthLine
    ) -> None:
        self._database = database
        self._queue = queue
        self._carrier = carrier
        self._owner = owner
        self._line = line
        self._table = queue.table

    def worker(self, name: str, bell: Doorbell) -> Worker:
        """Return the worker for the runtime."""
        if self._carrier is None:
            return Worker(name=name, work=self._off, every=timedelta(seconds=30))
        return Worker(name=name, work=self.turn, bell=bell, every=timedelta(seconds=5), limit=_LIMIT)

    def turn(self, turn: Turn) -> bool:
        """Send what is due; return whether there may be more."""
        assert self._carrier is not None
        with self._database.unit() as unit:
            due = claims.claim(unit, self._table, limit=_AT_ONCE, lease=_LEASE, owner=self._owner)
        for place, claim in enumerate(due):
            if turn.stopping.is_set():
                self._give_back(due[place:], timedelta(0))
                return False
            try:
                self._send(self._carrier, claim)
            except Away as error:
                # Tried again soon and evenly: the runtime's pauses grow to minutes, for which people would wait.
                self._give_back(due[place:], _AWAY)
                self._say(healthy=False, sentence=str(error))
                self._carrier.close()
                return False
            except claims.ClaimLost as error:
                log.get("sending").info(
                    "taken out of the hand", row=self._queue.name(claim.key[0]), reason=error.message
                )
        if due:
            self._say(healthy=True, sentence="sends")
        else:
            self._carrier.close()
        return len(due) == _AT_ONCE

    def _off(self, _: Turn) -> None:
        self._say(healthy=True, sentence="is off")

    def _say(self, *, healthy: bool, sentence: str) -> None:
        with self._database.reading() as unit:
            waiting = self._queue.waiting(unit)
        self._line.healthy = healthy
        self._line.sentence = f"{sentence}; {waiting} wait" if waiting else sentence

    def _send(self, carrier: Carrier, claim: Claim) -> None:
        row = dict(claim.row)
        give_up = row["give_up_time"]
        step = rules.found(State(row["state"]), now=self._database.clock.now(), give_up=give_up)
        if step is not None:
            known = carrier.find(row) if step.state is State.IN_DOUBT else None
            if known is not None:
                step = Step(State.SENT)
            said = {
                State.IN_DOUBT: "a process ended while it was handed over",
                State.EXPIRED: row["reason"] or "it could not be sent in time",
            }
            outcome = known or Outcome(answer=Answer.NONE, reason=said[step.state])
            self._record(claim, step, outcome)
            return
        marked = False

        def mark() -> None:
            nonlocal marked
            with self._database.unit() as unit:
                self._queue.begin(unit, claim)
            marked = True
            failpoint("sending.marked")

        try:
            outcome = carrier.carry(row, mark)
        except (Away, claims.ClaimLost):
            raise
        except Exception as error:  # noqa: BLE001 - one that cannot be sent must not hold up the others
            log.get("sending").error("a defect", row=self._queue.name(claim.key[0]), exc_info=error)
            carrier.close()  # whatever it was in the middle of
            answer = Answer.NONE if marked else Answer.LATER
            outcome = Outcome(answer=answer, reason=f"a defect: {type(error).__name__}; the log says more")
        failpoint("sending.carried")
        attempts = row["attempts"] + 1
        with self._database.unit() as unit:
            step = rules.after(outcome.answer, attempts=attempts, now=unit.now, give_up=give_up)
            more: dict[str, Any] = {} if marked else {"attempts": attempts}
            if "refused" in self._table.c:
                more["refused"] = list(outcome.refused)
            self._queue.record(unit, claim, step, outcome, **more)
        failpoint("sending.recorded")

    def _record(self, claim: Claim, step: Step, outcome: Outcome) -> None:
        with self._database.unit() as unit:
            self._queue.record(unit, claim, step, outcome)

    def _give_back(self, due: list[Claim], pause: timedelta) -> None:
        with self._database.unit() as unit:
            for claim in claims.held(unit, self._table, due):
                claims.release(unit, self._table, claim, next_attempt_time=unit.now + pause)
