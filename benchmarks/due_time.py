"""How fast a due time is, beside the two PyPI libraries for the same job: `workclock` (Rust) and `businesstimedelta`.

Monday to Friday, Bavarian holidays, Europe/Berlin; +8 h and +400 h of working time, from the middle of a working day.
All three must give the same answer. Rounds of the three alternate, so that a busy machine slows all of them alike.
Run `python -m benchmarks.due_time [--json]`.
"""

import argparse
import json
import sys
import timeit
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from server_es.calendars.holidays import Region, holidays_of
from server_es.calendars.hours import Calendar, Day, week
from server_es.calendars.rules import due
from server_es.calendars.times import Window, windows

ZONE = "Europe/Berlin"
REGION = Region(state="BY")
START = datetime(2026, 3, 24, 9, 17, tzinfo=UTC)
HOURS = (8, 400)
PATTERNS = {
    "08-17": windows("08:00-17:00"),
    "08-12 13-17": windows("08:00-12:00", "13:00-17:00"),
}
YEARS = range(2025, 2029)
ROUNDS = 21
ROUND_SECONDS = 0.01

Ask = Callable[[], datetime]


def measure() -> list[dict[str, Any]]:
    """Return a row per pattern, span and library: `median_us` of one call, and `ours_is_faster` by that factor."""
    rows: list[dict[str, Any]] = []
    for pattern, hours in PATTERNS.items():
        peers = {"ours": _ours(hours), "workclock": _workclock(hours), "businesstimedelta": _businesstimedelta(hours)}
        for span in HOURS:
            asks = {name: ask(span) for name, ask in peers.items()}
            answers = {name: ask() for name, ask in asks.items()}
            if len(set(answers.values())) != 1:
                raise AssertionError(f"{pattern} +{span} h: the answers differ: {answers}")
            medians = _medians(asks)
            rows.extend(
                {
                    "benchmark": "due_time",
                    "case": f"{pattern} +{span} h",
                    "library": name,
                    "median_us": round(found * 1e6, 3),
                    "ours_is_faster": round(found / medians["ours"], 1),
                }
                for name, found in medians.items()
            )
    return rows


def _medians(asks: dict[str, Ask]) -> dict[str, float]:
    timers = {name: timeit.Timer(ask) for name, ask in asks.items()}
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


def main() -> None:
    parser = argparse.ArgumentParser(description="Due times beside workclock and businesstimedelta.")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    as_json = parser.parse_args().json
    for row in measure():
        if as_json:
            print(json.dumps(row))
        else:
            print(f"{row['case']:<20}{row['library']:<20}{row['median_us']:>12.3f} us{row['ours_is_faster']:>10.1f} x")


if __name__ == "__main__":
    main()
