"""Times many calls anew after a change of a calendar, a level, a state or a point: a batch per transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mesh.database import UnitOfWork
from mesh.wakeups import Doorbell
from server_es.escalations import timers, timing
from server_es.escalations.plans import Plan, Plans
from server_es.escalations.tables import escalation_retiming
from server_es.service_levels.rules import Meaning
from server_es.service_levels.site import Site, Sites
from server_es.servicecalls.tables import servicecall

BELL: Final = "escalations.retime"
_FAST: Final = 5000
_FROM_LOG: Final = 1000
_JOB: Final = escalation_retiming.c
_CALL: Final = servicecall.c
_INSERTS: Final[Mapping[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Retiming:
    """Keeps which levels are to be timed anew, and does it.

    Args:
        sites: the catalogues in memory.
        plans: the points in memory.
        bell: `wakeups.bell(BELL)`, wakes who calls `step`.
        due: the bell of the engine; rung with every batch.
    """

    def __init__(self, sites: Sites, plans: Plans, bell: Doorbell, due: Doorbell) -> None:
        self._sites = sites
        self._plans = plans
        self._bell = bell
        self._due = due

    def ask(self, unit: UnitOfWork, levels: Iterable[int], *, from_log: bool) -> None:
        """Have all calls of these levels timed anew once the unit is committed.

        Args:
            unit: the transaction of the change; holds the site's mark.
            levels: numbers of service levels.
            from_log: what happened to the calls means something else now, or some may have no timer yet.
        """
        rows = [{"service_level": one, "after_call": 0, "from_log": from_log} for one in sorted(set(levels))]
        if not rows:
            return
        new = _INSERTS[unit.connection.dialect.name](escalation_retiming)
        again = {"after_call": 0, "from_log": escalation_retiming.c.from_log | new.excluded.from_log}
        unit.connection.execute(new.on_conflict_do_update(index_elements=["service_level"], set_=again), rows)
        self._bell.ring_after(unit)

    def asked(self, unit: UnitOfWork) -> bool:
        """Tell whether there is something to do."""
        return unit.connection.execute(select(_JOB.service_level).limit(1)).first() is not None

    def step(self, unit: UnitOfWork) -> bool:
        """Do one batch; return whether more is left.

        The mark comes first, as whoever changes the site takes it first: nobody waits for each other.
        """
        site = self._sites.share(unit)
        query = select(escalation_retiming).order_by(_JOB.service_level).limit(1).with_for_update(skip_locked=True)
        job = unit.connection.execute(query).one_or_none()
        if job is None:
            return False
        plan = self._plans.of(unit, site)
        level, after = job.service_level, job.after_call
        if job.from_log:
            query = select(servicecall).where(_CALL.service_level == level, _CALL.number > after, ~_locked_or_draft())
            calls = unit.connection.execute(query.order_by(_CALL.number).limit(_FROM_LOG).with_for_update()).all()
            timers.write(unit, timing.timers_from_logs(unit, calls, plan, site))
            last = calls[-1].number if len(calls) == _FROM_LOG else None
        else:
            rows = timers.rows_of_level(unit, level, after, _FAST)
            timers.set_due_times(unit, self._moved(unit, rows, plan, site))
            last = rows[-1].servicecall if len(rows) == _FAST else None
        same = _JOB.service_level == level
        if last is None:
            unit.connection.execute(delete(escalation_retiming).where(same))
        else:
            unit.connection.execute(update(escalation_retiming).where(same).values(after_call=last))
        self._due.ring_after(unit)
        return True

    def _moved(self, unit: UnitOfWork, rows: Sequence[Any], plan: Plan, site: Site) -> dict[int, datetime | None]:
        """Return the new due times of the timers of one level that move."""
        paused = [row.servicecall for row in rows if row.paused]
        query = select(servicecall).where(_CALL.number.in_(paused))
        clocks = timing.clocks_of(unit, unit.connection.execute(query).all(), site) if paused else {}
        moved: dict[int, datetime | None] = {}
        fresh = timing.Fresh(plan, site)
        now = unit.now
        for row in rows:
            old = row.due_time
            if row.held or (old is not None and old <= now):
                continue  # it is looked at anyway and keeps how late it is, or a window holds it
            if row.paused or row.fired or row.acknowledged:
                due = timing.waiting(timers.timer_of(row), plan, site, clock=clocks.get(row.servicecall))
                at = due[0].time if due else None
            else:
                at = fresh.first_time(row)
            if at is not None and at < now:
                at = now
            if at != old:
                moved[row.servicecall] = at
        return moved


def _locked_or_draft() -> Any:
    return (_CALL.meaning >= Meaning.SOLVED) | (_CALL.meaning == Meaning.DRAFT)
