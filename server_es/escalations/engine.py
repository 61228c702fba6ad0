"""Escalates: looks at the calls whose timers are due, and does what follows in one transaction.

The lock of a call guards its timer. Whatever could have changed since the timer was set is looked at again: a call that
was solved in between is not escalated, one whose calendar has changed is only timed anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mesh.database import UnitOfWork
from mesh.failpoints import failpoint
from server_es.calendars.wording import moment
from server_es.escalations import chain, holding, records, rules, timers, timing
from server_es.escalations.chain import Link, Outcome
from server_es.escalations.codes import code_of
from server_es.escalations.names import ESCALATION
from server_es.escalations.plans import Plans
from server_es.escalations.reachable import Reachable
from server_es.escalations.recipients import Channel, Event, Told
from server_es.escalations.rules import Point
from server_es.escalations.settings import EscalationSettings
from server_es.escalations.telling import Reach, Teller, Tiding
from server_es.escalations.timers import Timer
from server_es.service_levels.site import Site, Sites
from server_es.servicecalls.names import SERVICECALL
from server_es.servicecalls.states import CallStates
from server_es.text_modules import rules as texts
from server_es.text_modules.call_texts import CallTexts
from server_es.text_modules.catalogue import templates
from server_es.text_modules.placeholders import Facts, Values
from server_es.text_modules.rules import Template

LATE: Final = timedelta(minutes=1)
"""What fires later than this after it could is marked late, and fires at the capped rate."""
AT_ONCE: Final = 500

TOLD: Final = 1
NOBODY_REACHABLE: Final = 2

_SUBJECT_AT_MOST: Final = 200
_TEXT_AT_MOST: Final = 4000
_DUE_TIME: Final = "Escalation.DueTime"
_UNREACHED: Final = "Niemand erreichbar: {subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What one look did.

    Attributes:
        on_time: calls it looked at that were due just now.
        late: calls it looked at that had waited.
    """

    on_time: int = 0
    late: int = 0


@dataclass(slots=True, kw_only=True)
class Firing:
    """One firing on its way into the record."""

    call: Any
    link: Link
    event: Event
    cycle: int
    late: bool = False
    held: bool = False
    actor: str = ""
    subject: str = ""
    text: str = ""


class Lazy:
    """What is read when it is asked for the first time."""

    def __init__(self, read: Callable[[], Reachable]) -> None:
        self._read = read
        self._found: Reachable | None = None

    def get(self) -> Reachable:
        if self._found is None:
            self._found = self._read()
        return self._found


def lazily(unit: UnitOfWork, reach: Reach, at: datetime) -> Lazy:
    """Return who can be reached at an instant, read when it is asked for."""
    return Lazy(lambda: Reachable(unit, reach, at))


