"""Whose a mail address is (Absender erkennen). Pure."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass


def normalised(mail_address: str) -> str:
    """Return the one spelling under which a mail address is kept and looked for; empty when it is no mail address.

    Both parts are compared whatever their case (RFC 5321 §2.4 lets only the receiving host tell local parts apart by
    case, and hosts that do are hardly found). A domain is kept in its ASCII form: each label in NFC and lower case,
    then in punycode when it needs it (RFC 5891 §4). `ß` stays itself, as in IDNA 2008.
    """
    local, at, domain = unicodedata.normalize("NFC", mail_address.strip()).rpartition("@")
    labels = domain.rstrip(".").lower().split(".")
    if not (local and at and all(labels)) or any(character.isspace() for character in domain):
        return ""
    ascii_labels = [label if label.isascii() else "xn--" + label.encode("punycode").decode() for label in labels]
    return f"{local.casefold()}@{'.'.join(ascii_labels)}"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has a mail address: an address itself, or a contact person of it."""

    address: str
    contact_person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Whose a mail address is.

    Attributes:
        addresses: numbers of the addresses that have it; none, one or several.
        contact_person: id of the one contact person of the one address; empty when there is not exactly one.
    """

    addresses: tuple[str, ...] = ()
    contact_person: str = ""


def identify(owners: Iterable[Owner]) -> Sender:
    """Say who sent a mail, from everybody who has its sender's mail address."""
    people: dict[str, set[str]] = {}
    for owner in owners:
        of_address = people.setdefault(owner.address, set())
        if owner.contact_person:
            of_address.add(owner.contact_person)
    persons = next(iter(people.values())) if len(people) == 1 else set()
    return Sender(
        addresses=tuple(sorted(people)),
        contact_person=next(iter(persons)) if len(persons) == 1 else "",
    )
