"""When a mailbox that nothing arrives in is worth a look."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server_business.mail.silence import Silence, hours_of

BERLIN = "Europe/Berlin"
HOUR = timedelta(hours=1)


def at(day: int, hour: int, minute: int = 0, *, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)


def test_every_hour_counts_where_nothing_else_is_said() -> None:
    silence = Silence(after=2 * HOUR)
    assert silence.broken(at(24, 1), at(24, 2, 59)) is None
    assert silence.broken(at(24, 1), at(24, 3)) == 2 * HOUR


def test_nights_and_weekends_do_not_count() -> None:
    silence = Silence(after=3 * HOUR, hours=hours_of("7-18", BERLIN))
    friday_evening = at(27, 17)
    assert silence.broken(friday_evening, at(30, 8, 59)) is None
    assert silence.broken(friday_evening, at(30, 9)) == 3 * HOUR


def test_the_whole_day_can_count() -> None:
    silence = Silence(after=24 * HOUR, hours=hours_of("0-24", BERLIN))
    assert silence.broken(at(23, 0), at(24, 0)) == 24 * HOUR


@pytest.mark.parametrize(("month", "friday"), [(3, 27), (10, 23)])
def test_it_is_the_same_walked_in_small_steps_over_both_clock_changes(month: int, friday: int) -> None:
    """The clocks change in the night to Sunday, which never counts; hours from midnight on Monday do."""
    silence = Silence(after=timedelta(0), hours=hours_of("0-9", BERLIN))
    since = at(friday, 6, 30, month=month)
    counted, now, step = timedelta(0), since, timedelta(minutes=15)
    for _ in range(4 * 24 * 4):
        local = now.astimezone(ZoneInfo(BERLIN))
        if local.weekday() < 5 and local.hour < 9:
            counted += step
        now += step
        assert silence.broken(since, now) == counted


def test_what_was_never_ending_is_bounded() -> None:
    silence = Silence(after=HOUR, hours=hours_of("0-24", BERLIN))
    found = silence.broken(datetime(2000, 1, 1, tzinfo=UTC), at(24, 0))
    assert found is not None
    assert found < timedelta(days=91)


def test_no_hours_means_all() -> None:
    assert hours_of("", BERLIN) is None
