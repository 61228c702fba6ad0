"""What becomes of a mail: a contact, a servicecall, or an open helpdesk e-mail with its reason.

Pure: the caller looks up sender and calls, this decides, the worker writes. Nothing here answers a mail; a decision
only says whether one may be answered.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from server_business.mail.automatic import Kind, Signal
from server_business.mail.problems import Problem, UnreadableMail
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A servicecall of ours that a mail points to; `locked` from Solved on."""

    number: int
    address: str
    locked: bool


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
    """

    sender: Mailbox | NoSender
    addresses: frozenset[str] = frozenset()
    excluded: bool = False
    by_subject: tuple[Call, ...] = ()
    by_thread: tuple[Call, ...] = ()
    signals: tuple[Signal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """What the account's settings say."""

    action: Action
    default_level_valid: bool = True
    default_category_valid: bool = True
    reopen_on_reply: bool = False


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
    """

    reason: Reason
    detail: str = ""
    call: int | None = None


Decision = CreateContact | CreateServicecall | ContactOnCall | OpenMail

_OF_SENDER = {
    SenderProblem.AMBIGUOUS: Reason.SENDER_AMBIGUOUS,
    SenderProblem.INVALID: Reason.SENDER_INVALID,
}


def decide(facts: Facts, rules: AccountRules) -> Decision:
    """Decide what becomes of a readable mail.

    The subject goes before the thread; a call belongs to the mail only if its address is one of the sender's.
    """
    strongest = facts.signals[0] if facts.signals else None
    if strongest and strongest.kind is Kind.OWN_LOOP:
        return OpenMail(reason=Reason.OWN_LOOP, detail=_evidence(strongest))
    if facts.excluded:
        return OpenMail(reason=Reason.EXCLUDED)
    pointed = facts.by_subject or facts.by_thread
    if rules.action is Action.CREATE_SERVICECALL and pointed:
        return _on_call(facts, rules, pointed)
    return _by_sender(facts, rules)


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
