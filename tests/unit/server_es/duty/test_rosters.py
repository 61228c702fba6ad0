"""Who is on duty: turns, masks, layers, overrides, plans, and a past that stays as it was."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server_es.duty import shifts as duty_shifts
from server_es.duty.rosters import Change, Layer, Origin, Override, Plan, PlannedShift, Roster, Version
from server_es.duty.rotations import Kind, Rotation
from server_es.duty.wall import day_of, moment, seconds, wall_clock

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY_TO_FRIDAY = frozenset(range(5))


def at(text: str) -> int:
    return seconds(datetime.fromisoformat(text).replace(tzinfo=BERLIN))


def layer(kind: Kind = Kind.DAILY, *groups: str, rank: int = 1, title: str = "", **fields: Any) -> Layer:
    """Groups are written as people's initials: `"ab", "c"`."""
    said = {"kind": kind, "length": 1, "first": date(2026, 1, 5), "groups": tuple(map(tuple, groups)), **fields}
    return Layer(title=title, rank=rank, rotation=Rotation(**said))


def version(*layers: Layer, effective: str = "2026-01-01") -> Version:
    return Version(effective=at(effective), zone="Europe/Berlin", layers=layers)


def roster(*layers: Layer, **changes: Any) -> Roster:
    return Roster([version(*layers)], **changes, clock=wall_clock)


def who(asked: Roster, when: str) -> str:
    return "".join(one.employee for one in asked.at(at(when)))


def days(asked: Roster, first: str, count: int) -> list[str]:
    """Who is on duty at noon of each of so many days."""
    noon = at(f"{first}T12:00")
    return ["".join(one.employee for one in asked.at(noon + 86400 * day)) or "-" for day in range(count)]


def test_hours_change_by_the_wall_clock_and_begin_anew_each_day() -> None:
    asked = roster(layer(Kind.HOURLY, "a", "b", "c", length=5, handoff=6 * 60))
    hours = ["06:00", "10:59", "11:00", "16:00", "21:00", "23:59"]
    assert [who(asked, f"2026-01-05T{hour}") for hour in hours] == ["a", "a", "b", "c", "a", "a"]
    assert [who(asked, f"2026-01-06T{hour}") for hour in ("02:00", "05:59", "06:00", "11:00")] == ["b", "b", "c", "a"]


def test_groups_are_on_duty_together() -> None:
    assert days(roster(layer(Kind.DAILY, "ab", "c")), "2026-01-05", 3) == ["ab", "c", "ab"]


def test_a_turn_has_as_many_days_as_its_length() -> None:
    assert days(roster(layer(Kind.DAILY, "a", "b", length=3)), "2026-01-05", 7) == list("aaabbba")


def test_after_a_weekend_left_out_the_next_in_turn_follows() -> None:
    asked = roster(layer(Kind.DAILY, "a", "b", "c", weekdays=MONDAY_TO_FRIDAY))
    assert days(asked, "2026-01-05", 9) == list("abcab--ca")


def test_a_masked_turn_of_two_days_goes_on_after_the_weekend() -> None:
    asked = roster(layer(Kind.DAILY, "a", "b", length=2, weekdays=MONDAY_TO_FRIDAY))
    assert days(asked, "2026-01-05", 9) == list("aabba--ab")


def test_weeks_change_on_the_weekday_of_the_first_day() -> None:
    asked = roster(layer(Kind.WEEKLY, "a", "b", first=date(2026, 1, 7), weekdays=frozenset({2, 3, 6})))
    assert days(asked, "2026-01-07", 14) == list("aa--a--bb--b--")


def test_months_change_on_their_last_day_where_the_day_is_missing() -> None:
    asked = roster(layer(Kind.MONTHLY, "a", "b", "c", first=date(2026, 1, 31)))
    assert [who(asked, f"2026-{day}T12:00") for day in ("02-27", "02-28", "03-30", "03-31", "04-29", "04-30")] == [
        "a", "b", "b", "c", "c", "a",
    ]  # fmt: skip


def test_a_night_that_ends_in_the_morning_belongs_to_the_day_it_began_on() -> None:
    asked = roster(layer(Kind.DAILY, "a", "b", handoff=17 * 60, minutes=15 * 60, weekdays=MONDAY_TO_FRIDAY))
    times = ["05T16:59", "05T17:00", "06T07:59", "06T08:00", "06T17:00", "10T07:59", "10T17:00"]
    assert [who(asked, f"2026-01-{one}") for one in times] == ["", "a", "a", "", "b", "a", ""]


