"""Who is told over which channel, and when: preferences, quiet hours, substitutes, the next channel. Pure.

What leaves the process (E-Mail, SMS) is bundled and limited in `bundling`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from server_es.calendars.times import Window, first_instant, last_instant
from server_es.directory.staff import Employee
from server_es.messages.rows import Action

SERVICE: Final = "services/server_es"
Key = tuple[str, str, int]
"""Cause, recipient and channel."""

_DAY: Final = timedelta(days=1)


class Channel(IntEnum):
    """A way to tell somebody; the numbers of the contract."""

    ESMESSAGE = 1
    POPUP = 2
    MAIL = 3
    ADDITIONAL_MAIL = 4
    SMS = 5

    @property
    def inside(self) -> bool:
        """Whether it ends in an inbox of ours."""
        return self <= Channel.POPUP


class State(IntEnum):
    """Where a notice stands; the numbers of the contract."""

    WAITING = 1
    SENT = 2
    DELIVERED = 3
    ACKNOWLEDGED = 4
    FAILED = 5
    SUPPRESSED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """A window in which nobody is called out; `weekdays` on which it opens, Monday = 0."""

    window: Window
    weekdays: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """How an employee wants to be told.

    Attributes:
        channels: used at once, unless a notice names its own.
        fallback: used one after the other while a popup is not acknowledged.
        fallback_after: how long a popup may stay so; None: as the site says; nothing: no other channel.
        quiet: when mails and short messages wait.
        additional_mail: the additional address, or empty.
    """

    channels: frozenset[Channel] = frozenset({Channel.POPUP})
    fallback: tuple[Channel, ...] = (Channel.SMS,)
    fallback_after: timedelta | None = None
    quiet: tuple[QuietHours, ...] = ()
    additional_mail: str = ""


DEFAULT: Final = Preferences()


@dataclass(slots=True, kw_only=True)
class Policy:
    """The site's choice; a live change is written into it.

    Attributes:
        zone: in which quiet hours are meant.
        fallback_after: how long a popup may stay unacknowledged; nothing: for ever.
        bundle: how long mails and short messages wait for others.
        mails_per_hour: to one person.
        sms_per_hour: to one person.
        identical: how long an identical notice is not repeated while the first is pending.
    """

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Berlin"))
    fallback_after: timedelta = timedelta(0)
    bundle: timedelta = timedelta(seconds=60)
    mails_per_hour: int = 30
    sms_per_hour: int = 6
    identical: timedelta = timedelta(minutes=5)

    def per_hour(self, channel: Channel) -> int:
        """Return how many may go to one person within an hour."""
        return self.sms_per_hour if channel is Channel.SMS else self.mails_per_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who is told: an employee by personnel number, or a free mail address or mobile number.

    `person` is the employee where he was read already.
    """

    employee: str = ""
    mail: str = ""
    mobile: str = ""
    person: Employee | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to tell somebody.

    Attributes:
        cause: what it is told because of, such as `servicecalls/4711/forwardings/2`; nobody is told twice for one.
        about: resource it is about.
        recipient: who.
        subject: one line, at most 200 characters.
        text: at most 4,000 characters.
        channels: None: as the employee prefers.
        urgent: ignores quiet hours, bundling and limits.
        expire_time: from when on it is not sent any more.
        substitutes: whoever stands in for an absent employee is told too.
        by: personnel number of who did it: never told, not even as a substitute; empty if it is nobody.
        sender: resource name that stands as the sender of messages.
        actions: what can be done out of it inside, the buttons of a popup.
        withheld: why it is not sent and only kept on record; empty: it is sent.
    """

    cause: str
    about: str = ""
    recipient: Recipient
    subject: str
    text: str = ""
    channels: frozenset[Channel] | None = None
    urgent: bool = False
    expire_time: datetime | None = None
    substitutes: bool = True
    by: str = ""
    sender: str = SERVICE
    actions: tuple[Action, ...] = ()
    withheld: str = ""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One person, one channel.

    Attributes:
        notice: what is told.
        employee: personnel number, empty for a free address.
        channel: over what.
        address: mail address or number; empty inside.
        state: SENT inside, WAITING outside, FAILED where there is no address, SUPPRESSED when it is withheld.
        reason: why it failed or is withheld.
        next_time: when something is done with it next; None: nothing.
    """

    notice: Notice
    employee: str
    channel: Channel
    address: str = ""
    state: State
    reason: str = ""
    next_time: datetime | None = None

    @cached_property
    def key(self) -> Key:
        """Nobody is told twice over one channel because of the same cause."""
        return self.notice.cause, self.recipient, int(self.channel)

    @cached_property
    def recipient(self) -> str:
        """Who, as one word: the same person or address is told once."""
        return f"employees/{self.employee}" if self.employee else self.address

    @cached_property
    def digest(self) -> str:
        """The same for everything that reads the same to the same recipient over the same channel."""
        notice = self.notice
        said = (self.recipient, str(int(self.channel)), notice.about, notice.subject, notice.text)
        return hashlib.blake2b("\0".join(said).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What decides how somebody is told.

    Attributes:
        people: employees by personnel number.
        absent: who is away, with who stands in for him; empty when nobody does.
        preferences: of those who have said something.
        policy: the site's choice.
        now: the instant.
    """

    people: Mapping[str, Employee]
    absent: Mapping[str, str]
    preferences: Mapping[str, Preferences]
    policy: Policy
    now: datetime


def plan(notices: Sequence[Notice], situation: Situation) -> list[Planned]:
    """Decide who is told over which channel; each (cause, person, channel) once, the first that says so counts."""
    found: dict[tuple[str, str, Channel], Planned] = {}
    for notice in notices:
        for planned in _of(notice, situation):
            one = _withheld(planned) if notice.withheld else planned
            found.setdefault((notice.cause, one.recipient, one.channel), one)
    return list(found.values())


def _withheld(one: Planned) -> Planned:
    return replace(one, state=State.SUPPRESSED, reason=one.notice.withheld, next_time=None)


def _of(notice: Notice, situation: Situation) -> Iterator[Planned]:
    to, policy, now = notice.recipient, situation.policy, situation.now
    if to.mail:
        yield outside(notice, Channel.MAIL, address=to.mail, policy=policy, now=now)
    if to.mobile:
        yield outside(notice, Channel.SMS, address=to.mobile, policy=policy, now=now)
    if not to.employee:
        return
    for number, channels in _reached(notice, situation.absent):
        if number == notice.by:
            continue
        person = situation.people.get(number)
        if person is None:
            reason = f"employees/{number} does not exist"
            yield Planned(notice=notice, employee=number, channel=Channel.ESMESSAGE, state=State.FAILED, reason=reason)
            continue
        wanted = situation.preferences.get(number, DEFAULT)
        yield from _told(notice, person, _without_double(channels or wanted.channels), wanted, situation)


def _told(
    notice: Notice, person: Employee, channels: frozenset[Channel], wanted: Preferences, situation: Situation
) -> Iterator[Planned]:
    """Over these channels, and over another for each that does not reach him."""
    told = channels
    for channel in sorted(channels):
        planned = _over(notice, person, channel, wanted, situation)
        if planned.state is not State.FAILED or notice.withheld:
            yield planned
            continue
        reached = any(one.inside or address(one, person, wanted) for one in told)
        instead = channel_after_failure(wanted, person, told, reached=reached)
        if instead is None:
            yield planned
            continue
        told |= {instead}
        yield replace(planned, reason=f"{planned.reason}; {instead.name} is used")
        yield _over(notice, person, instead, wanted, situation)


def _over(notice: Notice, person: Employee, channel: Channel, wanted: Preferences, situation: Situation) -> Planned:
    if channel.inside:
        return _inside(notice, person.number, channel, wanted, situation)
    return outside(
        notice, channel, employee=person.number, address=address(channel, person, wanted), wanted=wanted,
        policy=situation.policy, now=situation.now,
    )  # fmt: skip


def _reached(notice: Notice, absent: Mapping[str, str]) -> Iterator[tuple[str, frozenset[Channel] | None]]:
    """The one who is meant; away and stood in for, he finds a message when he is back, and is not called out."""
    employee = notice.recipient.employee
    substitute = absent.get(employee, "") if notice.substitutes else ""
    if not substitute or substitute == notice.by:
        yield employee, notice.channels
        return
    yield employee, frozenset({Channel.ESMESSAGE})
    yield substitute, notice.channels


def _without_double(channels: frozenset[Channel]) -> frozenset[Channel]:
    """A popup is a message in the inbox already."""
    return channels - {Channel.ESMESSAGE} if Channel.POPUP in channels else channels


def _inside(notice: Notice, employee: str, channel: Channel, wanted: Preferences, situation: Situation) -> Planned:
    after = fallback_after(wanted, situation.policy) if channel is Channel.POPUP and wanted.fallback else None
    return Planned(
        notice=notice,
        employee=employee,
        channel=channel,
        state=State.SENT,
        next_time=situation.now + after if after else None,
    )


def outside(
    notice: Notice,
    channel: Channel,
    *,
    employee: str = "",
    address: str,
    wanted: Preferences = DEFAULT,
    policy: Policy,
    now: datetime,
) -> Planned:
    """Plan a mail or short message to an employee, or to a free address."""
    if not address:
        reason = f"employees/{employee} has no {_MISSING[channel]}"
        return Planned(notice=notice, employee=employee, channel=channel, state=State.FAILED, reason=reason)
    due = departure(wanted, policy, urgent=notice.urgent, now=now)
    return Planned(
        notice=notice, employee=employee, channel=channel, address=address, state=State.WAITING, next_time=due
    )


_MISSING: Final = {
    Channel.MAIL: "mail address",
    Channel.ADDITIONAL_MAIL: "additional mail address",
    Channel.SMS: "mobile number",
}


def address(channel: Channel, person: Employee, wanted: Preferences) -> str:
    """Return where an employee is reached outside; empty if nowhere."""
    if channel is Channel.SMS:
        return person.mobile
    return person.mail_address if channel is Channel.MAIL else wanted.additional_mail


def fallback_after(wanted: Preferences, policy: Policy) -> timedelta | None:
    """Return how long a popup may stay unacknowledged, None for ever."""
    return (policy.fallback_after if wanted.fallback_after is None else wanted.fallback_after) or None


def next_channel(wanted: Preferences, person: Employee, told: frozenset[Channel]) -> tuple[Channel | None, bool]:
    """Return the channel that comes after an unacknowledged popup, and whether another one would follow.

    Args:
        wanted: the employee's preferences.
        person: the employee; channels on which he is not reached are passed over.
        told: channels that were used because of the same cause.
    """
    left = [one for one in wanted.fallback if one not in told and address(one, person, wanted)]
    return (left[0], len(left) > 1) if left else (None, False)


def channel_after_failure(
    wanted: Preferences, person: Employee, told: frozenset[Channel], *, reached: bool
) -> Channel | None:
    """Return the channel that comes after one that has failed; None: there is no other.

    Args:
        wanted: the employee's preferences.
        person: the employee.
        told: channels that were used because of the same cause, the failed ones too.
        reached: one of the others reaches him; if none does, his inbox is what is left.
    """
    channel, _ = next_channel(wanted, person, told)
    if channel is None and not reached and not any(one.inside for one in told):
        return Channel.POPUP
    return channel


def departure(wanted: Preferences, policy: Policy, *, urgent: bool, now: datetime) -> datetime:
    """Return when a mail or short message leaves: now, when it is urgent; else after quiet hours and the bundling."""
    return now if urgent else quiet_until(wanted.quiet, policy.zone, now) + policy.bundle


def quiet_until(quiet: Sequence[QuietHours], zone: ZoneInfo, now: datetime) -> datetime:
    """Return the end of the quiet hours that hold now; now when none do. Windows that touch count as one."""
    at = now
    for _ in range(2 * len(quiet)):
        ends = [end for one in quiet for start, end in _around(one, zone, at) if start <= at < end]
        if not ends:
            break
        at = max(ends)
    return at


def _around(quiet: QuietHours, zone: ZoneInfo, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Return the windows that opened on this day or the day before. An end that comes twice is the second one."""
    today = at.astimezone(zone).date()
    for day in (today - _DAY, today):
        if day.weekday() in quiet.weekdays:
            start = first_instant(zone, day, quiet.window.opens.minutes)
            yield start, last_instant(zone, day, quiet.window.end_minutes)
