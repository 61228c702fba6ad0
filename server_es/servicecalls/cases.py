"""One call that is about to change: read under lock, then written with its log, its cache and whoever is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from esoffice.es.v1 import servicecalls_pb2 as pb

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, Violation
from server_es.calendars import mapping
from server_es.service_levels.rules import State
from server_es.service_levels.site import Site, Sites
from server_es.servicecalls import answers, store
from server_es.servicecalls.actors import Actor
from server_es.servicecalls.due_times import cached
from server_es.servicecalls.events import Log, happened
from server_es.servicecalls.logs import log_of
from server_es.servicecalls.notices import Notice, Notices
from server_es.servicecalls.observers import Change, Observer
from server_es.servicecalls.store import NewEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A call under lock.

    Attributes:
        call: its row.
        rows: the rows of its log.
        log: the same for the rules.
        state: the state it is in.
        site: the catalogues, as they stay until the unit ends.
    """

    call: Any
    rows: Sequence[Any]
    log: Log
    state: State
    site: Site

    def time_of(self, request: Any, now: datetime) -> datetime:
        """Return when the event of a request happened, or raise InvalidArgument."""
        given = None
        if request.HasField("event_time"):
            try:
                given = mapping.instant(request.event_time)
            except (ValueError, OverflowError):
                text = "is no instant between the years 1 and 9999"
                raise InvalidArgument([Violation("event_time", text)]) from None
        return happened(given, last=self.call.last_event_time, now=now)


class Cases:
    """Opens and closes cases.

    Args:
        sites: the catalogues in memory.
        notices: tells the responsible ones.
        observers: follow every change.
    """

    def __init__(self, sites: Sites, notices: Notices, observers: Sequence[Observer] = ()) -> None:
        self._sites = sites
        self._notices = notices
        self._observers = observers

    def open(self, unit: UnitOfWork, number: int) -> Case:
        """Read a call and keep others from changing it until the unit ends, or raise NotFound."""
        site = self._sites.share(unit)
        call = store.get(unit, number, lock=True)
        rows = store.log(unit, number)
        return Case(call=call, rows=rows, log=log_of(number, rows), state=site.states.standing(call.state), site=site)

    def close(
        self,
        unit: UnitOfWork,
        case: Case,
        events: Sequence[NewEvent],
        *,
        by: Actor,
        notice: str = "",
        **changes: Any,
    ) -> pb.Servicecall:
        """Write what happened and return the call as it is then.

        Args:
            unit: the transaction.
            case: the call before.
            events: what happened, in order.
            by: who did it.
            notice: subject of the notice to the responsible ones; empty: nobody is told.
            changes: columns of the call that change with it.
        """
        columns = dict(case.call._mapping)  # noqa: SLF001 - SQLAlchemy's public name
        changes |= {
            "update_time": unit.now,
            "revision": case.call.revision + 1,
            "last_sequence": case.call.last_sequence + len(events),
            "last_event_time": events[-1].event_time,
        }
        for event in events:
            if event.state is not None:
                changes |= {"state": event.state, "meaning": int(case.site.states.find(event.state).meaning)}
            if event.service_level is not None:
                changes["service_level"] = event.service_level
        call = SimpleNamespace(**{**columns, **changes})
        log = log_of(call.number, [*case.rows, *events])
        answer = answers.servicecall(call, log, case.site, unit.now)
        changes["cached_due_time"] = cached(answer)
        store.append(unit, case.call, events, changes, actor=by.name)
        if notice:
            self._notices.tell(unit, [Notice(call=call, subject=notice, text=events[-1].text)], by)
        kinds = tuple(event.kind for event in events)
        for observer in self._observers:
            change = Change(call=call, log=log, old_state=case.call.state, kinds=kinds, actor=by.name)
            observer.changed(unit, [change])
        return answer
