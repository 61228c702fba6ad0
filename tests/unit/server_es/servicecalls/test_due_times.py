"""When is this call due: stories with times worked out by hand."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_es.calendars.hours import Calendar, DatedException, Day, week
from server_es.calendars.times import NaiveTimeError, TimeOfDay, windows
from server_es.service_levels.rules import Meaning, State, States
from server_es.servicecalls.events import (
    Accepted,
    Addendum,
    Arrived,
    Event,
    FirstReaction,
    LevelChanged,
    Log,
    NotReceived,
    Received,
)
from server_es.servicecalls.rules import (
    Affected,
    Kind,
    Milestone,
    Move,
    Terms,
    milestone,
    milestones,
    next_due_time,
    percent_time,
    preview,
)
from tests.unit.server_es.servicecalls.story import (
    CREATED,
    DONE,
    HOUR,
    INTERRUPTED,
    OFFICE,
    SOLVED,
    STARTED,
    WAITING,
    at,
    becomes,
    call,
    reopened,
    terms,
)

FOUR_HOURS = terms(solution=4)


def solution(log: Log, now: datetime, held: Terms = FOUR_HOURS) -> Milestone:
    found = milestone(log, held, Kind.SOLUTION, now)
    assert found is not None
    return found


def test_only_promised_milestones_exist_in_their_order() -> None:
    assert milestones(call(), terms(), at("10:00")) == ()
    found = milestones(call(), terms(reaction=1, arrival=2, solution=4), at("10:00"))
    assert [one.kind for one in found] == [Kind.REACTION, Kind.ARRIVAL, Kind.SOLUTION]


def test_reaction_and_solution_run_from_receipt_and_arrival_from_acceptance() -> None:
    log = call(Accepted(time=at("09:30")))
    reaction, arrival, solved = milestones(log, terms(reaction=1, arrival=2, solution=4), at("09:45"))
    assert (reaction.due_time, arrival.due_time, solved.due_time) == (at("10:00"), at("11:30"), at("13:00"))


def test_arrival_is_not_due_before_somebody_accepts() -> None:
    (arrival,) = milestones(call(), terms(arrival=2), at("16:00"))
    assert (arrival.start_time, arrival.due_time, arrival.late, arrival.paused) == (None, None, False, False)


def test_a_call_in_the_evening_is_due_an_hour_after_the_next_opening() -> None:
    assert solution(call(received="20:00"), at("21:00"), terms(solution=1)).due_time == at("09:00", 25)


def test_a_call_after_the_last_acceptance_counts_from_the_next_morning() -> None:
    calendar = Calendar(week=week(Day(windows=windows("08:00-17:00"), accept_until=TimeOfDay.parse("15:00"))))
    held = terms(reaction=1, solution=4, calendar=calendar)
    log = call(FirstReaction(time=at("15:30")), received="15:10")
    reaction, solved = milestones(log, held, at("16:00"))
    assert solved.due_time == at("12:00", 25)
    assert (reaction.late, reaction.worked, reaction.minutes_over) == (False, timedelta(0), -60)


@pytest.mark.parametrize(
    "event",
    [FirstReaction(time=at("09:20")), Accepted(time=at("09:20")), Arrived(time=at("09:20")), becomes(STARTED, "09:20")],
)
def test_whatever_shows_that_somebody_took_care_is_a_reaction(event: Event) -> None:
    (reaction,) = milestones(call(event), terms(reaction=1), at("16:00"))
    assert (reaction.met_time, reaction.minutes_over, reaction.late) == (at("09:20"), -40, False)


def test_an_addendum_or_another_level_is_no_reaction() -> None:
    log = call(Addendum(time=at("09:20")), LevelChanged(time=at("09:21")))
    (reaction,) = milestones(log, terms(reaction=1), at("11:30"))
    assert (reaction.met_time, reaction.minutes_over, reaction.late) == (None, 90, True)


def test_the_technician_arrives_or_solves_it_from_afar() -> None:
    on_site = call(Accepted(time=at("09:00")), Arrived(time=at("10:30")), becomes(SOLVED, "11:00"))
    from_afar = call(Accepted(time=at("09:00")), becomes(SOLVED, "11:00"))
    for log, met in ((on_site, at("10:30")), (from_afar, at("11:00"))):
        (arrival,) = milestones(log, terms(arrival=1), at("16:00"))
        assert (arrival.met_time, arrival.late) == (met, True)


def test_minutes_over_and_under_are_working_time() -> None:
    assert solution(call(becomes(SOLVED, "12:15")), at("16:00")).minutes_over == -45
    over_night = solution(call(becomes(SOLVED, "08:10", 25)), at("16:00", 25))
    assert (over_night.minutes_over, over_night.late) == (4 * 60 + 10, True)


def test_solved_at_the_due_time_is_in_time_and_later_is_late_even_out_of_hours() -> None:
    assert not solution(call(becomes(SOLVED, "13:00")), at("16:00")).late
    log = call(becomes(SOLVED, "17:00:01"), received="13:00")
    assert (solution(log, at("18:00")).late, solution(log, at("18:00")).minutes_over) == (True, 0)


def test_done_after_solved_was_solved_when_it_was_solved() -> None:
    assert solution(call(becomes(SOLVED, "11:00"), becomes(DONE, "16:00")), at("16:30")).met_time == at("11:00")


def test_the_clock_stands_while_interrupted_and_the_due_time_moves_with_now() -> None:
    log = call(becomes(STARTED, "09:30"), becomes(INTERRUPTED, "10:00"))
    for now, due in (("10:00", "13:00"), ("11:00", "14:00"), ("12:30", "15:30")):
        found = solution(log, at(now))
        assert (found.due_time, found.paused, found.worked) == (at(due), True, HOUR)


def test_a_pause_ends_with_the_state_and_stays_counted_out() -> None:
    log = call(becomes(INTERRUPTED, "10:00"), becomes(STARTED, "12:00"))
    found = solution(log, at("12:30"))
    assert (found.due_time, found.paused, found.worked) == (at("15:00"), False, 1.5 * HOUR)


def test_an_inserted_state_that_stops_the_clock_stops_it() -> None:
    log = call(becomes(WAITING, "10:00"), becomes(INTERRUPTED, "11:00"), becomes(STARTED, "12:00"))
    assert solution(log, at("12:30")).due_time == at("15:00")


def test_a_pause_over_the_weekend_costs_working_time_only() -> None:
    log = Log(
        number=1,
        events=(Received(time=at("15:00", 27)), becomes(INTERRUPTED, "16:00", 27), becomes(STARTED, "09:00", 30)),
    )
    assert solution(log, at("09:30", 30)).due_time == at("12:00", 30)


def test_a_pause_after_the_due_time_does_not_make_a_late_call_punctual() -> None:
    found = solution(call(becomes(INTERRUPTED, "14:00")), at("16:00"))
    assert (found.due_time, found.late, found.minutes_over) == (at("13:00"), True, 60)


def test_another_level_while_paused_keeps_the_pause() -> None:
    log = call(becomes(INTERRUPTED, "10:00"), LevelChanged(time=at("11:00")))
    assert solution(log, at("11:30"), terms(solution=4)).due_time == at("14:30")
    assert solution(log, at("11:30"), terms(solution=6)).due_time == at("16:30")
    resumed = call(becomes(INTERRUPTED, "10:00"), LevelChanged(time=at("11:00")), becomes(STARTED, "12:00"))
    assert solution(resumed, at("16:00"), terms(solution=6)).due_time == at("17:00")


def test_reopened_the_clock_goes_on_where_it_stood_when_solved() -> None:
    log = call(becomes(SOLVED, "11:00"), reopened("14:00"))
    found = solution(log, at("14:30"))
    assert (found.met_time, found.due_time, found.worked) == (None, at("16:00"), 2.5 * HOUR)
    again = call(becomes(SOLVED, "11:00"), becomes(DONE, "12:00"), reopened("14:00"), becomes(SOLVED, "15:30"))
    assert solution(again, at("16:30")).minutes_over == -30


def test_reopening_leaves_the_reaction_met() -> None:
    log = call(FirstReaction(time=at("09:10")), becomes(SOLVED, "11:00"), reopened("14:00", state=CREATED))
    (reaction,) = milestones(log, terms(reaction=1), at("16:00"))
    assert (reaction.met_time, reaction.due_time) == (at("09:10"), at("10:00"))


def test_what_happens_after_a_milestone_is_met_does_not_move_it() -> None:
    log = call(becomes(SOLVED, "11:00"))
    assert {solution(log, at("12:00", day)).due_time for day in (24, 25, 31)} == {at("13:00")}


def test_a_holiday_more_moves_the_due_time_of_an_open_call() -> None:
    closed = Calendar(week=OFFICE.week, exceptions=(DatedException(date=date(2026, 3, 25), name="Inventur"),))
    log = call(received="16:00")
    assert solution(log, at("16:30")).due_time == at("11:00", 25)
    assert solution(log, at("16:30"), terms(solution=4, calendar=closed)).due_time == at("11:00", 26)


def test_without_calendar_the_clock_runs_day_and_night() -> None:
    assert solution(call(received="20:00"), at("21:00"), terms(solution=4, calendar=None)).due_time == at("00:00", 25)


def test_percent_of_the_solution_time_is_working_time_and_may_exceed_a_hundred() -> None:
    log = call(becomes(INTERRUPTED, "10:00"), becomes(STARTED, "11:00"))
    times = [percent_time(log, FOUR_HOURS, percent, at("11:30")) for percent in (0, 25, 50, 100, 200)]
    assert times == [at("09:00"), at("10:00"), at("12:00"), at("14:00"), at("09:00", 25)]
    assert percent_time(log, terms(reaction=1), 50, at("11:30")) is None


def test_a_draft_has_no_times() -> None:
    with pytest.raises(NotReceived) as refused:
        milestones(Log(number=7, events=()), FOUR_HOURS, at("09:00"))
    assert (refused.value.reason, refused.value.metadata) == ("SERVICECALL_NOT_RECEIVED", {"servicecall": "7"})


def test_events_are_kept_in_order_of_time_and_in_utc() -> None:
    log = Log(number=1, events=(becomes(SOLVED, "11:00"), Received(time=at("09:00"))))
    assert [type(event).__name__ for event in log.events] == ["Received", "StateChanged"]
    assert {event.time.tzinfo for event in log.events} == {UTC}
    assert log.received == at("09:00")


def test_an_event_without_time_zone_is_refused() -> None:
    with pytest.raises(NaiveTimeError):
        Received(time=datetime(2026, 3, 24))  # noqa: DTZ001 - naive on purpose


def test_a_preview_lists_the_calls_that_move_and_by_how_much() -> None:
    longer = terms(reaction=1, arrival=1, solution=8)
    before = terms(reaction=1, solution=4)
    moved = call(number=1)
    accepted = call(Accepted(time=at("09:00")), becomes(SOLVED, "10:00"), number=2)
    moves = preview([Affected(log=moved, before=before, after=longer)], at("09:30"))
    assert moves == (
        Move(
            servicecall=1,
            kind=Kind.SOLUTION,
            old_due_time=at("13:00"),
            new_due_time=at("17:00"),
            shift=4 * HOUR,
            met=False,
        ),
    )
    arrival, solved = preview([Affected(log=accepted, before=before, after=longer)], at("10:30"))
    assert (arrival.kind, arrival.old_due_time, arrival.new_due_time, arrival.shift) == (
        Kind.ARRIVAL,
        None,
        at("10:00"),
        None,
    )
    assert (solved.shift, solved.met) == (4 * HOUR, True)


def test_a_preview_of_no_change_is_empty() -> None:
    assert preview([Affected(log=call(), before=FOUR_HOURS, after=FOUR_HOURS)], at("09:30")) == ()


def test_a_deleted_state_counts_as_the_next_lower_one() -> None:
    rows = [State(number=meaning * 10, name=meaning.name, meaning=meaning) for meaning in Meaning]
    held = Terms(level=FOUR_HOURS.level, states=States(tuple(rows)))
    log = call(becomes(WAITING, "10:00"), becomes(STARTED, "11:00"))
    assert solution(log, at("11:30"), held).due_time == at("13:00")


@given(st.lists(st.tuples(st.sampled_from([CREATED, STARTED, WAITING, INTERRUPTED]), st.integers(0, 600)), max_size=8))
def test_whatever_the_pauses_the_due_time_leaves_the_promise(changes: list[tuple[int, int]]) -> None:
    start, now = at("09:00"), at("20:00")
    steps = sorted(changes, key=lambda change: change[1])
    log = call(*(becomes(state, f"{9 + minute // 60:02}:{minute % 60:02}") for state, minute in steps))
    held = terms(solution=4, calendar=None)
    found = solution(log, now, held)
    assert found.due_time is not None
    state, counted, minute = CREATED, 0, start
    pending = [(start + timedelta(minutes=late), new) for new, late in steps]
    while minute < now and counted < 240:
        while pending and pending[0][0] <= minute:
            state = pending.pop(0)[1]
        counted += state in (CREATED, STARTED)
        minute += timedelta(minutes=1)
    expected = minute if counted == 240 else now + timedelta(minutes=240 - counted)
    assert found.due_time == expected


@given(
    st.lists(
        st.tuples(st.sampled_from([CREATED, STARTED, WAITING, INTERRUPTED, SOLVED, None]), st.integers(0, 600)),
        max_size=6,
    )
)
def test_the_next_due_time_is_the_earliest_open_one_of_the_milestones(changes: list[tuple[int | None, int]]) -> None:
    told = [(state, f"{9 + minute // 60:02}:{minute % 60:02}") for state, minute in changes]
    log = call(*(becomes(state, time) if state else Accepted(time=at(time)) for state, time in told))
    held = terms(reaction=1, arrival=2, solution=4)
    found = milestones(log, held, at("20:00"))
    due = [one.due_time for one in found if one.due_time and one.met_time is None and not one.paused]
    assert next_due_time(log, held, at("20:00")) == min(due, default=None)


def test_without_promises_nothing_is_due() -> None:
    assert next_due_time(call(), terms(), at("10:00")) is None
