"""Working time: when is something due, how much was worked, when is it open (Bereitschaftszeit).

    >>> from server_es.calendars.holidays import Region
    >>> from server_es.calendars.hours import Day, week
    >>> from server_es.calendars.times import windows
    >>> office = Calendar(week=week(Day(windows=windows("08:00-17:00"))), region=Region(state="BY"))
    >>> due(office, datetime(2026, 3, 27, 20, tzinfo=UTC), timedelta(minutes=60))  # a Friday evening
    datetime.datetime(2026, 3, 30, 7, 0, tzinfo=datetime.timezone.utc)

No calendar (`None`) is around the clock. Instants come aware, in any zone, and go out in UTC. Three laws hold:
`elapsed(start, due(start, n)) == n`; `due` never falls when `start` or `n` grows; `elapsed` adds up over any split.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from server_es.calendars.hours import FULL_DAY, ONE_DAY, Calendar, SpecialDay, first_opening, hours_on, special_day
from server_es.calendars.timeline import Span, Timeline, WorkingTimeOutOfRange, cut, merged
from server_es.calendars.times import utc

ROUND_THE_CLOCK = Calendar(zone="UTC", week=(FULL_DAY,) * 7)

_NOTHING = timedelta(0)
_LONGEST_CLOSURE = 400  # days


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """How a due time came about. The durations of `windows` add up to `working`."""

    start: datetime
    working: timedelta
    due: datetime
    windows: tuple[Span, ...]
    pauses: tuple[Span, ...]
    special_days: tuple[SpecialDay, ...]


def due(calendar: Calendar | None, start: datetime, working: timedelta, pauses: Sequence[Span] = ()) -> datetime:
    """Return the instant at which `working` time has been worked since `start`, time in `pauses` not counted.

    Work that ends exactly at closing time is due at closing time; nothing to do is due at `start`.

    Raises:
        NaiveTimeError: `start` has no time zone.
        ValueError: `working` is negative.
        WorkingTimeOutOfRange: before 1970 or after 2199.
    """
    if start.tzinfo is not UTC:
        start = utc(start)
    if working <= _NOTHING:
        if working < _NOTHING:
            raise ValueError(f"working time {working} is negative")
        return start
    timeline = (calendar or ROUND_THE_CLOCK).timeline
    return _due_past(timeline, start, working, pauses) if pauses else timeline.due(start, working)


def _due_past(timeline: Timeline, start: datetime, working: timedelta, pauses: Sequence[Span]) -> datetime:
    for pause in _disjoint(pauses):
        if start < pause.start:
            worked = timeline.worked(start, pause.start)
            if worked >= working:
                break
            working -= worked
        start = max(start, pause.end)
    return timeline.due(start, working)


def elapsed(calendar: Calendar | None, a: datetime, b: datetime, pauses: Sequence[Span] = ()) -> timedelta:
    """Return the working time from `a` to `b` without the time in `pauses`; negative if `b` is the earlier one."""
    a, b = utc(a), utc(b)
    if b < a:
        return -elapsed(calendar, b, a, pauses)
    timeline = (calendar or ROUND_THE_CLOCK).timeline
    if not pauses:
        return timeline.worked(a, b)
    paused = (timeline.worked(max(a, one.start), min(b, one.end)) for one in _disjoint(pauses) if one.overlaps(a, b))
    return timeline.worked(a, b) - sum(paused, _NOTHING)


def is_working(calendar: Calendar | None, at: datetime) -> bool:
    """Say whether `at` is working time; the instant of closing no longer is."""
    return (calendar or ROUND_THE_CLOCK).timeline.is_open(utc(at))


def next_open(calendar: Calendar | None, at: datetime) -> datetime:
    """Return the first working instant from `at` on: `at` itself if it is one."""
    return (calendar or ROUND_THE_CLOCK).timeline.next_open(utc(at))


def windows_between(
    calendar: Calendar | None, a: datetime, b: datetime, pauses: Sequence[Span] = ()
) -> tuple[Span, ...]:
    """Return the working time between `a` and `b` without `pauses` as spans, cut at both; touching windows are one."""
    opened = (calendar or ROUND_THE_CLOCK).timeline.spans(utc(a), utc(b))
    return tuple(cut(opened, _disjoint(pauses)))


def received(calendar: Calendar | None, at: datetime) -> datetime:
    """Return the instant from which a call that came in `at` counts ("accept until").

    After the day's `accept_until` that is the next working day's opening, otherwise `at` itself, also out of hours.
    """
    at = utc(at)
    if calendar is None or not calendar.plan.stops_accepting:
        return at
    local = at.astimezone(ZoneInfo(calendar.zone))
    until = hours_on(calendar, local.date()).accept_until
    if until is None or _minutes(local) <= until.minutes:
        return at
    for days in range(1, _LONGEST_CLOSURE):
        opening = first_opening(calendar, local.date() + ONE_DAY * days)
        if opening is not None:
            return opening.start
    raise WorkingTimeOutOfRange(f"no working day within {_LONGEST_CLOSURE} days after {local.date()}")


def special_days(calendar: Calendar | None, a: datetime, b: datetime) -> tuple[SpecialDay, ...]:
    """Return the days from `a` to `b` (both included) whose hours are not those of their weekday, and why."""
    if calendar is None:
        return ()
    zone = ZoneInfo(calendar.zone)
    day, last = utc(a).astimezone(zone).date(), utc(b).astimezone(zone).date()
    found = []
    while day <= last:
        special = special_day(calendar, day)
        if special is not None:
            found.append(special)
        day += ONE_DAY
    return tuple(found)


def explain(calendar: Calendar | None, start: datetime, working: timedelta, pauses: Sequence[Span] = ()) -> Reckoning:
    """Return how `due` gets to its answer."""
    end = due(calendar, start, working, pauses)
    began = utc(start)
    return Reckoning(
        start=began,
        working=working,
        due=end,
        windows=windows_between(calendar, began, end, pauses),
        pauses=tuple(one for one in _disjoint(pauses) if one.overlaps(began, end)),
        special_days=special_days(calendar, began, end),
    )


def _minutes(local: datetime) -> float:
    return local.hour * 60 + local.minute + (local.second + local.microsecond / 1e6) / 60


def _disjoint(pauses: Iterable[Span]) -> list[Span]:
    return merged(Span(utc(one.start), utc(one.end)) for one in pauses)
