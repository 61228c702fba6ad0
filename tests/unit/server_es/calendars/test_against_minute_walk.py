"""The engine gives what walking every minute gives, above all on the days the clocks change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from server_es.calendars.holidays import Region
from server_es.calendars.hours import Break, Calendar, DatedException, Day, HalfDay, week
from server_es.calendars.rules import due, elapsed, is_working, next_open, windows_between
from server_es.calendars.timeline import Span
from server_es.calendars.times import TimeOfDay, Weekday, Window, windows
from tests.unit.server_es.calendars.minute_walk import DAY, MINUTE, MinuteWalk


def clock_changes(zone: str, first_year: int, last_year: int) -> list[tuple[str, date]]:
    found, day, tz = [], date(first_year, 1, 1), ZoneInfo(zone)
    while day.year <= last_year:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=tz)
        if (noon - DAY).utcoffset() != noon.utcoffset():
            found.append((zone, day))
        day += DAY
    return found


BERLIN = clock_changes("Europe/Berlin", 2020, 2035)
CHANGES = [
    *BERLIN,
    *clock_changes("Australia/Lord_Howe", 2020, 2024),  # by half an hour
    *clock_changes("America/Sao_Paulo", 2014, 2018),  # at midnight
]
DAYS = 9
OVER_THE_CHANGE = [
    windows("22:00-06:00"),
    windows("00:00-24:00"),
    windows("02:00-03:00"),
    windows("02:30-06:00"),
    windows("01:00-02:30", "02:45-05:00"),
    windows("00:00-02:15", "23:30-00:30"),
    windows("08:00-08:00"),
]


def test_there_are_two_clock_changes_a_year_in_berlin() -> None:
    assert len(BERLIN) == 32


@pytest.mark.parametrize(("zone", "day"), CHANGES, ids=[f"{zone}-{day}" for zone, day in CHANGES])
def test_open_hours_are_those_of_the_walk_on_every_clock_change(zone: str, day: date) -> None:
    for hours in OVER_THE_CHANGE:
        pause = Break(window=Window.parse("02:10-02:20"))
        calendar = Calendar(zone=zone, week=(Day(windows=hours),) * 7, breaks=(pause,))
        walk = MinuteWalk(calendar, day - 2 * DAY, 5)
        assert list(windows_between(calendar, walk.begin, walk.end)) == walk.spans(), hours


minutes_of_day = st.integers(0, 1439) | st.sampled_from([0, 60, 120, 125, 135, 150, 180, 360, 480, 1020, 1320])
day_hours = st.lists(
    st.builds(
        lambda opens, closes: Window(opens=TimeOfDay(opens), closes=TimeOfDay(closes)),
        minutes_of_day,
        minutes_of_day | st.just(1440),
    ),
    max_size=3,
).map(lambda found: Day(windows=tuple(found)))


@st.composite
def calendars(draw: st.DrawFn) -> tuple[Calendar, MinuteWalk]:
    zone, change = draw(st.sampled_from(CHANGES))
    dates = st.integers(-3, DAYS - 4).map(lambda days: change + days * DAY)
    plain = draw(st.tuples(*[day_hours] * 7) | day_hours.map(lambda day: (day,) * 7))
    assume(any(day.windows for day in plain))
    cut_out = draw(
        st.lists(
            st.builds(
                lambda opens, length, days: Break(
                    window=Window(opens=TimeOfDay(opens), closes=TimeOfDay((opens + length) % 1440)), weekdays=days
                ),
                minutes_of_day,
                st.integers(1, 90),
                st.frozensets(st.sampled_from(Weekday)),
            ),
            max_size=2,
        )
    )
    always_open = Day(windows=windows("09:00-10:00", "15:00-16:00", "23:00-01:00"))  # no break covers all three
    calendar = Calendar(
        zone=zone,
        week=tuple(
            Day(windows=(*day.windows, *always_open.windows)) if number == change.weekday() else day
            for number, day in enumerate(plain)
        ),
        region=draw(st.none() | st.just(Region(state="BY", parish="Augsburg")) | st.just(Region(state="BB"))),
        half_days=tuple(
            HalfDay(
                month=day.month, day=day.day, closes=TimeOfDay(closes), year=draw(st.sampled_from([None, day.year]))
            )
            for day, closes in draw(st.dictionaries(dates, minutes_of_day, max_size=2)).items()
        ),
        exceptions=tuple(
            DatedException(date=day, hours=hours)
            for day, hours in draw(st.dictionaries(dates, day_hours, max_size=2)).items()
        ),
        breaks=tuple(cut_out),
    )
    return calendar, MinuteWalk(calendar, change - 3 * DAY, DAYS)


within = st.integers(0, DAYS * 24 * 60 - 1)
pause_lists = st.lists(st.tuples(within, st.integers(0, 2 * 24 * 60)), max_size=3)


def pauses_of(walk: MinuteWalk, drawn: list[tuple[int, int]]) -> list[Span]:
    return [Span(walk.begin + at * MINUTE, walk.begin + (at + length) * MINUTE) for at, length in drawn]


@given(calendars(), st.lists(within, min_size=5, max_size=5))
def test_any_calendar_is_open_when_the_walk_says_so(drawn: tuple[Calendar, MinuteWalk], asked: list[int]) -> None:
    calendar, walk = drawn
    spans = walk.spans()
    assert list(windows_between(calendar, walk.begin, walk.end)) == spans
    for at in (walk.begin + count * MINUTE for count in asked):
        assert is_working(calendar, at) == walk.counts(at)
        later = [span for span in spans if span.end > at]
        found = next_open(calendar, at)
        assert found == max(at, later[0].start) if later else found >= walk.end


@given(
    calendars(), st.lists(st.tuples(within, within, st.integers(0, 4 * 24 * 60)), min_size=4, max_size=4), pause_lists
)
def test_any_deadline_and_elapsed_time_are_those_of_the_walk(
    drawn: tuple[Calendar, MinuteWalk], asked: list[tuple[int, int, int]], paused: list[tuple[int, int]]
) -> None:
    calendar, walk = drawn
    pauses = pauses_of(walk, paused)
    for at, until, minutes in asked:
        a, b = walk.begin + at * MINUTE, walk.begin + until * MINUTE
        expected = walk.due(a, minutes, pauses)
        found = due(calendar, a, minutes * MINUTE, pauses)
        assert found == expected if expected is not None else found > walk.end
        worked = walk.elapsed(a, b, pauses) - walk.elapsed(b, a, pauses)
        assert elapsed(calendar, a, b, pauses) == worked * MINUTE


# The three laws, to the microsecond and over years.

instants = st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - in UTC
works = st.timedeltas(timedelta(0), timedelta(days=60))
pause_spans = st.lists(
    st.builds(lambda start, length: Span(start, start + length), instants, st.timedeltas(timedelta(0), 30 * DAY)),
    max_size=3,
)
KEPT = [
    None,
    Calendar(week=week(Day(windows=windows("08:00-17:00"))), region=Region(state="BY")),
    Calendar(
        week=(Day(windows=windows("22:00-06:00")),) * 7,
        breaks=(Break(window=Window.parse("01:30-02:15")),),
        half_days=(HalfDay(month=12, day=24, closes=TimeOfDay.parse("23:00")),),
    ),
    Calendar(zone="Australia/Lord_Howe", week=week(Day(windows=windows("01:45-02:15", "13:00-13:20")))),
]
kept = st.sampled_from(KEPT)


@given(kept, instants, works, pause_spans)
def test_law_the_time_elapsed_until_the_deadline_is_the_time_given(
    calendar: Calendar | None, start: datetime, working: timedelta, pauses: list[Span]
) -> None:
    assert elapsed(calendar, start, due(calendar, start, working, pauses), pauses) == working


@given(kept, instants, works, st.timedeltas(timedelta(0), 9 * DAY), pause_spans)
def test_law_the_deadline_never_falls_when_start_or_work_grow(
    calendar: Calendar | None, start: datetime, working: timedelta, more: timedelta, pauses: list[Span]
) -> None:
    first = due(calendar, start, working, pauses)
    assert start <= first <= due(calendar, start, working + more, pauses)
    assert first <= due(calendar, start + more, working, pauses)


@given(kept, st.tuples(instants, instants, instants), pause_spans)
def test_law_elapsed_time_adds_up_over_any_split(
    calendar: Calendar | None, split: tuple[datetime, datetime, datetime], pauses: list[Span]
) -> None:
    a, b, c = split
    whole = elapsed(calendar, a, c, pauses)
    assert elapsed(calendar, a, b, pauses) + elapsed(calendar, b, c, pauses) == whole
    assert elapsed(calendar, c, a, pauses) == -whole


@given(kept, instants, works, works)
def test_work_may_be_given_in_two_parts(
    calendar: Calendar | None, start: datetime, first: timedelta, second: timedelta
) -> None:
    assume(first > timedelta(0) and second > timedelta(0))
    assert due(calendar, due(calendar, start, first), second) == due(calendar, start, first + second)
