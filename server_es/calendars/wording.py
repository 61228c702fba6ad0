"""How a reckoning of working time is told to people, in German and English."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from server_es.calendars.hours import Calendar, Reason, SpecialDay
from server_es.calendars.rules import Reckoning
from server_es.calendars.timeline import Span

Language = Literal["de", "en"]

_WEEKDAYS = {
    "de": ("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_WORDS = {
    "de": {
        "due": "Fällig {due}: {working} Arbeitszeit ab {start}.",
        "window": "Gezählt: {start} bis {end} ({duration})",
        "pause": "Pause: {start} bis {end} (Status {why})",
        "break": "Betriebsruhe: {start} bis {end} {why}",
        Reason.HOLIDAY: "Feiertag: {day} {name}",
        Reason.HALF_DAY: "Verkürzter Tag: {day} {name}",
        Reason.EXCEPTION: "Ausnahmetag: {day} {name}",
    },
    "en": {
        "due": "Due {due}: {working} of working time from {start}.",
        "window": "Counted: {start} to {end} ({duration})",
        "pause": "Pause: {start} to {end} (state {why})",
        "break": "Closed: {start} to {end} {why}",
        Reason.HOLIDAY: "Holiday: {day} {name}",
        Reason.HALF_DAY: "Short day: {day} {name}",
        Reason.EXCEPTION: "Special day: {day} {name}",
    },
}

Stop = tuple[Span, str]
"""When the clock stood, and why."""


def text(reckoning: Reckoning, calendar: Calendar | None, language: Language, *, site_zone: str) -> str:
    """Write a sum for people: its answer, then everything that counted and did not, in order of time."""
    zone = ZoneInfo(site_zone if calendar is None else calendar.zone)
    due, start = moment(reckoning.due, zone, language), moment(reckoning.start, zone, language)
    first = _WORDS[language]["due"].format(due=due, working=duration(reckoning.working), start=start)
    closed = closures(calendar, reckoning.start, reckoning.due)
    lines = counted_lines(reckoning.windows, (), reckoning.special_days, closed=closed, zone=zone, language=language)
    return "\n".join([first, *lines])


def closures(calendar: Calendar | None, start: datetime, end: datetime) -> list[Stop]:
    """Return the breaks of a calendar (Betriebsruhe) that touch a span."""
    return [(one.span, one.name) for one in (calendar.closures if calendar else ()) if one.span.overlaps(start, end)]


def counted_lines(
    windows: Iterable[Span],
    stops: Iterable[Stop],
    special_days: Iterable[SpecialDay],
    *,
    closed: Iterable[Stop] = (),
    zone: ZoneInfo,
    language: Language,
) -> Iterator[str]:
    """Return a line for everything that counted or did not, in order of time."""
    words = _WORDS[language]

    def line(word: str, span: Span, **more: str) -> tuple[datetime, str]:
        start, end = moment(span.start, zone, language), moment(span.end, zone, language)
        return span.start, words[word].format(start=start, end=end, **more).rstrip()

    lines = [line("window", span, duration=duration(span.duration)) for span in windows]
    lines += [line("pause", span, why=why) for span, why in stops]
    lines += [line("break", span, why=why) for span, why in closed]
    for special in special_days:
        written = words[special.reason].format(day=_day(special.date, language), name=special.name).rstrip()
        lines.append((datetime.combine(special.date, time(), tzinfo=zone), written))
    return (written for _, written in sorted(lines))


def moment(instant: datetime, zone: ZoneInfo, language: Language) -> str:
    """Return date and time of day in a zone, such as `Mo 30.03.2026 09:00`."""
    local = instant.astimezone(zone)
    return f"{_day(local.date(), language)} {local:%H:%M}"


def duration(span: timedelta) -> str:
    """Return a duration such as `4:30 h`, to the minute."""
    hours, minutes = divmod(round(span.total_seconds() / 60), 60)
    return f"{hours}:{minutes:02} h"


def _day(day: date, language: Language) -> str:
    written = f"{day:%d.%m.%Y}" if language == "de" else day.isoformat()
    return f"{_WEEKDAYS[language][day.weekday()]} {written}"
