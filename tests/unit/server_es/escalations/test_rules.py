"""When a point is due on a call."""

from datetime import UTC, datetime, timedelta

import pytest

from server_es.calendars.timeline import Span
from server_es.escalations import rules
from server_es.escalations.rules import Clock, Due, Fired, Point, Progress, Repeat, Window, pending, point_time
from server_es.service_levels.rules import Level
from server_es.servicecalls.events import Accepted, Arrived, LevelChanged, Log
from server_es.servicecalls.rules import Kind
from tests.unit.server_es.servicecalls.story import (
    CREATED,
    FORWARDED,
    HOUR,
    INTERRUPTED,
    SOLVED,
    STARTED,
    at,
    becomes,
    call,
    reopened,
    terms,
)

LAST_DAY = datetime(2199, 12, 31, 20, tzinfo=UTC)
SUMMER = "2026-03-29"


def point(percent: int, **fields: object) -> Point:
    return Point(**{"number": percent or 1, "event": "warn", "percent": percent, **fields})  # type: ignore[arg-type]


def level(**promises: int | None) -> Level:
    return terms(**promises).level  # type: ignore[arg-type]


def clock(**fields: object) -> Clock:
    return Clock(**{"state": CREATED, "received": at("09:00"), **fields})  # type: ignore[arg-type]


def times(*points: Point, of: Clock | None = None, progress: Progress | None = None) -> list[datetime]:
    return [due.time for due in pending(points, of or clock(), level(solution=8), progress or Progress())]


@pytest.mark.parametrize(
    ("percent", "hour", "day"), [(0, "09:00", 24), (50, "13:00", 24), (100, "17:00", 24), (125, "10:00", 25)]
)
def test_percent_is_of_the_promised_working_time(percent: int, hour: str, day: int) -> None:
    assert point_time(point(percent), clock(), level(solution=8)) == at(hour, day)


def test_a_delay_counts_in_working_time_or_in_real_time() -> None:
    working = point(100, delay=2 * HOUR)
    real = point(100, delay=2 * HOUR, real=True)
    assert point_time(working, clock(), level(solution=8)) == at("10:00", 25)
    assert point_time(real, clock(), level(solution=8)) == at("19:00")


def test_a_negative_delay_is_before_it_but_not_before_the_clock_starts() -> None:
    assert point_time(point(100, delay=-HOUR), clock(), level(solution=8)) == at("16:00")
    assert point_time(point(10, delay=-5 * HOUR), clock(), level(solution=8)) == at("09:00")


def test_a_promise_that_is_not_made_has_no_point() -> None:
    assert point_time(point(50, kind=Kind.REACTION), clock(), level(solution=8)) is None


def test_the_arrival_counts_from_acceptance() -> None:
    arrival = point(50, kind=Kind.ARRIVAL)
    assert point_time(arrival, clock(), level(arrival=4)) is None
    assert point_time(arrival, clock(accepted=at("10:00")), level(arrival=4)) == at("12:00")


def test_a_calendar_that_does_not_reach_far_enough_gives_no_time() -> None:
    promised, late = level(solution=8), clock(received=LAST_DAY)
    assert point_time(point(50), late, promised) is None
    assert pending([point(50)], late, promised, Progress()) == []
    progress = Progress(fired={50: Fired(1, LAST_DAY)})
    assert pending([point(50, repeat=Repeat(every=HOUR, limit=1))], late, promised, progress) == []


def test_pauses_do_not_count() -> None:
    paused = clock(pauses=(Span(at("10:00"), at("12:00")),))
    assert times(point(50), of=paused) == [at("15:00")]


def test_while_the_clock_stands_and_once_it_is_solved_nothing_is_due() -> None:
    assert times(point(50), of=clock(stands=True)) == []
    assert times(point(50), of=clock(closed=True)) == []


def test_the_ceiling_is_strict_and_zero_is_none() -> None:
    started = clock(state=STARTED)
    assert times(point(50, ceiling=STARTED), of=started) == []
    assert len(times(point(50, ceiling=FORWARDED), of=started)) == 1
    assert len(times(point(50), of=started)) == 1


def test_a_promise_that_is_kept_escalates_no_more() -> None:
    reacted = clock(met=frozenset({Kind.REACTION}))
    assert pending([point(50, kind=Kind.REACTION)], reacted, level(reaction=1), Progress()) == []


def test_several_come_in_percent_order_whatever_their_numbers() -> None:
    points = [point(100, number=1), point(50, number=3), point(75, number=2)]
    assert [due.point.percent for due in pending(points, clock(), level(solution=8), Progress())] == [50, 75, 100]


def test_what_has_fired_is_over_unless_it_repeats() -> None:
    progress = Progress().after(Due(time=at("13:00"), point=point(50)), at("13:00"))
    assert progress == Progress(fired={50: Fired(1, at("13:00"))})
    assert times(point(50), progress=progress) == []
    assert times(point(50, repeat=Repeat(every=5 * HOUR, limit=1)), progress=progress) == [at("09:00", 25)]
    assert times(point(50, repeat=Repeat(every=5 * HOUR, limit=1, real=True)), progress=progress) == [at("18:00")]


