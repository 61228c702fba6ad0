"""What escalations ask of others: who is away, who is on duty, and that somebody is told."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mesh.database import UnitOfWork
from server_es.escalations.recipients import Channel, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiding:
    """What somebody is told.

    Attributes:
        cause: resource name; one who is told twice for one cause is told once.
        about: resource name of what it is about.
        told: who, and on which channels.
        subject: one line, at most 200 characters.
        text: at most 4,000 characters.
        code: acknowledges it in an answer to a short message.
    """

    cause: str
    about: str
    told: Told
    subject: str
    text: str
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How far a notice is."""

    recipient: str
    channel: str
    state: str
    reason: str = ""


class Teller(Protocol):
    """Tells people, in the transaction of the cause; whatever leaves the house leaves it later.

    Attributes:
        channels: those it serves.
    """

    channels: frozenset[Channel]

    def tell(self, unit: UnitOfWork, tidings: Sequence[Tiding]) -> None:
        """Tell them."""

    def withdraw(self, unit: UnitOfWork, causes: Collection[str], reason: str) -> None:
        """Tell nobody any more because of these; what has left the house stays."""

    def deliveries(self, unit: UnitOfWork, cause: str) -> Sequence[Delivery]:
        """Return how far the notices of a cause are."""

    def told_by_sms(self, unit: UnitOfWork, number: str, since: datetime) -> Sequence[str]:
        """Return what short messages to a number were about since then, the latest first."""


class Reach(Protocol):
    """Knows who can be reached."""

    def absent(self, unit: UnitOfWork, employees: Collection[str], at: datetime) -> Mapping[str, str]:
        """Return which of them are away, each with his substitute or an empty word."""

    def on_duty(self, unit: UnitOfWork, roster: str, at: datetime, system: str | None) -> Sequence[str]:
        """Return who is on duty in a roster, for this system if one is named."""

    def existing_rosters(self, unit: UnitOfWork, rosters: Collection[str]) -> Collection[str]:
        """Return which of these rosters there are."""
