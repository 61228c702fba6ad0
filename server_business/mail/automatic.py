"""Which mails a machine wrote: the union of what RFC 3834 names and RT, Znuny and Zammad check. Standard library only.

Every signal is one row of `_SIGNALS`. A mail with any of them is never answered, and never makes a servicecall.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

LOOP_HEADER = "X-Esoffice-Loop"
_SHOWN = 120
_WORD = re.compile(r"[a-z-]+")
_END = re.compile(r"[\s;(]")
_DAEMON = re.compile(r"(?<![\w.+-])(?:mailer-daemon|postmaster)(?:@|\s*$)", re.IGNORECASE)


class Kind(StrEnum):
    """What sort of machine wrote it, the most telling first."""

    OWN_LOOP = "own-loop"
    BOUNCE = "bounce"
    OUT_OF_OFFICE = "out-of-office"
    BULK = "bulk"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True)
class Signal:
    """One piece of evidence: the header that gave it away, and its value, shortened."""

    kind: Kind
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class OwnMarks:
    """How we recognise our own mails.

    Args:
        site: value of our loop header.
        message_id_domain: right side of the Message-IDs we make; may be a domain people write from too.
    """

    site: str
    message_id_domain: str


Headers = Mapping[str, Sequence[str]]
Test = Callable[[str], bool]


def is_read(name: str) -> bool:
    """Say whether any signal looks at headers of that lower-case name."""
    return name in _READ


def headers_by_name(items: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Group headers under their lower-case name; all occurrences count (a relay may prepend its own)."""
    grouped: dict[str, list[str]] = {}
    for name, value in items:
        grouped.setdefault(name.lower(), []).append(" ".join(value.split()))
    return grouped


def automatic_signals(headers: Headers, own: OwnMarks) -> tuple[Signal, ...]:
    """Collect every sign of a machine, strongest kind first; empty for a mail a person wrote.

    Args:
        headers: as `headers_by_name` makes them.
        own: to tell our own mail that came back from somebody else's.
    """
    found = [
        Signal(kind, label, value[:_SHOWN])
        for kind, label, header, test in _SIGNALS
        for value in headers.get(header, ())
        if test(value)
    ]
    if not any(value.strip() for value in headers.get("from", ())):
        found.append(Signal(Kind.BOUNCE, "From", "empty"))
    found += _inbox_rule(headers)
    found += _own(headers, own, machine=bool(found))
    if not found:
        return ()
    order = list(Kind)
    return tuple(sorted(found, key=lambda one: order.index(one.kind)))


def is_newsletter(signals: Sequence[Signal]) -> bool:
    """Say whether a mail went to many, as newsletters and mails of lists do; no answer of a machine is one."""
    bulk = {one.name for one in signals if one.kind is Kind.BULK}
    names = {one.name for one in signals}
    if any(one.kind in (Kind.OWN_LOOP, Kind.BOUNCE, Kind.OUT_OF_OFFICE) for one in signals):
        return False
    return bool(bulk - {"Precedence"}) or ("Precedence" in bulk and "Auto-Submitted" not in names)