def test_repetitions_have_a_limit() -> None:
    repeating = point(50, repeat=Repeat(every=HOUR, limit=2))
    assert len(times(repeating, progress=Progress(fired={50: Fired(2, at("14:00"))}))) == 1
    assert times(repeating, progress=Progress(fired={50: Fired(3, at("14:00"))})) == []


def test_an_acknowledgement_stops_the_chain_and_the_repetitions() -> None:
    repeating = point(50, repeat=Repeat(every=HOUR, limit=2))
    stopped = Progress(fired={50: Fired(1, at("13:00"))}, acknowledged=True)
    assert times(repeating, point(75), progress=stopped) == []
    assert times(point(100, after_acknowledgement=True), progress=stopped) == [at("17:00")]


def test_the_next_step_is_no_repetition() -> None:
    repeat = Due(time=at("10:00"), point=point(50), round=1)
    step = Due(time=at("11:00"), point=point(75))
    assert rules.next_step([repeat, step]) is step
    assert rules.next_step([repeat]) is None


def test_a_clock_is_read_from_the_log() -> None:
    log = call(Accepted(time=at("10:00")), becomes(INTERRUPTED, "11:00"), becomes(STARTED, "12:00"))
    read = rules.clock_of(log, terms(solution=8), STARTED, at("13:00"))
    assert read == Clock(
        state=STARTED,
        received=at("09:00"),
        accepted=at("10:00"),
        met=frozenset({Kind.REACTION}),
        pauses=(Span(at("11:00"), at("12:00")),),
    )


def test_a_draft_has_no_clock_and_a_solved_call_a_closed_one() -> None:
    assert rules.clock_of(Log(number=1, events=()), terms(solution=8), CREATED, at("10:00")) is None
    solved = rules.clock_of(call(Arrived(time=at("10:00")), becomes(SOLVED, "11:00")), terms(), SOLVED, at("12:00"))
    assert solved is not None
    assert solved.closed
    assert solved.met == frozenset(Kind)


def test_a_reopening_and_another_level_begin_a_new_cycle() -> None:
    log = call(becomes(SOLVED, "10:00"), reopened("11:00"), LevelChanged(time=at("12:00")))
    assert rules.cycle_of(log) == 2


POINTS = (
    point(50, ceiling=STARTED),
    point(75),
    point(100, delay=-5 * HOUR),
    point(60, delay=HOUR, real=True),
    point(80, kind=Kind.REACTION),
    point(10, kind=Kind.ARRIVAL),
)


@pytest.mark.parametrize("state", [CREATED, STARTED])
@pytest.mark.parametrize("met", [frozenset(), frozenset({Kind.REACTION})])
@pytest.mark.parametrize("accepted", [None, at("09:30")])
def test_the_foremost_points_have_the_first_time_of_all(
    state: int, met: frozenset[Kind], accepted: datetime | None
) -> None:
    promised = level(solution=8, reaction=1, arrival=4)
    of = clock(state=state, met=met, accepted=accepted)
    chosen = rules.foremost(POINTS, promised, state, met)
    times = [time for one in chosen if (time := point_time(one, of, promised))]
    assert min(times) == pending(POINTS, of, promised, Progress())[0].time
    assert len(chosen) < len(POINTS)


def test_used_percent_counts_from_the_start_of_the_clock() -> None:
    assert rules.used_percent(Kind.SOLUTION, clock(), level(solution=8), at("13:00")) == 50
    assert rules.used_percent(Kind.ARRIVAL, clock(), level(arrival=4), at("13:00")) is None
    assert rules.used_percent(Kind.REACTION, clock(), level(solution=8), at("13:00")) is None


def test_the_night_in_which_the_clocks_change_is_an_hour_shorter() -> None:
    sunday = datetime.fromisoformat(f"{SUMMER}T01:00+01:00")
    promised = terms(solution=4, calendar=None).level
    due = point_time(point(100), clock(received=sunday), promised)
    assert due == sunday + 4 * HOUR == datetime.fromisoformat(f"{SUMMER}T06:00+02:00")


def test_windows_hold_by_address_and_system_and_join_where_they_touch() -> None:
    first = Window(span=Span(at("10:00"), at("12:00")), address="1001")
    second = Window(span=Span(at("12:00"), at("13:00")), system="A-1")
    other = Window(span=Span(at("10:00"), at("23:00")), address="1002")
    both = [second, other, first]
    assert rules.held_until(both, "1001", "A-1", at("11:00")) == at("13:00")
    assert rules.held_until(both, "1001", None, at("11:00")) == at("12:00")
    assert rules.held_until(both, "1001", "A-1", at("13:00")) is None
    assert rules.held_until(both, "1003", None, at("11:00")) is None


def test_a_repetition_in_working_time_waits_for_the_morning() -> None:
    repeat = Repeat(every=timedelta(hours=2), limit=1)
    assert rules.repeat_time(repeat, at("16:00"), clock(), level(solution=8)) == at("09:00", 25)
