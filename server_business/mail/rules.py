"""What becomes of a mail: a contact, a servicecall, or an open helpdesk e-mail with its reason.

Pure: the caller looks up sender and calls, this decides, the worker writes. Nothing here answers a mail; a decision
only says whether one may be answered.
"""

from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto

from server_business.mail.automatic import Kind, Signal, is_newsletter
from server_business.mail.filters import Outcome
from server_business.mail.problems import Problem, UnreadableMail
from server_business.mail.screening import NOTHING, Verdicts
from server_business.mail.sender import Mailbox, NoSender, SenderProblem


class Action(Enum):
    """What an account does with its mails."""

    CREATE_CONTACT = auto()
    CREATE_SERVICECALL = auto()


class Reason(StrEnum):
    """Why a mail waits for a person (open helpdesk e-mail)."""

    SENDER_UNKNOWN = "sender-unknown"
    SENDER_AMBIGUOUS = "sender-ambiguous"
    SENDER_INVALID = "sender-invalid"
    SENDER_NOT_OF_CALL = "sender-not-of-call"
    NO_DEFAULT_LEVEL = "no-default-level"
    NO_DEFAULT_CATEGORY = "no-default-category"
    AUTOMATIC = "automatic"
    OWN_LOOP = "own-loop"
    EXCLUDED = "excluded"
    UNREADABLE = "unreadable"
    OVERSIZE = "oversize"
    REFUSED = "refused"
    SENDER_FORGED = "sender-forged"
    SENDER_BUDGET = "sender-budget"
    SPAM = "spam"
    NEWSLETTER = "newsletter"
    RULE = "rule"
    BOUNCED = "bounced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A servicecall of ours that a mail points to; `locked` from Solved on."""

    number: int
    address: str
    locked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnReport:
    """What a mail reports on one of ours.

    Args:
        mail: resource name of the outgoing mail.
        detail: what became of it, in one sentence.
        bounced: it could not be delivered, to at least one recipient.
    """

    mail: str
    detail: str
    bounced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about a mail before it is decided.

    Args:
        sender: who wrote it, read strictly.
        addresses: names of the addresses the sender was found at, contact persons counting with their main address.
        excluded: the account leaves this sender out.
        by_subject: existing calls the subject names, in its order.
        by_thread: existing calls whose own mails In-Reply-To and then References name, latest first.
        signals: the signs of a machine, strongest first.
        verdicts: what was found out when it was taken apart.
        earlier: mails of the sender within the hour before it.
        report: what it reports on a mail of ours.
    """

    sender: Mailbox | NoSender
    addresses: frozenset[str] = frozenset()
    excluded: bool = False
    by_subject: tuple[Call, ...] = ()
    by_thread: tuple[Call, ...] = ()
    signals: tuple[Signal, ...] = ()
    verdicts: Verdicts = NOTHING
    earlier: int = 0
    report: OwnReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """What the account's settings say; `mails_per_hour` of one sender are acted on, 0: all."""

    action: Action
    default_level_valid: bool = True
    default_category_valid: bool = True
    reopen_on_reply: bool = False
    mails_per_hour: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateContact:
    """Write a contact with text and attachments on this address."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateServicecall:
    """Create a call for this address; the mail becomes its first contact and may be acknowledged."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactOnCall:
    """Write a contact on an existing call.

    Args:
        call: its number.
        addendum: the call is locked; the contact is a Nachtrag and the responsible employee is told.
        reopen: set the call to unsolved.
        answerable: an acknowledgement may be sent; never to a machine.
    """

    call: int
    addendum: bool
    reopen: bool
    answerable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMail:
    """Leave the mail to a person; never answered.

    Args:
        reason: why.
        detail: one sentence of evidence; may be empty.
        call: the call it points to, if any.
        quiet: nobody is told; it is in the list of open mails.
    """

    reason: Reason
    detail: str = ""
    call: int | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAside:
    """Keep the mail and leave nobody anything to do; `detail` says why."""

    detail: str


Decision = CreateContact | CreateServicecall | ContactOnCall | OpenMail | PutAside

_OF_SENDER = {
    SenderProblem.AMBIGUOUS: Reason.SENDER_AMBIGUOUS,
    SenderProblem.INVALID: Reason.SENDER_INVALID,
}
_ACTIONS = {
    Outcome.CREATE_CONTACT: Action.CREATE_CONTACT,
    Outcome.CREATE_SERVICECALL: Action.CREATE_SERVICECALL,
}


def decide(facts: Facts, rules: AccountRules) -> Decision:
    """Decide what becomes of a readable mail.

    The subject goes before the thread; a call belongs to the mail only if its address is one of the sender's.
    """
    pointed = facts.by_subject or facts.by_thread
    before = _before_the_action(facts, rules, pointed[0].number if pointed else None)
    if before is not None:
        return before
    outcome = facts.verdicts.outcome
    rules = replace(rules, action=_ACTIONS[outcome]) if outcome in _ACTIONS else rules
    if rules.action is Action.CREATE_SERVICECALL and pointed:
        return _on_call(facts, rules, pointed)
    return _by_sender(facts, rules)


