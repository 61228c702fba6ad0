"""Shifts made from turns at once agree with asking at every minute, whatever the roster looks like."""

from datetime import date
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from server_es.duty.rosters import Change, Layer, Override, Plan, PlannedShift, Roster, Version
from server_es.duty.rotations import EVERY_DAY, Kind, Rotation
from server_es.duty.shifts import shifts, watches
from server_es.duty.wall import moment, wall_clock
from tests.unit.server_es.duty.test_rosters import at

HOUR, DAY = 3600, 86400
STARTS = st.sampled_from([at("2026-03-20"), at("2026-06-01"), at("2026-10-20"), at("2025-12-30")])
PEOPLE = st.sampled_from("abcd")
GROUPS = st.lists(st.lists(PEOPLE, max_size=2, unique=True).map(tuple), min_size=1, max_size=4).map(tuple)
ROTATIONS = st.builds(
    Rotation,
    kind=st.sampled_from(Kind),
    length=st.sampled_from([1, 2, 5, 8]),
    first=st.sampled_from([date(2026, 1, 1), date(2026, 3, 23), date(2024, 1, 31)]),
    handoff=st.sampled_from([0, 150, 480, 1430]),
    minutes=st.sampled_from([60, 600, 1440]),
    weekdays=st.one_of(st.just(EVERY_DAY), st.frozensets(st.integers(0, 6), min_size=1)),
    groups=GROUPS,
)
LAYERS = st.lists(st.builds(Layer, rank=st.integers(1, 3), rotation=ROTATIONS), min_size=1, max_size=3).map(tuple)


@st.composite
def rosters(draw: st.DrawFn, start: int) -> Roster:
    instants = st.integers(-3, 20 * 24).map(lambda hour: start + hour * HOUR + 1800)
    versions = [
        Version(effective=0, zone=draw(st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe"])), layers=draw(LAYERS))
    ]
    versions += [Version(effective=draw(instants), zone="Europe/Berlin", layers=draw(LAYERS))] * draw(st.integers(0, 1))
    override = st.builds(
        Override, start=instants, end=instants, change=st.sampled_from(Change), employee=PEOPLE, replaced=PEOPLE
    )
    planned = st.builds(PlannedShift, start=instants, end=instants, employees=st.tuples(PEOPLE))
    plan = st.builds(Plan, start=instants, end=instants, shifts=st.lists(planned, max_size=3).map(tuple))
    return Roster(
        versions,
        draw(st.lists(override, max_size=4)),
        draw(st.lists(plan, max_size=2)),
        end=draw(st.one_of(st.none(), instants)),
        clock=wall_clock,
    )


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_shifts_agree_with_asking(data: st.DataObject) -> None:
    start = data.draw(STARTS)
    asked, end = data.draw(rosters(start)), start + 14 * DAY
    watched, found = watches(asked, start, end), shifts(asked, start, end)
    assert [watched[0].start, watched[-1].end] == [start, end]
    assert all(one.end == two.start and one.crew != two.crew for one, two in pairwise(watched))
    for now in range(start, end, 1800):
        crew = asked.at(now)
        assert [one.crew for one in watched if one.start <= now < one.end] == [crew], moment(now)
        assert sorted(one.on_duty for one in found if one.start <= now < one.end) == sorted(crew), moment(now)
    edges = {one for one in found if one.begins_before or one.ends_after}
    assert all(one.start == start or one.end == end for one in edges)
