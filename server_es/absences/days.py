"""How many days of work an absence takes: by the employee's working times, the holidays of the state, half days.

A day without working time counts nothing, one on which the office closes early (Heiligabend) its morning only. Half
days add up over any split of a span.
"""

from dataclasses import dataclass
from datetime import date

from server_es.absences.spans import Span
from server_es.calendars.hours import Calendar, Reason, first_opening, special_day

WHOLE_DAY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedDay:
    """One day of a span.

    Attributes:
        date: which one.
        half_days: how much of it is counted: 0, 1 or 2.
        reason: why it counts less than its weekday does: the name of the holiday or of the exception; else empty.
    """

    date: date
    half_days: int
    reason: str = ""


def count(calendar: Calendar, span: Span) -> int:
    """Return the half days of work in a span."""
    return sum(one.half_days for one in counted(calendar, span))


def counted(calendar: Calendar, span: Span) -> list[CountedDay]:
    """Return every day of a span and how much of it counts."""
    return [_counted(calendar, span, day) for day in span.days()]


def _counted(calendar: Calendar, span: Span, day: date) -> CountedDay:
    special = special_day(calendar, day)
    reason = special.name if special is not None else ""
    if first_opening(calendar, day) is None:
        return CountedDay(date=day, half_days=0, reason=reason)
    morning, afternoon = span.covers(day)
    closes_early = special is not None and special.reason is Reason.HALF_DAY
    return CountedDay(date=day, half_days=morning + (afternoon and not closes_early), reason=reason)
