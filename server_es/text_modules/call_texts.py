"""Reads what texts say about calls, many calls at once: for previews, escalations and mails to customers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from mesh.database import UnitOfWork
from server_es.directory.letters import components, records
from server_es.service_levels import tables as levels
from server_es.service_levels.rules import Level
from server_es.service_levels.site import Site, Sites
from server_es.servicecalls import answers, store
from server_es.servicecalls.logs import log_of
from server_es.servicecalls.rules import Kind, Milestone
from server_es.text_modules.placeholders import Facts

_TITLES: Final = (
    ("level", levels.service_level, "number"),
    ("priority", levels.priority, "number"),
    ("category", levels.problem_category, "id"),
)
_KEYS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "address": attrgetter("address"),
    "system": attrgetter("system"),
    "component": attrgetter("system", "component"),
    "contract": attrgetter("contract"),
    "employee": attrgetter("responsible_employee"),
    "team": attrgetter("responsible_team"),
}


class CallTexts:
    """What there is to say about calls.

    Args:
        sites: the catalogues in memory.
        zone: IANA zone of the site; a level's calendar has its own.
    """

    def __init__(self, sites: Sites, zone: str) -> None:
        self._sites = sites
        self._zone = ZoneInfo(zone)

    def zone_of(self, level: Level) -> ZoneInfo:
        """Return where the times of calls on a level are local."""
        return ZoneInfo(level.calendar.zone) if level.calendar else self._zone

    def read(self, unit: UnitOfWork, numbers: Iterable[int]) -> dict[int, Facts]:
        """Return the facts of those of these calls that there are."""
        return self.of(unit, store.several(unit, numbers))

    def of(self, unit: UnitOfWork, calls: Sequence[Any], *, site: Site | None = None) -> dict[int, Facts]:
        """Return the facts of calls whose rows are at hand, and perhaps the catalogues."""
        site = site or self._sites.read(unit)
        states = {number: site.states.standing(number).name for number in {call.state for call in calls}}
        known = _Known(unit, site, calls)
        return {
            call.number: Facts(
                call=call,
                level=site.levels[call.service_level],
                state=states[call.state],
                zone=self.zone_of(site.levels[call.service_level]),
                known=known,
            )
            for call in calls
        }


class _Known:
    """What is known of calls, a query per kind however many they are, and none for what no text asks for."""

    def __init__(self, unit: UnitOfWork, site: Site, calls: Sequence[Any]) -> None:
        self._unit = unit
        self._site = site
        self._calls = calls
        self._records: dict[str, Mapping[Any, Any]] = {}
        self._titles: Mapping[tuple[str, int | str], str] | None = None
        self._logs: Mapping[int, Sequence[Any]] | None = None
        self._milestones: dict[int, Mapping[Kind, Milestone]] = {}

    def record(self, kind: str, call: Any) -> Any:
        key_of = _KEYS[kind]
        found = self._records.get(kind)
        if found is None:
            keys = {key_of(one) for one in self._calls}
            if kind == "component":
                found = components(self._unit, (one for one in keys if one[1]))
            else:
                found = records(self._unit, kind, keys)
            self._records[kind] = found
        return found.get(key_of(call))

    def title(self, kind: str, key: int | str) -> str:
        if self._titles is None:
            self._titles = _titles(self._unit)
        return self._titles.get((kind, key), "")

    def milestones(self, call: Any) -> Mapping[Kind, Milestone]:
        found = self._milestones.get(call.number)
        if found is None:
            if self._logs is None:
                self._logs = store.logs(self._unit, [one.number for one in self._calls])
            log = log_of(call.number, self._logs.get(call.number, ()))
            terms = answers.terms_of(self._site, call.service_level, call.level_rule)
            found = {one.kind: one for one in answers.milestones_of(log, terms, self._unit.now)}
            self._milestones[call.number] = found
        return found


def _titles(unit: UnitOfWork) -> Mapping[tuple[str, int | str], str]:
    titles: dict[tuple[str, int | str], str] = {}
    for kind, table, key in _TITLES:
        rows = unit.connection.execute(select(table.c[key], table.c.title))
        titles |= {(kind, row[0]): row.title for row in rows}
    return titles
