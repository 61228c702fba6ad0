"""From stored mails to decisions: everything is looked up for a whole batch at once, then the rules are asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from server_business.mail import rules
from server_business.mail.accounts import Account
from server_business.mail.automatic import Kind, Signal
from server_business.mail.es_server import Defaults, Sender
from server_business.mail.filters import Outcome
from server_business.mail.rules import Action, Decision, Facts, OpenMail, OwnReport, Reason
from server_business.mail.screening import Verdicts
from server_business.mail.sender import Mailbox, NoSender, SenderProblem, excluded

Row = Mapping[str, Any]
_NOBODY = Sender()


class Records(Protocol):
    """What is known at server_es."""

    def defaults(self) -> Defaults: ...

    def identify(self, mail_addresses: Iterable[str], kinds: Sequence[str]) -> dict[str, Sender]: ...

    def calls(self, numbers: Iterable[int]) -> dict[int, rules.Call]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known here about mails beside their rows.

    Args:
        threads: servicecall numbers by the Message-ID of the mails that became or belong to them.
        earlier: by the id of a mail, how many its sender sent within the hour before it.
        reports: by the id of a mail, what it reports on one of ours.
    """

    threads: Mapping[str, Sequence[int]] = field(default_factory=dict)
    earlier: Mapping[int, int] = field(default_factory=dict)
    reports: Mapping[int, OwnReport] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision on a mail, and who wrote it."""

    decision: Decision
    sender: Sender


def decide(rows: Sequence[Row], account: Account, records: Records, known: Known) -> list[Decided]:
    """Decide on mails of one account.

    Args:
        rows: the mails; `sender`, `subject`, `signals` … of the table `mail`.
        account: its settings.
        records: answers for the whole batch with three calls.
        known: what else there is to know.
    """
    defaults = records.defaults()
    senders = {row["sender"] for row in rows if row["sender"]}
    identified = records.identify(senders, account.kinds) if senders else {}
    found_out = [Verdicts.restored(row["verdicts"]) for row in rows]
    pointed = [
        _pointed(row, account, known.threads) if _makes_calls(account, verdicts) else ((), ())
        for row, verdicts in zip(rows, found_out, strict=True)
    ]
    numbers = {number for both in pointed for some in both for number in some}
    calls = records.calls(numbers) if numbers else {}
    valid = replace(account.rules, default_level_valid=defaults.level, default_category_valid=defaults.category)
    decided = []
    for row, verdicts, (by_subject, by_thread) in zip(rows, found_out, pointed, strict=True):
        sender = identified.get(row["sender"], _NOBODY)
        box = _sender(row)
        facts = Facts(
            sender=box,
            addresses=frozenset(sender.addresses),
            excluded=isinstance(box, Mailbox) and excluded(box, account.exclusions),
            by_subject=tuple(calls[number] for number in by_subject if number in calls),
            by_thread=tuple(calls[number] for number in by_thread if number in calls),
            signals=tuple(Signal(Kind(kind), name, value) for kind, name, value in row["signals"]),
            verdicts=verdicts,
            earlier=known.earlier.get(row.get("id", 0), 0),
            report=known.reports.get(row.get("id", 0)),
        )
        decided.append(Decided(decision=_told_why(rules.decide(facts, valid), defaults), sender=sender))
    return decided


def _makes_calls(account: Account, verdicts: Verdicts) -> bool:
    if verdicts.outcome in (Outcome.CREATE_CONTACT, Outcome.CREATE_SERVICECALL):
        return verdicts.outcome is Outcome.CREATE_SERVICECALL
    return account.rules.action is Action.CREATE_SERVICECALL


def _pointed(
    row: Row, account: Account, threads: Mapping[str, Sequence[int]]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    by_thread = [number for message_id in row["thread"] for number in threads.get(message_id, ())]
    return account.template.numbers(row["subject"]), tuple(dict.fromkeys(by_thread))


def _sender(row: Row) -> Mailbox | NoSender:
    if row["sender"]:
        return Mailbox(row["sender"], row["sender_name"])
    return NoSender(SenderProblem(row["sender_problem"]), row["sender_detail"])


def _told_why(decision: Decision, defaults: Defaults) -> Decision:
    """server_es knows better than the rules what is wrong with its defaults."""
    missing = (Reason.NO_DEFAULT_LEVEL, Reason.NO_DEFAULT_CATEGORY)
    if isinstance(decision, OpenMail) and decision.reason in missing and defaults.problem:
        return OpenMail(reason=decision.reason, detail=defaults.problem, call=decision.call)
    return decision
