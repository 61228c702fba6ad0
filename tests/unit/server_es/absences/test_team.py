"""Days on which several are away."""

from datetime import date

from server_es.absences.spans import Span
from server_es.absences.team import Conflict, conflicts

MONDAY, TUESDAY, FRIDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 6)
WEEK = Span.of(MONDAY, FRIDAY)


def test_days_on_which_several_are_away_at_a_time_are_conflicts() -> None:
    absences = [
        ("1", Span.of(MONDAY, TUESDAY)),
        ("2", Span.of(TUESDAY, TUESDAY, starts_at_noon=True)),
        ("9", Span.of(MONDAY, FRIDAY)),
    ]
    assert conflicts(("2", "1", "3"), absences, WEEK) == [
        Conflict(date=TUESDAY, employees=("2", "1"), nobody_left=False)
    ]


def test_a_day_with_nobody_left_is_marked() -> None:
    absences = [("1", Span.of(MONDAY, FRIDAY)), ("2", Span.of(FRIDAY, FRIDAY))]
    assert conflicts(("1", "2"), absences, WEEK) == [Conflict(date=FRIDAY, employees=("1", "2"), nobody_left=True)]


def test_one_in_the_morning_and_one_in_the_afternoon_do_not_meet() -> None:
    absences = [
        ("1", Span.of(MONDAY, MONDAY, ends_at_noon=True)),
        ("2", Span.of(MONDAY, MONDAY, starts_at_noon=True)),
    ]
    assert conflicts(("1", "2"), absences, WEEK) == []
