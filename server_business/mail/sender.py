"""Who sent a mail: exactly one mailbox, or a named reason why not. Standard library only.

`email.utils.parseaddr` is not asked: before its fix it returned a wrong address for crafted headers (CVE-2023-27043),
and afterwards it still finds *an* address where two stand. A sender who decides what happens must be read strictly.
"""

import contextlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from server_business.mail.encoded_words import decoded

# RFC 5322 section 3.2.3, and everything beyond ASCII (RFC 6532). Possessive, so that no crafted header costs time.
_ATOM = r'[^\x00-\x20\x7f()<>\[\]:;@\\,."]++'
_DOT_ATOM = rf"{_ATOM}(?:\.{_ATOM})*+"
_QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f]|\\[^\x00-\x1f])*+"'
_ADDRESS = rf"(?:{_DOT_ATOM}|{_QUOTED})@(?:{_DOT_ATOM}|\[[^\[\]\\\s]*+\])"
_NAME = rf"(?:(?:{_ATOM}|{_QUOTED}|\.|\s)*+)"  # with dots: "Müller GmbH & Co. KG" stands unquoted everywhere
_MAILBOX = re.compile(rf"\s*+(?:(?P<bare>{_ADDRESS})|(?P<name>{_NAME})<\s*+(?P<angle>{_ADDRESS})\s*+>)\s*+")
_TWICE = re.compile(rf"\s*+(?P<name>{_ADDRESS})\s*+<\s*+(?P<angle>{_ADDRESS})\s*+>\s*+")
_LEXEME = re.compile(
    rf"(?P<quoted>{_QUOTED})|(?P<open>\()|(?P<close>\))|(?P<comma>,)|(?P<pair>\\.)|(?P<text>[^\"()\\,]++|.)", re.DOTALL
)
_STRUCTURED = re.compile(r"[\"()\\,]")
_QUOTED_STRING = re.compile(_QUOTED)
_QUOTED_PAIR = re.compile(r"\\(.)")
_LONGEST_ADDRESS = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets
_LONGEST_NAME = 200
_LONGEST_ENTRY = 2_000


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address with the name its owner gave it; `name` is decoded and may be empty."""

    address: str
    name: str = ""

    @property
    def key(self) -> str:
        """What two spellings of one address share: no case, the domain in ASCII."""
        local, _, domain = self.address.rpartition("@")
        if not domain.isascii():
            with contextlib.suppress(UnicodeError):  # no name the DNS knows: compared as it is
                domain = domain.encode("idna").decode()
        return f"{local}@{domain}".casefold()


class SenderProblem(StrEnum):
    """Why there is no one sender."""

    AMBIGUOUS = "ambiguous"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class NoSender:
    """The From line does not name exactly one mailbox; `sentence` says what it does instead."""

    problem: SenderProblem
    sentence: str


def read_sender(from_values: Sequence[str]) -> Mailbox | NoSender:
    """Read the sender out of all From headers of a mail, given raw.

    The structure is read before encoded words are decoded (RFC 2047 section 6.2): a name that decodes to an address
    stays a name.
    """
    if not from_values:
        return NoSender(SenderProblem.INVALID, "the mail has no From header")
    if len(from_values) > 1:
        return NoSender(SenderProblem.AMBIGUOUS, f"the mail has {len(from_values)} From headers")
    entries = [entry for entry in _entries(from_values[0]) if entry.strip()]
    addresses = [entry for entry in entries if "@" in entry]
    if len(addresses) > 1:
        return NoSender(SenderProblem.AMBIGUOUS, f"the From header names {len(addresses)} senders")
    if len(entries) == 1 and (mailbox := _mailbox(entries[0])):
        return mailbox
    shown = decoded(from_values[0])[:80]
    return NoSender(SenderProblem.INVALID, f"the From header {shown!r} is not one address")


def excluded(mailbox: Mailbox, exclusions: Collection[str]) -> bool:
    """Say whether an account leaves this sender out: by address, or by domain as `@example.com`."""
    if not exclusions:
        return False
    domain = mailbox.key.rpartition("@")[2]
    listed = {Mailbox(one.strip()).key for one in exclusions}
    return mailbox.key in listed or f"@{domain}" in listed


def _entries(value: str) -> Iterator[str]:
    """Split a list at its commas, without comments; quoted strings stay whole."""
    line = value.replace("\r", "").replace("\n", "")
    if not _STRUCTURED.search(line):  # nearly all
        yield line
        return
    entry: list[str] = []
    depth = 0
    for lexeme in _LEXEME.finditer(line):
        kind = lexeme.lastgroup
        if kind == "open":
            depth += 1
        elif kind == "close" and depth:
            depth -= 1
            entry.append(" ")
        elif kind == "comma" and not depth:
            yield "".join(entry)
            entry = []
        elif not depth:
            entry.append(lexeme[0])
    yield "".join(entry)


def _mailbox(entry: str) -> Mailbox | None:
    hit = _MAILBOX.fullmatch(entry) if len(entry) <= _LONGEST_ENTRY else None
    if not hit:
        # `info@example.com <info@example.com>` is not RFC 5322, everywhere, and harmless while both say the same.
        hit = _TWICE.fullmatch(entry[:_LONGEST_ENTRY])
        if not hit or Mailbox(hit["name"]).key != Mailbox(hit["angle"]).key:
            return None
        return Mailbox(_address(hit["angle"]))
    address = _address(hit["bare"] or hit["angle"])
    if len(address) > _LONGEST_ADDRESS:
        return None
    return Mailbox(address, _name(hit["name"] or ""))


def _address(text: str) -> str:
    local, _, domain = decoded(text).rpartition("@")
    return f"{local}@{domain.lower()}"


def _name(phrase: str) -> str:
    plain = _QUOTED_STRING.sub(lambda hit: _QUOTED_PAIR.sub(r"\1", hit[0][1:-1]), phrase)
    return " ".join(decoded(plain).split())[:_LONGEST_NAME]