def _before_the_action(facts: Facts, rules: AccountRules, call: int | None) -> Decision | None:
    """Return what is decided before anything is looked up; None leaves it to the action."""
    return _of_our_own(facts) or _by_rule(facts, call) or _by_trust(facts, rules, call)


def _of_our_own(facts: Facts) -> Decision | None:
    if facts.report is not None:
        if facts.report.bounced:
            return OpenMail(reason=Reason.BOUNCED, detail=facts.report.detail)
        return PutAside(detail=facts.report.detail)
    strongest = facts.signals[0] if facts.signals else None
    if strongest and strongest.kind is Kind.OWN_LOOP:
        return OpenMail(reason=Reason.OWN_LOOP, detail=_evidence(strongest))
    return None


def _by_rule(facts: Facts, call: int | None) -> Decision | None:
    verdicts = facts.verdicts
    if verdicts.outcome is Outcome.IGNORE:
        return PutAside(detail=f"put aside by the rule '{verdicts.rule}'")
    if verdicts.outcome is Outcome.LEAVE_OPEN:
        return OpenMail(reason=Reason.RULE, detail=f"left open by the rule '{verdicts.rule}'", call=call)
    return OpenMail(reason=Reason.EXCLUDED) if facts.excluded else None


def _by_trust(facts: Facts, rules: AccountRules, call: int | None) -> Decision | None:
    verdicts = facts.verdicts
    if verdicts.forged:
        who = facts.sender.address if isinstance(facts.sender, Mailbox) else "its sender"
        detail = f"our mail server says that it does not come from {who} ({verdicts.authentication})"
        return OpenMail(reason=Reason.SENDER_FORGED, detail=detail, call=call)
    if rules.mails_per_hour and facts.earlier >= rules.mails_per_hour:
        detail = (
            f"{facts.earlier} mails of this sender came within the hour before; {rules.mails_per_hour} are acted on"
        )
        return OpenMail(reason=Reason.SENDER_BUDGET, detail=detail, call=call)
    if verdicts.spam:
        return OpenMail(reason=Reason.SPAM, detail=verdicts.spam, call=call, quiet=len(facts.addresses) != 1)
    return None


def unread(refusal: UnreadableMail) -> OpenMail:
    """Decide about a mail that could not be read."""
    reason = Reason.OVERSIZE if refusal.problem is Problem.OVERSIZE else Reason.UNREADABLE
    return OpenMail(reason=reason, detail=refusal.message)


def _on_call(facts: Facts, rules: AccountRules, pointed: tuple[Call, ...]) -> Decision:
    machine = facts.signals[0] if facts.signals else None
    call = next((one for one in pointed if one.address in facts.addresses), None)
    if call:
        reopen = call.locked and rules.reopen_on_reply and not machine
        return ContactOnCall(call=call.number, addendum=call.locked, reopen=reopen, answerable=not machine)
    number = pointed[0].number
    if machine:
        return OpenMail(reason=Reason.AUTOMATIC, detail=_evidence(machine), call=number)
    if isinstance(facts.sender, NoSender):
        return OpenMail(reason=_OF_SENDER[facts.sender.problem], detail=facts.sender.sentence, call=number)
    detail = f"{facts.sender.address} does not belong to the address of servicecall {number}"
    return OpenMail(reason=Reason.SENDER_NOT_OF_CALL, detail=detail, call=number)


def _by_sender(facts: Facts, rules: AccountRules) -> Decision:
    if not facts.addresses and is_newsletter(facts.signals):
        return OpenMail(reason=Reason.NEWSLETTER, detail=_evidence(facts.signals[0]), quiet=True)
    if rules.action is Action.CREATE_SERVICECALL and facts.signals:
        return OpenMail(reason=Reason.AUTOMATIC, detail=_evidence(facts.signals[0]))
    if isinstance(facts.sender, NoSender):
        return OpenMail(reason=_OF_SENDER[facts.sender.problem], detail=facts.sender.sentence)
    if not facts.addresses:
        return OpenMail(reason=Reason.SENDER_UNKNOWN, detail=f"{facts.sender.address} belongs to no address")
    if len(facts.addresses) > 1:
        detail = f"{facts.sender.address} belongs to {len(facts.addresses)} addresses"
        return OpenMail(reason=Reason.SENDER_AMBIGUOUS, detail=detail)
    (address,) = facts.addresses
    return CreateContact(address=address) if rules.action is Action.CREATE_CONTACT else _new_call(rules, address)


def _new_call(rules: AccountRules, address: str) -> CreateServicecall | OpenMail:
    if not rules.default_level_valid:
        return OpenMail(reason=Reason.NO_DEFAULT_LEVEL, detail="the account has no valid default service level")
    if not rules.default_category_valid:
        return OpenMail(reason=Reason.NO_DEFAULT_CATEGORY, detail="the account has no valid default problem category")
    return CreateServicecall(address=address)


def _evidence(signal: Signal) -> str:
    return f"{signal.kind}: {signal.name}: {signal.value}"
