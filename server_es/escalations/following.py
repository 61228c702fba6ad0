"""Follows calls: their timers are set anew in the transaction of every event."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from mesh.database import UnitOfWork
from mesh.wakeups import Doorbell
from server_es.escalations import timers, timing
from server_es.escalations.plans import Plans
from server_es.escalations.timers import Timer
from server_es.service_levels.site import Sites
from server_es.servicecalls.observers import Change

BELL: Final = "escalations.due"
SOON: Final = timedelta(seconds=10)
"""The worker looks at least twice as often as this: what is due later needs no bell."""


class Following:
    """Observes calls.

    Args:
        sites: the catalogues in memory.
        plans: the points in memory.
        bell: `wakeups.bell(BELL)`.
    """

    def __init__(self, sites: Sites, plans: Plans, bell: Doorbell) -> None:
        self._sites = sites
        self._plans = plans
        self._bell = bell

    def changed(self, unit: UnitOfWork, changes: Sequence[Change]) -> None:
        """Time the calls anew. New calls of levels without points cost nothing; without any point nothing does."""
        site = self._sites.share(unit)
        plan = self._plans.of(unit, site)
        if not plan.points:
            return
        concerned = [one for one in changes if not one.created or plan.of(one.call.service_level)]
        kept = timers.of(unit, [one.call.number for one in concerned if not one.created], lock=True)
        new: list[Timer] = []
        known: list[Timer] = []
        for one in concerned:
            timer = timing.timer_of_log(one.call, one.log, site, unit.now, kept.get(one.call.number))
            if timer is not None:
                timing.time(timer, plan, site, unit.now)
                (new if one.created else known).append(timer)
        timers.create(unit, new)
        timers.write(unit, known)
        if any(timer.due_time is not None and timer.due_time < unit.now + SOON for timer in (*new, *known)):
            self._bell.ring_after(unit)
