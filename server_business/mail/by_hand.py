"""What a person decides on an open mail: made a plan first, so that it survives a crash as the rules' decisions do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import delete, insert, update

from mesh.database import Database, UnitOfWork
from mesh.errors import FailedPrecondition, Unavailable
from mesh.failpoints import failpoint
from server_business.mail import deciding, listing, store
from server_business.mail.accounts import Account
from server_business.mail.automatic import OwnMarks
from server_business.mail.budget import Budget
from server_business.mail.desk import Desk
from server_business.mail.es_server import EsServer
from server_business.mail.intake import Arrival, arrival
from server_business.mail.plans import plan
from server_business.mail.rules import ContactOnCall, CreateContact, CreateServicecall
from server_business.mail.source import MailIdentity, RawMail
from server_business.mail.store import Row
from server_business.mail.suggestions import Hints, Hit
from server_business.mail.tables import MAIL_ATTACHMENT, MAIL_TEXT, Announcement, State

# The verb acts at once; if it is killed, the account's worker takes over from here on.
_TAKEN_OVER: Final = timedelta(seconds=30)
_FRESH: Final = {"open_reason": "", "open_detail": "", "attempts": 0, "announcement": Announcement.NONE}


class Refused(FailedPrecondition):
    """server_es refuses what was decided; the mail is open again."""


class ByHand:
    """Adopts, assigns, dismisses and reprocesses; for plain threads.

    Args:
        database: of server_business.
        es: server_es.
        account_of: returns the settings of an account by its name, of one that is gone the usual ones.
        own: how our own mails are recognised.
    """

    def __init__(self, database: Database, es: EsServer, account_of: Callable[[str], Account], own: OwnMarks) -> None:
        self._database = database
        self._es = es
        self._account_of = account_of
        self._own = own

    def act(
        self, id_: int, decision: CreateContact | CreateServicecall | ContactOnCall, *, by: str, request_id: str
    ) -> None:
        """Make a call or a contact of an open mail. A repeat with the same `request_id` does nothing.

        Raises:
            MailNotOpen: it is not open.
            Refused: server_es does not take it.
        """
        if request_id:
            with self._database.reading() as unit:
                if listing.mail(unit, id_)["verb_request_id"] == request_id:
                    return
        self._es.defaults()  # nothing is begun while server_es is away
        with self._database.unit() as unit:
            row = {**listing.mail(unit, id_), "request_id": str(uuid4())}
            attached = bool(store.attachments(unit, [id_]).get(id_))
            account = self._account_of(row["account"])
            made = plan(decision, row, account, attached=attached, contact_person="", now=unit.now)
            intent = {"plan": made.packed(), "plan_time": unit.now, "verb_request_id": request_id, "decided_by": by}
            self._take(unit, row, intent)
        self._finish(id_, account)
        with self._database.unit() as unit:
            row = dict(listing.mail(unit, id_))
            if row["state"] == State.OPEN:
                store.change(unit, [{"id": id_, "decided_by": "", "verb_request_id": ""}], state=State.OPEN)
        if row["state"] == State.OPEN:
            raise Refused(row["open_detail"], resource=f"mails/{id_}")

    def dismiss(self, id_: int, reason: str, *, by: str) -> None:
        """Put an open mail aside. Raises MailNotOpen."""
        changes = {"state": State.DISMISSED, "open_detail": reason, "decided_by": by}
        with self._database.unit() as unit:
            listing.decide_by_hand(unit, id_, changes | {"announcement": Announcement.NONE})

    def reprocess(self, id_: int) -> None:
        """Decide an open mail again, as rules, records and parser are now. Raises MailNotOpen."""
        self._es.defaults()
        with self._database.unit() as unit:
            row = listing.mail(unit, id_)
            account = self._account_of(row["account"])
            head: Mapping[str, Any] = {}
            if row["state"] == State.OPEN:
                again = self.taken_apart(unit, row, account)
                if again.row["state"] == State.OPEN:
                    return  # it still cannot be read
                head = self._reread(unit, id_, again)
            self._take(unit, {**row, "request_id": str(uuid4())}, {**head, "plan": None, "plan_time": None})
        self._finish(id_, account)

    def check(self, rows: Sequence[Row], account: Account) -> list[deciding.Decided]:
        """Say what the rules would decide on readable mails; changes nothing."""
        return Desk(self._database, self._es, account).decide(rows)

    def found(self, offered: Hints) -> list[Hit]:
        """Ask server_es which addresses something in a mail points to."""
        return self._es.find(offered)

    def taken_apart(self, unit: UnitOfWork, row: Row, account: Account) -> Arrival:
        """Read a stored mail once more."""
        identity = MailIdentity(
            account=row["account"], folder=row["folder"], uidvalidity=row["uidvalidity"], uid=row["uid"]
        )
        raw = RawMail(
            identity=identity,
            received=row["receive_time"],
            content=listing.raw(unit, row["id"]),
            complete=row["complete"],
        )
        return self._arrival(raw, account)

    def tried(self, raw: RawMail, account: Account) -> Row:
        """Take a mail apart that is only to be tried."""
        return self._arrival(raw, account).row

    def _arrival(self, raw: RawMail, account: Account) -> Arrival:
        budget = Budget(size=account.size_limit)
        return arrival(raw, budget=budget, own=self._own, announce=False, policy=account.policy)

    def _take(self, unit: UnitOfWork, row: Row, changes: Mapping[str, Any]) -> None:
        soon = unit.now + _TAKEN_OVER
        taken = {"state": State.RECEIVED, "request_id": row["request_id"], "next_attempt_time": soon}
        listing.decide_by_hand(unit, row["id"], {**taken, **_FRESH, "servicecall": "", **changes})

    def _finish(self, id_: int, account: Account) -> None:
        """Act at once. Is server_es away all of a sudden, the mail stays as it is and the account's worker goes on."""
        failpoint("mail.by_hand")
        with self._database.reading() as unit:
            rows = store.with_texts(unit, [id_])
        try:
            Desk(self._database, self._es, replace(account, open_mail_team="")).work(rows)
        except Unavailable:
            return

    @staticmethod
    def _reread(unit: UnitOfWork, id_: int, again: Arrival) -> Mapping[str, Any]:
        """Write what a mail says that could not be read before; return its head."""
        execute = unit.connection.execute
        execute(update(MAIL_TEXT).where(MAIL_TEXT.c.mail == id_).values(text=again.text, html=again.html))
        execute(delete(MAIL_ATTACHMENT).where(MAIL_ATTACHMENT.c.mail == id_))
        if again.attachments:
            execute(insert(MAIL_ATTACHMENT), [{"mail": id_, **one} for one in again.attachments])
        kept = {
            "sent_time", "sender", "sender_name", "sender_key", "sender_problem", "sender_detail", "subject",
            "message_id", "thread", "signals", "problems", "verdicts", "preview", "length",
        }  # fmt: skip
        return {name: value for name, value in again.row.items() if name in kept}