def own_headers(own: OwnMarks) -> dict[str, str]:
    """Return what all our mails carry, so that no machine answers them (RFC 3834 section 5) and we know them again."""
    return {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", LOOP_HEADER: own.site}


def _inbox_rule(headers: Headers) -> list[Signal]:
    """Exchange's out-of-office rule says so only by this pair (Zammad's reading)."""
    rule = headers.get("x-ms-exchange-inbox-rules-loop", ())
    if rule and any("all" in _words(value) for value in headers.get("x-auto-response-suppress", ())):
        return [Signal(Kind.OUT_OF_OFFICE, "X-MS-Exchange-Inbox-Rules-Loop", rule[0][:_SHOWN])]
    return []


def _own(headers: Headers, own: OwnMarks, *, machine: bool) -> list[Signal]:
    ours = [Signal(Kind.OWN_LOOP, LOOP_HEADER, one) for one in headers.get(LOOP_HEADER.lower(), ()) if one == own.site]
    if machine:  # alone, the domain would also accuse the people of our own house
        suffix = f"@{own.message_id_domain}>".casefold()
        ids = headers.get("message-id", ())
        ours += [Signal(Kind.OWN_LOOP, "Message-ID", one[:_SHOWN]) for one in ids if one.casefold().endswith(suffix)]
    return ours


def _words(value: str) -> set[str]:
    return set(_WORD.findall(value.lower()))


def _says(*wanted: str) -> Test:
    return lambda value: not _words(value).isdisjoint(wanted)


def _unless_no(value: str) -> bool:
    """RFC 3834 section 5: everything but `no` means a machine, unknown keywords too; comments and parameters aside."""
    return _END.split(value.strip().lower(), maxsplit=1)[0] not in {"", "no"}


def _vacation(value: str) -> bool:
    """RFC 3834 section 3.1.7 and Sieve's `vacation` (RFC 5230 section 5.8) reply for a person who is away."""
    lower = value.lower()
    return _unless_no(value) and ("vacation" in lower or ("auto-replied" in lower and "owner-email" in lower))


def _present(value: str) -> bool:
    return bool(value.strip())


def _unless_denied(value: str) -> bool:
    return value.strip().lower() not in {"", "no", "false", "0"}


def _null_path(value: str) -> bool:
    return "".join(value.split()) == "<>"


def _daemon(value: str) -> bool:
    return bool(_DAEMON.search(value))


def _delivery_report(value: str) -> bool:
    """RFC 3464: a report on a delivery; without a type it is taken for one."""
    return "multipart/report" in value.lower() and not _receipt(value)


def _receipt(value: str) -> bool:
    """RFC 8098: a read receipt."""
    return "multipart/report" in value.lower() and "disposition-notification" in value.lower()


_SIGNALS: tuple[tuple[Kind, str, str, Test], ...] = (
    (Kind.OUT_OF_OFFICE, "Auto-Submitted", "auto-submitted", _vacation),
    (Kind.AUTOMATIC, "Auto-Submitted", "auto-submitted", _unless_no),
    (Kind.BULK, "Precedence", "precedence", _says("bulk", "junk", "list")),
    (Kind.AUTOMATIC, "Precedence", "precedence", _says("auto-reply", "auto_reply", "auto")),
    (Kind.AUTOMATIC, "X-Loop", "x-loop", _unless_denied),
    (Kind.AUTOMATIC, "X-No-Loop", "x-no-loop", _unless_denied),
    (Kind.AUTOMATIC, LOOP_HEADER, LOOP_HEADER.lower(), _present),
    (Kind.AUTOMATIC, "X-RT-Loop-Prevention", "x-rt-loop-prevention", _present),
    (Kind.AUTOMATIC, "X-OTRS-Loop", "x-otrs-loop", _unless_denied),
    (Kind.AUTOMATIC, "X-Auto-Response-Suppress", "x-auto-response-suppress", _says("all", "oof", "autoreply")),
    (Kind.AUTOMATIC, "X-FC-Machinegenerated", "x-fc-machinegenerated", _unless_denied),
    (Kind.AUTOMATIC, "X-Autoreply", "x-autoreply", _unless_denied),
    (Kind.AUTOMATIC, "X-Autorespond", "x-autorespond", _unless_denied),
    (Kind.BOUNCE, "Return-Path", "return-path", _null_path),
    (Kind.BOUNCE, "From", "from", _daemon),
    (Kind.BOUNCE, "Content-Type", "content-type", _delivery_report),
    (Kind.BOUNCE, "X-Failed-Recipients", "x-failed-recipients", _present),
    (Kind.AUTOMATIC, "Content-Type", "content-type", _receipt),
    (Kind.BULK, "List-Id", "list-id", _present),
    (Kind.BULK, "List-Unsubscribe", "list-unsubscribe", _present),
    (Kind.BULK, "Feedback-ID", "feedback-id", _present),
)

_PAIR = ("x-ms-exchange-inbox-rules-loop", "x-auto-response-suppress")
_READ = frozenset({"from", "message-id", *_PAIR, *(header for _, _, header, _ in _SIGNALS)})
