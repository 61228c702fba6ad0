"""Answers what happens if nobody touches a call: reads the facts, simulates, and tells it in words and as a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from esoffice.es.v1 import escalations_pb2 as pb

from mesh.database import UnitOfWork
from server_es.calendars import mapping
from server_es.calendars import rules as working_time
from server_es.calendars.wording import Language
from server_es.escalations import holding, names, picture, rules, simulation, timers, wording
from server_es.escalations.engine import Engine, Firing, written
from server_es.escalations.plans import CHANNELS, KINDS, Plan
from server_es.escalations.reachable import Reachable
from server_es.escalations.recipients import Channel, Event, Told
from server_es.escalations.rules import Point, Progress
from server_es.escalations.simulation import Step, Subject
from server_es.service_levels.names import STATE
from server_es.service_levels.rules import Level
from server_es.service_levels.site import Site
from server_es.servicecalls import answers, store
from server_es.servicecalls.logs import log_of
from server_es.servicecalls.names import number_of
from server_es.text_modules.catalogue import templates
from server_es.text_modules.placeholders import Facts
from server_es.text_modules.rules import Template

_AT_MOST: Final = 200
_KINDS: Final = {kind: number for number, kind in KINDS.items()}
_DRAFT: Final[Mapping[str, str]] = {"de": "Der Servicecall ist ein Entwurf.", "en": "The call is a draft."}
_CHANNELS: Final = {channel: number for number, channel in CHANNELS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """A call, and what its steps are told with."""

    call: Any
    level: Level
    zone: ZoneInfo
    events: Mapping[str, Event]
    facts: Facts
    texts: Mapping[str, Template]


class Outlook:
    """Looks ahead.

    Args:
        engine: knows points, people and texts.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def simulate(self, unit: UnitOfWork, request: pb.SimulateEscalationsRequest) -> pb.SimulateEscalationsResponse:
        """Return what happens."""
        call = store.get(unit, number_of(request.servicecall, field="servicecall"))
        site = self._engine.sites.read(unit)
        plan = self._engine.plans.of(unit, site)
        view = self._view(unit, call, site, plan)
        subject = _subject(unit, call, site, plan)
        steps: Sequence[Step] = ()
        silent = _DRAFT
        if subject is not None:
            windows = holding.windows(unit, unit.now)
            tell = self._teller(unit, plan, call)
            steps = simulation.simulate(subject, unit.now, tell=tell, windows=windows, limit=_AT_MOST + 1)
            silent = {} if any(step.link for step in steps) else simulation.silence(subject)
        shown = steps[:_AT_MOST]
        answer = pb.SimulateEscalationsResponse(
            start_time=mapping.timestamp(unit.now),
            steps=[_step(step, view) for step in shown],
            truncated=len(steps) > _AT_MOST,
            german_text=silent.get("de", ""),
            english_text=silent.get("en", ""),
        )
        if request.picture:
            language: Language = "en" if request.language == "en" else "de"
            answer.svg = picture.draw(_scene(view, shown, unit.now, silent.get(language, "")), language)
        return answer

    def _view(self, unit: UnitOfWork, call: Any, site: Site, plan: Plan) -> _View:
        level = site.levels[call.service_level]
        events = {plan.events[point.event] for point in plan.of(level.number)}
        return _View(
            call=call,
            level=level,
            zone=self._engine.texts.zone_of(level),
            events=plan.events,
            facts=self._engine.texts.of(unit, [call])[call.number],
            texts=templates(unit, {id_ for one in events for id_ in (one.subject, one.message) if id_}),
        )

    def _teller(self, unit: UnitOfWork, plan: Plan, call: Any) -> simulation.Tell:
        known: dict[datetime, Reachable] = {}

        def tell(point: Point, at: datetime) -> tuple[Told, ...]:
            if at not in known:
                known[at] = Reachable(unit, self._engine.reach, at)
            return known[at].told(plan.events[point.event], call)

        return tell


def _subject(unit: UnitOfWork, call: Any, site: Site, plan: Plan) -> Subject | None:
    log = log_of(call.number, store.log(unit, call.number))
    terms = answers.terms_of(site, call.service_level, call.level_rule)
    clock = rules.clock_of(log, terms, call.state, unit.now)
    if clock is None:
        return None
    kept = timers.of(unit, [call.number]).get(call.number)
    same = kept is not None and kept.clock.cycle == clock.cycle
    return Subject(
        points=plan.of(call.service_level),
        level=terms.level,
        states=site.states,
        clock=clock,
        progress=kept.progress if kept is not None and same else Progress(),
        milestones=answers.milestones_of(log, terms, unit.now),
        address=call.address,
        system=call.system,
    )


def _scene(view: _View, steps: Sequence[Step], now: datetime, reason: str) -> picture.Scene:
    end = picture.end_of(now, steps)
    return picture.Scene(
        number=view.call.number,
        title=view.call.title,
        start=now,
        steps=steps,
        open=working_time.windows_between(view.level.calendar, now, end),
        zone=view.zone,
        reason=reason,
    )


def _step(step: Step, view: _View) -> pb.SimulatedStep:
    made = pb.SimulatedStep(
        time=mapping.timestamp(step.time),
        used_percent=step.used_percent or 0,
        held=step.held,
        german_text=wording.sentence(step, view.zone, "de"),
        english_text=wording.sentence(step, view.zone, "en"),
    )
    link = step.link
    if link is None:
        made.milestone = _KINDS[step.kind]  # type: ignore[assignment]
        return made
    point = link.due.point
    made.point, made.point_title, made.round = names.POINT.build(point.number), point.title, link.due.round
    made.recipients.extend(wording.name_of(one) for one in link.told)
    channels = {channel for one in link.told for channel in one.channels}
    made.channels.extend(_CHANNELS[channel] for channel in Channel if channel in channels)  # type: ignore[misc]
    made.new_state = STATE.build(link.new_state.number) if link.new_state else ""
    made.hastened = link.hastened
    firing = Firing(call=view.call, link=link, event=view.events[point.event], cycle=0)
    made.subject = written(firing, view.facts, view.texts)[0]
    return made
