"""A company out of a seed: who works there, in which teams, by which hours, and what it promised to whom."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random

from tests.simulation.worktime import Hours

HOUR = timedelta(hours=1)
CREATED, STARTED, FORWARDED, ESCALATED, INTERRUPTED, SOLVED, DONE = 20, 30, 40, 45, 50, 60, 70
"""Numbers of the states; the site has put "escalated" between forwarded and interrupted."""
POPUP, MAIL, ADDITIONAL_MAIL, SMS = 2, 3, 4, 5
"""Channels of notices."""
STARTS = ("2026-03-23", "2026-10-19", "2026-12-14", "2026-05-25")
"""Mondays: before a night that is too short, before one that is too long, before Christmas, and Whit Monday."""


@dataclass(frozen=True)
class Person:
    number: str
    team: str
    substitute: str = ""
    mail: str = ""
    mobile: str = ""


@dataclass(frozen=True)
class Level:
    """What is promised, in working time; `hours` is the id of a calendar, empty: around the clock."""

    number: int
    hours: str
    priority: int
    reaction: timedelta | None
    arrival: timedelta | None
    solution: timedelta | None

    def promised(self, kind: str) -> timedelta | None:
        found: timedelta | None = getattr(self, kind)
        return found


@dataclass(frozen=True)
class Row:
    """A recipient of an escalation event; one of the first three, or addresses alone or of an employee."""

    employee: str = ""
    team: str = ""
    roster: str = ""
    mail: str = ""
    additional: str = ""
    mobile: str = ""


@dataclass(frozen=True)
class Event:
    id: str
    channels: frozenset[int]
    responsible: bool = False
    forwarding: bool = False
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Point:
    """An escalation point; it holds for the level or the priority that is named."""

    number: int
    event: str
    kind: str
    percent: int
    delay: timedelta = timedelta(0)
    real: bool = False
    ceiling: int = 0
    new_state: int = 0
    level: int = 0
    priority: int = 0
    repeat: timedelta | None = None
    repeat_real: bool = False
    limit: int = 0
    always: bool = False
    disabled: bool = False

    def holds(self, level: Level) -> bool:
        return not self.disabled and (level.number == self.level or level.priority == self.priority)


@dataclass(frozen=True)
class Roster:
    """Weekly duty from `start` on, handed over on Mondays at 08:00 in Berlin."""

    id: str
    start: date
    crew: tuple[str, ...]


@dataclass(frozen=True)
class Wishes:
    """How somebody wants to be told: channels, what follows an unread popup, quiet hours by the wall clock."""

    channels: tuple[int, ...]
    fallback: tuple[int, ...]
    minutes: int
    quiet: tuple[int, int] | None = None


@dataclass
class Company:
    """Everything the simulation starts with."""

    start: datetime
    people: dict[str, Person] = field(default_factory=dict)
    teams: dict[str, tuple[str, ...]] = field(default_factory=dict)
    leads: dict[str, tuple[str, ...]] = field(default_factory=dict)
    office: tuple[str, ...] = ()
    hours: dict[str, Hours] = field(default_factory=dict)
    levels: dict[int, Level] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    points: dict[int, Point] = field(default_factory=dict)
    rosters: dict[str, Roster] = field(default_factory=dict)
    wishes: dict[str, Wishes] = field(default_factory=dict)
    customers: tuple[str, ...] = ()
    systems: dict[str, str] = field(default_factory=dict)
    fallback: str = ""


def found(rng: Random, employees: int) -> Company:
    """Found a company of so many people."""
    first = datetime.fromisoformat(rng.choice(STARTS)).replace(tzinfo=UTC)
    made = Company(start=first + timedelta(hours=5))
    _hire(rng, made, employees)
    made.hours = {
        "office": Hours(tuple((day, 8 * 60, 17 * 60) for day in range(1, 6)), "NW", accept_until={5: 15 * 60}),
        "shop": Hours(tuple((day, 6 * 60, 22 * 60) for day in range(1, 7)), "BY", early={(12, 24): 720, (12, 31): 720}),
        "nights": Hours(tuple((day, 22 * 60, 6 * 60) for day in range(1, 8)), ""),
        "lunch": Hours(tuple((day, *span) for day in range(1, 6) for span in ((450, 720), (780, 990))), "BE"),
    }
    names = [*made.hours, ""]
    for number in range(1, 7):
        made.levels[number] = Level(
            number=number, hours=names[(number - 1) % len(names)], priority=1 + number % 2,
            reaction=rng.choice((None, 1 * HOUR, 2 * HOUR)), arrival=rng.choice((None, 4 * HOUR)),
            solution=rng.choice((4, 8, 12, 24)) * HOUR,
        )  # fmt: skip
    _plan(rng, made)
    made.customers = tuple(str(1000 + one) for one in range(max(6, employees // 4)))
    made.systems = {f"S-{one}": rng.choice(made.customers) for one in range(max(6, employees // 3))}
    return made


def _hire(rng: Random, made: Company, employees: int) -> None:
    numbers = [str(100 + one) for one in range(employees)]
    count = max(3, employees // 5)
    for at, number in enumerate(numbers):
        made.people[number] = Person(
            number=number, team=f"team-{at % count}",
            mail=f"p{number}@example.com" if rng.random() < 0.8 else "",
            mobile=f"+4917{int(number):07}" if rng.random() < 0.7 else "",
        )  # fmt: skip
    for one in made.people.values():
        made.teams[one.team] = (*made.teams.get(one.team, ()), one.number)
    for number, one in made.people.items():
        others = [other for other in made.teams[one.team] if other != number]
        if others and rng.random() < 0.8:
            made.people[number] = replace(one, substitute=rng.choice(others))
    made.leads = {team: tuple(rng.sample(members, min(2, len(members)))) for team, members in made.teams.items()}
    made.office = tuple(rng.sample(numbers, min(3, len(numbers))))
    made.fallback = rng.choice(numbers)
    for number in numbers:
        if rng.random() < 0.4:
            made.wishes[number] = wishes(rng)
    for at in range(max(2, count // 4)):
        crew = tuple(rng.sample(numbers, min(4, len(numbers))))
        made.rosters[f"roster-{at}"] = Roster(f"roster-{at}", made.start.date() - timedelta(days=7 * at), crew)


def wishes(rng: Random) -> Wishes:
    """Return how somebody might want to be told."""
    return Wishes(
        channels=tuple(sorted(rng.sample((POPUP, MAIL, SMS), rng.randint(1, 2)))),
        fallback=tuple(rng.sample((MAIL, SMS), rng.randint(0, 2))),
        minutes=rng.choice((0, 10, 60, 600)),
        quiet=rng.choice((None, (22 * 60, 6 * 60), (1 * 60, 4 * 60))),
    )


def _plan(rng: Random, made: Company) -> None:
    teams, rosters = sorted(made.teams), sorted(made.rosters)
    mails, messages = frozenset({MAIL, SMS}), frozenset({POPUP})
    numbers = sorted(made.people)
    made.events = {
        one.id: one
        for one in (
            Event("hint", messages, forwarding=True),
            Event("warn", messages | mails, responsible=True, rows=(Row(team=rng.choice(teams)),)),
            Event("duty", messages | mails, rows=(Row(roster=rng.choice(rosters)),)),
            Event(
                "boss", frozenset({POPUP, MAIL, ADDITIONAL_MAIL}), forwarding=True,
                rows=(Row(employee=rng.choice(numbers), mail="boss@example.com", additional="extra@example.com"),),
            ),
            Event("help", mails, rows=(Row(mail="partner@example.com", mobile="+491700000001"),)),
            Event("sms", frozenset({SMS}), responsible=True),
        )
    }  # fmt: skip
    for number in range(1, 13):
        repeats = rng.random() < 0.35
        made.points[number] = Point(
            number=number, event=rng.choice(sorted(made.events)),
            kind=rng.choices(("solution", "reaction", "arrival"), (6, 2, 1))[0],
            percent=rng.choice((25, 50, 75, 80, 90, 100, 120, 150)),
            delay=rng.choice((0, 0, 0, 30, 90)) * timedelta(minutes=1), real=rng.random() < 0.3,
            ceiling=rng.choice((0, 0, STARTED, ESCALATED, SOLVED)), new_state=rng.choice((0, 0, 0, ESCALATED)),
            level=rng.choice((0, *made.levels)) if number % 2 else 0, priority=0 if number % 2 else rng.choice((1, 2)),
            repeat=rng.choice((2, 6)) * HOUR if repeats else None, repeat_real=rng.random() < 0.5,
            limit=rng.randint(1, 3) if repeats else 0, always=rng.random() < 0.3,
        )  # fmt: skip
        point = made.points[number]
        if not point.level and not point.priority:
            made.points[number] = replace(point, level=rng.choice(sorted(made.levels)))
