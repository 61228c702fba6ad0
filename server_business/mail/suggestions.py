"""Whose a mail of an unknown sender may be: what in it points to somebody, and how strongly (Vorschläge). Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import prod
from typing import Final

import phonenumbers

_PHONES_IN: Final = 20_000
_TEXT: Final = 50_000
_MOST_WORDS: Final = 400
_MOST_PHONES: Final = 50
_MOST: Final = 20
# Whoever writes from there shares the domain with millions.
PROVIDERS: Final = frozenset(
    (
        "gmail.com", "googlemail.com", "gmx.de", "gmx.net", "gmx.at", "gmx.ch", "web.de", "t-online.de", "freenet.de",
        "outlook.com", "outlook.de", "hotmail.com", "hotmail.de", "live.com", "live.de", "msn.com", "yahoo.com",
        "yahoo.de", "icloud.com", "me.com", "mac.com", "aol.com", "aol.de", "arcor.de", "posteo.de", "mailbox.org",
        "mail.de", "email.de", "1und1.de", "online.de", "vodafone.de", "kabelmail.de", "proton.me", "protonmail.com",
        "bluewin.ch", "a1.net", "unitybox.de", "versanet.de", "ewe.net", "gmx.com", "mail.com", "mail.ru", "yandex.ru",
    )
)  # fmt: skip
_WORD: Final = re.compile(r"(?<![\w.@/-])(?=[\w./-]*\d)[A-Za-z0-9][A-Za-z0-9./-]{1,39}(?![\w@])")
_LABEL: Final = re.compile(
    r"(?:anlagen?|geräte?|maschinen?|system|aufzug|serien|fabrik|equipment|s/n|sn)[\w-]{0,20}"
    r"(?:\s*(?:nr|nummer|no)\b)?[\s.:#-]{0,4}$",
    re.IGNORECASE,
)
_LABEL_BEFORE: Final = 40
_SHORT_NUMBER: Final = 5


class Kind(IntEnum):
    """The numbers are those of the contract's `EvidenceKind`."""

    DOMAIN = 1
    PHONE = 2
    SYSTEM = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a mail offers to look for.

    Args:
        domain: of its sender; empty when it says nothing.
        phones: as they stand in the text, by the international number.
        words: as they stand in the text, by the word in capitals; those behind a label such as `Anlage`.
        labelled: the words, in capitals, that a label says to be the number of something.
    """

    domain: str
    phones: Mapping[str, str]
    words: Mapping[str, str]
    labelled: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Something that was looked for and belongs to an address."""

    kind: Kind
    asked: str
    address: str
    matchcode: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why an address is suggested."""

    kind: Kind
    found: str
    owner: str
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """An address a mail may be of; `likelihood` between 0 and 1."""

    address: str
    matchcode: str
    likelihood: float
    evidence: tuple[Evidence, ...]


def hints(sender: str, subject: str, text: str, country: str) -> Hints:
    """Read what in a mail may point to somebody.

    Args:
        sender: mail address; may be empty.
        subject: decoded.
        text: of the mail.
        country: whose dialling rules count for phone numbers without `+`.
    """
    domain = sender.rpartition("@")[2].casefold()
    whole = f"{subject}\n{text[:_TEXT]}"
    words: dict[str, str] = {}
    labelled = set()
    for hit in _WORD.finditer(whole):
        word = hit[0].rstrip("./-")
        if len(words) == _MOST_WORDS:
            break
        words.setdefault(word.upper(), word)
        if _LABEL.search(whole[max(0, hit.start() - _LABEL_BEFORE) : hit.start()]):
            labelled.add(word.upper())
    return Hints(
        domain="" if domain in PROVIDERS else domain,
        phones=_phones(text, country),
        words=words,
        labelled=frozenset(labelled),
    )


def suggest(offered: Hints, hits: Sequence[Hit]) -> list[Suggestion]:
    """Put together what was found, the likeliest first."""
    sharing = len({one.address for one in hits if one.kind is Kind.DOMAIN})
    by_address: dict[str, list[Evidence]] = {}
    names = {one.address: one.matchcode for one in hits}
    for one in hits:
        found = _found(one, offered)
        evidence = Evidence(kind=one.kind, found=found, owner=one.owner, strength=_strength(one, offered, sharing))
        by_address.setdefault(one.address, []).append(evidence)
    suggestions = [_suggestion(address, names[address], evidence) for address, evidence in by_address.items()]
    return sorted(suggestions, key=lambda one: (-one.likelihood, one.address))[:_MOST]


def _suggestion(address: str, matchcode: str, evidence: Iterable[Evidence]) -> Suggestion:
    ordered = sorted(evidence, key=lambda one: (-one.strength, one.kind, one.found))
    # Of one kind only the strongest counts: ten mail addresses of one domain are no ten reasons.
    strongest: dict[Kind, float] = {}
    for one in ordered:
        strongest.setdefault(one.kind, one.strength)
    doubt = prod(1 - strength for strength in strongest.values())
    return Suggestion(address=address, matchcode=matchcode, likelihood=1 - doubt, evidence=tuple(ordered))


def _strength(hit: Hit, offered: Hints, sharing: int) -> float:
    if hit.kind is Kind.DOMAIN:
        return 0.7 / sharing
    if hit.kind is Kind.PHONE:
        return 0.85
    if hit.asked.upper() in offered.labelled:
        return 0.9
    # A short number without a letter may be a house number, a year, anything.
    return 0.25 if hit.asked.isdigit() and len(hit.asked) <= _SHORT_NUMBER else 0.6


def _found(hit: Hit, offered: Hints) -> str:
    if hit.kind is Kind.PHONE:
        return offered.phones.get(hit.asked, hit.asked)
    return offered.words.get(hit.asked.upper(), hit.asked) if hit.kind is Kind.SYSTEM else hit.asked


def _phones(text: str, country: str) -> dict[str, str]:
    """Signatures stand at the end, or above what is quoted: both ends of a long text are looked at."""
    looked_at = text if len(text) <= _PHONES_IN else text[: _PHONES_IN // 2] + "\n" + text[-_PHONES_IN // 2 :]
    found: dict[str, str] = {}
    for match in phonenumbers.PhoneNumberMatcher(looked_at, country):
        number = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
        found.setdefault(number, match.raw_string)
        if len(found) == _MOST_PHONES:
            break
    return found
