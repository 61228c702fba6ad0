"""Deadlines worked out by hand."""

import doctest
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from server_es.calendars import rules
from server_es.calendars.holidays import Region
from server_es.calendars.hours import (
    CLOSED,
    FULL_DAY,
    Break,
    Calendar,
    DatedException,
    Day,
    HalfDay,
    Reason,
    week,
)
from server_es.calendars.rules import due, elapsed, explain, is_working, next_open, received, special_days
from server_es.calendars.timeline import Span, WorkingTimeOutOfRange
from server_es.calendars.times import NaiveTimeError, TimeOfDay, Weekday, Window, windows

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
BAVARIA = Region(state="BY")
AUGSBURG = Region(state="BY", parish="Augsburg")
OFFICE = Calendar(week=week(Day(windows=windows("08:00-17:00"))), region=BAVARIA)
NIGHT = Calendar(week=(Day(windows=windows("22:00-06:00")),) * 7, region=BAVARIA)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def test_the_example_in_the_module_is_true() -> None:
    assert doctest.testmod(rules) == doctest.TestResults(failed=0, attempted=5)


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        ("2026-03-26 20:00", 1, "2026-03-27 09:00"),  # in the evening: an hour after the next opening
        ("2026-03-27 20:00", 1, "2026-03-30 09:00"),  # on Friday evening: on Monday
        ("2026-03-27 16:30", 1, "2026-03-30 08:30"),  # half of it on either side of the weekend
        ("2026-03-27 08:00", 9, "2026-03-27 17:00"),  # exactly until closing is due at closing
        ("2026-04-02 16:00", 2, "2026-04-07 09:00"),  # Good Friday to Easter Monday
        ("2026-06-03 16:00", 2, "2026-06-05 09:00"),  # Corpus Christi
        ("2026-12-23 16:00", 2, "2026-12-24 09:00"),
        ("2026-12-31 16:00", 2, "2027-01-04 09:00"),  # New Year on a Friday
        ("2026-03-27 12:00", 9 * 250, "2027-03-25 12:00"),  # 51 weeks and 4 days less 9 holidays
    ],
)
def test_office_hours(start: str, hours: int, expected: str) -> None:
    assert due(OFFICE, local(start), hours * HOUR) == local(expected)


def test_twenty_four_hours_around_the_clock_are_exactly_one_day_also_when_the_clock_changes() -> None:
    always = Calendar(week=(FULL_DAY,) * 7)
    for start in (local("2026-03-28 12:00"), local("2026-10-24 12:00"), local("2026-07-01 00:00")):
        for calendar in (None, always):
            assert due(calendar, start, 24 * HOUR) == start.astimezone(UTC) + 24 * HOUR


def test_a_night_shift_is_one_window_and_as_long_as_the_night_was() -> None:
    assert due(NIGHT, local("2026-05-20 23:00"), 8 * HOUR) == local("2026-05-21 23:00")
    assert elapsed(NIGHT, local("2026-03-28 22:00"), local("2026-03-29 06:00")) == 7 * HOUR
    assert elapsed(NIGHT, local("2026-10-24 22:00"), local("2026-10-25 06:00")) == 9 * HOUR


def test_a_night_shift_belongs_to_the_day_it_begins_on() -> None:
    assert is_working(NIGHT, local("2026-06-04 05:59"))  # begun the evening before Corpus Christi
    assert not is_working(NIGHT, local("2026-06-04 06:00"))
    assert not is_working(NIGHT, local("2026-06-04 23:00"))
    assert not is_working(NIGHT, local("2026-06-05 05:00"))
    assert next_open(NIGHT, local("2026-06-04 12:00")) == local("2026-06-05 22:00")


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Sao_Paulo"])
@pytest.mark.parametrize("hours", ["00:00-24:00", "12:00-12:00"])
def test_the_years_known_are_known_from_their_first_minute_to_their_last(zone: str, hours: str) -> None:
    calendar = Calendar(zone=zone, week=(Day(windows=windows(hours)),) * 7)
    assert is_working(calendar, datetime(2026, 6, 1, tzinfo=UTC))  # compiles 2025 to 2027
    first, last = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 12, 31, 23, 59, tzinfo=UTC)
    assert elapsed(calendar, first, last) == last - first


