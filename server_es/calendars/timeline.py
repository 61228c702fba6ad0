"""The arithmetic of working time: open spans in UTC and prefix sums over them.

Knows neither weekdays nor holidays: an `Openings` function says when it is open. A `Timeline` compiles the years it is
asked about once, and answers from then on at a cost that does not depend on the length of the span.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from mesh import errors

FIRST_YEAR = 1970
LAST_YEAR = 2199

_END = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
_NOTHING = timedelta(0)
_EDGE = timedelta(days=7)  # what opens just outside the compiled years may reach into them


class Span(NamedTuple):
    """An open stretch of time, start inclusive, end exclusive, both in UTC."""

    start: datetime
    end: datetime

    @property
    def duration(self) -> timedelta:
        return self.end - self.start

    def overlaps(self, a: datetime, b: datetime) -> bool:
        """Say whether some of it lies between `a` and `b`."""
        return self.start < b and a < self.end


Openings = Callable[[date, date], Iterable[Span]]
"""Answers what opens on the days from the first date to before the second, in any order; spans may overlap."""


class WorkingTimeOutOfRange(errors.FailedPrecondition):
    """A time before 1970 or after 2199, or a calendar that is not open often enough to get there."""

    reason = "WORKING_TIME_OUT_OF_RANGE"


@dataclass(frozen=True, slots=True)
class _Compiled:
    """The spans of some whole years (UTC), and where to look in them.

    `totals[i]` is the working time from the beginning to `closes[i]`. `anchors[i] = closes[i] - totals[i]`: inside
    span i an instant and the total at it differ by exactly the anchor, one addition takes one to the other.
    `spans[i]` has the three instants of span i together. `by_day[n]`: the first span that closes after day n began,
    as in `spans` and with its number; nothing once there is none. `ends[i]`: total and anchor of span i together.
    `by_total[n]`: the first with a total of n days or more, as in `ends` and with its number.
    """

    years: range
    begin: datetime
    opens: list[datetime]
    closes: list[datetime]
    totals: list[timedelta]
    anchors: list[datetime]
    spans: list[tuple[datetime, datetime, datetime]]
    by_day: list[tuple[datetime, datetime, datetime, int]]
    ends: list[tuple[timedelta, datetime]]
    by_total: list[tuple[timedelta, datetime, int]]


class Timeline:
    """When it is open, for all times. Instants are aware, in UTC. Threads may share it: growth is one assignment."""

    __slots__ = ("_compiled", "_openings")

    def __init__(self, openings: Openings) -> None:
        self._openings = openings
        self._compiled = _Compiled(
            years=range(0), begin=_END, opens=[], closes=[], totals=[], anchors=[], spans=[], by_day=[], ends=[],
            by_total=[],
        )  # fmt: skip

    def due(self, start: datetime, working: timedelta) -> datetime:
        """Return the first instant at which `working` (> 0) has been worked since `start`.

        Looks up the day, steps over the few spans that closed since it began, and does the same among the totals.
        """
        compiled = self._compiled
        day = (start - compiled.begin).days
        if day < 0:
            return self._due_beyond(start, working)
        try:
            closes, begins, anchor, at = compiled.by_day[day]
            while closes <= start:
                at += 1
                closes, begins, anchor = compiled.spans[at]
            if begins < start:  # noqa: PLR1730 - a call of `max` would cost as much as the rest of the line
                begins = start
            total = begins - anchor + working
            reached, anchor, at = compiled.by_total[total.days]
            while reached < total:
                at += 1
                reached, anchor = compiled.ends[at]
            return anchor + total
        except IndexError:
            return self._due_beyond(start, working)

    def _due_beyond(self, start: datetime, working: timedelta) -> datetime:
        """Compile more years, then answer `due`."""
        if start.year not in self._compiled.years:
            self._grow(start.year)
        elif working < _END - start:
            self._extend()
        else:
            raise WorkingTimeOutOfRange(f"{working} of working time after {start} is due after {LAST_YEAR}")
        return self.due(start, working)

    def worked(self, a: datetime, b: datetime) -> timedelta:
        """Return the working time from `a` to `b`; negative if `b` is the earlier one."""
        compiled = self._covering(a, b)
        return _total(compiled, b) - _total(compiled, a)

    def is_open(self, at: datetime) -> bool:
        """Say whether it is open; at the instant of closing it no longer is."""
        compiled = self._covering(at, at)
        found = bisect_right(compiled.closes, at)
        return found < len(compiled.opens) and compiled.opens[found] <= at

    def next_open(self, at: datetime) -> datetime:
        """Return the first open instant from `at` on: `at` itself if it is open."""
        compiled = self._covering(at, at)
        found = bisect_right(compiled.closes, at)
        if found < len(compiled.opens):
            return max(at, compiled.opens[found])
        self._extend()
        return self.next_open(at)

    def spans(self, a: datetime, b: datetime) -> list[Span]:
        """Return the open spans between `a` and `b`, cut at both; spans that touch are one."""
        compiled = self._covering(a, b)
        first, beyond = bisect_right(compiled.closes, a), bisect_left(compiled.opens, b)
        pieces = zip(compiled.opens[first:beyond], compiled.closes[first:beyond], strict=True)
        return [Span(max(a, opens), min(b, closes)) for opens, closes in pieces if a < b]

    def _covering(self, a: datetime, b: datetime) -> _Compiled:
        for year in (a.year, b.year):
            if year not in self._compiled.years:
                self._grow(year)
        return self._compiled

    def _grow(self, year: int) -> None:
        """Compile so that `year` and its neighbours are known too."""
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise WorkingTimeOutOfRange(f"working time is known from {FIRST_YEAR} to {LAST_YEAR} only, not in {year}")
        years = self._compiled.years or range(year, year)
        first, last = min(years.start, year - 1), max(years.stop - 1, year + 1)
        self._compiled = _compile(self._openings, range(max(FIRST_YEAR, first), min(LAST_YEAR, last) + 1))

    def _extend(self) -> None:
        """Compile twice as many years as before, up to the last there is."""
        years = self._compiled.years
        if years.stop > LAST_YEAR:
            raise WorkingTimeOutOfRange(f"there is not enough working time before the end of {LAST_YEAR}")
        self._grow(min(LAST_YEAR, years.stop + len(years)))


def _total(compiled: _Compiled, at: datetime) -> timedelta:
    found = bisect_right(compiled.closes, at)
    if found < len(compiled.opens):
        return max(at, compiled.opens[found]) - compiled.anchors[found]
    return compiled.totals[-1] if compiled.totals else _NOTHING


def _compile(openings: Openings, years: range) -> _Compiled:
    begin, end = datetime(years.start, 1, 1, tzinfo=UTC), datetime(years.stop, 1, 1, tzinfo=UTC)
    opens: list[datetime] = []
    closes: list[datetime] = []
    totals: list[timedelta] = []
    total = _NOTHING
    for start, stop in merged(openings((begin - _EDGE).date(), (end + _EDGE).date())):
        if begin < stop and start < end:
            opens.append(max(begin, start))
            closes.append(min(end, stop))
            total += closes[-1] - opens[-1]
            totals.append(total)
    anchors = [stop - worked for stop, worked in zip(closes, totals, strict=True)]
    spans = list(zip(closes, opens, anchors, strict=True))
    ends = list(zip(totals, anchors, strict=True))
    reached = [bisect_left(totals, timedelta(days=day)) for day in range(total.days + 1)] if ends else []
    firsts = [bisect_right(closes, begin + timedelta(days=day)) for day in range((end - begin).days)]
    return _Compiled(
        years=years,
        begin=begin,
        opens=opens,
        closes=closes,
        totals=totals,
        anchors=anchors,
        spans=spans,
        by_day=[(*spans[at], at) for at in firsts if at < len(spans)],
        ends=ends,
        by_total=[(*ends[at], at) for at in reached],
    )


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the same time as disjoint spans in order; spans that overlap or touch become one, empty ones vanish."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1].end:
            if end > result[-1].end:
                result[-1] = Span(result[-1].start, end)
        elif start < end:
            result.append(Span(start, end))
    return result


def cut(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """Return `spans` without the time in `holes`. Both in any order."""
    result: list[Span] = []
    gaps = merged(holes)
    first = 0
    for start, end in merged(spans):
        while first < len(gaps) and gaps[first].end <= start:
            first += 1
        rest, at = start, first
        while at < len(gaps) and gaps[at].start < end:
            if rest < gaps[at].start:
                result.append(Span(rest, gaps[at].start))
            rest = gaps[at].end
            at += 1
        if rest < end:
            result.append(Span(rest, end))
    return result
