"""A provider, as the sender sees it: takes messages, tells what became of them, hands over what was received."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from server_business.sending.rules import Outcome
from server_business.sms.delivery import Receipt
from server_business.sms.encoding import Piece
from server_business.sms.rules import Alphabet

Take = Callable[[], float]
"""Asks whether one more part may leave: 0.0 is yes, and it counts as left; else how many seconds to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One message to hand over.

    Attributes:
        id: of its row.
        to: international number.
        text: all of it.
        alphabet: how it is written.
        parts: what each part says.
        missing: numbers of the parts that are to be handed over: those the provider has are left out.
        flash: shown at once, not kept.
        validity: how long it is worth anything; None: as the provider has it.
        create_time: when it was accepted.
    """

    id: int
    to: str
    text: str
    alphabet: Alphabet
    parts: tuple[str, ...]
    missing: tuple[int, ...]
    flash: bool
    validity: timedelta | None
    create_time: datetime


@dataclass(slots=True, kw_only=True)
class Handed:
    """How handing a message over ended.

    Attributes:
        outcome: of the message as a whole.
        references: how the provider names the parts it has taken, by their numbers.
        unknown: parts of which nobody knows whether it has them.
        throttled: it was put off because too much came at a time.
    """

    outcome: Outcome
    references: dict[int, str] = field(default_factory=dict)
    unknown: tuple[int, ...] = ()
    throttled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message from outside.

    Attributes:
        sender: as the provider writes it.
        recipient: which number of ours.
        text: what it says.
        reference: the provider's id; may be empty.
        piece: which part of a longer one it is.
    """

    sender: str
    recipient: str
    text: str
    reference: str = ""
    piece: Piece | None = None


Arrival = Receipt | Received


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A part whose state is asked for."""

    part: int
    reference: str
    number: str


class Provider(Protocol):
    """One way out. All methods are called by one thread; those that wait may raise `Away`.

    Attributes:
        gives_receipts: parts are kept, and receipts expected.
    """

    gives_receipts: bool

    def open(self) -> None:
        """Be ready to take messages. Raises Away: nobody is there."""

    def hand_over(self, parcels: Sequence[Parcel], take: Take) -> Mapping[int, Handed]:
        """Hand messages over that are marked; return what became of each by its id.

        One that is missing in the answer was certainly not handed over: the connection broke before its turn.
        """

    def found(self, parcel: Parcel) -> Outcome | None:
        """Say what became of a message that was marked when a process died; None when nobody can tell."""

    def arrivals(self) -> Sequence[Arrival]:
        """Return what has come since; it is acknowledged to the provider by `stored` only."""

    def stored(self) -> None:
        """What `arrivals` returned is durable."""

    def ask(self, parts: Sequence[Asked]) -> Sequence[tuple[int, Receipt]]:
        """Ask for the state of parts; return those that were answered, by `part`."""

    def rest(self) -> None:
        """Nothing is asked of it until the next `open`."""

    def close(self) -> None:
        """Let go of what is open."""


class Plain:
    """What a provider does that brings nothing by itself and keeps no connection."""

    gives_receipts = False

    def open(self) -> None:
        """There is nothing to open."""

    def arrivals(self) -> Sequence[Arrival]:
        return ()

    def stored(self) -> None:
        """There was nothing."""

    def ask(self, parts: Sequence[Asked]) -> Sequence[tuple[int, Receipt]]:  # noqa: ARG002 - see `Provider`
        return ()

    def rest(self) -> None:
        """Nothing goes on."""

    def close(self) -> None:
        """Nothing is open."""
