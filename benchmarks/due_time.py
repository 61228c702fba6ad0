"""How fast a due time is, beside the two PyPI libraries for the same job: `workclock` (Rust) and `businesstimedelta`.

Monday to Friday, Bavarian holidays, Europe/Berlin; +8 h and +400 h of working time, from the middle of a working day.
All three must give the same answer. Rounds of the three alternate and count CPU time, so that a busy machine slows
all of them alike.
Run `python -m benchmarks due_time`.
"""

import timeit
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from statistics import median
from time import thread_time
from typing import Any

from benchmarks.lines import line
from server_es.calendars.holidays import Region, holidays_of
from server_es.calendars.hours import Calendar, Day, week
from server_es.calendars.rules import due
from server_es.calendars.times import Window, windows

ZONE = "Europe/Berlin"
REGION = Region(state="BY")
START = datetime(2026, 3, 24, 9, 17, tzinfo=UTC)
HOURS = {8: 10, 400: 40}
"""Spans of working time, and how many times as fast as workclock ours should be."""
PATTERNS = {
    "08-17": windows("08:00-17:00"),
    "08-12 13-17": windows("08:00-12:00", "13:00-17:00"),
}
YEARS = range(2025, 2029)
ROUNDS = 21
ROUND_SECONDS = 0.01

Ask = Callable[[], datetime]


def measure() -> list[dict[str, Any]]:
    """Return a line per pattern, span and peer, and one per pattern for what a longer span costs."""
    lines: list[dict[str, Any]] = []
    for pattern, hours in PATTERNS.items():
        peers = {"ours": _ours(hours), "workclock": _workclock(hours), "businesstimedelta": _businesstimedelta(hours)}
        cost: dict[int, float] = {}
        for span, goal in HOURS.items():
            asks = {name: ask(span) for name, ask in peers.items()}
            answers = {name: ask() for name, ask in asks.items()}
            if len(set(answers.values())) != 1:
                raise AssertionError(f"{pattern} +{span} h: the answers differ: {answers}")
            medians = _medians(asks)
            cost[span] = ours = medians.pop("ours")
            for name, found in medians.items():
                ratio = found / ours
                asked: dict[str, Any] = {"goal": f"≥ {goal} ×", "met": ratio >= goal} if name == "workclock" else {}
                lines.append(
                    line(
                        f"{pattern} +{span} h",
                        ours * 1e6,
                        "µs",
                        peer=name,
                        peer_measured=found * 1e6,
                        ratio=ratio,
                        **asked,
                    )
                )
        short, long = cost[min(HOURS)], cost[max(HOURS)]
        lines.append(
            line(
                f"{pattern} +{max(HOURS)} h",
                long * 1e6,
                "µs",
                peer=f"ours, +{min(HOURS)} h",
                peer_measured=short * 1e6,
                ratio=short / long,
                goal="the span costs nothing: ≥ 0.75",
                met=short / long >= 0.75,
            )
        )
    return lines


def _medians(asks: dict[str, Ask]) -> dict[str, float]:
    timers = {name: timeit.Timer(ask, timer=thread_time) for name, ask in asks.items()}
    counts = {name: max(1, int(ROUND_SECONDS / timer.timeit(1))) for name, timer in timers.items()}
    rounds: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(ROUNDS):
        for name, timer in timers.items():
            rounds[name].append(timer.timeit(counts[name]) / counts[name])
    return {name: median(found) for name, found in rounds.items()}


def _ours(hours: tuple[Window, ...]) -> Callable[[int], Ask]:
    calendar = Calendar(zone=ZONE, week=week(Day(windows=hours)), region=REGION)

    def ask(span: int) -> Ask:
        working = timedelta(hours=span)
        return lambda: due(calendar, START, working)

    return ask


def _workclock(hours: tuple[Window, ...]) -> Callable[[int], Ask]:
    from workclock import Holidays, Schedule, WorkDay

    days = [WorkDay(_time(window.opens.minutes), _time(window.closes.minutes)) for window in hours]
    free = Holidays([day for year in YEARS for day in holidays_of(REGION, year)])
    schedule = Schedule([*days, free], time_zone=ZONE)
    return lambda span: lambda: schedule.add(START, hours=span)


def _businesstimedelta(hours: tuple[Window, ...]) -> Callable[[int], Ask]:
    import businesstimedelta as peer
    import pytz  # type: ignore[import-untyped]

    zone = pytz.timezone(ZONE)
    day = peer.WorkDayRule(
        start_time=_time(hours[0].opens.minutes),
        end_time=_time(hours[-1].closes.minutes),
        working_days=[0, 1, 2, 3, 4],
        tz=zone,
    )
    breaks = [
        peer.LunchTimeRule(
            start_time=_time(before.closes.minutes),
            end_time=_time(after.opens.minutes),
            working_days=[0, 1, 2, 3, 4],
            tz=zone,
        )
        for before, after in pairwise(hours)
    ]
    free = peer.HolidayRule([day for year in YEARS for day in holidays_of(REGION, year)], tz=zone)
    rules = peer.Rules([day, *breaks, free])
    return lambda span: lambda: (START + peer.BusinessTimeDelta(rules, hours=span)).astimezone(UTC)


def _time(minutes: int) -> time:
    return time(*divmod(minutes, 60))
