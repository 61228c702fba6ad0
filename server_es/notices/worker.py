"""Does what is due with notices: packs and hands over what leaves, asks what became of it, uses the next channel.

Every step is a row first. What leaves is bound to an id in one transaction and handed over after it, under that id:
whoever is killed in between finds the same letter again, and server_business takes it once.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from mesh import claims
from mesh.claims import Claim
from mesh.database import Database, UnitOfWork
from mesh.failpoints import failpoint
from mesh.wakeups import Doorbell
from mesh.workers import Turn, Worker
from server_es.directory import facts
from server_es.directory.staff import Employee
from server_es.messages.address import Messages
from server_es.notices import bundling, rules, store
from server_es.notices.bundling import Parcel, Waiting
from server_es.notices.failing import said, tell_otherwise
from server_es.notices.post import Away, Letter, Outcome, Post, Refused
from server_es.notices.rules import DEFAULT, Channel, State
from server_es.notices.tables import notice
from server_es.notices.telling import Notices

_AT_ONCE: Final = 200
_LEASE: Final = timedelta(minutes=5)
_LIMIT: Final = timedelta(minutes=4)
_SOONEST: Final = timedelta(seconds=5)
_LATEST: Final = timedelta(minutes=10)


class Delivery:
    """Delivers notices.

    Args:
        database: of server_es.
        messages: the inboxes.
        post: takes what leaves.
        notices: tell whoever stands in; they know the site's choice.
        owner: stands in claims, for people to read.
    """

    def __init__(self, database: Database, messages: Messages, post: Post, notices: Notices, owner: str) -> None:
        self._database = database
        self._messages = messages
        self._post = post
        self._notices = notices
        self._policy = notices.policy
        self._owner = owner

    def worker(self, bell: Doorbell) -> Worker:
        """Return it as a worker of the service."""
        return Worker(name="notices.deliver", work=self.turn, every=timedelta(seconds=5), bell=bell, limit=_LIMIT)

    def turn(self, turn: Turn) -> bool:
        """Do what is due; return whether there is more."""
        with self._database.unit() as unit:
            due = store.claim_due(unit, limit=_AT_ONCE, lease=_LEASE, owner=self._owner)
            if not due:
                return False
            self._unanswered_all(unit, [one for one in due if Channel(one.row["channel"]).inside])
            letters = self._packed(unit, [one for one in due if _leaves(one) and one.row["request_id"] is None])
        failpoint("notices.packed")
        letters += [(one, _letter(one.row)) for one in due if _leaves(one) and one.row["request_id"] and not _left(one)]
        groups = _together(letters)
        for at, group in enumerate(groups):
            stops = turn.stopping.is_set()
            if stops or not self._hand_over(group):
                self._later([claim for one in groups[at if stops else at + 1 :] for claim, _ in one], "")
                break
        self._ask([one for one in due if _left(one)])
        return len(due) == _AT_ONCE

    # -- popups -------------------------------------------------------------------------------------------------------

    def _unanswered_all(self, unit: UnitOfWork, popups: Sequence[Claim]) -> None:
        """Popups were to be acknowledged by now; one whose reader is away goes to whoever stands in for him."""
        if not popups:
            return
        people = facts.staff(unit).employees
        absent = self._notices.absent(unit, {one.row["employee"] for one in popups}, unit.now)
        instead = []
        for one in popups:
            employee = one.row["employee"]
            stand_in = absent.get(employee, "")
            if self._unanswered(unit, one, people.get(employee), stand_in):
                instead.append(said(one.row, stand_in))
        self._notices.tell(unit, instead)

    def _unanswered(self, unit: UnitOfWork, claim: Claim, person: Employee | None, stand_in: str) -> bool:
        """If a popup is not acknowledged, use the next channel, or return that `stand_in` has to be told."""
        row = claim.row
        place = (row["employee"], row["inbox_sequence"])
        read = self._messages.read_times(unit, {place}).get(place)
        if read is not None:
            claims.confirm(unit, notice, claim, state=int(State.ACKNOWLEDGED), end_time=read)
            return False
        over = row["expire_time"] is not None and row["expire_time"] <= unit.now
        if person is None or over:
            claims.confirm(unit, notice, claim, reason="not acknowledged before it expired" if over else "")
            return False
        if stand_in:
            claims.confirm(unit, notice, claim, reason=f"not acknowledged; away, employees/{stand_in} is told")
            return True
        wanted = store.preferences_of(unit, {person.number}).get(person.number, DEFAULT)
        told = store.channels_of(unit, row["cause"], row["recipient"])
        channel, more = rules.next_channel(wanted, person, told)
        after = rules.fallback_after(wanted, self._policy)
        if channel is None or after is None:
            claims.confirm(unit, notice, claim, reason="not acknowledged, and there is no other channel")
            return False
        telling = said(row, person.number)
        address = rules.address(channel, person, wanted)
        follower = rules.outside(
            telling, channel, employee=person.number, address=address, wanted=wanted, policy=self._policy, now=unit.now
        )
        store.add(unit, [follower], {}, follows=row["id"])
        reason = f"not acknowledged, {channel.name} follows"
        if more:
            claims.release(unit, notice, claim, next_attempt_time=unit.now + after, reason=reason)
        else:
            claims.confirm(unit, notice, claim, reason=reason)
        return False

    # -- what leaves --------------------------------------------------------------------------------------------------

    def _packed(self, unit: UnitOfWork, due: Sequence[Claim]) -> list[tuple[Claim, Letter]]:
        """Bind to ids what leaves now."""
        groups: defaultdict[tuple[str, int], list[Claim]] = defaultdict(list)
        for one in due:
            groups[one.row["recipient"], one.row["channel"]].append(one)
        letters = []
        for (recipient, channel), group in groups.items():
            ours = {one.row["id"]: one for one in group}
            rows: list[Any] = [_Row(one.row) for one in group]
            if any(not one.row["urgent"] for one in group):
                rows += store.waiting_for(unit, recipient, channel)
            rows = self._without_late(unit, rows)
            waiting = [
                Waiting(id=row.id, subject=row.subject, text=row.text, urgent=row.urgent, held=row.held) for row in rows
            ]
            sent = store.sent_times(unit, recipient, channel)
            limit = self._policy.per_hour(Channel(channel))
            leaving = bundling.leave(waiting, Channel(channel), sent=sent, limit=limit, now=unit.now)
            letters += [
                self._bound(unit, ours[parcel.carrier], parcel) for parcel in leaving.parcels if parcel.carrier in ours
            ]
            if leaving.until is not None:
                store.hold(unit, leaving.held, leaving.until, f"more than {limit} within an hour")
        return letters

    def _without_late(self, unit: UnitOfWork, rows: Sequence[Any]) -> list[Any]:
        """End what is not worth sending any more: expired, or its popup was read meanwhile."""
        places = store.inbox_places(unit, {row.follows for row in rows if row.follows is not None})
        read = self._messages.read_times(unit, set(places.values()))
        good, over = [], {}
        for row in rows:
            place = places.get(row.follows) if row.follows is not None else None
            late = bundling.given_up(row.create_time, row.expire_time, unit.now)
            if place is not None and read.get(place) is not None:
                over[row.id] = (State.SUPPRESSED, f"the popup notices/{row.follows} was read before")
            elif late:
                over[row.id] = (State.FAILED, late)
            else:
                good.append(row)
        store.end(unit, over)
        return good

    def _bound(self, unit: UnitOfWork, claim: Claim, parcel: Parcel) -> tuple[Claim, Letter]:
        request_id = str(uuid4())
        store.bind(unit, parcel, request_id)
        bound = {"request_id": request_id, "parcel_subject": parcel.subject, "parcel_text": parcel.text}
        return claim, _letter({**claim.row, **bound})

    def _hand_over(self, group: Sequence[tuple[Claim, Letter]]) -> bool:
        """Hand letters over together and record them; return whether the next ones are worth an attempt."""
        try:
            answers = self._post.send([letter for _, letter in group])
        except Away as away:
            self._later([claim for claim, _ in group], str(away))
            return False
        failpoint("notices.sent")
        with self._database.unit() as unit:
            for (claim, _), answer in zip(group, answers, strict=True):
                if isinstance(answer, Refused):
                    self._end(unit, claim, Outcome(state=State.FAILED, reason=str(answer)))
                    continue
                claims.release(
                    unit, notice, claim, next_attempt_time=unit.now + _SOONEST,
                    state=int(State.SENT), reason="", remote_name=answer, attempts=claim.row["attempts"] + 1,
                )  # fmt: skip
                store.follow(unit, claim.row["id"], state=int(State.SENT), sent_time=unit.now)
        return True

    def _later(self, unsent: Iterable[Claim], reason: str) -> None:
        """Try again later what was not taken, or give it up."""
        with self._database.unit() as unit:
            for one in unsent:
                row = one.row
                late = bundling.given_up(row["create_time"], row["expire_time"], unit.now)
                if late:
                    self._end(unit, one, Outcome(state=State.FAILED, reason=f"{late}; {reason}".rstrip("; ")))
                    continue
                attempts = row["attempts"] + 1
                again = bundling.next_attempt(attempts, unit.now)
                claims.release(unit, notice, one, next_attempt_time=again, reason=reason, attempts=attempts)

    # -- what became of it --------------------------------------------------------------------------------------------

    def _ask(self, left: Sequence[Claim]) -> None:
        """Ask what became of letters that were handed over."""
        if not left:
            return
        try:
            outcomes = self._post.outcomes({one.row["remote_name"] for one in left})
        except Away:
            outcomes = {}
        except Refused as refused:
            outcomes = {one.row["remote_name"]: Outcome(state=None, reason=str(refused)) for one in left}
        for one in left:
            self._record(one, outcomes.get(one.row["remote_name"], Outcome(state=None)))

    def _record(self, claim: Claim, outcome: Outcome) -> None:
        row = claim.row
        with self._database.unit() as unit:
            if outcome.state is None and row["state"] == State.DELIVERED:  # asked once more, and nobody answers
                outcome = Outcome(state=State.DELIVERED, reason=row["reason"], settled=False)
            late = bundling.given_up(row["create_time"], None, unit.now)
            if outcome.state is None and late:
                reason = outcome.reason or "server_business never said what became of it"
                outcome = Outcome(state=State.FAILED, reason=reason)
            look = None if outcome.settled else bundling.next_look(row["sent_time"], unit.now)
            if outcome.state is None:
                pause = min(max((unit.now - row["sent_time"]) / 2, _SOONEST), _LATEST)
                claims.release(unit, notice, claim, next_attempt_time=unit.now + pause, reason=outcome.reason)
            elif look is not None:
                over = {"state": int(outcome.state), "end_time": row["end_time"] or unit.now}
                claims.release(unit, notice, claim, next_attempt_time=look, reason=outcome.reason, **over)
                store.follow(unit, row["id"], **over)
            else:
                self._end(unit, claim, outcome)

    def _end(self, unit: UnitOfWork, claim: Claim, outcome: Outcome) -> None:
        """End a notice and what left with it; what did not reach somebody is told over another channel."""
        row, state = claim.row, int(outcome.state or State.FAILED)
        end_time = row["end_time"] if row["state"] == state else unit.now
        claims.confirm(unit, notice, claim, state=state, reason=outcome.reason, end_time=end_time)
        store.follow(unit, row["id"], state=state, end_time=end_time)
        if state != State.FAILED or outcome.called_off:
            return
        failed = [row, *store.carried_by(unit, row["id"])]
        instead = tell_otherwise(unit, failed, self._messages, self._notices)
        if row["id"] in instead:
            store.say(unit, row["id"], f"{outcome.reason}; {instead[row['id']]} follows")


class _Row:
    """The columns of a claimed row as attributes, as other rows have them."""

    def __init__(self, row: Any) -> None:
        self.__dict__.update(row)


def _together(letters: Sequence[tuple[Claim, Letter]]) -> list[list[tuple[Claim, Letter]]]:
    """Return what is handed over in one call each: short messages together, mails one by one."""
    groups: list[list[tuple[Claim, Letter]]] = []
    sms: list[tuple[Claim, Letter]] = []
    for one in letters:
        if one[1].channel is not Channel.SMS:
            groups.append([one])
            continue
        if not sms:
            groups.append(sms)
        sms.append(one)
    return groups


def _leaves(claim: Claim) -> bool:
    return not Channel(claim.row["channel"]).inside and claim.row["state"] == State.WAITING


def _left(claim: Claim) -> bool:
    return bool(claim.row["remote_name"])


def _letter(row: Any) -> Letter:
    return Letter(
        request_id=row["request_id"], channel=Channel(row["channel"]), address=row["address"],
        subject=row["parcel_subject"], text=row["parcel_text"], about=row["about"], expire_time=row["expire_time"],
        urgent=row["urgent"],
    )  # fmt: skip
