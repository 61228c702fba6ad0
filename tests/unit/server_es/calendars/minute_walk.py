"""The slow truth about working time: walks every minute of some weeks and marks it open or closed.

Shares no arithmetic with the engine. What the wall clock shows is asked of the zone minute by minute; a time it never
shows is moved by the jump that skipped it, a time it shows twice is taken where it is shown first.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from server_es.calendars.holidays import holidays_of
from server_es.calendars.hours import Calendar, Day
from server_es.calendars.timeline import Span
from server_es.calendars.times import Window

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MARGIN = 4 * DAY


@lru_cache(maxsize=128)
def shown(zone: str, begin: datetime, end: datetime) -> dict[datetime, datetime]:
    """Return for every wall clock minute the first instant that shows it; skipped ones as their moved time."""
    tz, first, skipped = ZoneInfo(zone), dict[datetime, datetime](), dict[datetime, datetime]()
    at, before = begin, None
    while at < end:
        local = at.astimezone(tz).replace(tzinfo=None, fold=0)
        first.setdefault(local, at)
        if before is not None and local - before > MINUTE:
            gap, lost = local - before - MINUTE, before + MINUTE
            while lost < local:
                skipped[lost] = lost + gap
                lost += MINUTE
        at, before = at + MINUTE, local
    return first | {lost: first[moved] for lost, moved in skipped.items()}


class MinuteWalk:
    def __init__(self, calendar: Calendar, first: date, days: int) -> None:
        self.calendar = calendar
        self.begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
        self.end = self.begin + days * DAY
        self._shown = shown(calendar.zone, self.begin - MARGIN, self.end + MARGIN)
        self.open = bytearray(days * 24 * 60)
        dates = [first + count * DAY for count in range(-2, days + 2)]
        exceptions = {one.date: one.hours for one in calendar.exceptions}
        for day in dates:
            if day not in exceptions:
                self._mark(day, self._usual(day).windows, 1)
        for day in dates:
            self._mark(day, [one.window for one in calendar.breaks if day.weekday() in one.weekdays], 0)
        for day in dates:
            if day in exceptions:
                self._mark(day, exceptions[day].windows, 1)

    def _usual(self, day: date) -> Day:
        region = self.calendar.region
        if region and day in holidays_of(region, day.year):
            return Day()
        closing = [
            one.closes.minutes
            for one in self.calendar.half_days
            if (one.month, one.day) == (day.month, day.day) and one.year in (None, day.year)
        ]
        hours = self.calendar.week[day.weekday()]
        if not closing:
            return hours
        limit = datetime.combine(day, datetime.min.time()) + closing[0] * MINUTE
        for window in hours.windows:
            opens, closes = self._walls(day, window)
            if opens < limit:
                self._fill(opens, min(closes, limit), 1)
        return Day()

    def _walls(self, day: date, window: Window) -> tuple[datetime, datetime]:
        midnight = datetime.combine(day, datetime.min.time())
        opens, closes = midnight + window.opens.minutes * MINUTE, midnight + window.closes.minutes * MINUTE
        return opens, closes if closes > opens else closes + DAY

    def _mark(self, day: date, windows: Iterable[Window], mark: int) -> None:
        for window in windows:
            self._fill(*self._walls(day, window), mark)

    def _fill(self, opens: datetime, closes: datetime, mark: int) -> None:
        for minute in range(self.index(self._shown[opens]), self.index(self._shown[closes])):
            if 0 <= minute < len(self.open):
                self.open[minute] = mark

    def index(self, at: datetime) -> int:
        return (at - self.begin) // MINUTE

    def counts(self, at: datetime) -> bool:
        return bool(self.open[self.index(at)])

    def _counted(self, pauses: Iterable[Span]) -> bytearray:
        left = bytearray(self.open)
        for pause in pauses:
            for minute in range(self.index(pause.start), min(self.index(pause.end), len(left))):
                left[minute] = 0
        return left

    def due(self, start: datetime, minutes: int, pauses: Iterable[Span] = ()) -> datetime | None:
        """Return the end of the minute that completes the work, None if the walk ends before."""
        counted, at = self._counted(pauses), self.index(start)
        while minutes > 0:
            if at == len(counted):
                return None
            minutes -= counted[at]
            at += 1
        return self.begin + at * MINUTE

    def elapsed(self, a: datetime, b: datetime, pauses: Iterable[Span] = ()) -> int:
        return sum(self._counted(pauses)[self.index(a) : self.index(b)])

    def spans(self) -> list[Span]:
        """Return the open stretches of the whole walk."""
        result: list[Span] = []
        opened = None
        for minute, is_open in enumerate([*self.open, 0]):
            if is_open and opened is None:
                opened = minute
            if not is_open and opened is not None:
                result.append(Span(self.begin + opened * MINUTE, self.begin + minute * MINUTE))
                opened = None
        return result
