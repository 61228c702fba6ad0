"""What everybody who was answered may rely on: who is away, who is on duty, who has to be told.

Written from the domain: nothing here asks server_es, or uses its rules.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from tests.simulation.company import ADDITIONAL_MAIL, MAIL, POPUP, SMS, Company, Event, Row
from tests.simulation.worktime import BERLIN, DAY

Told = frozenset[tuple[str, int]]
"""Recipient and channel: `employees/17`, or a free address or number."""
OPEN, PARTLY, APPROVED, REJECTED, REVOKED = range(1, 6)


def berlin(day: date, minutes: int = 0) -> datetime:
    """Return the instant at which a clock in Berlin shows so many minutes of a day."""
    wall = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=BERLIN)
    return wall.astimezone(UTC)


@dataclass
class Absence:
    """A request for absence, as it was answered."""

    name: str
    employee: str
    start: datetime
    end: datetime
    groups: dict[str, bool]
    state: int = OPEN
    etag: str = ""


@dataclass
class Change:
    """Somebody else is on duty for a while."""

    roster: str
    start: datetime
    end: datetime
    employee: str
    replaced: str


@dataclass
class FollowUp:
    """Somebody wants to be reminded."""

    name: str
    due: datetime
    employee: str
    team: str
    done: bool = False
    told: bool = False


@dataclass
class World:
    """People and their times.

    Attributes:
        company: as it was founded.
        absences: by name.
        changes: of rosters, in the order in which they were made.
        follow_ups: by name.
    """

    company: Company
    absences: dict[str, Absence] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    follow_ups: dict[str, FollowUp] = field(default_factory=dict)
    _of: defaultdict[str, list[Absence]] = field(default_factory=lambda: defaultdict(list))

    def is_away(self, number: str, at: datetime) -> bool:
        return any(one.state == APPROVED and one.start <= at < one.end for one in self._of[number])

    def asked(self, one: Absence) -> None:
        """Somebody has asked for an absence."""
        self.absences[one.name] = one
        self._of[one.employee].append(one)

    def stands_in(self, number: str, at: datetime) -> str | None:
        """Return who stands in for somebody who is away, empty for nobody; None: he is there."""
        if not self.is_away(number, at):
            return None
        seen = {number}
        while True:
            number = self.company.people[number].substitute
            if not number or number in seen:
                return ""
            if not self.is_away(number, at):
                return number
            seen.add(number)

    def on_duty(self, roster: str, at: datetime) -> list[str]:
        """Return who is on duty: the next one from every Monday at eight, and whoever took a turn over."""
        plan = self.company.rosters[roster]
        wall = at.astimezone(BERLIN)
        today = wall.date() if wall.hour >= 8 else wall.date() - DAY
        weeks = (today - plan.start).days // 7
        if weeks < 0:
            return []
        crew = [plan.crew[weeks % len(plan.crew)]]
        for one in self.changes:
            if one.roster == roster and one.start <= at < one.end:
                crew = [one.employee if number == one.replaced else number for number in crew]
        return crew

    def reached(self, employees: Iterable[str], at: datetime, *, by: str = "") -> set[str]:
        """Return who is told something meant for these: they, and who stands in for them; never who did it."""
        found = set[str]()
        for number in employees:
            found |= {number, self.stands_in(number, at) or number}
        return found - {by}

    def escalated_to(self, event: Event, employee: str, team: str, at: datetime) -> Told:
        """Return who is told when a call escalates, and how: who is away is replaced."""
        rows: list[Row] = [Row(employee=employee)] if event.responsible and employee else []
        if event.forwarding:
            members = self.company.teams.get(team, ())
            rows += [Row(employee=one) for one in ((employee,) if employee else members)]
        for row in event.rows:
            people = self.company.teams[row.team] if row.team else ()
            people = tuple(self.on_duty(row.roster, at)) if row.roster else people
            rows += [Row(employee=one) for one in people] if row.team or row.roster else [row]
        found: dict[tuple[str, int], str] = {}
        for row in rows:  # each person once on each channel: where the first row says
            for who, channel, place in self._places(row, at):
                if place and channel in event.channels:
                    found.setdefault((who or place, channel), place)
        return frozenset(
            (place, MAIL if channel == ADDITIONAL_MAIL else channel) for (_, channel), place in found.items()
        )

    def fallback(self, at: datetime) -> Told:
        """Return who is told when nobody can be reached."""
        number = self.company.fallback
        return frozenset({(f"employees/{self.stands_in(number, at) or number}", POPUP)})

    def _places(self, row: Row, at: datetime) -> list[tuple[str, int, str]]:
        """Return person (empty for a free address), channel and place of a row for one."""
        if not row.employee:
            return [("", MAIL, row.mail), ("", ADDITIONAL_MAIL, row.additional), ("", SMS, row.mobile)]
        stand_in = self.stands_in(row.employee, at)
        number = row.employee if stand_in is None else stand_in
        if not number:
            return []
        own = row if stand_in is None else Row()
        person, name = self.company.people[number], f"employees/{number}"
        mail, mobile = own.mail or person.mail, own.mobile or person.mobile
        return [(name, POPUP, name), (name, MAIL, mail), (name, ADDITIONAL_MAIL, own.additional), (name, SMS, mobile)]

    def due_follow_ups(self, at: datetime) -> list[FollowUp]:
        return [one for one in self.follow_ups.values() if one.due <= at and not one.done and not one.told]

    def reminded(self, one: FollowUp, at: datetime) -> set[str]:
        return self.reached([one.employee] if one.employee else self.company.teams[one.team], at)


def absence_span(first: date, last: date, *, from_noon: bool, until_noon: bool) -> tuple[datetime, datetime]:
    """Return from when to when somebody is away."""
    noon = 12 * 60
    return berlin(first, noon * from_noon), berlin(last, noon) if until_noon else berlin(last + timedelta(days=1))
