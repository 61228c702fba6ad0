"""A raw mail to the rows that keep it. Pure: bytes in, rows out; nothing here may fail because of a mail."""

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from uuid import uuid4

from server_business.mail.automatic import OwnMarks, automatic_signals, headers_by_name
from server_business.mail.budget import Budget
from server_business.mail.parsing import ParsedMail, parse
from server_business.mail.problems import Problem, UnreadableMail
from server_business.mail.rules import Reason, unread
from server_business.mail.screening import EVERYDAY, Policy, screen
from server_business.mail.sender import Mailbox, NoSender
from server_business.mail.source import MailIdentity, RawMail
from server_business.mail.tables import Announcement, State

PREVIEW = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A mail ready to be stored.

    Args:
        identity: where it lies.
        raw: as it came, or its beginning.
        row: its columns in `mail`, without its id.
        text, html: what it says.
        attachments: rows of `mail_attachment`, without the mail's id.
    """

    identity: MailIdentity
    raw: bytes = field(repr=False)
    row: dict[str, Any] = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    attachments: list[dict[str, Any]] = field(repr=False)


def arrival(mail: RawMail, *, budget: Budget, own: OwnMarks, announce: bool, policy: Policy = EVERYDAY) -> Arrival:
    """Take a mail apart.

    Args:
        mail: as the source gave it.
        budget: what it may cost.
        own: how our own mails are recognised.
        announce: whether the team of the open mails is told of one that cannot be read.
        policy: what the account looks at before its action.
    """
    try:
        return _readable(mail, _parsed(mail, budget, policy), own, policy)
    except UnreadableMail as refusal:
        decision = unread(refusal)
        opened = opened_row(decision.reason, decision.detail, announce=announce)
        row = _row(mail, size=len(mail.content)) | _NO_HEAD | opened
        return Arrival(identity=mail.identity, raw=mail.content, row=row, text="", html="", attachments=[])


def opened_row(reason: Reason, detail: str, *, announce: bool) -> dict[str, Any]:
    """Return the columns of a mail that waits for a person."""
    return {
        "state": State.OPEN,
        "open_reason": reason.value,
        "open_detail": detail,
        "next_attempt_time": None,
        "announcement": Announcement.DUE if announce else Announcement.NONE,
    }


def _parsed(mail: RawMail, budget: Budget, policy: Policy) -> ParsedMail:
    if not mail.complete:
        raise UnreadableMail(Problem.OVERSIZE, "the mail is larger than the account takes; only its head is kept")
    opened = policy.decryption.opened(mail.content) if policy.decryption is not None else None
    if opened is None:
        return parse(mail.content, budget, policy.wanted)
    inside = parse(opened, budget, policy.wanted)
    digest, problems = sha256(mail.content).hexdigest(), (*inside.problems, "it came encrypted")
    return replace(inside, size=len(mail.content), sha256=digest, problems=problems)


def _readable(mail: RawMail, parsed: ParsedMail, own: OwnMarks, policy: Policy) -> Arrival:
    signals = automatic_signals(headers_by_name(parsed.headers), own)
    sender, verdicts = screen(parsed, mail.identity.folder, policy)
    head = {
        "sent_time": parsed.date,
        "sender": sender.address if isinstance(sender, Mailbox) else "",
        "sender_name": sender.name if isinstance(sender, Mailbox) else "",
        "sender_key": sender.key[:320] if isinstance(sender, Mailbox) else "",
        "sender_problem": sender.problem.value if isinstance(sender, NoSender) else "",
        "sender_detail": sender.sentence if isinstance(sender, NoSender) else "",
        "subject": parsed.subject,
        "message_id": parsed.message_id,
        "thread": list(parsed.thread),
        "signals": [[one.kind.value, one.name, one.value] for one in signals],
        "problems": list(parsed.problems),
        "verdicts": verdicts.stored(),
        "preview": parsed.text[:PREVIEW],
        "length": len(parsed.text) + len(parsed.html),
    }
    attachments = [
        {
            "number": number,
            "file_name": one.name,
            "content_type": one.content_type,
            "content_id": one.content_id,
            "size": len(one.content),
            "sha256": one.sha256,
        }
        for number, one in enumerate(parsed.attachments, start=1)
    ]
    row = _row(mail, size=parsed.size, digest=parsed.sha256) | head
    return Arrival(
        identity=mail.identity,
        raw=mail.content,
        row=row,
        text=parsed.text,
        html=parsed.html,
        attachments=attachments,
    )


def _row(mail: RawMail, *, size: int, digest: str = "") -> dict[str, Any]:
    identity = mail.identity
    return {
        "account": identity.account,
        "folder": identity.folder,
        "uidvalidity": identity.uidvalidity,
        "uid": identity.uid,
        "sha256": digest or sha256(mail.content).hexdigest(),
        "size": size,
        "complete": mail.complete,
        "receive_time": mail.received,
        "state": State.RECEIVED,
        "open_reason": "",
        "open_detail": "",
        "attempts": 0,
        "request_id": str(uuid4()),
        "servicecall": "",
        "contact": "",
        "address": "",
        "candidates": [],
        "duplicate_of": None,
        "outgoing_mail": "",
        "decided_by": "",
        "verb_request_id": "",
        "filed": False,
        "announcement": Announcement.NONE,
    }


_NO_HEAD: dict[str, Any] = {
    "sent_time": None,
    "sender": "",
    "sender_name": "",
    "sender_key": "",
    "sender_problem": "invalid",
    "sender_detail": "the mail cannot be read",
    "subject": "",
    "message_id": "",
    "thread": [],
    "signals": [],
    "problems": [],
    "verdicts": {},
    "preview": "",
    "length": 0,
}
