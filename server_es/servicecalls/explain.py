"""Why a call is due when it is due: the counted windows, the pauses, the holidays, the rule that chose the level."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from server_es.calendars import rules as working_time
from server_es.calendars.hours import Reason, SpecialDay
from server_es.calendars.timeline import Span
from server_es.calendars.times import utc
from server_es.service_levels.rules import LevelNumber, LevelRule
from server_es.servicecalls.events import Log
from server_es.servicecalls.rules import Kind, Pause, Terms, met_time, pauses, spans, started

Language = Literal["de", "en"]


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
    )


_WEEKDAYS = {
    "de": ("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
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
    },
    "en": {
        LevelRule.COMPONENT: "of the component",
        LevelRule.SYSTEM: "of the system",
        LevelRule.CONTRACT: "of the contract",
        LevelRule.CATEGORY_SIGNIFICANCE: "from problem category and significance",
        LevelRule.DEFAULT: "by default",
    },
}
_WORDS = {
    "de": {
        "due": "{kind} fällig {due}: {promised} Arbeitszeit ab {start}, Servicelevel {level} {rule}.",
        "late": "Eingang {event} nach dem Annahmeschluss, zählt ab {start}.",
        "window": "Gezählt: {start} bis {end} ({duration})",
        "pause": "Pause: {start} bis {end} (Status {state})",
        Reason.HOLIDAY: "Feiertag: {day} {name}",
        Reason.HALF_DAY: "Verkürzter Tag: {day}",
        Reason.EXCEPTION: "Ausnahmetag: {day} {name}",
    },
    "en": {
        "due": "{kind} due {due}: {promised} of working time from {start}, service level {level} {rule}.",
        "late": "Received {event}, after the day's last acceptance; counts from {start}.",
        "window": "Counted: {start} to {end} ({duration})",
        "pause": "Pause: {start} to {end} (state {state})",
        Reason.HOLIDAY: "Holiday: {day} {name}",
        Reason.HALF_DAY: "Short day: {day}",
        Reason.EXCEPTION: "Special day: {day} {name}",
    },
}


def text(explanation: Explanation, language: Language) -> str:
    """Write the explanation for people: one sentence, then everything that counted and did not, in order of time."""
    return "\n".join(_lines(explanation, language))


def _lines(one: Explanation, language: Language) -> Iterator[str]:
    words, zone = _WORDS[language], ZoneInfo(one.zone)

    def at(instant: datetime) -> str:
        return _moment(instant.astimezone(zone), language)

    start, due = at(one.start_time), at(one.due_time)
    kind, rule = _KINDS[language][one.kind], _RULES[language][one.rule]
    yield words["due"].format(
        kind=kind, due=due, promised=_duration(one.promised), start=start, level=one.level, rule=rule
    )
    if one.start_time != one.event_time:
        yield words["late"].format(event=at(one.event_time), start=start)
    lines: list[tuple[datetime, str]] = []
    for span in one.windows:
        line = words["window"].format(start=at(span.start), end=at(span.end), duration=_duration(span.duration))
        lines.append((span.start, line))
    for pause in one.pauses:
        line = words["pause"].format(start=at(pause.span.start), end=at(pause.span.end), state=pause.state.name)
        lines.append((pause.span.start, line))
    for special in one.special_days:
        line = words[special.reason].format(day=_day(special.date, language), name=special.name).rstrip()
        lines.append((datetime.combine(special.date, time(), tzinfo=zone), line))
    yield from (line for _, line in sorted(lines))


def _moment(local: datetime, language: Language) -> str:
    return f"{_day(local.date(), language)} {local:%H:%M}"


def _day(day: date, language: Language) -> str:
    written = f"{day:%d.%m.%Y}" if language == "de" else day.isoformat()
    return f"{_WEEKDAYS[language][day.weekday()]} {written}"


def _duration(duration: timedelta) -> str:
    hours, minutes = divmod(round(duration.total_seconds() / 60), 60)
    return f"{hours}:{minutes:02} h"
