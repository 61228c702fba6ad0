"""What leaves together: many notices to one person in one mail or short message, never more than the limit. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from server_es.notices.rules import Channel

HOUR: Final = timedelta(hours=1)
GIVE_UP: Final = timedelta(hours=24)
_FIRST_PAUSE: Final = timedelta(seconds=5)
_LONGEST_PAUSE: Final = timedelta(minutes=10)
_DOUBLINGS: Final = 7
_LOOKS: Final = (timedelta(minutes=2), timedelta(minutes=15), timedelta(hours=2), timedelta(hours=24))
_SUBJECT: Final = 200
_MAIL: Final = 50_000
_SMS: Final = 459
"""Three parts of plain characters."""
_SHOWN: Final = 100
_SHOWN_IN_SMS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One notice that waits to leave.

    Attributes:
        id: of its row.
        subject: its own.
        text: its own.
        urgent: leaves alone, at once, and whatever the limit says.
        held: the limit kept it back.
    """

    id: int
    subject: str
    text: str
    urgent: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What leaves as one.

    Attributes:
        carrier: id of the notice whose row stands for it.
        carried: ids of the others.
        subject: of the mail; a short message has none.
        text: of the mail or short message.
        summed_up: the others are named by their subjects only.
    """

    carrier: int
    carried: tuple[int, ...]
    subject: str
    text: str
    summed_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What becomes of all that waits for one person on one channel.

    Attributes:
        parcels: what leaves now.
        held: ids of what is kept back.
        until: how long.
    """

    parcels: tuple[Parcel, ...]
    held: tuple[int, ...] = ()
    until: datetime | None = None


def leave(
    waiting: Sequence[Waiting], channel: Channel, *, sent: Sequence[datetime], limit: int, now: datetime
) -> Leaving:
    """Decide what leaves.

    Args:
        waiting: to one person over one channel, in the order of their ids.
        channel: MAIL, ADDITIONAL_MAIL or SMS.
        sent: when parcels left for that person over it, urgent ones too.
        limit: parcels within an hour; 0: any number.
        now: the instant.
    """
    alone = tuple(_parcel([one], channel) for one in waiting if one.urgent)
    others = [one for one in waiting if not one.urgent]
    if not others:
        return Leaving(parcels=alone)
    recent = sorted(time for time in sent if time > now - HOUR)
    if 0 < limit <= len(recent):
        until = recent[len(recent) - limit] + HOUR
        return Leaving(parcels=alone, held=tuple(one.id for one in others), until=until)
    return Leaving(parcels=(*alone, _parcel(others, channel)))


def _parcel(items: Sequence[Waiting], channel: Channel) -> Parcel:
    first, carried = items[0], tuple(one.id for one in items[1:])
    summed_up = bool(carried) and any(one.held for one in items)
    if not carried:
        subject, text = first.subject, first.text or first.subject
    elif summed_up:
        subject, text = f"{len(items)} weitere Mitteilungen", _lines(items, _SHOWN)
    else:
        subject = f"{len(items)} Mitteilungen: {first.subject}"[:_SUBJECT]
        text = "\n\n".join(f"{one.subject}\n{one.text}".strip() for one in items)
    if channel is not Channel.SMS:
        return Parcel(carrier=first.id, carried=carried, subject=subject, text=text[:_MAIL], summed_up=summed_up)
    said = f"{len(items)} Mitteilungen:\n{_lines(items, _SHOWN_IN_SMS)}" if carried else _once(first)
    return Parcel(carrier=first.id, carried=carried, subject="", text=said[:_SMS], summed_up=summed_up)


def _once(one: Waiting) -> str:
    return f"{one.subject}\n{one.text}".strip()


def _lines(items: Sequence[Waiting], most: int) -> str:
    lines = [one.subject for one in items[:most]]
    if len(items) > most:
        lines.append(f"… und {len(items) - most} weitere")
    return "\n".join(lines)


def next_attempt(attempts: int, now: datetime) -> datetime:
    """Return when it is tried again after so many attempts: each pause is twice as long as the one before."""
    return now + min(_FIRST_PAUSE * (1 << min(attempts, _DOUBLINGS)), _LONGEST_PAUSE)


def next_look(sent: datetime, now: datetime) -> datetime | None:
    """Return when to look again whether a mail has come back that was sent; None when it is late for that."""
    return next((sent + one for one in _LOOKS if sent + one > now), None)


def given_up(created: datetime, expires: datetime | None, now: datetime) -> str:
    """Return why nothing is tried any more; empty while it is."""
    if expires is not None and now >= expires:
        return f"expired at {expires:%Y-%m-%d %H:%M} UTC"
    if now >= created + GIVE_UP:
        return "given up after 24 hours"
    return ""
