"""Brings cached due times up to date after a change of a calendar, a level or a state: a batch per transaction.

A change of a calendar that times 100,000 open calls would keep every other writer waiting for seconds. So the first
batch goes out with the change, the others follow by themselves; what lists are ordered by is a little behind
meanwhile, what answers say is not: they are computed.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mesh.database import Database, UnitOfWork
from mesh.wakeups import Doorbell
from mesh.workers import Turn, Worker
from server_es.service_levels.site import Site, Sites
from server_es.servicecalls import due_times, store
from server_es.servicecalls.logs import log_of
from server_es.servicecalls.tables import due_time_refresh

BELL: Final = "servicecalls.refresh"
AT_ONCE: Final = 1000
_ROOM: Final = timedelta(milliseconds=500)
_JOB: Final = due_time_refresh.c
_INSERTS: Final[Mapping[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Refreshing:
    """Keeps of which levels the calls' cached due times are to be computed anew, and does it.

    Args:
        sites: the catalogues in memory.
        bell: `wakeups.bell(BELL)`, wakes who calls `step`.
    """

    def __init__(self, sites: Sites, bell: Doorbell) -> None:
        self._sites = sites
        self.bell: Final = bell

    def ask(self, unit: UnitOfWork, site: Site, levels: Iterable[int]) -> None:
        """Refresh the calls of these levels: a batch in this unit, the others after it.

        Args:
            unit: the transaction of the change; holds the site's mark.
            site: as it is after the change.
            levels: numbers of service levels.
        """
        rows = [{"service_level": one, "after_call": 0} for one in sorted(set(levels))]
        if not rows:
            return
        new = _INSERTS[unit.connection.dialect.name](due_time_refresh)
        again = new.on_conflict_do_update(index_elements=["service_level"], set_={"after_call": 0})
        unit.connection.execute(again, rows)
        if self._batch(unit, site):
            self.bell.ring_after(unit)

    def step(self, unit: UnitOfWork) -> bool:
        """Do one batch; return whether more is left."""
        return self._batch(unit, self._sites.share(unit))

    def asked(self, unit: UnitOfWork) -> bool:
        """Tell whether there is something to do."""
        return unit.connection.execute(select(_JOB.service_level).limit(1)).first() is not None

    def _batch(self, unit: UnitOfWork, site: Site) -> bool:
        left = AT_ONCE
        query = select(due_time_refresh).order_by(_JOB.service_level).limit(1).with_for_update(skip_locked=True)
        while job := unit.connection.execute(query).one_or_none():
            if not left:
                return True
            calls = store.open_calls(unit, {job.service_level}, after=job.after_call, limit=left)
            _refresh(unit, site, calls)
            same = _JOB.service_level == job.service_level
            if len(calls) == left:
                unit.connection.execute(update(due_time_refresh).where(same).values(after_call=calls[-1].number))
            else:
                unit.connection.execute(delete(due_time_refresh).where(same))
            left -= len(calls)
        return False


class Refresher:
    """The worker: while something more urgent is under way, it leaves it room between batches.

    Args:
        database: of server_es.
        refreshing: does it.
        busy: tells whether something more urgent is under way.
    """

    def __init__(self, database: Database, refreshing: Refreshing, busy: due_times.Retimed) -> None:
        self._database = database
        self._refreshing = refreshing
        self._busy = busy

    def worker(self) -> Worker:
        """Return it as a worker of the service."""
        every = timedelta(seconds=30)
        return Worker(name="servicecalls.refresh", work=self.turn, every=every, bell=self._refreshing.bell)

    def turn(self, _turn: Turn) -> bool | timedelta:
        """Do one batch; return whether more is left, or when to look again."""
        with self._database.reading() as unit:
            if not self._refreshing.asked(unit):
                return False
            busy = self._busy.asked(unit)
        with self._database.unit() as unit:
            more = self._refreshing.step(unit)
        return _ROOM if more and busy else more


def _refresh(unit: UnitOfWork, site: Site, calls: Sequence[Any]) -> None:
    rows = store.logs(unit, [call.number for call in calls])
    changed: dict[int, datetime | None] = {}
    for call in calls:
        due = due_times.of_call(call, log_of(call.number, rows.get(call.number, ())), site, unit.now)
        if due != call.cached_due_time:
            changed[call.number] = due
    store.cache_due_times(unit, changed)