def test_nobody_is_on_duty_before_the_first_day() -> None:
    assert days(roster(layer(Kind.WEEKLY, "a")), "2026-01-03", 3) == ["-", "-", "a"]


def test_the_layer_with_the_lowest_rank_decides_and_the_others_stand_behind() -> None:
    nights = layer(Kind.DAILY, "n", rank=1, handoff=17 * 60, minutes=15 * 60, title="Nacht")
    around = layer(Kind.WEEKLY, "a", "b", rank=2, title="Hintergrund")
    asked = roster(around, nights)
    assert who(asked, "2026-01-05T12:00") == "a"
    levels = asked.levels(at("2026-01-05T20:00"))
    assert [[(one.employee, one.title) for one in crew] for crew in levels] == [
        [("n", "Nacht")],
        [("a", "Hintergrund")],
    ]


def test_an_empty_turn_is_taken_by_the_layer_behind_and_reported() -> None:
    asked = roster(layer(Kind.DAILY, "a", "", title="Tag"), layer(Kind.WEEKLY, "z", rank=2))
    assert days(asked, "2026-01-05", 3) == list("aza")
    found = asked.empty_turns(at("2026-01-05"), at("2026-01-08"))
    assert found == [(at("2026-01-06"), at("2026-01-07"), "Tag")]


def override(change: Change, employee: str = "", replaced: str = "", **fields: Any) -> Override:
    return Override(
        start=at("2026-01-06T08:00"), end=at("2026-01-06T20:00"), change=change, employee=employee, replaced=replaced,
        **fields,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([override(Change.ADD, "x")], "bx"),
        ([override(Change.ADD, "b")], "b"),
        ([override(Change.REMOVE, replaced="b")], "z"),
        ([override(Change.REMOVE, replaced="a")], "b"),
        ([override(Change.REPLACE, "x", "b")], "x"),
        ([override(Change.REPLACE, "x", "a")], "b"),
        ([override(Change.REPLACE, "x", "b"), override(Change.REPLACE, "y", "x", origin=Origin.SWAP)], "y"),
        ([override(Change.REMOVE, replaced="b"), override(Change.REMOVE, replaced="z")], ""),
        (
            [override(Change.REMOVE, replaced="b"), override(Change.REMOVE, replaced="z"), override(Change.ADD, "x")],
            "x",
        ),
    ],
)
def test_overrides_are_applied_in_the_order_in_which_they_were_saved(changes: list[Override], expected: str) -> None:
    asked = roster(layer(Kind.DAILY, "a", "b"), layer(Kind.WEEKLY, "z", rank=2), overrides=changes)
    assert who(asked, "2026-01-06T12:00") == expected
    assert (who(asked, "2026-01-06T07:59:59"), who(asked, "2026-01-06T20:00")) == ("b", "b")


def christmas(**fields: Any) -> Plan:
    shifts = (
        PlannedShift(start=at("2026-12-24T08:00"), end=at("2026-12-25T08:00"), employees=("x", "y")),
        PlannedShift(start=at("2026-12-25T06:00"), end=at("2026-12-26T08:00"), employees=("z",)),
    )
    said = {"start": at("2026-12-24"), "end": at("2026-12-27"), "title": "Weihnachten", "shifts": shifts}
    return Plan(**{**said, **fields})


def test_a_plan_replaces_all_layers_for_its_time() -> None:
    asked = roster(layer(Kind.WEEKLY, "a"), layer(Kind.WEEKLY, "b", rank=2), plans=[christmas()])
    times = ["23T23:59", "24T00:00", "24T08:00", "25T07:00", "25T08:00", "26T08:00", "27T00:00"]
    assert [who(asked, f"2026-12-{one}") for one in times] == ["a", "", "xy", "xyz", "z", "", "a"]


def test_of_two_plans_the_later_saved_one_counts_and_overrides_count_in_both() -> None:
    later = christmas(start=at("2026-12-25"), shifts=(PlannedShift(start=0, end=at("2027-01-01"), employees=("q",)),))
    change = Override(start=at("2026-12-25"), end=at("2026-12-26"), change=Change.REPLACE, employee="r", replaced="q")
    asked = roster(layer(Kind.WEEKLY, "a"), plans=[christmas(), later], overrides=[change])
    assert [who(asked, f"2026-12-{one}T12:00") for one in (24, 25, 26, 27)] == ["xy", "r", "q", "a"]


