"""Reports on the delivery of our own mails (DSN, RFC 3464), as far as they can be read. Pure; nothing here raises."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mesh.texts import storable

_LONGEST = 65_536
_MOST_RECIPIENTS = 100
_REASON = 500
_BLANK = re.compile(r"\n[ \t]*\n")
_FIELD = re.compile(r"^([A-Za-z-]{1,60})[ \t]*:[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
_ID = re.compile(r"<([^<>\s]{1,250})>")
_RETURNED = frozenset(("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"))


class Part(Protocol):
    """An attachment."""

    @property
    def content_type(self) -> str: ...

    @property
    def content(self) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """What became of a mail for one recipient.

    Args:
        addresses: as the mail was sent to, and where it was passed on to.
        action: `failed`, `delayed`, `delivered`, `relayed`, `expanded`.
        status: such as `5.1.1`; empty when it is none.
        reason: what the server that refused it said.
    """

    addresses: tuple[str, ...]
    action: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Which mails it may be about, the likeliest first, as Message-IDs without angle brackets, and their recipients."""

    message_ids: tuple[str, ...]
    recipients: tuple[Recipient, ...]


def read_report(attachments: Sequence[Part], thread: Sequence[str], text: str = "") -> Report | None:
    """Return what a mail reports; None when it reports on no delivery.

    Args:
        attachments: of the mail.
        thread: Message-IDs the mail answers: some servers return nothing of a mail, and name it there.
        text: of the mail: what a server does not say in fields stands there, below the address (Exim).
    """
    status = next((one for one in attachments if one.content_type in _STATUS), None)
    if status is None:
        return None
    about, *rest = _blocks(status.content)
    returned = [one for part in attachments if part.content_type in _RETURNED for one in _returned_ids(part.content)]
    named = _ID.findall(about.get("x-original-message-id", ""))
    recipients = [_recipient(block, text) for block in rest if "action" in block]
    return Report(
        message_ids=tuple(dict.fromkeys((*returned, *named, *thread))),
        recipients=tuple(recipients[:_MOST_RECIPIENTS]),
    )


_STATUS = frozenset(("message/delivery-status", "message/global-delivery-status"))


def _blocks(content: bytes) -> Iterator[dict[str, str]]:
    """Read groups of fields; at least one, maybe empty."""
    text = storable(content[:_LONGEST].decode("utf-8", "replace")).replace("\r\n", "\n").strip("\n")
    for block in _BLANK.split(text):
        fields: dict[str, str] = {}
        for name, value in _FIELD.findall(block):
            fields.setdefault(name.lower(), " ".join(value.split()))
        yield fields


def _recipient(fields: dict[str, str], text: str) -> Recipient:
    named = (_typed(fields.get(name, "")) for name in ("original-recipient", "final-recipient"))
    addresses = tuple(dict.fromkeys(one.strip("<> ") for one in named if one))
    code = re.match(r"[245]\.\d{1,3}\.\d{1,3}", fields.get("status", ""))
    return Recipient(
        addresses=addresses,
        action=fields["action"].split(" ")[0].lower(),
        status=code[0] if code else "",
        reason=(_typed(fields.get("diagnostic-code", "")) or _below(text, addresses))[:_REASON],
    )


def _below(text: str, addresses: Sequence[str]) -> str:
    """Return the paragraph's rest below the line of an address."""
    lines = iter(text[:_LONGEST].splitlines())
    if not any(one and one in line for line in lines for one in addresses):
        return ""
    said = itertools.takewhile(str.strip, lines)
    return " ".join(word for line in said for word in line.split())


def _typed(value: str) -> str:
    """Return a value without its type: `rfc822; hans@kunde.example`."""
    kind, sign, rest = value.partition(";")
    return rest.strip() if sign else kind.strip()


def _returned_ids(content: bytes) -> Iterator[str]:
    text = storable(content[:_LONGEST].decode("ascii", "replace"))
    head = _BLANK.split(text.replace("\r\n", "\n").lstrip("\n"))[0]
    for name, value in _FIELD.findall(head):
        if name.lower() == "message-id":
            yield from _ID.findall(value)
