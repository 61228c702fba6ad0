"""Both changes of the clock, walked in steps of 30 seconds, for every kind of rotation, in three zones."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from server_es.duty.rosters import Layer, Roster, Version
from server_es.duty.rotations import EVERY_DAY, Kind, Rotation
from server_es.duty.shifts import watches
from server_es.duty.wall import seconds, wall_clock
from tests.unit.server_es.duty.walk import Slot, on_duty, slots, utc

STEP = timedelta(seconds=30)
AROUND = timedelta(hours=5)
GROUPS = (("1",), ("2", "3"), ("4",))
CHANGES = {
    ("Europe/Berlin", "spring"): "2026-03-29T01:00",
    ("Europe/Berlin", "autumn"): "2026-10-25T01:00",
    ("Australia/Lord_Howe", "autumn"): "2026-04-04T15:00",
    ("Australia/Lord_Howe", "spring"): "2026-10-03T15:30",
    ("America/Sao_Paulo", "autumn"): "2018-02-18T02:00",
    ("America/Sao_Paulo", "spring"): "2018-11-04T03:00",
}
ROTATIONS = {
    "hourly": Rotation(kind=Kind.HOURLY, length=1, first=date(2018, 1, 1), handoff=30, groups=GROUPS),
    "every five hours": Rotation(kind=Kind.HOURLY, length=5, first=date(2018, 1, 1), handoff=0, groups=GROUPS),
    "daily": Rotation(kind=Kind.DAILY, length=1, first=date(2018, 1, 1), handoff=150, groups=GROUPS),
    "weekly": Rotation(kind=Kind.WEEKLY, length=1, first=date(2018, 1, 7), handoff=120, groups=GROUPS),
    "monthly": Rotation(kind=Kind.MONTHLY, length=1, first=date(2018, 1, 29), handoff=0, groups=GROUPS),
}


def roster(rotation: Rotation, zone: str) -> Roster:
    version = Version(effective=0, zone=zone, layers=(Layer(title="", rotation=rotation),))
    return Roster([version], clock=wall_clock)


def around(laid_out: list[Slot], change: str) -> list[Slot]:
    return [one for one in laid_out if abs(one[0] - utc(change)) < timedelta(days=9)]


@pytest.mark.parametrize(("zone", "season"), CHANGES)
@pytest.mark.parametrize("kind", ROTATIONS)
def test_nobody_is_missing_and_everybody_is_who_the_wall_clock_says(kind: str, zone: str, season: str) -> None:
    change = CHANGES[zone, season]
    rotation, at, end = ROTATIONS[kind], utc(change) - AROUND, utc(change) + AROUND
    laid_out = around(slots(rotation, zone, end.date() + timedelta(days=2)), change)
    asked = roster(rotation, zone)
    watched = {}
    for one in watches(asked, seconds(at), seconds(end)):
        watched.update(dict.fromkeys(range(one.start, one.end, 30), one.crew))
    while at < end:
        crew = asked.at(seconds(at))
        assert crew, f"a gap at {at}"
        assert {one.employee for one in crew} == on_duty(laid_out, at), at
        assert set(watched[seconds(at)]) == set(crew), at
        at += STEP


@pytest.mark.parametrize(("zone", "season"), CHANGES)
@pytest.mark.parametrize("kind", ["hourly", "daily", "weekly", "monthly"])
def test_nights_that_begin_and_end_within_the_change_are_as_the_wall_clock_says(
    kind: str, zone: str, season: str
) -> None:
    change = CHANGES[zone, season]
    night = replace(ROTATIONS[kind], handoff=22 * 60 + 30, minutes=4 * 60, weekdays=EVERY_DAY - {2})
    at, end = utc(change) - AROUND, utc(change) + AROUND
    laid_out = around(slots(night, zone, end.date() + timedelta(days=2)), change)
    asked = roster(night, zone)
    while at < end:
        assert {one.employee for one in asked.at(seconds(at))} == on_duty(laid_out, at), at
        at += STEP


@pytest.mark.parametrize("kind", ROTATIONS)
def test_a_day_that_the_calendar_skips_is_skipped_without_a_gap(kind: str) -> None:
    rotation = replace(ROTATIONS[kind], first=date(2011, 12, 1))
    at, end = utc("2011-12-29T00:00"), utc("2012-01-01T12:00")
    laid_out = slots(rotation, "Pacific/Apia", date(2012, 1, 4))
    asked = roster(rotation, "Pacific/Apia")
    watched = watches(asked, seconds(at), seconds(end))
    while at < end:
        crew = asked.at(seconds(at))
        assert {one.employee for one in crew} == on_duty(laid_out, at) != set(), at
        assert [one.crew for one in watched if one.start <= seconds(at) < one.end] == [crew], at
        at += timedelta(minutes=10)


def test_both_are_on_duty_in_the_doubled_hour() -> None:
    daily = Rotation(kind=Kind.DAILY, length=1, first=date(2026, 10, 24), handoff=150, groups=(("1",), ("2",)))
    found = list(
        watches(roster(daily, "Europe/Berlin"), seconds(utc("2026-10-24T12:00")), seconds(utc("2026-10-25T12:00")))
    )
    assert [([one.employee for one in watch.crew], (watch.end - watch.start) / 3600) for watch in found] == [
        (["1"], 12.5),
        (["1", "2"], 1),
        (["2"], 10.5),
    ]


def test_a_handoff_in_the_skipped_hour_happens_after_the_gap() -> None:
    daily = Rotation(kind=Kind.DAILY, length=1, first=date(2026, 3, 28), handoff=150, groups=(("1",), ("2",)))
    asked = roster(daily, "Europe/Berlin")
    assert [one.employee for one in asked.at(seconds(utc("2026-03-29T01:29:59")))] == ["1"]
    assert [one.employee for one in asked.at(seconds(utc("2026-03-29T01:30")))] == ["2"]
