"""Mails of ours that received ones name: which servicecall they were about, and what is reported on their delivery."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from sqlalchemy import Row

from mesh.database import UnitOfWork
from server_business.mail.rules import OwnReport
from server_business.mail.screening import Verdicts
from server_business.outgoing_mail import store
from server_business.outgoing_mail.rules import Delivery, Judgement, judge
from server_business.outgoing_mail.tables import MAILS

_CALL = "servicecalls/"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMails:
    """What a batch of received mails says of ours.

    Args:
        found: ours, by Message-ID.
        reports: what a received mail reports, by its id.
        judged: the mail it reports on and what that means, by its id.
    """

    found: Mapping[str, Row[Any]] = field(default_factory=dict)
    reports: Mapping[int, OwnReport] = field(default_factory=dict)
    judged: Mapping[int, tuple[int, Judgement]] = field(default_factory=dict)

    @classmethod
    def named_by(cls, unit: UnitOfWork, rows: Sequence[Mapping[str, Any]], thread: Collection[str]) -> Self:
        """Look for all Message-IDs of a batch at once."""
        told = {
            row.get("id", 0): Verdicts.restored(row["verdicts"]).report for row in rows if row["verdicts"].get("report")
        }
        asked = {*thread, *(one for report in told.values() if report for one in report.message_ids)}
        if not asked:
            return cls()
        found = store.by_message_ids(unit, asked)
        judged: dict[int, tuple[int, Judgement]] = {}
        for id_, report in told.items():
            # A report that names no mail of ours may be forged, or about another program's mail: like any machine's.
            mail = next((found[one] for one in report.message_ids if one in found), None) if report else None
            if mail is None or report is None:
                continue
            judgement = judge(report.recipients, [*mail.to, *mail.cc])
            if judgement is not None:
                judged[id_] = mail.id, judgement
        reports = {
            id_: OwnReport(
                mail=(name := MAILS.name(mail)),
                detail=judgement.sentence(name),
                bounced=judgement.delivery is Delivery.BOUNCED,
            )
            for id_, (mail, judgement) in judged.items()
        }
        return cls(found=found, reports=reports, judged=judged)

    def calls(self) -> dict[str, list[int]]:
        """Return the servicecalls that our mails were about, by Message-ID."""
        return {
            message_id: [int(row.about.removeprefix(_CALL))]
            for message_id, row in self.found.items()
            if row.about.startswith(_CALL) and row.about.removeprefix(_CALL).isdigit()
        }

    def record(self, unit: UnitOfWork, id_: int) -> str:
        """Write down what a received mail reports; return the name of the mail it is about, empty if there is none."""
        if id_ not in self.judged:
            return ""
        mail, judgement = self.judged[id_]
        store.record_report(unit, mail, judgement)
        return MAILS.name(mail)
