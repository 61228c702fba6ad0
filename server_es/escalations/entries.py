"""What holds for points, events and maintenance windows, and what follows from a change of them."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import delete, insert

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, Violation
from mesh.names import NamePattern
from server_es import entries
from server_es.calendars import mark
from server_es.catalogues import Catalogue, Key
from server_es.directory import names as directory
from server_es.directory.subjects import existing_employees, members_of
from server_es.escalations import holding, names, plans
from server_es.escalations.catalogues import EVENT, POINT
from server_es.escalations.recipients import Channel
from server_es.escalations.retiming import Retiming
from server_es.escalations.tables import escalation_assignment
from server_es.service_levels import names as levels
from server_es.service_levels import tables as level_tables
from server_es.service_levels.rules import Meaning
from server_es.service_levels.site import Sites
from server_es.service_levels.store import existing_levels

Existing = Callable[[UnitOfWork, Collection[str]], Collection[str]]


class PlanEntries(entries.Entries):
    """The points and the events.

    Args:
        sites: the catalogues in memory.
        retiming: times the calls anew that a change concerns.
        existing_rosters: which of these rosters there are.
        channels: how people can be told here.
    """

    def __init__(
        self, sites: Sites, retiming: Retiming, existing_rosters: Existing, channels: Collection[Channel]
    ) -> None:
        self._sites = sites
        self._retiming = retiming
        self._existing_rosters = existing_rosters
        self._channels = channels

    def begin(self, unit: UnitOfWork) -> None:
        mark.change(unit)

    def check(
        self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, message: Any, row: Mapping[str, Any]
    ) -> None:
        super().check(unit, catalogue, key, message, row)
        wrong = self._wrong_point(unit, message) if catalogue is POINT else self._wrong_event(unit, message)
        if wrong:
            raise InvalidArgument(wrong)

    def follow(self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, old: Mapping[str, Any] | None) -> None:
        if catalogue is EVENT:
            return
        kept = unit.connection.execute(POINT.table.select().where(POINT.table.c.number == key)).one_or_none()
        table = escalation_assignment
        unit.connection.execute(delete(table).where(table.c.point == key))
        before = old["assignments"] if old else []
        after = [] if kept is None else kept.assignments
        if after:
            unit.connection.execute(insert(table), [{"point": key, **_keys(one)} for one in after])
        site = self._sites.read(unit)
        concerned = [one.number for one in site.levels.values() if plans.fits([*before, *after], one)]
        self._retiming.ask(unit, concerned, from_log=True)

    def _wrong_point(self, unit: UnitOfWork, message: Any) -> list[Violation]:
        site = self._sites.read(unit)
        wrong = []
        if message.new_state:
            state = site.states.standing(int(levels.STATE.parse(message.new_state)[0]))
            if state.locked or state.meaning is Meaning.DRAFT:
                text = f"{message.new_state} means {state.meaning.name}; an escalation solves no call and unmakes none"
                wrong.append(Violation("escalation_point.new_state", text))
        named = {
            "service_level": (levels.SERVICE_LEVEL, existing_levels),
            "priority": (levels.PRIORITY, _existing_priorities),
        }
        for column, (pattern, existing) in named.items():
            asked = {int(ids[0]) for one in message.assignments if (ids := pattern.ids(getattr(one, column)))}
            there = existing(unit, asked)
            wrong += [
                Violation(f"escalation_point.assignments.{column}", f"{pattern.build(one)} does not exist")
                for one in sorted(asked - there)
            ]
        return wrong

    def _wrong_event(self, unit: UnitOfWork, message: Any) -> list[Violation]:
        named: dict[str, tuple[NamePattern, Existing]] = {
            "employee": (directory.EMPLOYEE, existing_employees),
            "team": (directory.TEAM, members_of),
            "roster": (names.ROSTER, self._existing_rosters),
        }
        wrong = []
        for column, (pattern, existing) in named.items():
            asked = {ids[0] for one in message.recipients if (ids := pattern.ids(getattr(one, column)))}
            there = existing(unit, asked) if asked else ()
            wrong += [
                Violation(f"escalation_event.recipients.{column}", f"{pattern.build(one)} does not exist")
                for one in sorted(asked - set(there))
            ]
        wrong += [
            Violation("escalation_event.channels", f"{plans.CHANNELS[one]} is not set up here")
            for one in message.channels
            if plans.CHANNELS[one] not in self._channels
        ]
        if not (message.notify_responsible_employee or message.notify_by_forwarding or message.recipients):
            text = (
                "is empty, and neither the responsible employee nor whom it was forwarded to is told: it reaches nobody"
            )
            wrong.append(Violation("escalation_event.recipients", text))
        return wrong


class WindowEntries(entries.Entries):
    """The maintenance windows."""

    def check(
        self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, message: Any, row: Mapping[str, Any]
    ) -> None:
        super().check(unit, catalogue, key, message, row)
        if row["start_time"] >= row["end_time"]:
            raise InvalidArgument([Violation("maintenance_window.end_time", "must lie after start_time")])

    def follow(self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, old: Mapping[str, Any] | None) -> None:
        del catalogue, key
        if old is not None:
            holding.look_again(unit, address=old["address"], system=old["system"])


def _existing_priorities(unit: UnitOfWork, numbers: Collection[int]) -> set[int]:
    column = level_tables.priority.c.number
    return set(unit.connection.execute(column.table.select().where(column.in_(sorted(numbers)))).scalars())


def _keys(assignment: Mapping[str, str]) -> dict[str, int | None]:
    level = levels.SERVICE_LEVEL.ids(assignment.get("service_level", ""))
    priority = levels.PRIORITY.ids(assignment.get("priority", ""))
    return {"service_level": int(level[0]) if level else None, "priority": int(priority[0]) if priority else None}
