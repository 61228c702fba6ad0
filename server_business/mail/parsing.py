"""A raw mail to what the rules and the database want to know about it. Costs at most its `Budget`, or is refused."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256

from server_business.mail.automatic import is_read
from server_business.mail.budget import Budget
from server_business.mail.encoded_words import decoded
from server_business.mail.parts import Attachment, plain_content, read_content
from server_business.mail.problems import Problem, UnreadableMail
from server_business.mail.sender import Mailbox, NoSender, read_sender
from server_business.mail.tree import read_tree

_MESSAGE_ID = re.compile(r"<([^<>\s]{1,250})>")
_LONGEST_SUBJECT = 1_000
_MOST_REFERENCES = 100  # the oldest are dropped, as RFC 5537 section 3.4.4 allows
_STANDARD = Budget()
_SHOWN = frozenset({"subject", "from", "date", "message-id", "in-reply-to", "references"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMail:
    """A readable mail. No text in it holds a NUL or a lone surrogate.

    Args:
        subject: decoded, one line.
        sender: read strictly out of all From headers.
        date: what the sender's clock said, in UTC; None if it said nothing sensible.
        message_id, in_reply_to, references: without angle brackets, in the order of the header.
        headers: those the automatic signals read and those that were asked for, in their order, values decoded.
        reply_to: who answers are asked for, when it is exactly one and was asked for.
        text: what a person reads; taken from the HTML if there is nothing else.
        html: sanitised; empty if the mail has none.
        problems: what was odd and how it was read.
        size: bytes of the raw mail.
        sha256: of the raw mail, in hex.
    """

    subject: str
    sender: Mailbox | NoSender
    date: datetime | None
    message_id: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    reply_to: Mailbox | None
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    problems: tuple[str, ...]
    size: int
    sha256: str

    @property
    def thread(self) -> tuple[str, ...]:
        """The Message-IDs this mail answers, nearest first: In-Reply-To, then References from the end."""
        return tuple(dict.fromkeys((*self.in_reply_to, *reversed(self.references))))


def parse(raw: bytes, budget: Budget = _STANDARD, wanted: frozenset[str] = frozenset()) -> ParsedMail:
    """Read a mail.

    Args:
        raw: as it came.
        budget: what it may cost.
        wanted: lower-case names of headers somebody wants to look at.

    Raises:
        UnreadableMail: the only error there is, whatever the bytes are.
    """
    try:
        return _parsed(raw, budget, wanted)
    except UnreadableMail:
        raise
    except RecursionError:
        raise UnreadableMail(Problem.TOO_DEEP, f"parts lie deeper than {budget.depth} in each other") from None
    except Exception as error:
        # Whatever `email` trips over next: this mail waits for a person, the others do not wait for it.
        raise UnreadableMail(Problem.BROKEN, f"the mail cannot be parsed ({type(error).__name__})") from error


def _parsed(raw: bytes, budget: Budget, wanted: frozenset[str]) -> ParsedMail:
    mail = read_tree(raw, budget)
    content = plain_content(mail) or read_content(mail, budget)
    raws: dict[str, list[str]] = {}
    values: dict[str, list[str]] = {}
    headers = []
    for name, raw_value in mail.raw_items():
        key = name.lower()
        asked = is_read(key) or key in wanted
        if asked or key in _SHOWN:  # most of a head says nothing to us
            value = decoded(raw_value)
            values.setdefault(key, []).append(value)
            raws.setdefault(key, []).append(raw_value)
            if asked:
                headers.append((name, value))
    date, problem = _date(values.get("date", []))
    reply_to = read_sender(raws["reply-to"]) if "reply-to" in raws else None
    ids = _ids(values.get("message-id", []))
    return ParsedMail(
        subject=" ".join(_first(values, "subject").split())[:_LONGEST_SUBJECT],
        sender=read_sender(raws.get("from", [])),
        date=date,
        message_id=ids[0] if ids else "",
        in_reply_to=_ids(values.get("in-reply-to", [])),
        references=_ids(values.get("references", []))[-_MOST_REFERENCES:],
        headers=tuple(headers),
        reply_to=reply_to if isinstance(reply_to, Mailbox) else None,
        text=content.text,
        html=content.html,
        attachments=content.attachments,
        problems=content.problems + problem,
        size=len(raw),
        sha256=sha256(raw).hexdigest(),
    )


def _first(values: dict[str, list[str]], name: str) -> str:
    return values.get(name, [""])[0]


def _ids(values: list[str]) -> tuple[str, ...]:
    return tuple(one for value in values for one in _MESSAGE_ID.findall(value))


def _date(values: list[str]) -> tuple[datetime | None, tuple[str, ...]]:
    if not values:
        return None, ("no date",)
    try:
        date = parsedate_to_datetime(values[0])
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC), ()
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None, (f"the date {values[0][:60]!r} is none",)
