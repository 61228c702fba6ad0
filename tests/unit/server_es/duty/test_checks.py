"""What is wrong with a roster, and what standby hours are paid as."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from server_es.duty import checks, standby, wording
from server_es.duty.checks import Away, Finding, Kind, Window
from server_es.duty.rosters import OnDuty, Origin
from server_es.duty.shifts import Shift, Watch
from server_es.duty.standby import DayKind, Hours, Night
from server_es.duty.wall import wall_clock
from tests.unit.server_es.duty.test_rosters import at

CLOCK = wall_clock("Europe/Berlin")
HOUR, ROSTER = 3600, "rosters/x"


def on_duty(employee: str) -> OnDuty:
    return OnDuty(employee, Origin.LAYER, "")


def shift(employee: str, start: str, end: str) -> Shift:
    return Shift(start=at(start), end=at(end), on_duty=on_duty(employee))


def watch(start: str, end: str, *employees: str) -> Watch:
    return Watch(at(start), at(end), tuple(map(on_duty, employees)))


def spans(*texts: tuple[str, str]) -> list[tuple[int, int]]:
    return [(at(start), at(end)) for start, end in texts]


def test_without_coverage_somebody_must_be_on_duty_around_the_clock() -> None:
    assert checks.required(CLOCK, [], 1, 2) == [(1, 2)]


def test_coverage_lies_on_the_wall_clock_and_is_cut_to_what_is_asked() -> None:
    friday_night = Window(weekday=4, start=17 * 60, end=(24 + 8) * 60)
    found = checks.required(CLOCK, [friday_night], at("2026-03-07T01:00"), at("2026-03-14T00:00"))
    assert found == spans(("2026-03-07T01:00", "2026-03-07T08:00"), ("2026-03-13T17:00", "2026-03-14T00:00"))


def test_a_gap_is_told_only_where_somebody_must_be_on_duty() -> None:
    watched = [
        watch("2026-03-02T00:00", "2026-03-02T08:00"),
        watch("2026-03-02T08:00", "2026-03-02T12:00", "a"),
        watch("2026-03-02T12:00", "2026-03-03T00:00"),
    ]
    must = spans(("2026-03-02T06:00", "2026-03-02T14:00"), ("2026-03-02T14:00", "2026-03-02T15:00"))
    assert [(one.start, one.end) for one in checks.gaps(ROSTER, watched, must)] == spans(
        ("2026-03-02T06:00", "2026-03-02T08:00"), ("2026-03-02T12:00", "2026-03-02T15:00")
    )


def test_who_is_away_while_on_duty_is_told_with_the_reason() -> None:
    away = [
        Away("a", at("2026-03-01T00:00"), at("2026-03-02T10:00"), "absences/7"),
        Away("a", at("2026-03-05T00:00"), at("2026-03-06T00:00"), "absences/8"),
        Away("b", at("2026-03-01T00:00"), at("2026-03-09T00:00"), "absences/9"),
    ]
    found = checks.absent(ROSTER, [shift("a", "2026-03-02T08:00", "2026-03-03T08:00")], away)
    expected = Finding(ROSTER, at("2026-03-02T08:00"), at("2026-03-02T10:00"), Kind.ABSENCE, "a", "absences/7")
    assert found == [expected]


def test_too_little_rest_is_found_across_rosters_and_shifts_that_touch_are_one() -> None:
    shifts = {
        "rosters/day": [
            shift("a", "2026-03-02T08:00", "2026-03-02T16:00"),
            shift("a", "2026-03-02T16:00", "2026-03-02T20:00"),
            shift("b", "2026-03-02T08:00", "2026-03-02T16:00"),
            shift("a", "2026-03-05T08:00", "2026-03-06T16:00"),
        ],
        "rosters/night": [
            shift("a", "2026-03-03T06:59", "2026-03-03T08:00"),
            shift("b", "2026-03-03T03:00", "2026-03-03T08:00"),
            shift("a", "2026-03-05T10:00", "2026-03-05T11:00"),
        ],
    }
    found = checks.rest(shifts, dict.fromkeys(shifts, 11 * HOUR))
    assert found == [
        Finding(
            "rosters/night", at("2026-03-02T20:00"), at("2026-03-03T06:59"), Kind.REST, "a", "rosters/day",
            11 * HOUR - 60, 11 * HOUR,
        )
    ]  # fmt: skip
    assert checks.rest(shifts, dict.fromkeys(shifts, 0)) == []


def special(start: int, end: int) -> int:
    return standby.special(CLOCK, start, end, lambda day: day == date(2026, 5, 1))


def test_who_always_has_the_sundays_bears_too_much() -> None:
    days = [f"{date(2026, 3, 2) + timedelta(days=day)}" for day in range(85)]
    shifts = [shift("abcdefg"[place % 7], *pair) for place, pair in enumerate(pairwise(days))]
    found = checks.unfair(ROSTER, shifts, at("2026-03-02"), at("2026-05-25"), special)
    assert {(one.kind, one.employee) for one in found} == {(Kind.SPECIAL_LOAD, "f"), (Kind.SPECIAL_LOAD, "g")}


def test_one_shift_more_cannot_be_helped_and_a_fourth_more_is_told() -> None:
    weeks = ["2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23", "2026-03-30", "2026-04-06", "2026-04-13"]
    fair = [shift(who, *days) for who, days in zip("aba", pairwise(weeks), strict=False)]
    assert checks.unfair(ROSTER, fair, 0, 1, special) == []
    unfair = [shift(who, *days) for who, days in zip("aaaaba", pairwise(weeks), strict=False)]
    assert [(one.kind, one.employee) for one in checks.unfair(ROSTER, unfair, 0, 1, special)] == [
        (Kind.LOAD, "a"),
        (Kind.SPECIAL_LOAD, "a"),
    ]
    assert checks.unfair(ROSTER, [], 0, 1, special) == []


HOLIDAYS = {date(2026, 4, 3), date(2026, 4, 6)}


def counted(start: str, end: str, night: Night | None = None) -> dict[Hours, float]:
    found = standby.counted(CLOCK, at(start), at(end), night=night or Night(), is_holiday=lambda day: day in HOLIDAYS)
    return {kind: spent / HOUR for kind, spent in found.items()}


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-04T08:00", "2026-03-04T12:30", {Hours(DayKind.WEEKDAY, night=False): 4.5}),
        (
            "2026-03-04T17:00",
            "2026-03-05T08:00",
            {Hours(DayKind.WEEKDAY, night=False): 8.0, Hours(DayKind.WEEKDAY, night=True): 7.0},
        ),
        (
            "2026-03-06T22:00",
            "2026-03-08T01:00",
            {
                Hours(DayKind.WEEKDAY, night=False): 1.0,
                Hours(DayKind.WEEKDAY, night=True): 1.0,
                Hours(DayKind.SATURDAY, night=True): 7.0,
                Hours(DayKind.SATURDAY, night=False): 17.0,
                Hours(DayKind.SUNDAY, night=True): 1.0,
            },
        ),
        ("2026-04-03T00:00", "2026-04-03T06:00", {Hours(DayKind.HOLIDAY, night=True): 6.0}),
        ("2026-10-25T00:00", "2026-10-25T06:00", {Hours(DayKind.SUNDAY, night=True): 7.0}),
        ("2026-03-29T00:00", "2026-03-29T06:00", {Hours(DayKind.SUNDAY, night=True): 5.0}),
    ],
)
def test_hours_are_real_ones_of_the_day_they_lie_on(start: str, end: str, expected: dict[Hours, float]) -> None:
    assert counted(start, end) == expected


def test_a_night_may_lie_within_a_day() -> None:
    found = counted("2026-03-04T00:00", "2026-03-05T00:00", Night(start=60, end=300))
    assert found == {Hours(DayKind.WEEKDAY, night=False): 20.0, Hours(DayKind.WEEKDAY, night=True): 4.0}


@pytest.mark.parametrize("kind", Kind)
def test_every_finding_has_its_sentence_in_both_languages(kind: Kind) -> None:
    finding = Finding(
        ROSTER, at("2026-03-02T08:00"), at("2026-03-02T17:30"), kind, "7", "rosters/y", int(9.5 * HOUR), 11 * HOUR
    )
    said: Any = [
        wording.text(finding, language, clock=CLOCK, title="Woche", name="Eva Kern") for language in ("de", "en")
    ]
    assert all(one.startswith("Woche: ") and one.endswith(".") and "{" not in one for one in said)
    if kind is Kind.REST:
        assert "nur 9,5 h Ruhe statt 11 h" in said[0]
        assert said[1].endswith("between Mon 2026-03-02 08:00 (rosters/y) and Mon 2026-03-02 17:30.")


def test_an_instant_is_told_by_the_wall_clock() -> None:
    assert wording.when(at("2026-07-01T12:00"), "en", CLOCK) == "Wed 2026-07-01 12:00"
