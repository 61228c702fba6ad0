"""Who is told of a handoff, and when."""

import pytest

from server_es.duty.handoffs import Handoff, Kind, changed, due, next_due
from server_es.duty.rosters import Change, Override
from server_es.duty.rotations import Kind as Rotation
from tests.unit.server_es.duty.test_rosters import at, layer, roster

HOUR, DAY = 3600, 86400
WEEK = roster(layer(Rotation.WEEKLY, "a", "bc"))


def test_who_begins_and_who_ends_is_told_at_the_handoff() -> None:
    handoff = at("2026-01-12T00:00")
    assert due(WEEK, handoff - 1, handoff, 0) == [
        Handoff(Kind.BEGINS, handoff, "b"),
        Handoff(Kind.BEGINS, handoff, "c"),
        Handoff(Kind.ENDS, handoff, "a"),
    ]
    assert due(WEEK, handoff, handoff + 5, 0) == []


def test_who_begins_is_told_before_once() -> None:
    handoff, lead = at("2026-01-12T00:00"), 24 * HOUR
    assert due(WEEK, handoff - lead - 1, handoff - lead, lead) == [
        Handoff(Kind.SOON, handoff, "b"),
        Handoff(Kind.SOON, handoff, "c"),
    ]
    assert due(WEEK, handoff - lead, handoff - lead + 5, lead) == []


@pytest.mark.parametrize("lead", [0, 24 * HOUR, 14 * DAY])
def test_in_steps_or_at_once_everybody_is_told_each_beginning_once(lead: int) -> None:
    start, end = at("2026-01-08"), at("2026-02-05")
    told: list[Handoff] = []
    for now in range(start, end, 6 * HOUR):
        told += due(WEEK, now, now + 6 * HOUR, lead)
    assert len(told) == len(set(told))
    begins = [one for one in told if one.kind is Kind.BEGINS]
    assert [(one.at, one.employee) for one in begins] == [
        (at("2026-01-12"), "b"), (at("2026-01-12"), "c"), (at("2026-01-19"), "a"),
        (at("2026-01-26"), "b"), (at("2026-01-26"), "c"), (at("2026-02-02"), "a"),
    ]  # fmt: skip


def test_after_a_downtime_nobody_hears_of_what_is_over() -> None:
    found = due(WEEK, at("2026-01-08"), at("2026-01-20"), 24 * HOUR)
    assert found == [
        Handoff(Kind.BEGINS, at("2026-01-19"), "a"),
        Handoff(Kind.ENDS, at("2026-01-19"), "b"),
        Handoff(Kind.ENDS, at("2026-01-19"), "c"),
    ]


def test_the_next_notice_is_the_handoff_or_the_lead_before_the_one_after() -> None:
    assert next_due(WEEK, at("2026-01-08"), 0) == at("2026-01-12")
    assert next_due(WEEK, at("2026-01-08"), 24 * HOUR) == at("2026-01-11")
    assert next_due(WEEK, at("2026-01-11"), 24 * HOUR) == at("2026-01-12")
    nobody = roster(layer(Rotation.WEEKLY, "a"))
    assert next_due(nobody, at("2026-01-08"), 24 * HOUR) is None
    once = roster(
        layer(Rotation.WEEKLY, "a"),
        overrides=[
            Override(start=0, end=at("2026-01-09"), change=Change.ADD, employee="x"),
        ],
    )
    assert next_due(once, at("2026-01-08"), 48 * HOUR) == at("2026-01-09")


def test_a_change_is_told_to_those_whose_next_shifts_it_moves() -> None:
    start, end = at("2026-01-11"), at("2026-01-13")
    replaced = Override(
        start=at("2026-01-12T08:00"), end=at("2026-01-14"), change=Change.REPLACE, employee="x", replaced="b"
    )
    after = roster(layer(Rotation.WEEKLY, "a", "bc"), overrides=[replaced])
    assert changed(WEEK, after, start, end) == {"b", "x"}
    assert changed(WEEK, after, start, at("2026-01-12")) == set()
    assert changed(None, WEEK, start, end) == {"a", "b", "c"}
    assert changed(None, WEEK, start, start) == set()
    longer = Override(start=at("2026-01-11T12:00"), end=at("2026-01-12"), change=Change.ADD, employee="b")
    assert changed(WEEK, roster(layer(Rotation.WEEKLY, "a", "bc"), overrides=[longer]), start, end) == {"b"}
