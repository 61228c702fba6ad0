"""What people do: acknowledge, and escalate at once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from esoffice.es.v1 import escalations_pb2 as pb

from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition, InvalidArgument, NotFound, Violation
from server_es.directory import facts
from server_es.escalations import chain, names, records, rules, timers, timing
from server_es.escalations.answers import escalation
from server_es.escalations.codes import code_of
from server_es.escalations.engine import Engine, Firing, lazily
from server_es.escalations.plans import Plan
from server_es.escalations.rules import Due, Point
from server_es.escalations.timers import Timer
from server_es.service_levels.site import Site
from server_es.servicecalls import store
from server_es.servicecalls.actors import Actor
from server_es.servicecalls.names import SERVICECALL, number_of

_FIELD: Final = "servicecall"
_ANSWERED_WITHIN: Final = timedelta(days=7)


class NothingToAcknowledge(FailedPrecondition):
    """Nothing has escalated on the call in its present cycle."""

    reason = "NOTHING_TO_ACKNOWLEDGE"


class NothingToEscalate(FailedPrecondition):
    """The call is solved, a draft, or no point is left for it."""

    reason = "NOTHING_TO_ESCALATE"


class Verbs:
    """The verbs.

    Args:
        engine: writes what follows.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def acknowledge(
        self, unit: UnitOfWork, request: pb.AcknowledgeEscalationsRequest, by: Actor
    ) -> pb.AcknowledgeEscalationsResponse:
        """Stop the chain of a call."""
        name = request.servicecall
        if request.code:
            name, by = self._answered(unit, request.code.upper(), request.phone_number, by)
        site, plan, call, timer = self._opened(unit, name)
        if timer is None or not timer.progress.fired:
            name = SERVICECALL.build(call.number)
            raise NothingToAcknowledge(f"{name} has not escalated since it was reported, reopened or got its level.")
        records.acknowledge(unit, call.number, timer.clock.cycle, by.name)
        timer.progress = rules.Progress(fired=timer.progress.fired, acknowledged=True)
        timing.time(timer, plan, site, unit.now)
        timers.write(unit, [timer])
        rows = records.of_cycle(unit, call.number, timer.clock.cycle)
        return pb.AcknowledgeEscalationsResponse(escalations=[escalation(row) for row in rows])

    def now(self, unit: UnitOfWork, request: pb.EscalateNowRequest, by: Actor) -> pb.Escalation:
        """Fire a point of a call at once."""
        site, plan, call, timer = self._opened(unit, request.servicecall)
        if timer is None or timer.clock.closed:
            raise NothingToEscalate(f"{request.servicecall} is solved, or has not been received yet.")
        due = _chosen(request, plan, site, timer)
        reachable = lazily(unit, self._engine.reach, unit.now)
        event = plan.events[due.point.event]
        link = chain.fire(due, timer.clock, site.states, told=lambda _: reachable.get().told(event, call))
        firing = Firing(call=call, link=link, event=event, cycle=timer.clock.cycle, actor=by.name)
        timer.progress = timer.progress.after(due, unit.now)
        timing.time(timer, plan, site, unit.now)
        timers.write(unit, [timer])
        (id_,) = self._engine.write(unit, [timer], [firing], reachable, site)
        return escalation(records.get(unit, id_), self._engine.teller.deliveries(unit, names.ESCALATION.build(id_)))

    def _answered(self, unit: UnitOfWork, code: str, number: str, by: Actor) -> tuple[str, Actor]:
        """Return the call whose code somebody has answered a short message with, and who that is."""
        about = self._engine.teller.told_by_sms(unit, number, unit.now - _ANSWERED_WITHIN)
        calls = [number_of(one, field=_FIELD) for one in about if one.startswith("servicecalls/")]
        received = {row.number: row.receive_time for row in store.several(unit, calls)}
        meant = next((one for one in calls if received.get(one) and code_of(one, received[one]) == code), None)
        if meant is None:
            raise NotFound(f"No short message with the code {code} went to {number}.", resource=code)
        employees = [one.number for one in facts.staff(unit).employees.values() if one.mobile == number]
        if len(employees) == 1 and not by.person:  # a person who enters somebody's answer stands for it himself
            by = replace(by, name=f"employees/{employees[0]}", employee=employees[0], person=True)
        return SERVICECALL.build(meant), by

    def _opened(self, unit: UnitOfWork, name: str) -> tuple[Site, Plan, Any, Timer | None]:
        number = number_of(name, field=_FIELD)
        site = self._engine.sites.share(unit)
        plan = self._engine.plans.of(unit, site)
        call = store.get(unit, number, lock=True)
        found = timing.timers_from_logs(unit, [call], plan, site)
        return site, plan, call, found[0] if found else None


def _chosen(request: pb.EscalateNowRequest, plan: Plan, site: Site, timer: Timer) -> Due:
    """Return what is to fire: the point that is named, or the next one that has not fired."""
    points = {point.number: point for point in plan.of(timer.service_level)}
    fired = timer.progress.fired
    if request.point:
        number = int(names.POINT.parse(request.point, field="point")[0])
        if number not in points:
            raise InvalidArgument([Violation("point", f"{request.point} does not hold for {request.servicecall}")])
        point = points[number]
        count = fired[number].count if number in fired else 0
        return Due(time=_time(point, timer, site), point=point, round=count)
    left = [Due(time=_time(one, timer, site), point=one) for one in points.values() if one.number not in fired]
    if not left:
        raise NothingToEscalate(f"No point is left for {request.servicecall}.")
    return min(left, key=lambda due: due.order)


def _time(point: Point, timer: Timer, site: Site) -> Any:
    """Return when a point is due; a point that is never due counts from receipt."""
    return rules.point_time(point, timer.clock, site.levels[timer.service_level]) or timer.clock.received
