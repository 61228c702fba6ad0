"""Everything calls are measured by, read at once and kept in memory until it changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from esoffice.es.v1 import calendars_pb2 as calendars_pb
from esoffice.es.v1 import service_levels_pb2 as pb
from sqlalchemy import select

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, Violation
from server_es import catalogue_rows
from server_es.calendars import mark
from server_es.calendars import store as calendar_store
from server_es.calendars.compiled import Compiled
from server_es.calendars.hours import Calendar
from server_es.service_levels import store, tables
from server_es.service_levels.catalogues import SERVICE_LEVEL
from server_es.service_levels.rules import (
    CategoryId,
    Level,
    LevelNumber,
    Meaning,
    SignificanceId,
    SiteLevels,
    State,
    States,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The catalogues at one instant.

    Attributes:
        states: all states.
        levels: by number, calendars compiled.
        calendars_of_levels: id of each level's calendar, by the level's number.
        choice: the rules that choose a level.
    """

    states: States
    levels: Mapping[int, Level] = field(default_factory=dict)
    calendars_of_levels: Mapping[int, str] = field(default_factory=dict)
    choice: SiteLevels = field(default_factory=SiteLevels)

    def with_level(self, level: Level) -> "Site":
        """Return the site as it would be with another level of this number."""
        return replace(self, levels={**self.levels, level.number: level})

    def with_calendar(self, id_: str, calendar: Calendar) -> "Site":
        """Return the site as it would be with another calendar of this id."""
        timed = {number for number, one in self.calendars_of_levels.items() if one == id_}
        changed = {number: replace(self.levels[number], calendar=calendar) for number in timed}
        return replace(self, levels={**self.levels, **changed})

    def levels_of_calendar(self, id_: str) -> set[int]:
        return {number for number, one in self.calendars_of_levels.items() if one == id_}


class Sites:
    """The site as a unit of work sees it; read again only when the mark says that it has changed."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self._kept: tuple[int, Site] | None = None

    def read(self, unit: UnitOfWork) -> Site:
        """Return the site for an answer."""
        return self._of(unit, mark.read(unit))

    def share(self, unit: UnitOfWork) -> Site:
        """Return the site, and keep others from changing it until the unit ends: for what is written from it."""
        return self._of(unit, mark.share(unit))

    def _of(self, unit: UnitOfWork, now: int) -> Site:
        kept = self._kept
        if kept is not None and kept[0] == now:
            return kept[1]
        site = read(unit, self.compiled)
        if now:
            self._kept = now, site
        return site


def read(unit: UnitOfWork, compiled: Compiled) -> Site:
    """Read all of it."""
    rows = unit.connection.execute(select(tables.servicecall_state)).mappings()
    states = States(tuple(state_of(dict(row)) for row in rows))
    entries = [dict(row) for row in unit.connection.execute(select(tables.service_level)).mappings()]
    used = {entry["calendar"] for entry in entries if entry["calendar"]}
    messages = map(calendar_store.message_of, calendar_store.several(unit, used))
    calendars = {message.name.rpartition("/")[2]: compiled.of(message) for message in messages}
    assigned = unit.connection.execute(select(tables.level_assignment))
    defaults: Mapping[str, Any] = store.defaults(unit) or {}
    return Site(
        states=states,
        levels={entry["number"]: level_of(entry, calendars.get(entry["calendar"])) for entry in entries},
        calendars_of_levels={entry["number"]: entry["calendar"] for entry in entries if entry["calendar"]},
        choice=SiteLevels(
            matrix={
                (CategoryId(one.problem_category), SignificanceId(one.significance)): LevelNumber(one.service_level)
                for one in assigned
            },
            default=defaults.get("service_level"),
            default_category=defaults.get("problem_category"),
        ),
    )


def state_of(row: Mapping[str, Any]) -> State:
    return State(
        number=row["number"], name=row["title"], meaning=Meaning(row["meaning"]), stops_clock=row["stops_clock"]
    )


def level_of(row: Mapping[str, Any], calendar: Calendar | None) -> Level:
    """Return the rules' level of a row.

    Raises:
        InvalidArgument: it breaks their laws.
    """
    promises = (row[f"{kind}_working_duration"] for kind in ("reaction", "arrival", "solution"))
    reaction, arrival, solution = (None if one is None else timedelta(microseconds=one) for one in promises)
    try:
        return Level(
            number=LevelNumber(row["number"]),
            language=row["language"],
            priority=row["priority"],
            calendar=calendar,
            reaction=reaction,
            arrival=arrival,
            solution=solution,
        )
    except InvalidArgument as error:
        wrong = [Violation(f"service_level.{one.field}", one.description) for one in error.violations]
        raise InvalidArgument(wrong) from None


def level_as_given(unit: UnitOfWork, message: pb.ServiceLevel, compiled: Compiled) -> Level:
    """Return the rules' level of a message, its calendar as it is stored.

    Raises:
        InvalidArgument: it breaks the rules' laws, or refers to something that does not exist.
    """
    row = {**SERVICE_LEVEL.row_of(message), "number": SERVICE_LEVEL.key_of(message.name, field="service_level.name")}
    catalogue_rows.check_references(unit, SERVICE_LEVEL, row)
    calendar: calendars_pb.Calendar | None = None
    if row["calendar"]:
        calendar = calendar_store.message_of(calendar_store.get(unit, message.calendar))
    return level_of(row, compiled.of(calendar) if calendar else None)
