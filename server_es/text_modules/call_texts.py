"""Reads what texts say about calls, many calls at once: for previews, escalations and mails to customers."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
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
from server_es.servicecalls.rules import Milestone
from server_es.text_modules.placeholders import Facts

_TITLES: Final = (
    ("level", levels.service_level, "number"),
    ("priority", levels.priority, "number"),
    ("category", levels.problem_category, "id"),
)


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

    def of(self, unit: UnitOfWork, calls: Sequence[Any]) -> dict[int, Facts]:
        """Return the facts of calls whose rows are at hand."""
        site = self._sites.read(unit)
        of = {
            kind: records(unit, kind, (getattr(call, column) for call in calls))
            for kind, column in (
                ("address", "address"),
                ("system", "system"),
                ("contract", "contract"),
                ("employee", "responsible_employee"),
                ("team", "responsible_team"),
            )
        }
        parts = components(unit, ((call.system, call.component) for call in calls if call.component))
        titles = _titles(unit)
        found = {}
        for call in calls:
            level = site.levels[call.service_level]
            found[call.number] = Facts(
                call=call,
                level=level,
                state=site.states.standing(call.state).name,
                titles=titles,
                read_milestones=partial(_milestones, unit, site, call),
                zone=self.zone_of(level),
                address=of["address"].get(call.address),
                system=of["system"].get(call.system),
                component=parts.get((call.system, call.component)),
                contract=of["contract"].get(call.contract),
                employee=of["employee"].get(call.responsible_employee),
                team=of["team"].get(call.responsible_team),
            )
        return found


def _milestones(unit: UnitOfWork, site: Site, call: Any) -> tuple[Milestone, ...]:
    log = log_of(call.number, store.log(unit, call.number))
    return answers.milestones_of(log, answers.terms_of(site, call.service_level, call.level_rule), unit.now)


def _titles(unit: UnitOfWork) -> Mapping[tuple[str, int | str], str]:
    titles: dict[tuple[str, int | str], str] = {}
    for kind, table, key in _TITLES:
        rows = unit.connection.execute(select(table.c[key], table.c.title))
        titles |= {(kind, row[0]): row.title for row in rows}
    return titles
