"""From stored mails to decisions: everything is looked up for a whole batch at once, then the rules are asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from server_business.mail import rules
from server_business.mail.accounts import Account
from server_business.mail.automatic import Kind, Signal
from server_business.mail.es_server import Defaults, Sender
from server_business.mail.rules import AccountRules, Action, Decision, Facts, OpenMail, Reason
from server_business.mail.sender import Mailbox, NoSender, SenderProblem, excluded

Row = Mapping[str, Any]
_NOBODY = Sender()


class Records(Protocol):
    """What is known at server_es."""

    def defaults(self) -> Defaults: ...

    def identify(self, mail_addresses: Iterable[str], kinds: Sequence[str]) -> dict[str, Sender]: ...

    def calls(self, numbers: Iterable[int]) -> dict[int, rules.Call]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision on a mail, and who wrote it."""

    decision: Decision
    sender: Sender


def decide(
    rows: Sequence[Row], account: Account, records: Records, threads: Mapping[str, Sequence[int]]
) -> list[Decided]:
    """Decide on mails of one account.

    Args:
        rows: the mails; `sender`, `subject`, `signals` … of the table `mail`.
        account: its settings.
        records: answers for the whole batch with three calls.
        threads: servicecall numbers by the Message-ID of the mails that became or belong to them.
    """
    defaults = records.defaults()
    senders = {row["sender"] for row in rows if row["sender"]}
    identified = records.identify(senders, account.kinds) if senders else {}
    makes_calls = account.rules.action is Action.CREATE_SERVICECALL
    pointed = [_pointed(row, account, threads) if makes_calls else ((), ()) for row in rows]
    numbers = {number for both in pointed for some in both for number in some}
    calls = records.calls(numbers) if numbers else {}
    valid = AccountRules(
        action=account.rules.action,
        default_level_valid=defaults.level,
        default_category_valid=defaults.category,
        reopen_on_reply=account.rules.reopen_on_reply,
    )
    decided = []
    for row, (by_subject, by_thread) in zip(rows, pointed, strict=True):
        sender = identified.get(row["sender"], _NOBODY)
        box = _sender(row)
        facts = Facts(
            sender=box,
            addresses=frozenset(sender.addresses),
            excluded=isinstance(box, Mailbox) and excluded(box, account.exclusions),
            by_subject=tuple(calls[number] for number in by_subject if number in calls),
            by_thread=tuple(calls[number] for number in by_thread if number in calls),
            signals=tuple(Signal(Kind(kind), name, value) for kind, name, value in row["signals"]),
        )
        decided.append(Decided(decision=_told_why(rules.decide(facts, valid), defaults), sender=sender))
    return decided


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