class Engine:
    """Escalates.

    Args:
        sites: the catalogues in memory.
        plans: the points in memory.
        call_texts: reads what texts say about calls, and knows the site's zone.
        reach: knows who can be reached.
        teller: tells people.
        states: gives calls another state.
        settings: the site's choice.
    """

    def __init__(
        self,
        *,
        sites: Sites,
        plans: Plans,
        call_texts: CallTexts,
        reach: Reach,
        teller: Teller,
        states: CallStates,
        settings: EscalationSettings,
    ) -> None:
        self.sites = sites
        self.plans = plans
        self.reach = reach
        self.teller = teller
        self.texts = call_texts
        self._states = states
        self.settings = settings

    def look(self, unit: UnitOfWork, *, late_at_most: int) -> Looked:
        """Look at up to `AT_ONCE` calls that are due, of those that have waited at most `late_at_most`.

        What is in other hands just then is passed over. The mark comes first, as in every change of the site.
        """
        late_before = unit.now - LATE
        site = self.sites.share(unit)
        taken = timers.take_due(unit, late_before, unit.now, AT_ONCE)
        on_time = len(taken)
        room = min(AT_ONCE - on_time, late_at_most)
        if room > 0:
            taken += timers.take_due(unit, None, late_before, room)
        if not taken:
            return Looked()
        plan = self.plans.of(unit, site)
        paused = [call for call, timer in taken if timer.paused]
        clocks = timing.clocks_of(unit, paused, site) if paused else {}
        windows = holding.windows(unit, unit.now)
        reachable = lazily(unit, self.reach, unit.now)
        firings: list[Firing] = []
        for at, (call, timer) in enumerate(taken):
            outcome = chain.run(
                plan.of(timer.service_level),
                site.levels[timer.service_level],
                site.states,
                clocks.get(call.number, timer.clock),
                timer.progress,
                now=unit.now,
                told=_told(reachable, plan.events, call),
                hold=rules.held_until(windows, call.address, call.system, unit.now) if windows else None,
            )
            firings += _firings(call, timer, outcome, plan.events, late=at >= on_time)
            timer.progress, timer.due_time, timer.held = outcome.progress, outcome.next_time, outcome.held
        self.write(unit, [timer for _, timer in taken], firings, reachable, site)
        return Looked(on_time=on_time, late=len(taken) - on_time)

    def write(
        self, unit: UnitOfWork, changed: Sequence[Timer], firings: Sequence[Firing], reachable: Lazy, site: Site
    ) -> list[int]:
        """Write what follows: the timers, the record, the notices, the states. Return the ids of the firings."""
        timers.advance(unit, changed)
        if not firings:
            return []
        self._render(unit, firings, site)
        ids = records.append(unit, [_record(one, unit.now) for one in firings])
        failpoint("escalations.recorded")
        tidings = [
            Tiding(
                cause=ESCALATION.build(id_),
                about=SERVICECALL.build(one.call.number),
                told=told,
                subject=one.subject,
                text=one.text,
                code=_code(one.call) if Channel.SMS in told.channels else "",
            )
            for id_, one in zip(ids, firings, strict=True)
            for told in one.link.told or self._fallback(reachable)
        ]
        self.teller.tell(unit, tidings)
        failpoint("escalations.told")
        for one in firings:
            if one.link.new_state is not None:
                self._states.set_state(unit, one.call.number, one.link.new_state.number, text=one.subject)
        return ids

    def _fallback(self, reachable: Lazy) -> list[Told]:
        found = reachable.get()
        chosen = [self.settings.fallback_employee, *found.staff.members(self.settings.fallback_team)]
        return [
            Told(employee=one, channels={Channel.ES_MESSAGE: one}, person=found.staff.employees[one])
            for one in dict.fromkeys(map(found.in_place_of, chosen))
            if one in found.staff.employees
        ]

    def _render(self, unit: UnitOfWork, firings: Sequence[Firing], site: Site) -> None:
        calls = {one.call.number: one.call for one in firings}
        facts = self.texts.of(unit, list(calls.values()), site=site)
        named = {id_ for one in firings for id_ in (one.event.subject, one.event.message) if id_}
        found = templates(unit, named)
        for one in firings:
            one.subject, one.text = written(one, facts[one.call.number], found)
            if not one.link.told:
                one.subject = _UNREACHED.format(subject=one.subject)[:_SUBJECT_AT_MOST]


def _code(call: Any) -> str:
    return code_of(call.number, call.receive_time) if call.receive_time else ""


def _told(reachable: Lazy, events: Mapping[str, Event], call: Any) -> Callable[[Point], tuple[Told, ...]]:
    return lambda point: reachable.get().told(events[point.event], call)


def _firings(call: Any, timer: Timer, outcome: Outcome, events: Mapping[str, Event], *, late: bool) -> list[Firing]:
    return [
        Firing(
            call=call,
            link=link,
            event=events[link.due.point.event],
            cycle=outcome.clock.cycle,
            late=late and not link.hastened,
            held=timer.held,
        )
        for link in outcome.links
    ]


def written(one: Firing, facts: Facts, found: Mapping[str, Template]) -> tuple[str, str]:
    """Return subject and message of a firing."""
    due, message = one.link.due, found[one.event.message]
    head = found[one.event.subject] if one.event.subject else message
    more = {
        "Escalation.Matchcode": due.point.title,
        "Escalation.Percent": str(due.point.percent),
        "Escalation.Round": str(due.round),
    }
    if _DUE_TIME in message.names or _DUE_TIME in head.names:
        more[_DUE_TIME] = moment(due.time, facts.zone, message.language)
    whole = texts.render(message, Values(facts, message.language, more))
    subject, text = whole
    if one.event.subject:
        subject = texts.render(head, Values(facts, head.language, more)).subject
        text = "\n".join(part for part in whole if part)
    return subject[:_SUBJECT_AT_MOST], text[:_TEXT_AT_MOST]


def _record(one: Firing, now: datetime) -> dict[str, Any]:
    link, point = one.link, one.link.due.point
    return {
        "servicecall": one.call.number,
        "point": point.number,
        "cycle": one.cycle,
        "round": link.due.round,
        "point_title": point.title,
        "event": one.event.id,
        "due_time": link.due.time,
        "fire_time": now,
        "late": one.late,
        "held": one.held,
        "hastened": link.hastened,
        "actor": one.actor,
        "outcome": TOLD if link.told else NOBODY_REACHABLE,
        "subject": one.subject,
        "text": one.text,
        "new_state": link.new_state.number if link.new_state else None,
        "acknowledger": "",
    }
