"""What is found out about a mail before it is decided: whose it is, what the own servers say of it, which rule fits.

Pure, and done once, when the mail is taken apart: the row keeps the verdicts, so that deciding costs no second look.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from server_business.mail import authentication
from server_business.mail.automatic import headers_by_name
from server_business.mail.decryption import Decryption
from server_business.mail.filters import HeaderPattern, Headers, Outcome, Rule, SenderPatterns, first_fitting
from server_business.mail.forwarded import is_forwarded, original_sender
from server_business.mail.parsing import ParsedMail, parse
from server_business.mail.problems import UnreadableMail
from server_business.mail.reports import Recipient, Report, read_report
from server_business.mail.sender import Mailbox, NoSender

_AUTHENTICATION: Final = "authentication-results"
_REPLY_TO: Final = "reply-to"
_NOBODY: Final = SenderPatterns(frozenset())
_SHOWN: Final = 200


class Source(StrEnum):
    """Where the sender was read."""

    FROM = "from"
    REPLY_TO = "reply-to"
    FORWARDED = "forwarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an account looks at before its action.

    Args:
        rules: in the order in which they are asked.
        reply_to_senders: whose Reply-To counts as the sender.
        forwarding_senders: who passes mails on for others.
        authentication_server: whose Authentication-Results count; empty: nobody's.
        spam_signs: how the site's filter marks spam.
        decryption: opens encrypted mails; None: they stay closed.
        wanted: lower-case names of the headers all this needs.
    """

    rules: tuple[Rule, ...] = ()
    reply_to_senders: SenderPatterns = _NOBODY
    forwarding_senders: SenderPatterns = _NOBODY
    authentication_server: str = ""
    spam_signs: tuple[HeaderPattern, ...] = ()
    decryption: Decryption | None = None
    wanted: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        names = {one.name for rule in self.rules for one in rule.headers} | {one.name for one in self.spam_signs}
        if self.authentication_server:
            names.add(_AUTHENTICATION)
        if self.reply_to_senders:
            names.add(_REPLY_TO)
        object.__setattr__(self, "wanted", frozenset(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What was found out.

    Args:
        source: where the sender was read.
        from_address: in the From header, if the sender was read elsewhere.
        authentication: such as `dmarc=fail`; empty: nothing was said.
        spam: the header that says it is spam; empty: none does.
        rule: name of the rule that fits; empty: none.
        outcome: what it says.
        report: on the delivery of a mail that may be ours.
    """

    source: Source = Source.FROM
    from_address: str = ""
    authentication: str = ""
    spam: str = ""
    rule: str = ""
    outcome: Outcome | None = None
    report: Report | None = None

    @property
    def forged(self) -> bool:
        """The mail does not come from whom its From header names."""
        return self.authentication == authentication.FAILED

    def stored(self) -> dict[str, Any]:
        """Return them for the row; nothing of an everyday mail."""
        if self == NOTHING:  # of nearly all
            return {}
        return {name: value for name, value in asdict(self).items() if value and value != Source.FROM}

    @classmethod
    def restored(cls, row: dict[str, Any]) -> "Verdicts":
        """Read what `stored` wrote."""
        said = dict(row)
        if "source" in said:
            said["source"] = Source(said["source"])
        if "outcome" in said:
            said["outcome"] = Outcome(said["outcome"])
        if "report" in said:
            told = said["report"]
            recipients = tuple(Recipient(**{**one, "addresses": tuple(one["addresses"])}) for one in told["recipients"])
            said["report"] = Report(message_ids=tuple(told["message_ids"]), recipients=recipients)
        return cls(**said)


NOTHING: Final = Verdicts()
EVERYDAY: Final = Policy()
"""Of an account that looks at nothing before its action."""


def screen(mail: ParsedMail, folder: str, policy: Policy) -> tuple[Mailbox | NoSender, Verdicts]:
    """Return who counts as the sender of a readable mail, and what else was found out about it."""
    report = read_report(mail.attachments, mail.thread, mail.text) if mail.attachments else None
    if not (policy.wanted or policy.rules or policy.forwarding_senders or report):
        return mail.sender, NOTHING
    headers = headers_by_name(mail.headers)
    said = headers.get(_AUTHENTICATION, ())
    checked = authentication.verdict(said, policy.authentication_server) if policy.authentication_server else ""
    sender, source = _sender(mail, policy) if checked != authentication.FAILED else (mail.sender, Source.FROM)
    rule = first_fitting(policy.rules, headers, sender, folder, mail.size)
    return sender, Verdicts(
        source=source,
        from_address=mail.sender.address if source is not Source.FROM and isinstance(mail.sender, Mailbox) else "",
        authentication=checked,
        spam=_spam(headers, policy.spam_signs),
        rule=rule.name if rule else "",
        outcome=rule.outcome if rule else None,
        report=report,
    )


def _sender(mail: ParsedMail, policy: Policy) -> tuple[Mailbox | NoSender, Source]:
    if mail.reply_to and policy.reply_to_senders.fits(mail.sender):
        return mail.reply_to, Source.REPLY_TO
    if policy.forwarding_senders.fits(mail.sender) and (first := _original(mail)):
        return first, Source.FORWARDED
    return mail.sender, Source.FROM


def _original(mail: ParsedMail) -> Mailbox | None:
    attached = next((one for one in mail.attachments if one.content_type == "message/rfc822"), None)
    if attached is not None:
        try:
            sender = parse(attached.content).sender
        except UnreadableMail:
            return None
        return sender if isinstance(sender, Mailbox) else None
    return original_sender(mail.text) if is_forwarded(mail.subject) else None


def _spam(headers: Headers, signs: Sequence[HeaderPattern]) -> str:
    sign = next((one for one in signs if one.fits(headers)), None)
    if sign is None:
        return ""
    value = next(one for one in headers[sign.name] if sign.value.match(one))
    return f"{sign.name}: {value}"[:_SHOWN]
