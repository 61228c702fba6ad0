"""The due times of open calls when what they are computed from changes: before (preview) and after (cache)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from esoffice.es.v1 import calendars_pb2 as calendars_pb
from esoffice.es.v1 import servicecalls_pb2 as pb

from mesh.database import UnitOfWork
from server_es.calendars import mapping
from server_es.calendars.due_times import Preview
from server_es.calendars.hours import Calendar
from server_es.service_levels.rules import Level, Meaning
from server_es.service_levels.site import Site, Sites
from server_es.servicecalls import answers, rules, store
from server_es.servicecalls.events import Log
from server_es.servicecalls.logs import log_of
from server_es.servicecalls.names import SERVICECALL
from server_es.servicecalls.rules import Affected, Move

NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""The cached due time of an open call of which nothing is due: it comes last."""

_LONGEST: Final = timedelta.max


def cached(answer: pb.Servicecall) -> datetime | None:
    """Return what is cached of a call, from its answer."""
    if answer.meaning >= Meaning.SOLVED:
        return None
    return answer.next_due_time.ToDatetime(tzinfo=UTC) if answer.HasField("next_due_time") else NEVER


def of_call(call: Any, log: Log, site: Site, now: datetime) -> datetime | None:
    """Return what is cached of a call, from what it is computed from."""
    terms = answers.terms_of(site, call.service_level, call.level_rule)
    if site.states.standing(call.state).locked:
        return None
    return answers.next_due_time_of(log, terms, now) or NEVER


class Retimed(Protocol):
    """What else is timed by calendars, levels and states."""

    def ask(self, unit: UnitOfWork, levels: Iterable[int], *, from_log: bool) -> None:
        """Have the calls of these levels timed anew after the unit; from their logs when these mean something else."""

    def asked(self, unit: UnitOfWork) -> bool:
        """Tell whether that is still to be done."""


class Refreshed(Protocol):
    """Keeps the cached due times."""

    def ask(self, unit: UnitOfWork, site: Site, levels: Iterable[int]) -> None:
        """Have those of the open calls of these levels computed anew."""


class DueTimes:
    """Answers the calendars and the catalogues.

    Args:
        sites: the catalogues in memory.
        refreshed: keeps the cached due times.
        retimed: times anew what else hangs on the calls.
    """

    def __init__(self, sites: Sites, refreshed: Refreshed, retimed: Retimed | None = None) -> None:
        self._sites = sites
        self._refreshed = refreshed
        self._retimed = retimed

    def preview_calendar(self, unit: UnitOfWork, id_: str, calendar: Calendar) -> Preview:
        site = self._sites.read(unit)
        return self._preview(unit, site, site.with_calendar(id_, calendar), site.levels_of_calendar(id_))

    def preview_level(self, unit: UnitOfWork, level: Level) -> Preview:
        site = self._sites.read(unit)
        return self._preview(unit, site, site.with_level(level), {level.number})

    def calendar_changed(self, unit: UnitOfWork, id_: str) -> None:
        site = self._sites.read(unit)
        self._changed(unit, site, site.levels_of_calendar(id_), from_log=False)

    def level_changed(self, unit: UnitOfWork, number: int) -> None:
        self._changed(unit, self._sites.read(unit), {number}, from_log=True)

    def states_changed(self, unit: UnitOfWork, number: int) -> None:
        site = self._sites.read(unit)
        state = site.states.standing(number)
        store.set_meaning(unit, number, int(state.meaning), unknown=None if state.locked else NEVER)
        self._changed(unit, site, site.levels, from_log=True)

    def _changed(self, unit: UnitOfWork, site: Site, levels: Iterable[int], *, from_log: bool) -> None:
        self._refreshed.ask(unit, site, levels)
        if self._retimed is not None:
            self._retimed.ask(unit, levels, from_log=from_log)

    def _preview(self, unit: UnitOfWork, before: Site, after: Site, levels: Iterable[int]) -> Preview:
        calls = store.open_calls(unit, levels, lock=False)
        affected = [
            Affected(
                log=log,
                before=answers.terms_of(before, call.service_level, call.level_rule),
                after=answers.terms_of(after, call.service_level, call.level_rule),
            )
            for call, log in _with_logs(unit, calls)
            if call.meaning != Meaning.DRAFT
        ]
        moves = [move for move in rules.preview(affected, unit.now) if not move.met]
        moves.sort(key=lambda move: _LONGEST if move.shift is None else abs(move.shift), reverse=True)
        return Preview(shifts=[_shift(move) for move in moves], examined=len(calls))


def _with_logs(unit: UnitOfWork, calls: Sequence[Any]) -> Iterable[tuple[Any, Log]]:
    rows = store.logs(unit, [call.number for call in calls])
    return ((call, log_of(call.number, rows.get(call.number, ()))) for call in calls)


def _shift(move: Move) -> calendars_pb.DueTimeShift:
    return calendars_pb.DueTimeShift(
        servicecall=SERVICECALL.build(move.servicecall),
        milestone=move.kind.value,
        old_due_time=mapping.timestamp(move.old_due_time),
        new_due_time=mapping.timestamp(move.new_due_time),
        shift_duration=mapping.duration(move.shift),
    )