def test_augsburg_keeps_the_peace_festival_and_munich_does_not() -> None:
    saturdays = week(Day(windows=windows("08:00-17:00")), saturday=Day(windows=windows("08:00-12:00")))
    start = local("2026-08-07 16:00")
    assert due(Calendar(week=saturdays, region=AUGSBURG), start, 2 * HOUR) == local("2026-08-10 09:00")
    assert due(Calendar(week=saturdays, region=BAVARIA), start, 2 * HOUR) == local("2026-08-08 09:00")


def test_christmas_eve_closes_at_noon_every_year_and_one_bridge_day_only_once() -> None:
    noon = TimeOfDay.parse("12:00")
    calendar = Calendar(
        week=week(Day(windows=windows("08:00-12:30", "13:00-17:00"))),
        half_days=(HalfDay(month=12, day=24, closes=noon), HalfDay(month=5, day=15, closes=noon, year=2026)),
        region=BAVARIA,
    )
    assert due(calendar, local("2026-12-24 11:00"), 2 * HOUR) == local("2026-12-28 09:00")
    assert due(calendar, local("2029-12-24 11:00"), 2 * HOUR) == local("2029-12-27 09:00")
    assert elapsed(calendar, local("2026-05-15 00:00"), local("2026-05-16 00:00")) == 4 * HOUR
    assert elapsed(calendar, local("2028-05-15 00:00"), local("2028-05-16 00:00")) == 8.5 * HOUR


def test_a_dated_exception_replaces_the_day_even_a_holiday() -> None:
    calendar = Calendar(
        week=week(Day(windows=windows("08:00-17:00"))),
        region=BAVARIA,
        exceptions=(
            DatedException(date=date(2026, 6, 4), hours=Day(windows=windows("10:00-11:00")), name="Messe"),
            DatedException(date=date(2026, 6, 5), name="Brückentag"),
        ),
    )
    assert due(calendar, local("2026-06-03 16:30"), HOUR) == local("2026-06-04 10:30")
    assert due(calendar, local("2026-06-04 10:30"), HOUR) == local("2026-06-08 08:30")


def test_a_break_is_cut_out_on_its_weekdays_but_not_out_of_an_exception() -> None:
    calendar = Calendar(
        week=week(Day(windows=windows("08:00-17:00"))),
        breaks=(Break(window=Window.parse("12:00-13:00"), weekdays=frozenset({Weekday.MONDAY})),),
        exceptions=(DatedException(date=date(2026, 3, 30), hours=Day(windows=windows("08:00-17:00"))),),
    )
    assert elapsed(calendar, local("2026-03-23 00:00"), local("2026-03-24 00:00")) == 8 * HOUR
    assert elapsed(calendar, local("2026-03-24 00:00"), local("2026-03-25 00:00")) == 9 * HOUR
    assert elapsed(calendar, local("2026-03-30 00:00"), local("2026-03-31 00:00")) == 9 * HOUR


def test_a_break_over_midnight_is_cut_out_of_the_next_days_opening() -> None:
    calendar = Calendar(
        week=(FULL_DAY,) * 7,
        breaks=(Break(window=Window.parse("23:00-01:00")),),
    )
    assert next_open(calendar, local("2026-05-20 23:30")) == local("2026-05-21 01:00")
    early = Calendar(
        week=(Day(windows=FULL_DAY.windows, accept_until=TimeOfDay.parse("16:00")),) * 7,
        breaks=calendar.breaks,
    )
    assert received(early, local("2026-05-20 17:00")) == local("2026-05-21 01:00")


def test_nothing_to_do_is_due_at_once_also_out_of_hours() -> None:
    assert due(OFFICE, local("2026-03-28 03:00"), timedelta(0)) == local("2026-03-28 03:00")


def test_microseconds_are_kept() -> None:
    start = local("2026-03-26 16:59:59.999999")
    assert due(OFFICE, start, timedelta(microseconds=2)) == local("2026-03-27 08:00:00.000001")


def test_time_in_a_pause_does_not_count() -> None:
    pause = Span(local("2026-03-26 10:00"), local("2026-03-26 12:00"))
    assert due(OFFICE, local("2026-03-26 09:00"), 2 * HOUR, [pause]) == local("2026-03-26 13:00")
    assert due(OFFICE, local("2026-03-26 11:00"), 2 * HOUR, [pause]) == local("2026-03-26 14:00")
    assert due(OFFICE, local("2026-03-26 09:00"), HOUR, [pause]) == local("2026-03-26 10:00")
    assert due(OFFICE, local("2026-03-26 12:00"), HOUR, [pause]) == local("2026-03-26 13:00")
    assert elapsed(OFFICE, local("2026-03-26 09:00"), local("2026-03-26 11:00"), [pause]) == HOUR


