"""How notices leave this service: what the worker asks for, whoever carries it out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from server_es.notices.rules import Channel, State


class Away(Exception):
    """Nobody answers, or not to us; the same is asked for later, under the same id."""


class Refused(Exception):
    """It is refused, and will be if it is asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail or short message to hand over.

    Attributes:
        request_id: the same for every attempt; a repeat has no second effect.
        channel: MAIL, ADDITIONAL_MAIL or SMS.
        address: mail address or mobile number.
        subject: empty for a short message.
        text: what it says.
        about: resource name, or empty.
        expire_time: from when on it must not be sent any more.
        urgent: goes before others, and in quiet hours.
    """

    request_id: str
    channel: Channel
    address: str
    subject: str
    text: str
    about: str
    expire_time: datetime | None
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a letter.

    Attributes:
        state: DELIVERED or FAILED, None while that is open.
        reason: why.
        settled: nothing else will be heard; a mail may come back days later.
        called_off: somebody wanted it not to be sent: it is told over no other channel either.
    """

    state: State | None
    reason: str = ""
    settled: bool = True
    called_off: bool = False


class Post(Protocol):
    """Takes letters and knows what became of them."""

    def send(self, letters: Sequence[Letter]) -> list[str | Refused]:
        """Hand letters over and return for each its name there, or that it was refused.

        Args:
            letters: several short messages, or one mail.

        Raises:
            Away: they may or may not have been taken.
        """

    def outcomes(self, names: Collection[str]) -> Mapping[str, Outcome]:
        """Return what became of letters, by their names; those not known there are left out.

        Raises:
            Away: it is not known now.
        """
