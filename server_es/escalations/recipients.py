"""Who is told when a point fires, and on which channels (Empfänger). Pure.

Whoever is away is not called: his substitute is told in his place. Who has neither an address nor a number for any of
the event's channels cannot be reached; an esMessage reaches every employee who is there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from server_es.directory.staff import Employee, Staff


class Channel(StrEnum):
    """How somebody is told."""

    ES_MESSAGE = "esMessage"
    MAIL = "mail"
    ADDITIONAL_MAIL = "additionalMail"
    SMS = "sms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A recipient row: an employee, a team, a roster, or nothing but addresses. Empty fields are not given."""

    employee: str = ""
    team: str = ""
    roster: str = ""
    mail_address: str = ""
    additional_mail_address: str = ""
    mobile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happens when a point fires.

    Attributes:
        id: of the event.
        subject: id of the text module of the subject; empty: the first line of the message.
        message: id of the text module of the message.
        channels: how people are told.
        responsible: tells the responsible employee of the call.
        forwarding: tells the employee or the team the call was forwarded to.
        rows: further recipients.
    """

    id: str
    subject: str = ""
    message: str = ""
    channels: frozenset[Channel]
    responsible: bool = False
    forwarding: bool = False
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Responsible:
    """Who is in charge of a call; by a forwarding or from the beginning."""

    employee: str = ""
    team: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One who is told: an employee of the house, or an address or number without a name.

    Attributes:
        employee: personnel number, empty for a free address or number.
        channels: where each channel leads: a personnel number, a mail address, a number.
        person: the employee as he was read, who need not be read again.
    """

    employee: str
    channels: Mapping[Channel, str]
    person: Employee | None = field(default=None, compare=False, repr=False)


OnDuty = Callable[[str], Sequence[str]]
"""Answers who is on duty in a roster, as personnel numbers."""


def told(
    event: Event, responsible: Responsible, staff: Staff, *, away: Mapping[str, str], on_duty: OnDuty
) -> tuple[Told, ...]:
    """Return who is told, each once; nobody when nobody can be reached.

    Args:
        event: what happens.
        responsible: who is in charge of the call.
        staff: everybody, with addresses and numbers.
        away: who is away, each with his substitute or an empty word.
        on_duty: who is on duty.
    """
    found: dict[str, dict[Channel, str]] = {}
    for row in _addressed(event, responsible, staff, on_duty):
        if row.employee:
            name, places = _employee(row, staff, away)
        else:
            name, places = "", _free(row)
        reached = {channel: place for channel, place in places.items() if place and channel in event.channels}
        if reached:
            key = name or " ".join(reached.values())
            found[key] = {**reached, **found.get(key, {})}
    known = {name: staff.employees.get(name) for name in found}
    return tuple(
        Told(employee=name if known[name] else "", channels=places, person=known[name])
        for name, places in found.items()
    )


def _addressed(event: Event, responsible: Responsible, staff: Staff, on_duty: OnDuty) -> Iterator[Row]:
    """Return a row for every single recipient, whether he can be reached or not."""
    if event.responsible and responsible.employee:
        yield Row(employee=responsible.employee)
    if event.forwarding:
        if responsible.employee:
            yield Row(employee=responsible.employee)
        else:
            yield from _each(staff.members(responsible.team))
    for row in event.rows:
        if row.team:
            yield from _each(staff.members(row.team))
        elif row.roster:
            yield from _each(on_duty(row.roster))
        else:
            yield row


def _each(employees: Iterable[str]) -> Iterator[Row]:
    return (Row(employee=one) for one in employees)


def _employee(row: Row, staff: Staff, away: Mapping[str, str]) -> tuple[str, Mapping[Channel, str]]:
    number = away.get(row.employee, row.employee)
    one = staff.employees.get(number)
    if one is None or one.service_user:
        return "", {}
    own = row if number == row.employee else Row()  # what the row says is not the substitute's
    return number, {
        Channel.ES_MESSAGE: number,
        Channel.MAIL: own.mail_address or one.mail_address,
        Channel.ADDITIONAL_MAIL: own.additional_mail_address,
        Channel.SMS: own.mobile or one.mobile,
    }


def _free(row: Row) -> Mapping[Channel, str]:
    return {
        Channel.MAIL: row.mail_address,
        Channel.ADDITIONAL_MAIL: row.additional_mail_address,
        Channel.SMS: row.mobile,
    }
