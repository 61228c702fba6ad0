"""Who is on duty: 10,000 rosters at random instants, and a month of 1,000 rosters.

Each has one or two layers (a quarter each hourly, daily, weekly and monthly; half of them with a second, weekly layer),
five groups, and a replacement every ninth day. Beside it the plain way: dateutil's RRULE, cached and searched, which
knows neither layers nor replacements nor the clock's jumps. CPU time of one thread, the best of several rounds.
Run `python -m benchmarks duty`.
"""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from time import thread_time
from typing import Any

from benchmarks.lines import line
from server_es.duty.rosters import Change, Layer, Override, Roster, Version
from server_es.duty.rotations import Kind, Rotation
from server_es.duty.shifts import shifts
from server_es.duty.wall import DAY, seconds, wall_clock

ROSTERS = 10_000
ASKED = 100_000
PEER_ASKED = 5_000
SHOWN = 1_000
ROUNDS = 5
PER_SECOND = 100_000
MONTH_MILLISECONDS = 200.0
ZONE = "Europe/Berlin"
FIRST = date(2026, 1, 5)
JUNE = seconds(datetime(2026, 6, 1, tzinfo=UTC))
OCTOBER = seconds(datetime(2026, 10, 1, tzinfo=UTC))
MONTH = 30 * DAY


def measure() -> list[dict[str, Any]]:
    """Return the lines."""
    rosters = [_roster(number) for number in range(ROSTERS)]
    shown = rosters[:SHOWN]
    instants = random.Random(1)
    asked = [(instants.randrange(ROSTERS), JUNE + instants.randrange(6 * MONTH)) for _ in range(ASKED)]
    told = [(rosters[number], instant) for number, instant in asked]
    rate, plain = ASKED / _best(lambda: [roster.at(at) for roster, at in told]), _peer_rate(asked[:PEER_ASKED])
    lines = [
        line(
            f"who is on duty, {ROSTERS:,} rosters",
            rate,
            "/s",
            peer="dateutil's RRULE",
            peer_measured=plain,
            ratio=rate / plain,
            goal=f"≥ {PER_SECOND:,}/s",
            met=rate >= PER_SECOND,
        )
    ]
    for name, start in (("June", JUNE), ("October, the clock goes back", OCTOBER)):
        spent = _best(lambda start=start: [shifts(one, start, start + MONTH) for one in shown]) * 1000  # type: ignore[misc]
        goal = {"goal": f"≤ {MONTH_MILLISECONDS:.0f} ms", "met": spent <= MONTH_MILLISECONDS}
        lines.append(line(f"month of {SHOWN:,} rosters, {name}", spent, "ms", **goal))
    return lines


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = thread_time()
        work()
        times.append(thread_time() - start)
    return min(times)


def _roster(number: int) -> Roster:
    kind = list(Kind)[number % 4]
    groups = tuple((f"{number}-{place}",) for place in range(5))
    length = 12 if kind is Kind.HOURLY else 1
    layers = [Layer(rotation=Rotation(kind=kind, length=length, first=FIRST, handoff=480, groups=groups))]
    if number % 8 > 3:
        behind = Rotation(kind=Kind.WEEKLY, length=1, first=FIRST, handoff=480, groups=(("x",), ("y",)))
        layers.append(Layer(rank=2, rotation=behind))
    overrides = [
        Override(
            start=JUNE + place * 9 * DAY,
            end=JUNE + place * 9 * DAY + DAY // 3,
            change=Change.REPLACE,
            employee="z",
            replaced=groups[place % 5][0],
        )
        for place in range(20)
    ]
    return Roster([Version(effective=0, zone=ZONE, layers=tuple(layers))], overrides, clock=wall_clock)


def _peer_rate(asked: list[tuple[int, int]]) -> float:
    """Return how often a second the plain way finds when a turn began: an RRULE for each roster, searched."""
    from dateutil.rrule import DAILY, HOURLY, MONTHLY, WEEKLY, rrule

    kinds = [(HOURLY, 12), (DAILY, 1), (WEEKLY, 1), (MONTHLY, 1)]
    start = datetime(2026, 1, 5, 8)  # noqa: DTZ001 - RRULE lives on the wall clock
    rules = [rrule(kind, interval=every, dtstart=start, cache=True) for kind, every in kinds]
    told = [(rules[number % 4], datetime.fromtimestamp(instant, UTC).replace(tzinfo=None)) for number, instant in asked]
    return len(asked) / _best(lambda: [rule.before(at, inc=True) for rule, at in told])