def test_a_pause_over_night_costs_its_working_hours_only() -> None:
    pause = Span(local("2026-03-26 16:00"), local("2026-03-27 09:00"))
    assert due(OFFICE, local("2026-03-26 15:00"), 2 * HOUR, [pause]) == local("2026-03-27 10:00")


def test_overlapping_pauses_count_once() -> None:
    pauses = [
        Span(local("2026-03-26 10:30"), local("2026-03-26 11:30")),
        Span(local("2026-03-26 10:00"), local("2026-03-26 11:00")),
    ]
    assert due(OFFICE, local("2026-03-26 09:00"), 2 * HOUR, pauses) == local("2026-03-26 12:30")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-26 16:00", "2026-03-26 16:00"),  # to the minute is in time
        ("2026-03-26 16:00:01", "2026-03-27 08:00"),
        ("2026-03-26 20:00", "2026-03-27 08:00"),
        ("2026-03-26 05:00", "2026-03-26 05:00"),
        ("2026-03-27 15:00", "2026-03-30 08:00"),  # on Fridays earlier, and then the weekend
        ("2026-03-28 18:00", "2026-03-28 18:00"),  # a closed day has no last acceptance
        ("2026-06-03 17:00", "2026-06-05 08:00"),  # the next day is Corpus Christi
    ],
)
def test_a_call_after_the_last_acceptance_counts_from_the_next_working_days_opening(at: str, expected: str) -> None:
    hours, until = windows("08:00-17:00"), TimeOfDay.parse("16:00")
    friday = Day(windows=hours, accept_until=TimeOfDay.parse("14:00"))
    calendar = Calendar(week=(*[Day(windows=hours, accept_until=until)] * 4, friday, CLOSED, CLOSED), region=BAVARIA)
    assert received(calendar, local(at)) == local(expected)


def test_a_late_call_in_a_night_shift_waits_for_the_next_shift_not_for_midnight() -> None:
    night = Day(windows=windows("22:00-06:00"), accept_until=TimeOfDay.parse("23:00"))
    assert received(Calendar(week=(night,) * 7), local("2026-05-20 23:30")) == local("2026-05-21 22:00")


def test_a_call_without_calendar_counts_from_when_it_came() -> None:
    assert received(None, local("2026-05-20 23:30")) == local("2026-05-20 23:30")


def test_a_calendar_that_closes_for_over_a_year_says_so() -> None:
    closed = tuple(DatedException(date=date(2026, 1, 1) + timedelta(days=count)) for count in range(1, 1500))
    calendar = Calendar(
        week=(Day(windows=windows("08:00-17:00"), accept_until=TimeOfDay.parse("16:00")),) * 7, exceptions=closed
    )
    with pytest.raises(WorkingTimeOutOfRange, match="no working day within 400 days after 2026-01-01"):
        received(calendar, local("2026-01-01 17:00"))
    assert next_open(calendar, local("2026-01-02 10:00")) == local("2030-02-09 08:00")


def test_nothing_is_worked_in_years_that_are_closed_or_after_the_last_window() -> None:
    closed = tuple(DatedException(date=date(2026, 1, 2) + timedelta(days=count)) for count in range(1500))
    calendar = Calendar(zone="Europe/Zurich", week=OFFICE.week, exceptions=closed)
    assert elapsed(calendar, local("2028-05-01 00:00"), local("2028-09-01 00:00")) == timedelta(0)
    assert not is_working(calendar, local("2028-05-02 10:00"))
    newest = Calendar(zone="Europe/Paris", week=OFFICE.week)
    assert elapsed(newest, local("2199-12-31 16:00"), local("2199-12-31 23:00")) == HOUR


def test_answers_are_in_utc_whatever_the_question_was_in() -> None:
    tokyo = timezone(9 * HOUR)
    asked = local("2026-03-26 20:00").astimezone(tokyo)
    assert due(OFFICE, asked, HOUR).tzinfo is UTC
    assert next_open(OFFICE, asked).tzinfo is UTC
    assert received(OFFICE, asked).tzinfo is UTC


