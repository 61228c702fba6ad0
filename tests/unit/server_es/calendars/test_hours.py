"""What an on-call time may look like, and how it says what is wrong with it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mesh.errors import InvalidArgument
from server_es.calendars.holidays import STATES, Region, holidays_of
from server_es.calendars.hours import Break, Calendar, Closure, DatedException, Day, HalfDay, hours_on, week
from server_es.calendars.timeline import Span, cut, merged
from server_es.calendars.times import TimeOfDay, Window, first_instant, last_instant, windows

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE_WEEK = week(Day(windows=windows("08:00-17:00")))


def names(region: Region, year: int = 2026) -> set[str]:
    return set(holidays_of(region, year).values())


def test_fronleichnam_is_a_holiday_where_the_law_says_so() -> None:
    everywhere = {state for state in STATES if "Fronleichnam" in names(Region(state=state))}
    assert everywhere == {"BW", "BY", "HE", "NW", "RP", "SL"}
    assert "Fronleichnam" in names(Region(state="SN", parish="catholic"))
    assert "Fronleichnam" in names(Region(state="TH", parish="catholic"))


def test_mariae_himmelfahrt_is_a_holiday_in_catholic_parishes_of_bavaria_in_augsburg_and_the_saarland() -> None:
    assert "Mariä Himmelfahrt" not in names(Region(state="BY"))
    assert "Mariä Himmelfahrt" in names(Region(state="BY", parish="catholic"))
    assert "Mariä Himmelfahrt" in names(Region(state="BY", parish="Augsburg"))
    assert "Mariä Himmelfahrt" in names(Region(state="SL"))


def test_the_peace_festival_is_augsburgs_alone() -> None:
    assert holidays_of(Region(state="BY", parish="Augsburg"), 2026)[date(2026, 8, 8)] == "Augsburger Hohes Friedensfest"
    assert date(2026, 8, 8) not in holidays_of(Region(state="BY", parish="catholic"), 2026)


def test_moving_feasts_move() -> None:
    bavaria = Region(state="BY")
    assert holidays_of(bavaria, 2026)[date(2026, 6, 4)] == "Fronleichnam"
    assert holidays_of(bavaria, 2027)[date(2027, 5, 27)] == "Fronleichnam"
    assert holidays_of(Region(state="SN"), 2026)[date(2026, 11, 18)] == "Buß- und Bettag"


def test_st_martin_is_no_holiday_anywhere() -> None:
    assert all(date(2026, 11, 11) not in holidays_of(Region(state=state), 2026) for state in STATES)


@pytest.mark.parametrize(
    ("state", "parish", "field"), [("XX", None, "state"), ("NW", "Augsburg", "parish"), ("BY", "Passau", "parish")]
)
def test_an_unknown_region_is_refused(state: str, parish: str | None, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        Region(state=state, parish=parish)
    assert [one.field for one in refused.value.violations] == [field]


def test_times_of_day_are_read_and_written() -> None:
    assert str(TimeOfDay.parse("8:05")) == "08:05"
    assert TimeOfDay.parse("24:00") == TimeOfDay(1440)
    assert str(Window.parse("22:00 - 06:00")) == "22:00-06:00"


@pytest.mark.parametrize("text", ["24:01", "25:00", "08:60", "8", "", "08:00:00", "-1:00"])
def test_what_no_clock_shows_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        TimeOfDay.parse(text)


def test_no_window_opens_at_the_end_of_the_day() -> None:
    with pytest.raises(InvalidArgument, match="opens: a window cannot open at 24:00"):
        Window.parse("24:00-06:00")


def test_everything_wrong_with_a_calendar_is_said_at_once() -> None:
    twice = DatedException(date=date(2026, 6, 5))
    with pytest.raises(InvalidArgument) as refused:
        Calendar(zone="Europe/Augsburg", week=OFFICE_WEEK[:6], exceptions=(twice, twice))
    assert str(refused.value) == (
        "zone: 'Europe/Augsburg' is no IANA time zone such as Europe/Berlin; "
        "week: 6 days; a week has seven, Monday to Sunday; "
        "exceptions: 2026-06-05 appears more than once"
    )


@pytest.mark.parametrize("zone", ["", "/etc/localtime", "Europe"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidArgument, match="is no IANA time zone"):
        Calendar(zone=zone, week=OFFICE_WEEK)


@pytest.mark.parametrize(
    ("hours", "breaks"),
    [
        ((Day(),) * 7, ()),
        (OFFICE_WEEK, windows("07:00-12:00", "12:00-18:00")),
        ((Day(windows=windows("23:00-24:00")),) * 7, windows("22:30-00:30")),
    ],
)
def test_a_calendar_that_never_opens_is_refused(hours: tuple[Day, ...], breaks: tuple[Window, ...]) -> None:
    with pytest.raises(InvalidArgument, match="week: never open"):
        Calendar(week=hours, breaks=tuple(Break(window=window) for window in breaks))


@pytest.mark.parametrize(("month", "day", "year"), [(2, 30, None), (13, 1, None), (2, 29, 2027)])
def test_a_half_day_that_is_no_date_is_refused(month: int, day: int, year: int | None) -> None:
    with pytest.raises(InvalidArgument, match="is no date"):
        HalfDay(month=month, day=day, closes=TimeOfDay(720), year=year)


def test_a_half_day_on_a_leap_day_is_one() -> None:
    calendar = Calendar(week=OFFICE_WEEK, half_days=(HalfDay(month=2, day=29, closes=TimeOfDay(720)),))
    assert hours_on(calendar, date(2028, 2, 29)).windows == windows("08:00-12:00")


def test_a_window_that_opens_after_a_half_day_closes_is_left_out() -> None:
    both = week(Day(windows=windows("08:00-11:00", "13:00-17:00")))
    calendar = Calendar(week=both, half_days=(HalfDay(month=12, day=24, closes=TimeOfDay(720)),))
    assert hours_on(calendar, date(2026, 12, 24)).windows == windows("08:00-11:00")


def test_hours_of_an_exception_are_its_own() -> None:
    calendar = Calendar(week=OFFICE_WEEK, exceptions=(DatedException(date=date(2026, 6, 5)),))
    assert hours_on(calendar, date(2026, 6, 5)) == Day()
    assert hours_on(calendar, date(2026, 6, 8)) == OFFICE_WEEK[0]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_skipped_local_time_moves_forward_by_the_gap_at_either_border_of_a_shift() -> None:
    for instant in (first_instant, last_instant):
        assert instant(BERLIN, date(2026, 3, 29), 150) == utc("2026-03-29 01:30")  # 02:30 is 03:30 CEST


def test_a_doubled_local_time_is_the_first_one_and_for_the_end_of_a_shift_the_last() -> None:
    assert first_instant(BERLIN, date(2026, 10, 25), 150) == utc("2026-10-25 00:30")
    assert last_instant(BERLIN, date(2026, 10, 25), 150) == utc("2026-10-25 01:30")


def test_a_plain_local_time_is_the_same_for_both() -> None:
    for instant in (first_instant, last_instant):
        assert instant(BERLIN, date(2026, 10, 25), 1440 + 480) == utc("2026-10-26 07:00")


def span(first: int, last: int) -> Span:
    return Span(datetime(2026, 1, 1, first, tzinfo=UTC), datetime(2026, 1, 1, last, tzinfo=UTC))


def test_spans_that_touch_or_overlap_become_one() -> None:
    assert merged([span(9, 12), span(3, 5), span(5, 7), span(4, 6), span(10, 11), span(8, 8)]) == [
        span(3, 7),
        span(9, 12),
    ]


def test_holes_are_cut_out_wherever_they_lie() -> None:
    holes = [span(0, 1), span(2, 4), span(5, 6), span(8, 10), span(20, 21)]
    assert cut([span(3, 9), span(11, 12)], holes) == [span(4, 5), span(6, 8), span(11, 12)]


def test_nothing_is_worked_in_a_closure_whatever_the_day_says() -> None:
    closed = Span(datetime(2026, 3, 24, 9, tzinfo=UTC), datetime(2026, 3, 24, 11, tzinfo=UTC))
    calendar = Calendar(
        zone="UTC",
        week=week(Day(windows=windows("08:00-17:00"))),
        exceptions=(DatedException(date=date(2026, 3, 24), hours=Day(windows=windows("08:00-12:00"))),),
        closures=(Closure(span=closed, name="Inventur"),),
    )
    day = datetime(2026, 3, 24, tzinfo=UTC)
    assert [span.duration for span in calendar.timeline.spans(day, day + timedelta(days=1))] == [timedelta(hours=1)] * 2
    with pytest.raises(InvalidArgument) as refused:
        Calendar(week=calendar.week, closures=(Closure(span=Span(closed.end, closed.start)),))
    assert refused.value.violations[0].field == "closures[0]"
