"""Answers what happens if nobody touches a call: reads the facts, simulates, and tells it in words and as a picture."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from esoffice.es.v1 import escalations_pb2 as pb
from esoffice.es.v1 import servicecalls_pb2 as calls_pb

from mesh.database import UnitOfWork
from server_es.calendars import mapping
from server_es.calendars import rules as working_time
from server_es.escalations import holding, names, picture, rules, simulation, timers, wording
from server_es.escalations.engine import Engine, Firing, written
from server_es.escalations.plans import CHANNELS, KINDS, Plan
from server_es.escalations.reachable import Reachable
from server_es.escalations.recipients import Told
from server_es.escalations.rules import Point, Progress
from server_es.escalations.simulation import Step, Subject
from server_es.service_levels.names import STATE
from server_es.servicecalls import answers, store
from server_es.servicecalls.logs import log_of
from server_es.servicecalls.names import number_of
from server_es.text_modules.call_texts import CallTexts
from server_es.text_modules.catalogue import templates
from server_es.text_modules.placeholders import Facts
from server_es.text_modules.rules import Template

_AT_MOST: Final = 200
_KINDS: Final = {kind: number for number, kind in KINDS.items()}
_CHANNELS: Final = {channel: number for number, channel in CHANNELS.items()}


class Outlook:
    """Looks ahead.

    Args:
        engine: knows points, people and texts.
        call_texts: reads what texts say about calls.
        zone: of the site, for levels without a calendar.
    """

    def __init__(self, engine: Engine, call_texts: CallTexts, zone: str) -> None:
        self._engine = engine
        self._texts = call_texts
        self._zone = zone

    def simulate(self, unit: UnitOfWork, request: pb.SimulateEscalationsRequest) -> pb.SimulateEscalationsResponse:
        """Return what happens."""
        number = number_of(request.servicecall, field="servicecall")
        call = store.get(unit, number)
        site = self._engine.sites.read(unit)
        plan = self._engine.plans.of(unit, site)
        log = log_of(number, store.log(unit, number))
        terms = answers.terms_of(site, call.service_level, call.level_rule)
        clock = rules.clock_of(log, terms, call.state, unit.now)
        zone = ZoneInfo(terms.level.calendar.zone if terms.level.calendar else self._zone)
        if clock is None:
            told = {"de": "Der Servicecall ist ein Entwurf.", "en": "The call is a draft."}
            return self._answer(unit, call, [], told, request, zone)
        kept = timers.of(unit, [number]).get(number)
        same = kept is not None and kept.clock.cycle == clock.cycle
        subject = Subject(
            points=plan.of(call.service_level),
            level=terms.level,
            states=site.states,
            clock=clock,
            progress=kept.progress if kept is not None and same else Progress(),
            milestones=answers.milestones_of(log, terms, unit.now),
            address=call.address,
            system=call.system,
        )
        steps = simulation.simulate(
            subject,
            unit.now,
            tell=self._teller(unit, plan, call),
            windows=holding.windows(unit, unit.now),
            limit=_AT_MOST + 1,
        )
        silent = {} if any(step.link for step in steps) else simulation.silence(subject)
        answer = self._answer(unit, call, steps[:_AT_MOST], silent, request, zone, level=terms.level, plan=plan)
        answer.truncated = len(steps) > _AT_MOST
        return answer

    def _teller(self, unit: UnitOfWork, plan: Plan, call: Any) -> simulation.Tell:
        known: dict[datetime, Reachable] = {}

        def tell(point: Point, at: datetime) -> tuple[Told, ...]:
            if at not in known:
                known[at] = Reachable(unit, self._engine.reach, at)
            return known[at].told(plan.events[point.event], call)

        return tell

    def _answer(
        self,
        unit: UnitOfWork,
        call: Any,
        steps: Any,
        silent: Mapping[str, str],
        request: pb.SimulateEscalationsRequest,
        zone: ZoneInfo,
        *,
        level: Any = None,
        plan: Plan | None = None,
    ) -> pb.SimulateEscalationsResponse:
        facts = self._texts.of(unit, [call])[call.number] if plan else None
        found = (
            templates(unit, {id_ for one in plan.events.values() for id_ in (one.subject, one.message)}) if plan else {}
        )
        answer = pb.SimulateEscalationsResponse(
            start_time=mapping.timestamp(unit.now),
            steps=[_step(step, zone, plan, call, facts, found) for step in steps],
            german_text=silent.get("de", ""),
            english_text=silent.get("en", ""),
        )
        if request.picture:
            language: Any = request.language or "de"
            end = picture.end_of(unit.now, steps)
            scene = picture.Scene(
                number=call.number,
                title=call.title,
                start=unit.now,
                steps=steps,
                open=working_time.windows_between(level.calendar if level else None, unit.now, end),
                zone=zone,
                reason=silent.get(language, ""),
            )
            answer.svg = picture.draw(scene, language)
        return answer


def _step(
    step: Step, zone: ZoneInfo, plan: Plan | None, call: Any, facts: Facts | None, found: Mapping[str, Template]
) -> pb.SimulatedStep:
    made = pb.SimulatedStep(
        time=mapping.timestamp(step.time),
        used_percent=step.used_percent or 0,
        held=step.held,
        german_text=wording.sentence(step, zone, "de"),
        english_text=wording.sentence(step, zone, "en"),
    )
    link = step.link
    if link is None:
        made.milestone = _KINDS[step.kind]  # type: ignore[assignment]
        return made
    assert plan is not None
    assert facts is not None
    point = link.due.point
    made.point, made.point_title, made.round = names.POINT.build(point.number), point.title, link.due.round
    made.recipients.extend(wording.name_of(one) for one in link.told)
    made.channels.extend(sorted({_CHANNELS[channel] for one in link.told for channel in one.channels}))  # type: ignore[arg-type]
    made.new_state = STATE.build(link.new_state.number) if link.new_state else ""
    made.hastened = link.hastened
    firing = Firing(call=call, link=link, event=plan.events[point.event], cycle=0)
    made.subject = written(firing, facts, found)[0]
    return made