def test_the_past_stays_as_it_was_and_a_later_word_replaces_what_was_to_come() -> None:
    said = [
        version(layer(Kind.WEEKLY, "a")),
        version(layer(Kind.WEEKLY, "b"), effective="2026-03-01"),
        version(layer(Kind.WEEKLY, "c"), effective="2026-02-01"),
    ]
    asked = Roster(said, clock=wall_clock)
    months = [who(asked, f"2026-{month}-15") for month in ("01", "02", "03")]
    assert months == ["a", "c", "c"]
    assert [who(Roster(said[:2], clock=wall_clock), f"2026-{month}-15") for month in ("01", "02", "03")] == list("aab")
    assert who(Roster(said, end=at("2026-02-10"), clock=wall_clock), "2026-02-15") == ""
    assert who(Roster(said, end=at("2026-02-10"), clock=wall_clock), "2026-02-05") == "c"


def test_before_its_first_version_a_roster_has_no_levels() -> None:
    asked = roster(layer(Kind.WEEKLY, "a"), plans=[christmas(start=at("2025-12-24"))])
    assert asked.levels(at("2025-12-24T12:00")) == []


def test_the_next_change_is_looked_for_400_days_ahead() -> None:
    asked = roster(layer(Kind.WEEKLY, "a"), plans=[christmas()])
    assert duty_shifts.next_change(asked, at("2025-06-01")) == at("2026-01-05")
    assert duty_shifts.next_change(asked, at("2026-01-05")) == at("2026-12-24")
    assert duty_shifts.next_change(asked, at("2027-02-01")) is None


def test_shifts_that_reach_beyond_what_is_asked_are_cut_and_say_so() -> None:
    asked = roster(layer(Kind.WEEKLY, "a", "bc", handoff=8 * 60))
    found = duty_shifts.shifts(asked, at("2026-01-10"), at("2026-01-20"))
    said = [
        (one.on_duty.employee, *(f"{moment(at_).astimezone(BERLIN):%d.%H}" for at_ in (one.start, one.end)))
        for one in found
    ]
    assert said == [
        ("a", "10.00", "12.08"),
        ("b", "12.08", "19.08"),
        ("c", "12.08", "19.08"),
        ("a", "19.08", "20.00"),
    ]
    assert [one.begins_before for one in found] == [True, False, False, False]
    assert [one.ends_after for one in found] == [False, False, False, True]


def test_a_shift_that_begins_and_ends_with_what_is_asked_is_whole() -> None:
    asked = roster(layer(Kind.DAILY, "a", "b"))
    assert duty_shifts.shifts(asked, at("2026-01-05"), at("2026-01-06")) == [
        duty_shifts.Shift(start=at("2026-01-05"), end=at("2026-01-06"), on_duty=asked.at(at("2026-01-05"))[0])
    ]


def test_shifts_and_the_answer_at_every_quarter_of_an_hour_agree() -> None:
    asked = roster(
        layer(Kind.DAILY, "ab", "c", "", handoff=18 * 60, minutes=13 * 60, weekdays=MONDAY_TO_FRIDAY),
        layer(Kind.WEEKLY, "x", "y", rank=2, weekdays=frozenset({5, 6})),
        overrides=[
            Override(start=at("2026-03-03T22:15"), end=at("2026-03-05T01:00"), change=Change.REPLACE, employee="q",
                     replaced="a"),
            Override(start=at("2026-03-27T00:00"), end=at("2026-04-02T00:00"), change=Change.ADD, employee="z"),
        ],
        plans=[Plan(start=at("2026-03-28T12:00"), end=at("2026-03-30T00:00"), shifts=(
            PlannedShift(start=at("2026-03-29T01:30"), end=at("2026-03-29T12:00"), employees=("p",)),
        ))],
    )  # fmt: skip
    start, end = at("2026-03-01"), at("2026-04-05")
    found = duty_shifts.shifts(asked, start, end)
    for now in range(start, end, 900):
        expected = set(asked.at(now))
        assert {one.on_duty for one in found if one.start <= now < one.end} == expected, moment(now)


def test_a_date_is_its_number_of_days_and_back() -> None:
    assert day_of(20454) == date(1970, 1, 1) + timedelta(days=20454)
