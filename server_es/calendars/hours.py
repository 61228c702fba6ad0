"""The on-call time (Bereitschaftszeit): the hours in which a service level is worked, as an office describes them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from mesh import errors
from server_es.calendars.holidays import Region, holidays_of
from server_es.calendars.timeline import Span, Timeline, cut, merged
from server_es.calendars.times import MINUTES_A_DAY, TimeOfDay, Weekday, Window, first_instant, zone_violations

DAYS_A_WEEK = 7
ONE_DAY = timedelta(days=1)

_LEAP_YEAR = 2000
_ANY_SUNDAY = date(2000, 12, 31)
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The hours of one day.

    A window belongs to the day it opens on: on a holiday, the night shift from the evening before still ends at six.
    `accept_until`: a call received later that day counts as received at the next working day's opening.
    """

    windows: tuple[Window, ...] = ()
    accept_until: TimeOfDay | None = None


CLOSED = Day()
FULL_DAY = Day(windows=(Window(opens=TimeOfDay(0), closes=TimeOfDay(MINUTES_A_DAY)),))


def week(working: Day, saturday: Day = CLOSED, sunday: Day = CLOSED) -> tuple[Day, ...]:
    """Return Monday to Sunday: five times `working`, then the weekend."""
    return (working,) * 5 + (saturday, sunday)


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Time cut out of the weekly windows, by the wall clock: also out of a night shift begun the evening before."""

    window: Window
    weekdays: frozenset[Weekday] = frozenset(Weekday)


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfDay:
    """A day that closes early, such as 24.12. at 12:00; in every year, or only in `year`."""

    month: int
    day: int
    closes: TimeOfDay
    year: int | None = None
    name: str = ""

    def __post_init__(self) -> None:
        try:
            date(self.year or _LEAP_YEAR, self.month, self.day)
        except ValueError:
            raise errors.InvalidArgument(
                [errors.Violation("half_day", f"{self.day}.{self.month}.{self.year or ''} is no date")],
            ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedException:
    """One date that is different: `hours` replaces the weekday's, wins over holidays and half days, has no breaks."""

    date: date
    hours: Day = CLOSED
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """A span of instants in which nothing is worked (Betriebsruhe), whatever the day says."""

    span: Span
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """An on-call time. Equal calendars share one compiled timeline, so it may be built anew for every call.

    Raises:
        InvalidArgument: with everything that is wrong with it.
    """

    zone: str = "Europe/Berlin"
    week: tuple[Day, ...]
    region: Region | None = None
    half_days: tuple[HalfDay, ...] = ()
    exceptions: tuple[DatedException, ...] = ()
    breaks: tuple[Break, ...] = ()
    closures: tuple[Closure, ...] = ()
    plan: "Plan" = field(init=False, repr=False, compare=False)
    timeline: Timeline = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        violations = [*zone_violations(self.zone), *_week_violations(self), *_exception_violations(self)]
        if violations:
            raise errors.InvalidArgument(violations)
        plan, timeline = _laid_out(self)
        object.__setattr__(self, "plan", plan)
        object.__setattr__(self, "timeline", timeline)


def hours_on(calendar: Calendar, day: date) -> Day:
    """Return the hours of a date: its exception's, else none on a holiday, else the weekday's, cut on a half day."""
    return calendar.plan.hours(day)


def first_opening(calendar: Calendar, day: date) -> Span | None:
    """Return the first open span among the windows that open on `day`; None if it is not a working day."""
    return next(iter(merged(calendar.plan.spans(day, day + ONE_DAY))), None)


class Reason(StrEnum):
    """Why a day has other hours than its weekday."""

    HOLIDAY = "holiday"
    HALF_DAY = "half_day"
    EXCEPTION = "exception"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialDay:
    """A day with other hours than its weekday; `name` is the holiday's German name or the exception's own."""

    date: date
    reason: Reason
    name: str
    hours: Day


def special_day(calendar: Calendar, day: date) -> SpecialDay | None:
    """Return why the hours of `day` are not those of its weekday, None if they are."""
    hours, usual = hours_on(calendar, day), calendar.week[day.weekday()]
    if hours == usual:
        return None
    for exception in calendar.exceptions:
        if exception.date == day:
            return SpecialDay(date=day, reason=Reason.EXCEPTION, name=exception.name, hours=hours)
    holiday = _holiday(calendar, day)
    if holiday is None:
        return SpecialDay(date=day, reason=Reason.HALF_DAY, name=_half_day_name(calendar, day), hours=hours)
    return SpecialDay(date=day, reason=Reason.HOLIDAY, name=holiday, hours=hours)


