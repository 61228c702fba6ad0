"""What follows from what both sides say: who is written to, what is kept, and when an administrator is asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server_business.exchange import rules
from server_business.exchange.items import CARRIED, DELETED, PRIVATE_TITLE, Kind, When, busy_time_only, differing
from server_business.exchange.rules import (
    Act,
    Brake,
    Decision,
    Direction,
    Event,
    Link,
    Place,
    Policy,
    Side,
    Verb,
    Winner,
)

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
WHEN = "2026-12-01T08:00:00Z/2026-12-01T09:00:00Z"
SERIES = "2026-12-01T09:00:00/2026-12-01T10:00:00 Europe/Berlin"
WEEKLY = "FREQ=WEEKLY;INTERVAL=1;BYDAY=TU"
BASE = {"title": "Wartung", "when": WHEN, "location": "Halle 3"}
POLICY = Policy(
    directions=dict.fromkeys(Kind, Direction.BOTH),
    carried=CARRIED,
    past=timedelta(days=30),
    future=timedelta(days=365),
)


def side(seen: dict[str, str] | None, base: dict[str, str] | None = BASE, *, at: int = 0, **more: Any) -> Side:
    return Side(id="x", version="1", modified=NOW + timedelta(minutes=at), base=base, seen=seen, **more)


def link(erp: Side, exchange: Side, **more: Any) -> Link:
    return Link(uid="u", kind=Kind.APPOINTMENT, origin=Place.ERP, erp=erp, exchange=exchange, **more)


def decide(erp: Side, exchange: Side, policy: Policy = POLICY, **more: Any) -> Decision:
    return rules.decide(link(erp, exchange, **more), policy, NOW)


def events(decision: Decision) -> list[Event]:
    return [one.event for one in decision.notes]


def one_way(way: Direction) -> Policy:
    return replace(POLICY, directions=dict.fromkeys(Kind, way))


# -- changes ----------------------------------------------------------------------------------------------------------


def test_nothing_is_done_when_nothing_has_changed() -> None:
    assert decide(side(BASE), side(BASE)).act is None


def test_only_what_changed_is_written_to_the_other_side() -> None:
    decision = decide(side({**BASE, "title": "Reparatur"}), side(BASE))

    assert decision.act == Act(place=Place.EXCHANGE, verb=Verb.UPDATE, changes={"title": "Reparatur"})


def test_a_field_that_was_emptied_is_emptied_on_the_other_side() -> None:
    decision = decide(side(BASE), side({"title": "Wartung", "when": WHEN}))

    assert decision.act == Act(place=Place.ERP, verb=Verb.UPDATE, changes={"location": ""})


def test_changes_of_different_fields_go_both_ways_one_after_the_other() -> None:
    decision = decide(side({**BASE, "title": "Reparatur"}), side({**BASE, "location": "Dach"}))
    assert decision.act == Act(place=Place.ERP, verb=Verb.UPDATE, changes={"location": "Dach"})
    then = rules.done(decision.link, decision.act)
    then = then.put(Place.ERP, replace(then.erp, seen={**BASE, "title": "Reparatur", "location": "Dach"}))
    again = rules.decide(then, POLICY, NOW)

    assert again.act == Act(place=Place.EXCHANGE, verb=Verb.UPDATE, changes={"title": "Reparatur"})
    assert not decision.notes + again.notes


def test_the_same_change_on_both_sides_is_no_conflict() -> None:
    changed = {**BASE, "title": "Reparatur"}
    decision = decide(side(changed), side(changed))

    assert decision.act is None
    assert decision.link.erp.base == decision.link.exchange.base == changed
    assert not decision.notes


@pytest.mark.parametrize(
    ("erp_at", "exchange_at", "winner", "counts"),
    [
        (1, 0, Winner.NEWEST, Place.ERP),
        (0, 1, Winner.NEWEST, Place.EXCHANGE),
        (0, 0, Winner.NEWEST, Place.ERP),
        (0, 1, Winner.ERP, Place.ERP),
        (1, 0, Winner.EXCHANGE, Place.EXCHANGE),
    ],
)
def test_of_two_changes_the_newer_counts_and_of_the_same_instant_that_of_the_erp(
    erp_at: int, exchange_at: int, winner: Winner, counts: Place
) -> None:
    policy = replace(POLICY, winner=winner)
    decision = decide(side({**BASE, "title": "A"}, at=erp_at), side({**BASE, "title": "B"}, at=exchange_at), policy)
    again = rules.decide(decision.link, policy, NOW)

    assert decision.act is not None
    assert (decision.act.place, decision.act.changes) == (
        counts.other,
        {"title": {Place.ERP: "A", Place.EXCHANGE: "B"}[counts]},
    )
    note = decision.notes[0]
    assert (note.event, note.place, note.field) == (Event.CONFLICT, counts, "title")
    assert note.overruled == {Place.ERP: "B", Place.EXCHANGE: "A"}[counts]
    assert again.act == decision.act
    assert not again.notes, "a conflict is noted once, however often the write is tried"


def test_without_a_base_what_differs_is_decided_by_the_newer_and_what_is_equal_is_agreed() -> None:
    decision = decide(side({**BASE, "title": "A"}, None, at=1), side({**BASE, "title": "B"}, None))

    assert decision.act == Act(place=Place.EXCHANGE, verb=Verb.UPDATE, changes={"title": "A"})
    assert events(decision) == [Event.CONFLICT]
    assert decide(side(BASE, None), side(BASE, None)).link.linked


# -- series -----------------------------------------------------------------------------------------------------------


def test_exceptions_of_different_occurrences_are_merged() -> None:
    base = {"title": "Serie", "when": SERIES, "recurrence": WEEKLY}
    first, second = "exception/2026-12-08T09:00:00", "exception/2026-12-15T09:00:00"
    moved = differing({"when": WHEN})
    decision = decide(side({**base, first: DELETED}, base), side({**base, second: moved}, base))

    assert decision.act is not None
    assert decision.act.changes == {second: moved}


def test_a_changed_pattern_takes_the_exceptions_with_it() -> None:
    at = "exception/2026-12-08T09:00:00"
    base = {"title": "Serie", "when": SERIES, "recurrence": WEEKLY, at: DELETED}
    new = {"title": "Serie", "when": SERIES, "recurrence": "FREQ=DAILY;INTERVAL=1"}
    decision = decide(side(new, base, at=2), side({**base, "exception/2026-12-15T09:00:00": DELETED}, base, at=1))

    assert decision.act is not None
    assert decision.act.place is Place.EXCHANGE
    assert decision.act.changes == {
        "recurrence": "FREQ=DAILY;INTERVAL=1",
        at: "",
        "exception/2026-12-15T09:00:00": "",
    }
    assert [(one.event, one.field) for one in decision.notes] == [(Event.CONFLICT, "recurrence")]


# -- deletions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", list(Place))
def test_what_was_deleted_on_one_side_is_deleted_on_the_other(place: Place) -> None:
    sides = {place: side(BASE), place.other: side(None)}

    assert decide(sides[Place.ERP], sides[Place.EXCHANGE]).act == Act(place=place, verb=Verb.DELETE, changes={})


def test_a_change_outlives_the_deletion_on_the_other_side() -> None:
    decision = decide(side({**BASE, "title": "Reparatur"}), side(None))

    assert decision.act == Act(place=Place.EXCHANGE, verb=Verb.CREATE, changes={**BASE, "title": "Reparatur"})
    assert events(decision) == [Event.OUTLIVED]


def test_what_is_gone_on_both_sides_is_forgotten() -> None:
    assert decide(side(None), side(None)).forget


def test_what_one_side_never_had_is_written_there_and_not_deleted_here() -> None:
    decision = decide(side(BASE), side(None, None))

    assert decision.act == Act(place=Place.EXCHANGE, verb=Verb.CREATE, changes=BASE)


@pytest.mark.parametrize("where", list(Place))
def test_a_conference_is_neither_changed_nor_deleted_in_the_erp(where: Place) -> None:
    meeting = {where: {"conference": True}, where.other: {}}
    changed = decide(side(BASE, **meeting[Place.ERP]), side({**BASE, "title": "neu"}, **meeting[Place.EXCHANGE]))
    deleted = decide(side(BASE, **meeting[Place.ERP]), side(None, **meeting[Place.EXCHANGE]))
    then = rules.decide(deleted.link, POLICY, NOW)

    assert changed.act is None
    assert events(changed) == [Event.NOT_TAKEN]
    assert rules.decide(changed.link, POLICY, NOW) == Decision(link=changed.link)
    assert deleted.act is None
    assert deleted.link.detached
    assert events(deleted) == [Event.KEPT]
    assert then == Decision(link=deleted.link), "it is not written to Exchange again either"


def test_a_change_in_the_erp_of_what_was_not_taken_over_reaches_exchange() -> None:
    noted = decide(side(BASE, conference=True), side({**BASE, "title": "neu"})).link
    edited = noted.put(Place.ERP, replace(noted.erp, seen={**BASE, "title": "Planung"}))

    assert rules.decide(edited, POLICY, NOW).act == Act(
        place=Place.EXCHANGE, verb=Verb.UPDATE, changes={"title": "Planung"}
    )


def test_a_conflict_about_a_conference_is_won_by_the_erp() -> None:
    decision = decide(side({**BASE, "title": "A"}, conference=True), side({**BASE, "title": "B"}, at=5))

    assert decision.act == Act(place=Place.EXCHANGE, verb=Verb.UPDATE, changes={"title": "A"})
    assert events(decision) == [Event.CONFLICT]


def test_an_invitation_of_somebody_else_takes_nothing_from_the_erp() -> None:
    invited = {"conference": True, "fixed": True}
    both = decide(side({**BASE, "title": "A"}), side({**BASE, "title": "B"}, **invited))
    gone = decide(side(None), side(BASE, **invited))

    assert both.act is None
    assert events(both) == [Event.NOT_TAKEN]
    assert gone.link.detached


def test_an_approved_absence_is_not_changed_by_exchange() -> None:
    assert decide(side(BASE, fixed=True), side({**BASE, "when": SERIES})).act is None
    assert decide(side(BASE, fixed=True), side(None)).link.detached


# -- directions, window -----------------------------------------------------------------------------------------------


def test_a_direction_takes_changes_one_way_only() -> None:
    there, back = side({**BASE, "title": "A"}), side({**BASE, "title": "B"})

    assert decide(there, side(BASE), one_way(Direction.TO_ERP)).act is None
    assert decide(side(BASE), back, one_way(Direction.TO_EXCHANGE)).act is None
    assert decide(there, side(BASE), one_way(Direction.TO_EXCHANGE)).act is not None
    assert decide(side(BASE), back, one_way(Direction.TO_ERP)).act is not None
    assert decide(side(BASE), side(None, None), one_way(Direction.TO_ERP)).act is None
    assert decide(there, back, one_way(Direction.OFF)).act is None


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ({"when": WHEN}, True),
        ({"when": "2026-10-01T08:00:00Z/2026-10-01T09:00:00Z"}, False),
        ({"when": "2026-10-01/2026-11-01"}, True),
        ({"when": "2028-10-01/2028-10-02"}, False),
        ({"when": "2020-10-01/2020-10-02", "recurrence": WEEKLY}, True),
        ({"when": "2020-10-01/2020-10-02", "recurrence": WEEKLY + ";UNTIL=20211231"}, False),
        ({}, False),
    ],
)
def test_only_what_lies_in_the_window_is_written(said: dict[str, str], written: bool) -> None:  # noqa: FBT001
    assert (decide(side({"title": "x", **said}), side(None, None)).act is not None) is written


def test_an_open_task_is_written_however_old_and_a_completed_one_is_not() -> None:
    def task(status: str) -> Act | None:
        erp = side({"title": "Angebot", "due": "2020-01-01", "status": status})
        return rules.decide(Link(uid="u", kind=Kind.TASK, origin=Place.ERP, erp=erp), POLICY, NOW).act

    assert task("open") is not None
    assert task("completed") is None


def test_a_field_that_one_side_cannot_say_is_never_taken_as_removed() -> None:
    policy = replace(POLICY, carried={Kind.TASK: frozenset({"title"})})
    base = {"title": "Angebot"}
    task = Link(
        uid="u", kind=Kind.TASK, origin=Place.ERP, erp=side({**base, "percent": "40"}, base), exchange=side(base, base)
    )

    assert rules.decide(task, policy, NOW) == Decision(link=task)


def test_what_was_refused_is_left_alone_until_it_changes() -> None:
    assert decide(side({**BASE, "title": "neu"}), side(BASE), problem="no").act is None


# -- private ----------------------------------------------------------------------------------------------------------


def test_a_private_item_carries_its_busy_time_only() -> None:
    private = {**BASE, "private": "yes", "description": "Arzt", "exception/x": differing({"title": "a", "when": WHEN})}
    told = decide(side(private), side(None, None)).act

    assert told is not None
    assert told.changes == {
        "title": PRIVATE_TITLE,
        "when": WHEN,
        "private": "yes",
        "exception/x": differing({"when": WHEN}),
    }


def test_texts_of_what_is_private_in_the_erp_stay_there_and_its_time_moves_along() -> None:
    masked = busy_time_only({**BASE, "private": "yes"})
    later = WHEN.replace("T09", "T10")
    decision = decide(side({**BASE, "private": "yes", "title": "Arzt", "when": later}, masked), side(masked, masked))

    assert decision.act == Act(place=Place.EXCHANGE, verb=Verb.UPDATE, changes={"when": later})
    assert decide(side({**BASE, "private": "yes"}, masked), side(None, masked)).act == Act(
        place=Place.ERP, verb=Verb.DELETE, changes={}
    )


def test_what_becomes_private_in_exchange_loses_its_texts_in_the_erp() -> None:
    decision = decide(side(BASE), side(busy_time_only({**BASE, "private": "yes"})))

    assert decision.act == Act(
        place=Place.ERP, verb=Verb.UPDATE, changes={"title": PRIVATE_TITLE, "location": "", "private": "yes"}
    )


def test_the_mark_is_lifted_only_where_the_item_came_from() -> None:
    base = {**BASE, "private": "yes"}
    wrong = decide(side(base, base), side(BASE, base))
    right = rules.decide(replace(link(side(base, base), side(BASE, base)), origin=Place.EXCHANGE), POLICY, NOW)

    assert wrong.act == Act(place=Place.EXCHANGE, verb=Verb.UPDATE, changes={"private": "yes"})
    assert rules.decide(wrong.link, POLICY, NOW).act == wrong.act
    assert right.act == Act(place=Place.ERP, verb=Verb.UPDATE, changes={"private": ""})


# -- what nobody knows ------------------------------------------------------------------------------------------------


def test_what_was_written_before_a_crash_is_agreed_and_what_changed_since_is_a_change() -> None:
    act = Act(place=Place.EXCHANGE, verb=Verb.UPDATE, changes={"title": "A", "location": "Dach"})
    begun = link(
        side({**BASE, "title": "C", "location": "Dach"}),
        side({**BASE, "title": "A", "location": "Keller"}),
        intention=act,
    )
    found = rules.resumed(begun)

    assert found.intention is None
    assert found.exchange.base == {**BASE, "title": "A"}
    assert rules.decide(found, POLICY, NOW).notes[0].field == "location"


@pytest.mark.parametrize("verb", [Verb.CREATE, Verb.UPDATE, Verb.DELETE])
def test_what_was_not_written_before_a_crash_is_decided_again(verb: Verb) -> None:
    act = Act(place=Place.EXCHANGE, verb=verb, changes={})
    begun = link(side(BASE), side(None, None), intention=act)

    assert rules.resumed(begun) == replace(begun, intention=None)


def test_what_was_made_before_a_crash_is_agreed_on() -> None:
    begun = link(
        side(BASE, None), side(BASE, None), intention=Act(place=Place.EXCHANGE, verb=Verb.CREATE, changes=BASE)
    )

    assert rules.resumed(begun).linked


LATER = SERIES.replace("T10:", "T11:")
FIRST, SECOND = "exception/2026-12-08T09:00:00", "exception/2026-12-15T09:00:00"
WHOLE = {"title": "Serie", "when": SERIES, "recurrence": WEEKLY, FIRST: DELETED, SECOND: DELETED}


@pytest.mark.parametrize("verb", [Verb.CREATE, Verb.UPDATE])
def test_exceptions_that_were_not_written_before_a_crash_are_written_and_not_taken_as_removed(verb: Verb) -> None:
    new = {**WHOLE, "when": LATER}
    base = None if verb is Verb.CREATE else WHOLE
    act = Act(place=Place.EXCHANGE, verb=verb, changes=new if verb is Verb.CREATE else {"when": LATER})
    half = {name: value for name, value in new.items() if name != SECOND}
    found = rules.resumed(link(side(new, base), side(half, base), intention=act))

    assert rules.decide(found, POLICY, NOW).act == Act(
        place=Place.EXCHANGE, verb=Verb.UPDATE, changes={SECOND: DELETED}
    )


def test_an_exception_that_was_not_taken_is_what_it_was_unless_the_series_was_written_anew() -> None:
    begun = link(side({**WHOLE, FIRST: "{}"}, WHOLE), side(WHOLE, WHOLE))
    act = Act(place=Place.EXCHANGE, verb=Verb.UPDATE, changes={FIRST: "{}"})
    anew = replace(act, changes={"when": LATER, FIRST: "{}"})

    assert rules.done(begun, act, {FIRST}).exchange.base == WHOLE
    assert rules.done(begun, anew, {FIRST}).exchange.base == {
        name: LATER if name == "when" else value for name, value in WHOLE.items() if name != FIRST
    }


def test_after_a_deletion_nothing_is_there() -> None:
    act = Act(place=Place.EXCHANGE, verb=Verb.DELETE, changes={})
    after = rules.done(link(side(None), side(BASE), intention=act), act)

    assert (after.exchange.seen, after.exchange.base, after.intention) == (None, None, None)


# -- the brake --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deletions", "linked", "asks"),
    [(10, 10, False), (11, 11, True), (20, 100, False), (21, 100, True), (200, 1000, False), (201, 1000, True)],
)
def test_the_brake_asks_about_more_than_a_few_and_more_than_a_share(deletions: int, linked: int, asks: bool) -> None:  # noqa: FBT001
    assert Brake().holds(deletions, linked) is asks


def test_a_span_is_read_as_it_was_written() -> None:
    for text in (WHEN, SERIES, "2026-12-01/2026-12-03"):
        assert When.of(text).text() == text


def test_a_private_task_keeps_its_texts_where_the_other_side_knows_no_private() -> None:
    policy = replace(POLICY, carried={Kind.TASK: frozenset({"title", "description", "status"})})
    private = {"title": "Gehalt", "description": "mehr", "status": "open", "private": "yes"}
    alone = replace(link(side(private, None), side(None, None)), kind=Kind.TASK)
    masked = {"title": PRIVATE_TITLE, "status": "open"}
    act = rules.decide(alone, policy, NOW).act
    both = replace(link(side(private, masked), side({**masked, "title": "Lohn"}, masked)), kind=Kind.TASK)

    assert act == Act(place=Place.EXCHANGE, verb=Verb.CREATE, changes=masked)
    assert rules.decide(both, policy, NOW).act is None