@pytest.mark.parametrize(
    "ask",
    [
        lambda at: due(OFFICE, at, HOUR),
        lambda at: elapsed(OFFICE, at, at),
        lambda at: is_working(None, at),
        lambda at: next_open(OFFICE, at),
        lambda at: received(None, at),
        lambda at: due(OFFICE, local("2026-01-01 00:00"), HOUR, [Span(at, at)]),
    ],
)
def test_naive_times_are_refused(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(NaiveTimeError, match="2026-01-01T00:00:00 has no time zone"):
        ask(datetime(2026, 1, 1))  # noqa: DTZ001 - naive on purpose


def test_negative_work_is_refused() -> None:
    with pytest.raises(ValueError, match="is negative"):
        due(OFFICE, local("2026-01-01 00:00"), -HOUR)


@pytest.mark.parametrize("year", [1969, 2200, 9999])
def test_years_out_of_reach_are_refused(year: int) -> None:
    with pytest.raises(WorkingTimeOutOfRange, match=str(year)):
        due(OFFICE, datetime(year, 6, 1, tzinfo=UTC), HOUR)
    with pytest.raises(WorkingTimeOutOfRange):
        is_working(OFFICE, datetime(year, 6, 1, tzinfo=UTC))


def test_a_deadline_out_of_reach_is_refused() -> None:
    with pytest.raises(WorkingTimeOutOfRange, match="is due after 2199"):
        due(None, datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=200 * 366))
    office = Calendar(zone="Europe/Vienna", week=OFFICE.week)
    with pytest.raises(WorkingTimeOutOfRange, match="not enough working time before the end of 2199"):
        due(office, datetime(2199, 12, 1, tzinfo=UTC), timedelta(days=30))
    with pytest.raises(WorkingTimeOutOfRange, match="not enough working time before the end of 2199"):
        next_open(office, datetime(2199, 12, 31, 23, tzinfo=UTC))


def test_the_first_and_last_year_are_known() -> None:
    assert is_working(Calendar(zone="Etc/UTC", week=(FULL_DAY,) * 7), datetime(1970, 1, 1, tzinfo=UTC))
    assert is_working(Calendar(zone="Etc/GMT", week=(FULL_DAY,) * 7), datetime(2199, 12, 31, 23, 59, tzinfo=UTC))


def test_equal_calendars_share_what_was_compiled() -> None:
    again = Calendar(week=week(Day(windows=windows("08:00-17:00"))), region=Region(state="BY"))
    assert again == OFFICE
    assert again.timeline is OFFICE.timeline


def test_threads_that_ask_for_different_years_get_their_answers() -> None:
    shared = Calendar(zone="Europe/Prague", week=OFFICE.week)
    starts = [datetime(year, 3, 2, 12, tzinfo=UTC) for year in range(2040, 2020, -1)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda start: due(shared, start, 400 * HOUR), starts))
    assert found == [due(Calendar(zone="Europe/Berlin", week=OFFICE.week), start, 400 * HOUR) for start in starts]


def test_an_explanation_lists_what_counted_and_what_did_not() -> None:
    calendar = Calendar(
        week=week(Day(windows=windows("08:00-17:00"))),
        region=BAVARIA,
        half_days=(HalfDay(month=6, day=3, closes=TimeOfDay.parse("12:00")),),
        exceptions=(DatedException(date=date(2026, 6, 5), name="Betriebsausflug"),),
    )
    pause = Span(local("2026-06-08 09:00"), local("2026-06-08 10:00"))
    long_past = Span(local("2026-05-01 09:00"), local("2026-05-01 10:00"))
    found = explain(calendar, local("2026-06-03 10:00"), 4 * HOUR, [pause, long_past])
    assert found.due == local("2026-06-08 11:00")
    assert found.windows == (
        Span(local("2026-06-03 10:00"), local("2026-06-03 12:00")),
        Span(local("2026-06-08 08:00"), local("2026-06-08 09:00")),
        Span(local("2026-06-08 10:00"), local("2026-06-08 11:00")),
    )
    assert sum((span.duration for span in found.windows), timedelta(0)) == found.working
    assert found.pauses == (pause,)
    assert [(one.date, one.reason, one.name) for one in found.special_days] == [
        (date(2026, 6, 3), Reason.HALF_DAY, ""),
        (date(2026, 6, 4), Reason.HOLIDAY, "Fronleichnam"),
        (date(2026, 6, 5), Reason.EXCEPTION, "Betriebsausflug"),
    ]


def test_a_holiday_on_a_closed_weekday_is_nothing_special() -> None:
    assert special_days(OFFICE, local("2026-10-03 00:00"), local("2026-10-04 00:00")) == ()
    assert special_days(None, local("2026-12-24 00:00"), local("2026-12-27 00:00")) == ()
