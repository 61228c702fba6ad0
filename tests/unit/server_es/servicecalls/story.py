"""Builds the log of a call as it is told: what happened, on which day of March 2026, at what time in Berlin."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from server_es.calendars.hours import Calendar, Day, week
from server_es.calendars.times import windows
from server_es.service_levels.rules import Level, LevelNumber, LevelRule, Meaning, State, States
from server_es.servicecalls.events import Event, Log, Received, Reopened, StateChanged
from server_es.servicecalls.rules import Terms

HOUR = timedelta(hours=1)
OFFICE = Calendar(week=week(Day(windows=windows("08:00-17:00"))))
DRAFT, CREATED, STARTED, FORWARDED, INTERRUPTED, SOLVED, DONE = range(10, 80, 10)
WAITING = 35
NAMES = ("Entwurf", "Angelegt", "Gestartet", "Weitergeleitet", "Unterbrochen", "Gelöst", "Erledigt")
STATES = States(
    (
        *(State(number=meaning * 10, name=name, meaning=meaning) for meaning, name in zip(Meaning, NAMES, strict=True)),
        State(number=WAITING, name="Wartet auf Teil", meaning=Meaning.STARTED, stops_clock=True),
    )
)


def at(time: str, day: int = 24) -> datetime:
    """Return a time on a day of March 2026; the 24th is a Tuesday."""
    return datetime.fromisoformat(f"2026-03-{day:02} {time}").replace(tzinfo=ZoneInfo("Europe/Berlin"))


def becomes(state: int, time: str, day: int = 24) -> StateChanged:
    return StateChanged(time=at(time, day), state=state)


def reopened(time: str, day: int = 24, state: int = STARTED) -> Reopened:
    return Reopened(time=at(time, day), state=state)


def call(*events: Event, received: str = "09:00", number: int = 4711) -> Log:
    return Log(number=number, events=(Received(time=at(received)), becomes(CREATED, received), *events))


def terms(
    *,
    reaction: int | None = None,
    arrival: int | None = None,
    solution: int | None = None,
    calendar: Calendar | None = OFFICE,
    rule: LevelRule = LevelRule.CONTRACT,
) -> Terms:
    """Return terms with promises in hours."""
    promises = (None if hours is None else hours * HOUR for hours in (reaction, arrival, solution))
    level = Level(
        number=LevelNumber(3),
        language="de",
        priority=1,
        calendar=calendar,
        **dict(zip(("reaction", "arrival", "solution"), promises, strict=True)),
    )
    return Terms(level=level, states=STATES, rule=rule)
