"""How many days an absence takes."""

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import InvalidArgument
from server_es.absences.days import WHOLE_DAY, CountedDay, count, counted
from server_es.absences.spans import FIRST_YEAR, LAST_YEAR, Span
from server_es.calendars.holidays import Region
from server_es.calendars.hours import CLOSED, Calendar, Closure, DatedException, Day, HalfDay, week
from server_es.calendars.timeline import Span as Instants
from server_es.calendars.times import TimeOfDay, windows

BERLIN = ZoneInfo("Europe/Berlin")
FULL = Day(windows=windows("08:00-12:00", "13:00-17:00"))
EARLY = TimeOfDay.parse("12:00")
BAVARIA = Calendar(
    week=week(FULL),
    region=Region(state="BY"),
    half_days=(
        HalfDay(month=12, day=24, closes=EARLY, name="Heiligabend"),
        HalfDay(month=12, day=31, closes=EARLY, name="Silvester"),
    ),
    exceptions=(DatedException(date=date(2026, 12, 28), hours=CLOSED, name="Betriebsruhe"),),
    closures=(
        Closure(
            span=Instants(datetime(2026, 8, 13, 22, tzinfo=UTC), datetime(2026, 8, 14, 22, tzinfo=UTC)), name="Umzug"
        ),
    ),
)
PART_TIME = Calendar(week=(FULL, FULL, CLOSED, FULL, CLOSED, CLOSED, CLOSED), region=Region(state="BE"))

days = st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31))


def span(text: str, **fields: bool) -> Span:
    first, _, last = text.partition(" ")
    return Span.of(date.fromisoformat(first), date.fromisoformat(last or first), **fields)


@pytest.mark.parametrize(
    ("said", "half_days"),
    [
        (span("2026-03-02"), 2),  # a Monday
        (span("2026-03-02", starts_at_noon=True), 1),
        (span("2026-03-02", ends_at_noon=True), 1),
        (span("2026-03-02 2026-03-08"), 10),
        (span("2026-03-06 2026-03-09", starts_at_noon=True, ends_at_noon=True), 2),
        (span("2026-03-07 2026-03-08"), 0),
        (span("2026-06-04"), 0),  # Fronleichnam
        (span("2026-08-14"), 0),  # closed all day
        (span("2026-12-24"), 1),
        (span("2026-12-24", starts_at_noon=True), 0),
        (span("2026-12-24", ends_at_noon=True), 1),
        (span("2026-12-21 2027-01-03"), 6 + 1 + 0 + 2 + 2 + 1),
    ],
)
def test_days_follow_the_working_times_the_holidays_and_the_half_days(said: Span, half_days: int) -> None:
    assert count(BAVARIA, said) == half_days


def test_who_works_three_days_a_week_takes_three_days_for_a_week() -> None:
    assert count(PART_TIME, span("2026-03-02 2026-03-08")) == 3 * WHOLE_DAY


def test_each_day_says_why_it_does_not_count() -> None:
    assert counted(BAVARIA, span("2026-06-03 2026-06-04", starts_at_noon=True)) == [
        CountedDay(date=date(2026, 6, 3), half_days=1),
        CountedDay(date=date(2026, 6, 4), half_days=0, reason="Fronleichnam"),
    ]


@given(start=st.integers(0, 4000), length=st.integers(1, 120), at=st.integers(1, 119))
def test_days_add_up_over_any_split(start: int, length: int, at: int) -> None:
    first = 2 * date(2024, 1, 1).toordinal() + start
    middle = first + min(at, length)
    whole = Span(first, first + length)
    parts = [one for one in (Span(first, middle), Span(middle, whole.end)) if one.start < one.end]
    assert count(BAVARIA, whole) == sum(count(BAVARIA, one) for one in parts)
    assert not any(one.overlaps(other) for one, other in pairwise(parts))


@given(first=days, length=st.integers(0, 400), starts=st.booleans(), ends=st.booleans())
def test_a_span_gives_back_what_it_was_made_of(first: date, length: int, starts: bool, ends: bool) -> None:  # noqa: FBT001
    last = date.fromordinal(min(first.toordinal() + length, date(LAST_YEAR, 12, 31).toordinal()))
    if first == last and starts and ends:
        return
    made = Span.of(first, last, starts_at_noon=starts, ends_at_noon=ends)
    assert (made.first, made.last, made.starts_at_noon, made.ends_at_noon) == (first, last, starts, ends)
    assert made.cut(first, last) == made


@pytest.mark.parametrize(
    ("first", "last", "noons", "field"),
    [
        (date(2026, 3, 3), date(2026, 3, 2), {}, "end_date"),
        (date(2026, 3, 2), date(2026, 3, 2), {"starts_at_noon": True, "ends_at_noon": True}, "ends_at_noon"),
        (date(2026, 1, 1), date(2030, 1, 1), {}, "end_date"),
        (date(1999, 12, 31), date(2000, 1, 1), {}, "start_date"),
    ],
)
def test_a_span_that_cannot_be_is_refused(first: date, last: date, noons: dict[str, bool], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        Span.of(first, last, **noons)
    assert [one.field for one in refused.value.violations] == [field]


def test_a_span_lasts_from_midnight_or_noon_on_the_wall_clock() -> None:
    whole = span("2026-03-28 2026-03-29")  # the clock jumps on the 29th
    assert whole.instants(BERLIN) == (
        datetime(2026, 3, 27, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    )
    halves = span("2026-03-28 2026-03-29", starts_at_noon=True, ends_at_noon=True)
    assert halves.instants(BERLIN) == (
        datetime(2026, 3, 28, 11, tzinfo=UTC),
        datetime(2026, 3, 29, 10, tzinfo=UTC),
    )


def test_a_part_is_what_lies_within() -> None:
    whole = span("2026-03-02 2026-03-06")
    assert whole.cut(date(2026, 3, 4), date(2026, 3, 10)) == span("2026-03-04 2026-03-06")
    assert whole.cut(date(2026, 3, 7), date(2026, 3, 10)) is None


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (span("2026-03-02"), "02.03.2026"),
        (span("2026-03-02", starts_at_noon=True), "02.03.2026 nachmittags"),
        (span("2026-03-02", ends_at_noon=True), "02.03.2026 vormittags"),
        (span("2026-03-02 2026-03-04"), "02.03.2026 bis 04.03.2026"),
        (
            span("2026-03-02 2026-03-04", starts_at_noon=True, ends_at_noon=True),
            "02.03.2026 ab Mittag bis 04.03.2026 mittags",
        ),
    ],
)
def test_a_span_is_told_in_german(said: Span, text: str) -> None:
    assert str(said) == text
    assert said.year == 2026
