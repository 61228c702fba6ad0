"""A dry run (Probelauf): what changed settings would make of the newest mails, beside what those of now make."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from esoffice.business.v1 import mail_pb2 as pb
from esoffice.config.v1 import business_settings_pb2 as settings
from sqlalchemy import select

from mesh.clock import Clock
from mesh.database import Database
from mesh.errors import InvalidArgument, Violation
from mesh.instants import timestamp
from server_business.mail import listing
from server_business.mail.accounts import Account, account, with_folders
from server_business.mail.by_hand import ByHand
from server_business.mail.messages import decision_message
from server_business.mail.rules import Decision, OpenMail, Reason
from server_business.mail.store import Row
from server_business.mail.tables import MAIL, State

MOST: Final = 1_000
_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Trial:
    """Decides stored mails by two settings of one account, on the records of now; changes nothing.

    Args:
        database: of server_business.
        by_hand: takes mails apart and decides on them.
        now: the account as it is.
        changed: as it would be.
    """

    database: Database
    by_hand: ByHand
    now: Account
    changed: Account

    @classmethod
    def of(cls, database: Database, by_hand: ByHand, now: Account, said: settings.MailAccount) -> Self:
        """Begin one. The changed settings need no key: what is opened now is opened for them, too.

        Raises:
            InvalidArgument: they have no such folder, or the recognition template is none.
        """
        changed = changed_account(now.name, said, database.clock)
        policy = replace(changed.policy, decryption=now.policy.decryption)
        return cls(database, by_hand, now, replace(changed, policy=policy))

    def steps(self, limit: int) -> Iterator[pb.TryMailRulesProgress]:
        """Compare the newest mails and say after each few how far it is; at least once."""
        newest = select(MAIL.c.id).where(MAIL.c.account == self.now.name).order_by(MAIL.c.id.desc())
        with self.database.reading() as unit:
            ids = list(unit.connection.execute(newest.limit(limit or MOST)).scalars())
        if not ids:
            yield pb.TryMailRulesProgress()
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            yield pb.TryMailRulesProgress(
                compared_count=start + len(some), total_count=len(ids), differences=self._compared(some)
            )

    def _compared(self, ids: Sequence[int]) -> list[pb.MailDifference]:
        before: list[Row] = []
        after: list[Row] = []
        for id_ in ids:  # one at a time: the raw mails of a step may be large
            with self.database.reading() as unit:
                row = listing.mail(unit, id_)
                for account_, rows in ((self.now, before), (self.changed, after)):
                    rows.append({**self.by_hand.taken_apart(unit, row, account_).row, "id": id_, "stored": row})
        pairs = zip(before, self._decided(before, self.now), self._decided(after, self.changed), strict=True)
        return [
            pb.MailDifference(
                mail=f"mails/{row['id']}",
                receive_time=timestamp(row["stored"]["store_time"]),
                sender=row["sender"],
                subject=row["subject"],
                before=was,
                after=will,
            )
            for row, was, will in pairs
            if _differ(was, will)
        ]

    def _decided(self, rows: Sequence[Row], account_: Account) -> list[pb.CheckMailResponse]:
        readable = [row for row in rows if row["state"] != State.OPEN]
        found = iter(self.by_hand.check(readable, account_)) if readable else iter(())
        decisions: list[Decision] = [
            OpenMail(reason=Reason(row["open_reason"]), detail=row["open_detail"])
            if row["state"] == State.OPEN
            else next(found).decision
            for row in rows
        ]
        return [decision_message(one) for one in decisions]


def changed_account(name: str, said: settings.MailAccount, clock: Clock) -> Account:
    """Return an account as changed settings have it; `name` may be that of a further folder.

    Raises:
        InvalidArgument: they have no such folder, or the recognition template is none.
    """
    base, _, folder = name.partition(".")
    found = dict(with_folders(base, said)).get(name)
    if found is None:
        raise InvalidArgument([Violation("settings.folders", f"the changed settings have no folder '{folder}'")])
    return account(name, found, clock)


def _differ(was: pb.CheckMailResponse, will: pb.CheckMailResponse) -> bool:
    return _essence(was) != _essence(will)


def _essence(decided: pb.CheckMailResponse) -> tuple[object, ...]:
    # The sentence on an open mail holds evidence that may read differently; that on a contact says what else happens.
    said = "" if decided.state == pb.MAIL_STATE_OPEN else decided.detail
    return decided.state, decided.open_reason, decided.servicecall, decided.address, said
