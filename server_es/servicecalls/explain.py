"""Why a call is due when it is due: the counted windows, the pauses, the holidays, the rule that chose the level."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from server_es.calendars import rules as working_time
from server_es.calendars.hours import SpecialDay
from server_es.calendars.timeline import Span
from server_es.calendars.times import utc
from server_es.calendars.wording import Language, Stop, closures, counted_lines, duration, moment
from server_es.service_levels.rules import LevelNumber, LevelRule
from server_es.servicecalls.events import Log
from server_es.servicecalls.rules import Kind, Pause, Terms, met_time, pauses, spans, started


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A due time as data. The durations of `windows` add up to `promised`.

    `event_time` is what started the clock (receipt, or acceptance for the arrival); `start_time` is later if the call
    came in after the day's "accept until". `zone` is where the text's times are local.
    """

    servicecall: int
    kind: Kind
    level: LevelNumber
    rule: LevelRule
    zone: str
    event_time: datetime
    start_time: datetime
    promised: timedelta
    due_time: datetime
    windows: tuple[Span, ...]
    pauses: tuple[Pause, ...]
    special_days: tuple[SpecialDay, ...]
    closures: tuple[Stop, ...]


def explain(
    log: Log, terms: Terms, kind: Kind, now: datetime, *, site_zone: str = "Europe/Berlin"
) -> Explanation | None:
    """Explain a due time, None if there is none. `site_zone` is for the text of a level without a calendar."""
    promised, start = terms.promised(kind), started(log, terms, kind)
    if promised is None or start is None:
        return None
    calendar = terms.level.calendar
    found = pauses(log, terms.states, met_time(log, terms.states, kind) or utc(now))
    reckoning = working_time.explain(calendar, start, promised, spans(found))
    return Explanation(
        servicecall=log.number,
        kind=kind,
        level=terms.level.number,
        rule=terms.rule,
        zone=site_zone if calendar is None else calendar.zone,
        event_time=start if kind is Kind.ARRIVAL else log.received,
        start_time=start,
        promised=promised,
        due_time=reckoning.due,
        windows=reckoning.windows,
        pauses=tuple(one for one in found if one.span.overlaps(start, reckoning.due)),
        special_days=reckoning.special_days,
        closures=tuple(closures(calendar, start, reckoning.due)),
    )


_KINDS = {
    "de": {Kind.REACTION: "Reaktion", Kind.ARRIVAL: "Eintreffen", Kind.SOLUTION: "Lösung"},
    "en": {Kind.REACTION: "Reaction", Kind.ARRIVAL: "Arrival", Kind.SOLUTION: "Solution"},
}
_RULES = {
    "de": {
        LevelRule.COMPONENT: "der Komponente",
        LevelRule.SYSTEM: "der Anlage",
        LevelRule.CONTRACT: "des Vertrags",
        LevelRule.CATEGORY_SIGNIFICANCE: "aus Problemkategorie und Bedeutsamkeit",
        LevelRule.DEFAULT: "als Vorgabe",
        LevelRule.MANUAL: "von Hand gewählt",
    },
    "en": {
        LevelRule.COMPONENT: "of the component",
        LevelRule.SYSTEM: "of the system",
        LevelRule.CONTRACT: "of the contract",
        LevelRule.CATEGORY_SIGNIFICANCE: "from problem category and significance",
        LevelRule.DEFAULT: "by default",
        LevelRule.MANUAL: "chosen by hand",
    },
}
_WORDS = {
    "de": {
        "due": "{kind} fällig {due}: {promised} Arbeitszeit ab {start}, Servicelevel {level} {rule}.",
        "late": "Eingang {event} nach dem Annahmeschluss, zählt ab {start}.",
    },
    "en": {
        "due": "{kind} due {due}: {promised} of working time from {start}, service level {level} {rule}.",
        "late": "Received {event}, after the day's last acceptance; counts from {start}.",
    },
}


def text(explanation: Explanation, language: Language) -> str:
    """Write the explanation for people: one sentence, then everything that counted and did not, in order of time."""
    return "\n".join(_lines(explanation, language))


def rule_text(rule: LevelRule, language: Language) -> str:
    """Return which rule chose the level, in words that follow "service level 3 "."""
    return _RULES[language][rule]


def _lines(one: Explanation, language: Language) -> Iterator[str]:
    words, zone = _WORDS[language], ZoneInfo(one.zone)
    start, due = (moment(instant, zone, language) for instant in (one.start_time, one.due_time))
    kind, rule = _KINDS[language][one.kind], _RULES[language][one.rule]
    yield words["due"].format(
        kind=kind, due=due, promised=duration(one.promised), start=start, level=one.level, rule=rule
    )
    if one.start_time != one.event_time:
        yield words["late"].format(event=moment(one.event_time, zone, language), start=start)
    stops = ((pause.span, pause.state.name) for pause in one.pauses)
    yield from counted_lines(one.windows, stops, one.special_days, closed=one.closures, zone=zone, language=language)
