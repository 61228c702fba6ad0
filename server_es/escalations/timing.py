"""Times calls: what is next for each, from its row, its log, its level and its points as they are now."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from mesh.database import UnitOfWork
from server_es.escalations import rules, timers
from server_es.escalations.plans import Plan
from server_es.escalations.rules import Clock, Due, Point, Progress
from server_es.escalations.timers import Timer
from server_es.service_levels.site import Site
from server_es.servicecalls import answers, store
from server_es.servicecalls.events import Log
from server_es.servicecalls.logs import log_of
from server_es.servicecalls.rules import Kind


def timer_of_log(call: Any, log: Log, site: Site, now: datetime, kept: Timer | None) -> Timer | None:
    """Return the timer of a call as its log says; None of a draft. Its due time is to be set yet.

    Args:
        call: its row, with `number`, `service_level`, `level_rule` and `state`.
        log: its log.
        site: the catalogues.
        now: the present.
        kept: its timer so far; what has fired stays until the next cycle, and how long it waits already.
    """
    terms = answers.terms_of(site, call.service_level, call.level_rule)
    clock = rules.clock_of(log, terms, call.state, now)
    if clock is None:
        return None
    same = kept is not None and kept.clock.cycle == clock.cycle
    return Timer(
        servicecall=call.number,
        due_time=kept.due_time if kept is not None else None,
        held=kept.held if kept is not None else False,
        service_level=call.service_level,
        clock=clock,
        paused=clock.stands or bool(clock.pauses),
        progress=kept.progress if kept is not None and same else Progress(),
    )


def waiting(timer: Timer, plan: Plan, site: Site, *, clock: Clock | None = None) -> list[Due]:
    """Return what is still to fire on a call; `clock` where it says more than the timer's own."""
    points = plan.of(timer.service_level)
    if not points:
        return []
    return rules.pending(points, clock or timer.clock, site.levels[timer.service_level], timer.progress)


def time(timer: Timer, plan: Plan, site: Site, now: datetime) -> None:
    """Set when a timer is due; what has passed already is due now, so that only what waits for us becomes late.

    What waits already keeps how late it is, whatever happens to the call meanwhile; no window has held it anew.
    """
    due = waiting(timer, plan, site)
    since = now if timer.held or timer.due_time is None else min(now, timer.due_time)
    timer.due_time = max(due[0].time, since) if due else None
    timer.held = False


def waits(timer: Timer, now: datetime) -> bool:
    """Tell whether a timer stays as it is: it is looked at anyway and keeps how late it is, or a window holds it."""
    return timer.held or (timer.due_time is not None and timer.due_time <= now)


def clocks_of(unit: UnitOfWork, calls: Sequence[Any], site: Site) -> dict[int, Clock]:
    """Return the clocks of calls from their logs; of those whose pauses matter."""
    logs = store.logs(unit, [call.number for call in calls])
    found = {}
    for call in calls:
        terms = answers.terms_of(site, call.service_level, call.level_rule)
        clock = rules.clock_of(log_of(call.number, logs.get(call.number, ())), terms, call.state, unit.now)
        if clock is not None:
            found[call.number] = clock
    return found


def timers_from_logs(
    unit: UnitOfWork, calls: Iterable[Any], plan: Plan, site: Site, *, lock: bool = True
) -> list[Timer]:
    """Return the timers of calls, timed anew from their logs."""
    calls = list(calls)
    kept = timers.of(unit, [call.number for call in calls], lock=lock)
    logs = store.logs(unit, [call.number for call in calls])
    found = []
    for call in calls:
        log = log_of(call.number, logs.get(call.number, ()))
        old = kept.get(call.number)
        timer = timer_of_log(call, log, site, unit.now, old)
        if timer is None:
            continue
        if old is None or not waits(old, unit.now):
            time(timer, plan, site, unit.now)
        found.append(timer)
    return found


class Fresh:
    """Times calls of which nothing has fired and whose clock has never stood: many, fast.

    Args:
        plan: the points.
        site: the catalogues.
    """

    def __init__(self, plan: Plan, site: Site) -> None:
        self._plan = plan
        self._site = site
        self._foremost: dict[tuple[int, int, int], tuple[Point, ...]] = {}

    def first_time(self, row: Any) -> datetime | None:
        """Return when the first point of a call is due, from the row of its timer."""
        key = (row.service_level, row.state, row.met)
        points = self._foremost.get(key)
        level = self._site.levels[row.service_level]
        if points is None:
            points = rules.foremost(self._plan.of(level.number), level, row.state, timers.MET[row.met])
            self._foremost[key] = points
        if not points or Kind.SOLUTION in timers.MET[row.met]:
            return None
        clock = Clock(state=row.state, received=row.receive_time, accepted=row.accept_time)
        times = [time for point in points if (time := rules.point_time(point, clock, level)) is not None]
        return min(times, default=None)
