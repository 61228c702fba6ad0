"""What a report on a mail of ours means (Unzustellbarkeit): for the mail, and for the addresses it went to. Pure."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

_CODE: Final = re.compile(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])")
_ARRIVED: Final = frozenset(("delivered", "relayed", "expanded"))
_VAGUE: Final = frozenset(("", "5.0.0"))
# RFC 3463: a bad recipient address, a mailbox that is closed, no route to its domain, and what says no more than that
# it failed. Exchange Online answers 5.4.1 for recipients it does not know. A full mailbox (5.2.2), a mail that is too
# large (5.3.4) or looks like spam (5.7.1), a bad sender (5.1.7, 5.1.8) say nothing against the address.
_BAD_ADDRESS: Final = frozenset(
    ("", "5.0.0", "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.0", "5.2.1", "5.4.1", "5.4.4")
)


class Delivery(IntEnum):
    """The numbers are those of the contract's `DeliveryState`."""

    UNKNOWN = 0
    DELIVERED = 1
    DELAYED = 2
    BOUNCED = 3


class Told(Protocol):
    """What a report says of one recipient."""

    @property
    def addresses(self) -> tuple[str, ...]: ...

    @property
    def action(self) -> str: ...

    @property
    def status(self) -> str: ...

    @property
    def reason(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """A recipient a mail could not be delivered to; `marked`: mails to the address make no sense any more."""

    recipient: str
    status: str
    reason: str
    marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a report means for a mail."""

    delivery: Delivery
    bounces: tuple[Bounce, ...] = ()

    def sentence(self, name: str) -> str:
        """Say it for a person."""
        if self.delivery is Delivery.DELAYED:
            return f"{name} is on its way; a server still tries to deliver it"
        if self.delivery is not Delivery.BOUNCED:
            return f"{name} was delivered"
        said = [
            f"{one.recipient}: {one.reason or one.status or 'no reason was given'}"
            + ("; the address is marked" if one.marked else "")
            for one in self.bounces
        ]
        return f"{name} could not be delivered to {' | '.join(said)}"


def judge(told: Iterable[Told], recipients: Collection[str]) -> Judgement | None:
    """Say what a report means; None when it says nothing about any recipient.

    Args:
        told: what it says, per recipient.
        recipients: whom the mail was sent to.
    """
    bounces: list[Bounce] = []
    found: set[Delivery] = set()
    for one in told:
        if one.action == "failed":
            found.add(Delivery.BOUNCED)
            bounces.append(_bounce(one, recipients))
        elif one.action == "delayed":
            found.add(Delivery.DELAYED)
        elif one.action in _ARRIVED:
            found.add(Delivery.DELIVERED)
    return Judgement(delivery=max(found), bounces=tuple(bounces)) if found else None


def merged(before: Delivery, known: Sequence[Bounce], new: Judgement) -> Judgement:
    """Return what is known of a mail after another report: a bounce is never forgotten."""
    by_recipient = {one.recipient: one for one in (*known, *new.bounces)}
    bounced = Delivery.BOUNCED in (before, new.delivery)
    return Judgement(delivery=Delivery.BOUNCED if bounced else new.delivery, bounces=tuple(by_recipient.values()))


def address_key(mail_address: str) -> str:
    """Return what two spellings of a mail address share."""
    return mail_address.strip().casefold()


def _bounce(told: Told, recipients: Collection[str]) -> Bounce:
    ours = {address_key(one): one for one in recipients}
    hit = next((ours[key] for one in told.addresses if (key := address_key(one)) in ours), None)
    if hit is None and len(ours) == 1:  # the recipient's server passed it on before it came back
        (hit,) = ours.values()
    status = told.status
    if status in _VAGUE and (code := _CODE.search(told.reason)):  # Exim says 5.0.0 and quotes the other server
        status = code[0]
    return Bounce(
        recipient=hit or next(iter(told.addresses), "an address that is not named"),
        status=status,
        reason=told.reason,
        marked=hit is not None and status in _BAD_ADDRESS,
    )
