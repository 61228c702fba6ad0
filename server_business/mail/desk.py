"""Decides on stored mails and has server_es act on it: looked up, planned, asked for, recorded, each step durable.

Whatever is killed in between: a row without a plan is decided again, a row with a plan asks for the same under the same
request id, and the answer is the same. Nothing here holds a transaction while server_es is asked.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from mesh import metrics
from mesh.database import Database
from mesh.errors import Unavailable
from mesh.failpoints import failpoint
from server_business.mail import deciding, store
from server_business.mail.accounts import Account
from server_business.mail.es_server import EsServer, Refusal
from server_business.mail.fences import Fence, free
from server_business.mail.intake import opened_row
from server_business.mail.own_mails import OwnMails
from server_business.mail.plans import Plan, plan
from server_business.mail.rules import CreateContact, CreateServicecall, OpenMail, PutAside, Reason
from server_business.mail.store import Row
from server_business.mail.tables import Attached, State

BATCH: Final = 500
CHARACTERS: Final = 4_000_000  # a batch stays below the 16 MB a server takes in one message
_REMEMBERED: Final = timedelta(hours=23)  # server_es knows a request id for 24 h
_FIRST_PAUSE: Final = timedelta(seconds=2)
_LONGEST_PAUSE: Final = timedelta(minutes=5)


@dataclass(slots=True)
class Job:
    """A mail that is being acted on, what hangs on it, and what became of it."""

    row: Row
    plan: Plan
    attachments: Sequence[Row]
    outcome: dict[str, Any] | None = None
    refusal: Refusal | None = None


class Desk:
    """Decides and acts for one account.

    Args:
        database: of server_business.
        es: server_es.
        account: the settings.
        fence: called in every transaction that writes; raises when somebody else has taken over.
    """

    def __init__(self, database: Database, es: EsServer, account: Account, fence: Fence = free) -> None:
        self._database = database
        self._es = es
        self._account = account
        self._fence = fence

    def turn(self) -> bool:
        """Decide on what is due, and act on it. Return whether there may be more.

        Raises:
            EsServerAway: nothing was asked for; everything stays as it is.
        """
        with self._database.reading() as unit:
            rows = store.undecided(unit, self._account.name, limit=BATCH, characters=CHARACTERS)
        if not rows:
            return False
        return self.work(rows)

    def work(self, rows: Sequence[Row]) -> bool:
        """Decide on rows that are RECEIVED and act; return whether something was done."""
        planned = [row for row in rows if row["plan"]]
        unplanned = [row for row in rows if not row["plan"]]
        if planned:
            self._es.defaults()  # nothing is asked for twice while nobody is there to answer
        jobs, left = self._jobs(planned)
        if unplanned:
            more, opened = self._plan(unplanned)
            jobs, left = jobs + more, left + opened
        failpoint("mail.decided")
        done = self._act(jobs) if jobs else 0
        return done + left > 0

    def decide(self, rows: Sequence[deciding.Row]) -> list[deciding.Decided]:
        """Say what the rules make of mails; changes nothing."""
        known, _, _ = self._known(rows)
        return deciding.decide(rows, self._account, self._es, known)

    # -- plan ---------------------------------------------------------------------------------------------------------

    def _plan(self, rows: Sequence[Row]) -> tuple[list[Job], int]:
        """Write down what is asked for; return the jobs, and how many mails are left to a person."""
        known, waiting, ours = self._known(rows)
        # An answer to a mail that is not decided yet waits for it: that may become the call it belongs to.
        rows = [row for row in rows if row["id"] not in waiting]
        if not rows:
            return [], 0
        decided = deciding.decide(rows, self._account, self._es, known)
        changes: list[dict[str, Any]] = []
        with self._database.unit() as unit:
            self._fence(unit)
            hanging = store.attachments(unit, [row["id"] for row in rows])
            jobs = []
            for row, one in zip(rows, decided, strict=True):
                found = {"id": row["id"], "candidates": list(one.sender.addresses[1:] and one.sender.addresses)}
                found["outgoing_mail"] = ours.record(unit, row["id"])
                if isinstance(one.decision, OpenMail):
                    changes.append(found | self._opened(one.decision))
                    continue
                if isinstance(one.decision, PutAside):
                    aside = {"state": State.DISMISSED, "open_detail": one.decision.detail, "next_attempt_time": None}
                    changes.append(found | aside)
                    continue
                person = one.sender.contact_person
                attachments = hanging.get(row["id"], [])
                made = plan(
                    one.decision,
                    row,
                    self._account,
                    attached=bool(attachments),
                    contact_person=person if isinstance(one.decision, CreateContact | CreateServicecall) else "",
                    now=unit.now,
                )
                jobs.append(Job(row, made, attachments))
                changes.append(found | {"plan": made.packed(), "plan_time": unit.now})
            store.change(unit, changes)
        return jobs, len(rows) - len(jobs)

    def _known(self, rows: Sequence[deciding.Row]) -> tuple[deciding.Known, set[int], OwnMails]:
        """Return what is known here, the mails that have to wait for an earlier one, and those of ours they name."""
        asked = {message_id for row in rows for message_id in row["thread"]}
        found: dict[str, list[tuple[int, int, str]]] = {}
        earlier: dict[int, int] = {}
        with self._database.reading() as unit:
            ours = OwnMails.named_by(unit, rows, asked)
            if asked:
                found = store.calls_of_threads(unit, asked)
            if self._account.rules.mails_per_hour:
                earlier = store.earlier_of_senders(unit, self._account.name, rows)
        calls: dict[str, list[int]] = defaultdict(list, ours.calls())
        for message_id, mails in found.items():
            mine = [call for _, state, call in mails if call and state in (State.SERVICECALL, State.CONTACT)]
            calls[message_id] += [int(call.rpartition("/")[2]) for call in mine]
        waiting = {
            row["id"]
            for row in rows
            for message_id in row["thread"]
            for id_, state, _ in found.get(message_id, ())
            if state == State.RECEIVED and id_ < row.get("id", 0)
        }
        return deciding.Known(threads=calls, earlier=earlier, reports=ours.reports), waiting, ours

    # -- act ----------------------------------------------------------------------------------------------------------

    def _jobs(self, rows: Sequence[Row]) -> tuple[list[Job], int]:
        """Take planned rows up again; those whose request id server_es has forgotten are left to a person."""
        if not rows:
            return [], 0
        now = self._database.clock.now()
        forgotten = [row for row in rows if row["plan_time"] < now - _REMEMBERED]
        if forgotten:
            sentence = "server_es was not reached for a day; look whether it made a servicecall or contact of {}"
            changes = [
                {"id": row["id"]} | self._open(Reason.REFUSED, sentence.format(f"mails/{row['id']}"))
                for row in forgotten
            ]
            with self._database.unit() as unit:
                self._fence(unit)
                store.change(unit, changes)
        with self._database.reading() as unit:
            hanging = store.attachments(unit, [row["id"] for row in rows])
        left = {row["id"] for row in forgotten}
        rows = [row for row in rows if row["id"] not in left]
        return [Job(row, Plan.unpacked(row["plan"]), hanging.get(row["id"], [])) for row in rows], len(left)

    def _act(self, jobs: Sequence[Job]) -> int:
        for job in jobs:
            job.plan = job.plan.complete(job.row, job.attachments)
        away: Unavailable | None = None
        try:
            self._make_calls([job for job in jobs if job.plan.call is not None])
            self._make_contacts([job for job in jobs if job.plan.contact is not None and job.outcome is None])
        except Unavailable as error:
            away = error
        failpoint("mail.called")
        self._record(jobs)
        if away is not None:
            raise away
        return sum(job.outcome is not None for job in jobs)

    def _make_calls(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        failpoint("mail.calling")
        names = self._es.create_calls([job.plan.call for job in jobs if job.plan.call is not None])
        for job, name in zip(jobs, names, strict=True):
            if isinstance(name, Refusal):
                self._refused(job, name)
            elif job.plan.contact is None:
                job.outcome = self._became(job, State.SERVICECALL, call=name)
            else:
                job.plan.contact.contact.servicecall = name

    def _make_contacts(self, jobs: Sequence[Job]) -> None:
        jobs = [job for job in jobs if job.refusal is None]
        if not jobs:
            return
        failpoint("mail.calling_contacts")
        names = self._es.create_contacts([job.plan.contact for job in jobs if job.plan.contact is not None])
        for job, name in zip(jobs, names, strict=True):
            call = job.plan.contact.contact.servicecall if job.plan.contact is not None else ""
            state = State.CONTACT if job.plan.call is None else State.SERVICECALL
            if not isinstance(name, Refusal):
                job.outcome = self._became(job, state, call=call, contact=name)
            elif state == State.SERVICECALL and not name.later:  # the call is there; what hangs on the mail is not
                problem = f"the contact with the attachments was refused: {name.sentence}"
                job.outcome = self._became(job, state, call=call) | {"problems": [*job.row["problems"], problem]}
            else:
                self._refused(job, name)

    def _refused(self, job: Job, refusal: Refusal) -> None:
        job.refusal = refusal
        if not refusal.later:
            reason = Reason.NO_DEFAULT_LEVEL if refusal.reason.endswith("NO_SERVICE_LEVEL") else Reason.REFUSED
            job.outcome = self._open(reason, refusal.sentence)

    # -- record -------------------------------------------------------------------------------------------------------

    def _record(self, jobs: Sequence[Job]) -> None:
        changes = []
        with self._database.unit() as unit:
            self._fence(unit)
            for job in jobs:
                if job.outcome is not None:
                    changes.append({"id": job.row["id"], **job.outcome})
                elif job.refusal is not None:  # only this one: the others of its batch were answered
                    attempts = job.row["attempts"] + 1
                    pause = min(_FIRST_PAUSE * 2 ** min(attempts, 10), _LONGEST_PAUSE)
                    later = {"attempts": attempts, "next_attempt_time": unit.now + pause}
                    changes.append({"id": job.row["id"], **later})
            store.change(unit, changes)
        failpoint("mail.recorded")
        kind = self._account.location.partition(":")[0]
        for job in jobs:
            if job.outcome is not None:
                metrics.MAILS.labels(kind, State(job.outcome["state"]).name.lower()).inc()

    def _became(self, job: Job, state: State, *, call: str = "", contact: str = "") -> dict[str, Any]:
        return {
            "state": state,
            "servicecall": call,
            "contact": contact,
            "address": job.plan.address,
            "next_attempt_time": None,
            "attached": Attached.DUE if job.attachments else Attached.NONE,
        }

    def _opened(self, decision: OpenMail) -> dict[str, Any]:
        call = f"servicecalls/{decision.call}" if decision.call else ""
        return self._open(decision.reason, decision.detail, quiet=decision.quiet) | {"servicecall": call}

    def _open(self, reason: Reason, detail: str, *, quiet: bool = False) -> dict[str, Any]:
        # A person's next decision asks for something else, so it gets a request id of its own.
        told = opened_row(reason, detail, announce=bool(self._account.open_mail_team) and not quiet)
        return told | {"plan": None, "plan_time": None}