def _half_day_name(calendar: Calendar, day: date) -> str:
    same = [one for one in calendar.half_days if (one.month, one.day) == (day.month, day.day)]
    return next((one.name for year in (day.year, None) for one in same if one.year == year), "")


def _holiday(calendar: Calendar, day: date) -> str | None:
    return None if calendar.region is None else holidays_of(calendar.region, day.year).get(day)


@lru_cache(maxsize=512)
def _laid_out(calendar: Calendar) -> tuple["Plan", Timeline]:
    plan = Plan(calendar)
    return plan, Timeline(plan.spans)


class Plan:
    """A calendar, laid out for looking up days."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._zone = ZoneInfo(calendar.zone)
        self._exceptions = {one.date: one.hours for one in calendar.exceptions}
        self._half_days = {(one.year, one.month, one.day): one.closes for one in calendar.half_days}
        days = [*calendar.week, *self._exceptions.values()]
        self.stops_accepting = any(day.accept_until is not None for day in days)

    def hours(self, day: date) -> Day:
        exception = self._exceptions.get(day)
        return self._regular(day) if exception is None else exception

    def spans(self, first: date, beyond: date) -> list[Span]:
        """Return what opens on the days from `first` to before `beyond`, breaks cut out."""
        regular: list[Span] = []
        special: list[Span] = []
        breaks = [*self._breaks(first - ONE_DAY), *self._breaks(first)]
        day = first
        while day < beyond:
            exception = self._exceptions.get(day)
            if exception is None:
                regular.extend(self._instants(day, self._regular(day).windows))
            else:
                special.extend(self._instants(day, exception.windows))
            day += ONE_DAY
            breaks.extend(self._breaks(day))
        worked = [*cut(regular, breaks), *special]
        return cut(worked, (one.span for one in self._calendar.closures)) if self._calendar.closures else worked

    def _regular(self, day: date) -> Day:
        if _holiday(self._calendar, day) is not None:
            return CLOSED
        hours = self._calendar.week[day.weekday()]
        closes = self._half_days.get((day.year, day.month, day.day)) or self._half_days.get((None, day.month, day.day))
        if closes is None:
            return hours
        return Day(windows=tuple(_shortened(hours.windows, closes)), accept_until=hours.accept_until)

    def _breaks(self, day: date) -> Iterator[Span]:
        return self._instants(day, _breaks_on(self._calendar, day))

    def _instants(self, day: date, windows: Iterable[Window]) -> Iterator[Span]:
        return _instants(self._zone, day, windows)


def _breaks_on(calendar: Calendar, day: date) -> Iterator[Window]:
    return (one.window for one in calendar.breaks if day.weekday() in one.weekdays)


def _instants(zone: ZoneInfo, day: date, windows: Iterable[Window]) -> Iterator[Span]:
    for window in windows:
        yield Span(first_instant(zone, day, window.opens.minutes), first_instant(zone, day, window.end_minutes))


def _shortened(windows: Iterable[Window], closes: TimeOfDay) -> Iterator[Window]:
    for window in windows:
        if window.opens < closes:
            last = min(window.end_minutes, closes.minutes)
            yield Window(opens=window.opens, closes=TimeOfDay(last))


def _week_violations(calendar: Calendar) -> Iterator[errors.Violation]:
    if len(calendar.week) != DAYS_A_WEEK:
        yield errors.Violation("week", f"{len(calendar.week)} days; a week has seven, Monday to Sunday")
    elif not _opens_in_a_plain_week(calendar):
        yield errors.Violation("week", "never open: give at least one weekday a window that no break covers")


def _opens_in_a_plain_week(calendar: Calendar) -> bool:
    days = [_ANY_SUNDAY + ONE_DAY * count for count in range(DAYS_A_WEEK + 2)]
    opened: list[Span] = []
    breaks: list[Span] = []
    for day in days:
        opened.extend(_instants(_UTC, day, calendar.week[day.weekday()].windows))
        breaks.extend(_instants(_UTC, day, _breaks_on(calendar, day)))
    monday = first_instant(_UTC, _ANY_SUNDAY, MINUTES_A_DAY)
    return any(span.overlaps(monday, monday + ONE_DAY * DAYS_A_WEEK) for span in cut(opened, breaks))


def _exception_violations(calendar: Calendar) -> Iterator[errors.Violation]:
    for day, count in sorted(Counter(one.date for one in calendar.exceptions).items()):
        if count > 1:
            yield errors.Violation("exceptions", f"{day} appears more than once")
    for at, closure in enumerate(calendar.closures):
        if closure.span.end <= closure.span.start:
            yield errors.Violation(f"closures[{at}]", "ends before it has begun")
