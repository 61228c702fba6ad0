"""Sends what waits for one provider, many at a time, and keeps what the provider reports.

As in `server_business.sending.worker`, every message is marked in a commit before the provider can take it; here one
commit marks as many as the provider's window holds, records those of the window before, and keeps what has come.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from mesh import claims, log
from mesh.claims import Claim
from mesh.database import Database, UnitOfWork
from mesh.failpoints import failpoint
from mesh.texts import storable
from mesh.wakeups import Doorbell
from mesh.workers import HealthLine, Turn, Worker
from server_business.sending import rules as sending
from server_business.sending.carrier import Away
from server_business.sending.rules import Answer, Outcome, State, Step
from server_business.sms import inbox, rules, store
from server_business.sms.delivery import Delivery, Receipt
from server_business.sms.pacing import Bucket
from server_business.sms.providers import Arrival, Handed, Parcel, Provider, Received
from server_business.sms.routing import Quiet, Way, quiet_until
from server_business.sms.rules import Alphabet, Priority
from server_business.sms.tables import SMS

_LIMIT: Final = timedelta(seconds=50)
_TURN: Final = 20.0
_LEASE: Final = timedelta(minutes=5)
_LEADS: Final = timedelta(seconds=60)
_EVERY: Final = timedelta(seconds=5)
_BATCH_SECONDS: Final = 0.5
_AWAY: Final = timedelta(seconds=1)
_ASKED_AT_ONCE: Final = 20
_C: Final = SMS.table.c
_STOPPED: Final = "the recipient has said STOP"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneTerms:
    """How one provider is used.

    Attributes:
        way: what it serves.
        window: messages that are marked at a time.
        per_second: parts it allows; 0: any number.
        query_after: after how long without a receipt a part's state is asked for; None: never.
        receipts: how long receipts are waited for.
        quiet: the site's quiet hours.
    """

    way: Way
    window: int = 10
    per_second: int = 0
    query_after: timedelta | None = None
    receipts: timedelta = timedelta(hours=12)
    quiet: Quiet | None = None


@dataclass(slots=True)
class _Window:
    """What is handed over at a time.

    Attributes:
        due: what was claimed for it.
        parcels: what of that was marked, by id.
        handed: what became of it, by id.
    """

    due: Sequence[Claim] = ()
    parcels: dict[int, Parcel] = field(default_factory=dict)
    handed: Mapping[int, Handed] = field(default_factory=dict)


class Lane:
    """The way of messages to one provider.

    Args:
        database: of the service.
        provider: takes them.
        terms: how it is used.
        ways: all providers, for what this one does not take.
        owner: of claims, for people to read.
        line: tells administrators how it goes.
        bell_of: returns the bell that wakes the lane of a provider; rings for received messages by the name `inbox`.
    """

    def __init__(
        self,
        database: Database,
        provider: Provider,
        terms: LaneTerms,
        *,
        ways: Sequence[Way],
        owner: str,
        line: HealthLine,
        bell_of: Callable[[str], Doorbell],
    ) -> None:
        self._database = database
        self._provider = provider
        self._terms = terms
        self._ways = ways
        self._owner = owner
        self._line = line
        self._bell_of = bell_of
        self._name = terms.way.name
        self._bucket = Bucket(terms.per_second)
        self._asked = 0.0
        mine = _C.provider == self._name
        self._mine = mine
        self._dead = mine & (_C.state == State.SENDING)
        self._fresh = [mine & (_C.state == State.QUEUED) & (_C.priority == int(one)) for one in Priority]

    def worker(self) -> Worker:
        """Return the worker for the runtime; one replica does the work, for the rate and the session are one."""
        return Worker(
            name=f"sms.{self._name}", work=self.turn, every=_EVERY, bell=self._bell_of(self._name), limit=_LIMIT,
            lease=_LEADS,
        )  # fmt: skip

    def turn(self, turn: Turn) -> bool | timedelta:
        """Send and receive until nothing is left; return whether there may be more, or how long there is nothing."""
        until = self._database.clock.monotonic() + _TURN
        window = _Window()
        busy = self._settled()
        try:
            while True:
                away = self._away()
                goes_on = not (away or turn.stopping.is_set() or self._database.clock.monotonic() > until)
                window, arrived = self._between(window, away, marks=goes_on)
                if away:
                    self._let_go()
                    return _AWAY
                if not goes_on:
                    return True
                self._hand_over(window)
                self._query()
                if not (window.due or arrived):
                    return busy
        finally:
            self._provider.rest()

    def _away(self) -> str:
        """Return why the provider takes nothing; empty when it does."""
        try:
            self._provider.open()
        except Away as error:
            return str(error)
        return ""

    # -- sending ------------------------------------------------------------------------------------------------------

    def _between(self, last: _Window, away: str, *, marks: bool) -> tuple[_Window, bool]:
        """Record one window, keep what has come and mark the next, all in one commit; return it and if any came."""
        arrivals = self._provider.arrivals()
        following = _Window()
        with self._database.unit() as unit:
            self._say(unit, away)
            if last.parcels:
                self._record(unit, last)
            if arrivals:
                keep(unit, self._name, arrivals, self._bell_of)
            if marks:
                following.due = self._claimed(unit)
                following.parcels = self._marked(unit, following.due)
        if last.parcels:
            failpoint("sending.recorded")
        if arrivals:
            failpoint("sms.stored")
        if following.parcels:
            failpoint("sending.marked")
        self._provider.stored()
        return following, bool(arrivals)

    def _hand_over(self, window: _Window) -> None:
        if not window.parcels:
            return
        try:
            window.handed = self._provider.hand_over(list(window.parcels.values()), self._take)
        except Exception as error:  # noqa: BLE001 - one that cannot be sent must not hold up the others for ever
            window.handed = self._defect(window.parcels, error)
        failpoint("sending.carried")
        self._pace(window.handed.values())

    def _claimed(self, unit: UnitOfWork) -> list[Claim]:
        """Take what is due, the urgent first; in quiet hours nothing else."""
        room = self._bucket.batch(self._terms.window, _BATCH_SECONDS)
        due: list[Claim] = []
        for priority, where in zip(Priority, self._fresh, strict=True):
            if len(due) == room or quiet_until(self._terms.quiet, priority, unit.now) is not None:
                break
            due += claims.claim(unit, SMS.table, limit=room - len(due), lease=_LEASE, owner=self._owner, where=where)
        return due

    def _marked(self, unit: UnitOfWork, due: Sequence[Claim]) -> dict[int, Parcel]:
        """Mark what will be handed over; end what must not be any more."""
        stopped = store.opted_out(unit, [one.row["to"] for one in due]) if due else set()
        fresh = []
        for one in due:
            row = one.row
            step = sending.found(State.QUEUED, now=unit.now, give_up=row["give_up_time"])
            if row["to"] in stopped:
                SMS.record(unit, one, Step(State.FAILED), Outcome(answer=Answer.REFUSED, reason=_STOPPED))
            elif step is not None:
                reason = row["reason"] or "it could not be sent in time"
                SMS.record(unit, one, step, Outcome(answer=Answer.LATER, reason=reason))
            else:
                fresh.append(one)
        if not fresh:
            return {}
        SMS.begin_all(unit, fresh)
        begun = store.taken_parts(unit, [one.key[0] for one in fresh])
        return {one.key[0]: _parcel(one.row, begun.get(one.key[0], ()), unit) for one in fresh}

    def _take(self) -> float:
        now = self._database.clock.monotonic()
        wait = self._bucket.wait(now)
        if not wait:
            self._bucket = self._bucket.taken(now)
        return wait

    def _pace(self, handed: Collection[Handed]) -> None:
        if any(one.throttled for one in handed):
            self._bucket = self._bucket.refused(self._database.clock.monotonic())
        elif handed:
            self._bucket = self._bucket.accepted()

    def _record(self, unit: UnitOfWork, window: _Window) -> None:
        """Write what became of messages, and of their parts."""
        sent, handed = [claim for claim in window.due if claim.key[0] in window.parcels], window.handed
        ours = claims.held(unit, SMS.table, sent)
        taken: list[Claim] = []
        rows: list[dict[str, Any]] = []
        for claim in ours:
            id_ = claim.key[0]
            result = handed.get(id_)
            if result is None:  # the connection broke before its turn: it is as it was
                claims.release(
                    unit, SMS.table, claim, next_attempt_time=unit.now, state=State.QUEUED,
                    attempts=claim.row["attempts"],
                )  # fmt: skip
            elif result.outcome.answer is Answer.TAKEN:
                taken.append(claim)
                rows.append(self._taken(result.outcome))
            else:
                self._not_taken(unit, claim, result)
        SMS.record_taken(unit, taken, rows)
        if len(ours) < len(sent):
            log.get("sms").warning("taken out of the hand", provider=self._name, count=len(sent) - len(ours))
        if self._provider.gives_receipts:
            self._keep_parts(unit, {one.key[0]: handed[one.key[0]] for one in ours if one.key[0] in handed})

    def _taken(self, outcome: Outcome) -> dict[str, Any]:
        delivery = Delivery.PENDING if self._provider.gives_receipts else Delivery.NONE
        reason, reference = storable(outcome.reason)[:2000], storable(outcome.reference)[:500]
        return {"reason": reason, "reference": reference, "delivery": int(delivery)}

    def _not_taken(self, unit: UnitOfWork, claim: Claim, result: Handed) -> None:
        attempts = claim.row["attempts"] + 1
        give_up = claim.row["give_up_time"]
        if result.throttled:  # that was our fault, not the message's: it keeps its turn
            rest = timedelta(seconds=self._bucket.wait(self._database.clock.monotonic()))
            step = Step(State.QUEUED, min(unit.now + rest, give_up))
        else:
            step = sending.after(result.outcome.answer, attempts=attempts, now=unit.now, give_up=give_up)
        SMS.record(unit, claim, step, result.outcome)

    def _keep_parts(self, unit: UnitOfWork, handed: dict[int, Handed]) -> None:
        ask = unit.now + (self._terms.query_after or self._terms.receipts)
        rows, references = [], []
        for id_, result in handed.items():
            parts: list[tuple[int, str | None]] = [*result.references.items(), *((one, None) for one in result.unknown)]
            for number, reference in parts:
                rows.append(store.part_row(id_, number, self._name, reference, now=unit.now, ask=ask))
                if reference:
                    references.append(reference)
        store.add_parts(unit, rows)
        if references:
            store.meet_early(unit, self._name, references)
        if len(references) < len(rows):
            store.clear_doubts(unit, self._name)

    def _settled(self) -> bool:
        """Say what became of messages that a dead process has left, before others are marked; return if any were."""
        with self._database.reading() as unit:
            if not store.any_left(unit, self._dead):
                return False
        with self._database.unit() as unit:
            dead = claims.claim(
                unit, SMS.table, limit=self._terms.window, lease=_LEASE, owner=self._owner, where=self._dead
            )
        for one in dead:
            self._settle(one)
        return bool(dead)

    def _settle(self, claim: Claim) -> None:
        row = claim.row
        with self._database.reading() as unit:
            parcel = _parcel(row, store.taken_parts(unit, [claim.key[0]]).get(claim.key[0], ()), unit)
        try:
            known = self._provider.found(parcel)
        except Exception as error:  # noqa: BLE001 - one of which nothing can be found out must not hold up the others
            log.get("sms").error("a defect", provider=self._name, exc_info=error)
            known = None
        with self._database.unit() as unit:
            outcome = known or Outcome(answer=Answer.NONE, reason="a process ended while it was handed over")
            step = sending.after(outcome.answer, attempts=row["attempts"], now=unit.now, give_up=row["give_up_time"])
            SMS.record(unit, claim, step, outcome)
            if step.state is State.IN_DOUBT and self._provider.gives_receipts:
                result = Handed(outcome=outcome, unknown=parcel.missing)
                self._keep_parts(unit, {parcel.id: result})

    def _defect(self, parcels: dict[int, Parcel], error: Exception) -> dict[int, Handed]:
        """Whatever it was in the middle of: nobody knows what the provider has."""
        log.get("sms").error("a defect", provider=self._name, exc_info=error)
        self._provider.close()
        reason = f"a defect: {type(error).__name__}; the log says more"
        outcome = Outcome(answer=Answer.NONE, reason=reason)
        return {id_: Handed(outcome=outcome, unknown=one.missing) for id_, one in parcels.items()}

    # -- what comes ---------------------------------------------------------------------------------------------------

    def _query(self) -> None:
        """Ask for the state of parts whose receipts are late, a few at a time."""
        now = self._database.clock.monotonic()
        if self._terms.query_after is None or now < self._asked + 1:
            return
        self._asked = now
        with self._database.reading() as unit:
            late = store.silent(unit, self._name, _ASKED_AT_ONCE)
        if late:
            found = self._provider.ask(late)
            with self._database.unit() as unit:
                store.answered(unit, [one.part for one in late], found, again=self._terms.query_after)

    # -- how it is ----------------------------------------------------------------------------------------------------

    def _say(self, unit: UnitOfWork, problem: str) -> None:
        """Note how the provider is; what another replica has noted before is no concern of ours."""
        self._line.healthy, self._line.sentence = not problem, problem or "takes messages"
        store.say(unit, self._name, healthy=not problem, sentence=self._line.sentence)

    def _let_go(self) -> None:
        """Let other providers have what waits."""
        with self._database.unit() as unit:
            missing = store.away(unit) | {self._name}
            moved = store.move(unit, self._mine, self._ways, missing)
            for name in moved:
                self._bell_of(name).ring_after(unit)


def keep(unit: UnitOfWork, provider: str, arrivals: Sequence[Arrival], bell_of: Callable[[str], Doorbell]) -> None:
    """Keep what a provider has brought."""
    receipts = [one for one in arrivals if isinstance(one, Receipt)]
    messages = [one for one in arrivals if isinstance(one, Received)]
    if receipts:
        store.receive(unit, provider, receipts)
    for one in messages:
        inbox.keep(unit, provider, one)
    if messages:
        bell_of(inbox.BELL).ring_after(unit)


def _parcel(row: Any, begun: Collection[int], unit: UnitOfWork) -> Parcel:
    alphabet = Alphabet(row["alphabet"])
    parts = rules.write(row["text"]).parts
    expire: Any = row["expire_time"]
    return Parcel(
        id=row["id"],
        to=row["to"],
        text=row["text"],
        alphabet=alphabet,
        parts=parts,
        missing=tuple(number for number in range(1, len(parts) + 1) if number not in begun),
        flash=row["flash"],
        validity=expire - unit.now if expire else None,
        create_time=row["create_time"],
    )
