"""The placeholders there are, what each means, and how its value is written.

A value is written only when a text names it; what a call has not is an empty string.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from server_es.calendars.wording import duration, moment
from server_es.service_levels.rules import Level
from server_es.servicecalls.rules import Kind, Milestone
from server_es.text_modules.rules import Language


class Known(Protocol):
    """What is known of many calls, read for all of them when a text asks for it the first time."""

    def record(self, kind: str, call: Any) -> Any:
        """Return the row of what a call is about, such as its `address`; None where the call has none."""

    def title(self, kind: str, key: int | str) -> str:
        """Return the title of an entry, such as `("priority", 1)`; empty if there is none."""

    def milestones(self, call: Any) -> Mapping[Kind, Milestone]:
        """Return the promises of a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A call and everything a text may say about it, while its unit of work lasts.

    Attributes:
        call: its row.
        level: what it promises.
        state: title of its state.
        zone: where times are local.
        known: of this call and those read with it.
    """

    call: Any
    level: Level
    state: str
    zone: ZoneInfo
    known: Known

    @property
    def address(self) -> Any:
        return self.known.record("address", self.call)

    @property
    def milestones(self) -> Mapping[Kind, Milestone]:
        return self.known.milestones(self.call)


Value = Callable[[Facts, Language], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """One placeholder. `value` is None where what happens gives it, not the call."""

    name: str
    german: str
    english: str
    value: Value | None


def _column(record: str, column: str) -> Value:
    return lambda facts, _: str(getattr(facts.known.record(record, facts.call), column, None) or "")


def _call(column: str) -> Value:
    return lambda facts, _: str(getattr(facts.call, column) or "")


def _title(kind: str, key: Callable[[Facts], int | str | None]) -> Value:
    return lambda facts, _: facts.known.title(kind, key(facts) or 0)


def _first(column: str) -> Value:
    return lambda facts, _: next(iter(getattr(facts.address, column, None) or ()), "")


def _postal(part: str) -> Value:
    def written(facts: Facts, _: Language) -> str:
        system = facts.known.record("system", facts.call)
        there = getattr(system, "postal_address", None) or getattr(facts.address, "postal_address", None) or {}
        return str(there.get(part, ""))

    return written


def _time(instant: Callable[[Facts], datetime | None]) -> Value:
    def written(facts: Facts, language: Language) -> str:
        at = instant(facts)
        return "" if at is None else moment(at, facts.zone, language)

    return written


def _due(kind: Kind) -> Value:
    def due(facts: Facts) -> datetime | None:
        found = facts.milestones.get(kind)
        return None if found is None else found.due_time

    return _time(due)


def _next(facts: Facts) -> datetime | None:
    open_ = (one for one in facts.milestones.values() if one.met_time is None and not one.paused)
    return min((one.due_time for one in open_ if one.due_time), default=None)


def _remaining(facts: Facts, _: Language) -> str:
    solution = facts.milestones.get(Kind.SOLUTION)
    return "" if solution is None else signed(solution.promised - solution.worked)


def signed(span: timedelta) -> str:
    """Return a duration such as `4:30 h`, or `-0:10 h` of one that is used up."""
    return duration(span) if span >= timedelta(0) else f"-{duration(-span)}"


def _name(facts: Facts, _: Language) -> str:
    one = facts.known.record("employee", facts.call)
    return "" if one is None else f"{one.given_name} {one.family_name}".strip()


def _of(name: str, german: str, english: str, value: Value | None = None) -> Placeholder:
    return Placeholder(name=name, german=german, english=english, value=value)


ALL: Final[Mapping[str, Placeholder]] = {
    one.name: one
    for one in (
        _of("ServCall.ServicecallNr", "Nummer des Servicecalls", "Number of the servicecall", _call("number")),
        _of("ServCall.Matchcode", "Titel des Servicecalls", "Title of the servicecall", _call("title")),
        _of("ServCall.Description", "Was gemeldet wurde", "What was reported", _call("description")),
        _of("ServCall.Status", "Status", "State", lambda facts, _: facts.state),
        _of("ServCall.Priority", "Priorität", "Priority", _title("priority", lambda facts: facts.level.priority)),
        _of(
            "ServCall.ServiceLevel", "Servicelevel", "Service level", _title("level", lambda facts: facts.level.number)
        ),
        _of(
            "ServCall.Category",
            "Problemkategorie",
            "Problem category",
            _title("category", lambda facts: facts.call.problem_category),
        ),
        _of(
            "ServCall.Received", "Eingang der Meldung", "When it was reported", _time(lambda one: one.call.receive_time)
        ),
        _of("ServCall.Team", "Verantwortliches Team", "Team in charge", _column("team", "matchcode")),
        _of("Address.AddressNr", "Nummer der Adresse", "Number of the address", _call("address")),
        _of(
            "Address.Matchcode", "Matchcode der Adresse", "Short title of the address", _column("address", "matchcode")
        ),
        _of("Address.Name", "Name des Kunden", "Name of the customer", _first("names")),
        _of("Address.Phone", "Telefon des Kunden", "The customer's phone", _first("phones")),
        _of("Address.Mail", "E-Mail des Kunden", "The customer's mail address", _first("mail_addresses")),
        _of("Address.Street", "Straße des Einsatzorts", "Street where it happened", _postal("street")),
        _of("Address.PostalCode", "PLZ des Einsatzorts", "Postal code where it happened", _postal("postal_code")),
        _of("Address.City", "Ort des Einsatzorts", "Town where it happened", _postal("city")),
        _of("System.SystemNr", "Nummer der Anlage", "Number of the system", _call("system")),
        _of("System.Matchcode", "Matchcode der Anlage", "Short title of the system", _column("system", "matchcode")),
        _of("System.Model", "Modell der Anlage", "Model of the system", _column("system", "model")),
        _of("System.SerialNumber", "Seriennummer der Anlage", "Its serial number", _column("system", "serial_number")),
        _of("System.Component", "Komponente", "Component", _column("component", "matchcode")),
        _of("Contract.ContractNr", "Nummer des Vertrags", "Number of the contract", _call("contract")),
        _of("Contract.Matchcode", "Matchcode des Vertrags", "Its short title", _column("contract", "matchcode")),
        _of("Employee.Name", "Name des Verantwortlichen", "Name of who is in charge", _name),
        _of("Employee.Matchcode", "Kürzel des Verantwortlichen", "His short title", _column("employee", "matchcode")),
        _of("Employee.Mail", "E-Mail des Verantwortlichen", "His mail address", _column("employee", "mail_address")),
        _of("Employee.Mobile", "Mobilnummer des Verantwortlichen", "His mobile number", _column("employee", "mobile")),
        _of("Deadline.Reaction", "Reaktion fällig", "When a reaction is due", _due(Kind.REACTION)),
        _of("Deadline.Arrival", "Eintreffen fällig", "When the arrival is due", _due(Kind.ARRIVAL)),
        _of("Deadline.Solution", "Lösung fällig", "When the solution is due", _due(Kind.SOLUTION)),
        _of("Deadline.Next", "Nächster Fälligkeitstermin", "The next due time", _time(_next)),
        _of("Deadline.Remaining", "Restliche Lösungszeit", "Working time left for the solution", _remaining),
        _of("Escalation.Matchcode", "Eskalationspunkt", "The escalation point"),
        _of("Escalation.Percent", "Prozent der vereinbarten Zeit", "Percent of the agreed time"),
        _of("Escalation.DueTime", "Wann eskaliert werden sollte", "When it was to escalate"),
        _of("Escalation.Round", "Die wievielte Wiederholung", "Which repetition it is"),
    )
}


class Values(Mapping[str, str]):
    """The values of a call, written when they are asked for.

    Args:
        facts: of the call.
        language: of dates and durations.
        more: values that what happens gives, such as those of `Escalation`.
    """

    def __init__(self, facts: Facts, language: Language, more: Mapping[str, str] | None = None) -> None:
        self._facts = facts
        self._language = language
        self._more = more or {}

    def __getitem__(self, name: str) -> str:
        value = ALL[name].value
        return self._more.get(name, "") if value is None else value(self._facts, self._language)

    def get(self, name: str, default: Any = None) -> Any:  # the Mapping's own catches a KeyError each time
        return self[name] if name in ALL else default

    def __iter__(self) -> Iterator[str]:
        return iter(ALL)

    def __len__(self) -> int:
        return len(ALL)
