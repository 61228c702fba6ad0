"""What the calendar over Microsoft Graph promises beyond what every side does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server_business.exchange.calendar import Away, Departed, Missing, Refused, Stale, TokenLost, Written
from server_business.exchange.items import DELETED, EXCEPTION, Kind, differing
from tests.builders.graph_server import GraphServer, at, graph_server
from tests.builders.graph_side import mailbox_of
from tests.builders.sync_histories import history
from tests.integration.server_business.test_exchange_calendars import (
    DAYS,
    SERIES,
    SINGLE,
    TASK,
    change,
    create,
    empty,
    everything,
    new,
    remove,
)

GUEST = [{"type": "required", "emailAddress": {"address": "kunde@kunde.example"}}]


@pytest.fixture(scope="module")
def server() -> Iterator[GraphServer]:
    with graph_server() as one:
        yield one


@pytest.fixture
def graph(server: GraphServer) -> Any:
    return empty(server)


# -- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lenient", [True, False])
def test_what_has_left_the_span_is_not_gone_and_what_was_thrown_away_is(graph: Any, lenient: bool) -> None:  # noqa: FBT001
    graph.server.order("lenient", on=lenient)
    calendar = graph.server.calendar(now=at("2026-11-20"), past=timedelta(days=30), future=timedelta(days=60))
    moved, gone, series = (graph.server.event(title) for title in ("verschoben", "weg", "Serie"))
    graph.server.order("set", id=series, fields={"recurrence": WEEKLY})
    token = calendar.changes(Kind.APPOINTMENT, "").token
    later = {"dateTime": "2027-06-01T08:00:00", "timeZone": "UTC"}
    graph.server.order("set", id=moved, fields={"start": later, "end": {**later, "dateTime": "2027-06-01T09:00:00"}})
    graph.server.order("remove", id=gone)
    graph.server.order("remove", id=series)
    page = calendar.changes(Kind.APPOINTMENT, token)
    graph.server.order("lenient", on=False)

    told = {one.id: one.fields for one in page.items}
    assert told[moved] is not None
    assert told[moved]["when"] == "2027-06-01T08:00:00Z/2027-06-01T09:00:00Z"
    assert told[gone] is None
    assert told[series] is None


WEEKLY = {
    "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["tuesday"], "firstDayOfWeek": "monday"},
    "range": {"type": "noEnd", "startDate": "2026-12-01", "recurrenceTimeZone": "W. Europe Standard Time"},
}


def test_what_lies_outside_of_the_span_is_looked_at_before_it_counts_as_missing(graph: Any) -> None:
    late, soon = graph.server.event("spät", "2030-01-01T08:00:00Z", "2030-01-01T09:00:00Z"), graph.server.event("bald")

    assert [one.id for one in everything(graph)] == [soon]
    assert [one.id for one in graph.look(Kind.APPOINTMENT, [late, "AAkALgnie"])] == [late]
    assert not graph.look(Kind.TASK, ["x"])


def test_a_span_that_is_used_up_is_read_anew_after_the_last_of_the_old_was_told(graph: Any) -> None:
    span = {"past": timedelta(days=30), "future": timedelta(days=60)}
    token = graph.server.calendar(now=at("2026-11-20"), **span).changes(Kind.APPOINTMENT, "").token
    graph.server.event("Besuch")
    soon, then = (graph.server.calendar(now=at(day), **span) for day in ("2026-12-01", "2027-01-10"))

    assert not soon.changes(Kind.APPOINTMENT, soon.changes(Kind.APPOINTMENT, token).token).items
    page = then.changes(Kind.APPOINTMENT, token)
    assert len(page.items) == 1
    with pytest.raises(TokenLost):
        then.changes(Kind.APPOINTMENT, page.token)


@pytest.mark.parametrize(
    "token", ["H4sIA+x=", "graph|x|https://evil.example/v1.0/users/x/delta", "graph|a|b|http://evil.example/"]
)
def test_a_token_of_another_protocol_or_server_is_lost(graph: Any, token: str) -> None:
    with pytest.raises(TokenLost):
        graph.changes(Kind.APPOINTMENT, token)


def test_an_occurrence_that_somebody_changes_or_leaves_out_changes_its_series(graph: Any) -> None:
    made = create(graph, {name: value for name, value in SERIES.items() if not name.startswith(EXCEPTION)})
    token = graph.changes(Kind.APPOINTMENT, "").token
    somebody = graph.server.calendar()
    item = everything(somebody)[0]
    exceptions = {name: value for name, value in SERIES.items() if name.startswith(EXCEPTION)}
    somebody.write([change(item, exceptions)])
    page = graph.changes(Kind.APPOINTMENT, token)

    assert [one.fields for one in page.items if one.id == made.id] == [SERIES]
    assert [one.version for one in page.items] != [made.version]


def test_whole_days_repeat_too(graph: Any) -> None:
    fields = {
        "title": "Messe",
        "when": "2026-12-21/2026-12-22",
        "availability": "away",
        "recurrence": "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO;COUNT=4",
        EXCEPTION + "2026-12-28": DELETED,
        EXCEPTION + "2027-01-04": differing({"when": "2027-01-05/2027-01-07", "location": "Köln"}),
    }
    create(graph, fields)

    assert everything(graph)[0].fields == fields


def test_conferences_are_read_and_never_changed(graph: Any) -> None:
    graph.server.event("eigene", attendees=GUEST)
    graph.server.event("fremde", isOrganizer=False)
    graph.server.event("keine")
    marks = {(one.fields or {})["title"]: (one.conference, one.fixed) for one in everything(graph)}

    assert marks == {"eigene": (True, True), "fremde": (True, True), "keine": (False, False)}


def test_a_zone_that_somebody_has_made_himself_is_that_of_the_site(graph: Any) -> None:
    id_ = graph.server.event("Serie", recurrence=WEEKLY)
    span = {**WEEKLY["range"], "recurrenceTimeZone": "tzone://Microsoft/Custom"}
    graph.server.order("set", id=id_, fields={"recurrence": {**WEEKLY, "range": span}})

    assert [(one.fields or {})["when"] for one in everything(graph)] == [
        "2026-12-01T09:00:00/2026-12-01T10:00:00 Europe/Berlin"
    ]


def test_an_item_that_cannot_be_read_does_not_hold_up_the_others(graph: Any) -> None:
    token = graph.changes(Kind.APPOINTMENT, "").token
    corrupt = graph.server.event("kaputt")
    graph.server.event("Besuch")
    graph.server.order("corrupt", id=corrupt)

    for page in (graph.changes(Kind.APPOINTMENT, token), graph.changes(Kind.APPOINTMENT, "")):
        assert [(one.fields or {})["title"] for one in page.items] == ["Besuch"]
        assert page.unreadable == {corrupt: "ErrorItemCorrupt: ErrorItemCorrupt"}


def test_what_it_has_written_itself_is_not_read_again(graph: Any) -> None:
    token = graph.changes(Kind.APPOINTMENT, "").token
    create(graph, SINGLE)
    before = graph.server.calls("GET calendar/events")
    page = graph.changes(Kind.APPOINTMENT, token)

    assert not page.items
    assert graph.server.calls("GET calendar/events") == before
    assert len(everything(graph)) == 1


def test_a_day_of_a_task_is_the_day_here(graph: Any) -> None:
    midnight_here = {"dateTime": "2026-12-23T23:00:00.0000000", "timeZone": "UTC"}
    graph.server.order("put", folder="tasks", item={"title": "Angebot", "dueDateTime": midnight_here})

    assert [one.fields for one in everything(graph, Kind.TASK)] == [
        {"title": "Angebot", "due": "2026-12-24", "status": "open", "importance": "normal"}
    ]


# -- writing ----------------------------------------------------------------------------------------------------------


def test_a_series_that_is_changed_keeps_the_exceptions_that_were_said(graph: Any) -> None:
    create(graph, SERIES)
    item = everything(graph)[0]
    back = EXCEPTION + "2026-03-31T09:00:00"
    later = SERIES["when"].replace("T10:", "T11:")
    graph.write([change(item, {back: "", "when": later})])

    assert everything(graph)[0].fields == {
        name: later if name == "when" else one for name, one in SERIES.items() if name != back
    }


def test_an_exception_alone_is_written_without_the_series(graph: Any) -> None:
    create(graph, SERIES)
    new_ones = {
        EXCEPTION + "2026-04-14T09:00:00": DELETED,
        EXCEPTION + "2026-04-07T09:00:00": differing({"location": "Dach"}),
        EXCEPTION + "2026-04-08T09:00:00": DELETED,
    }
    graph.write([change(everything(graph)[0], new_ones)])

    fields = everything(graph)[0].fields or {}
    assert fields[EXCEPTION + "2026-04-14T09:00:00"] == DELETED
    assert '"location":"Dach"' in fields[EXCEPTION + "2026-04-07T09:00:00"]
    assert EXCEPTION + "2026-04-08T09:00:00" not in fields, "the pattern has no such occurrence"


def test_a_series_becomes_a_single_appointment(graph: Any) -> None:
    create(graph, SERIES)
    gone = {name: "" for name in SERIES if name.startswith(EXCEPTION)}
    once = {"when": "2026-03-24T08:00:00Z/2026-03-24T09:00:00Z", "recurrence": "", **gone}
    graph.write([change(everything(graph)[0], once)])

    assert everything(graph)[0].fields == {
        "title": "Jour fixe", "availability": "tentative", "when": once["when"]
    }  # fmt: skip


def test_occurrences_that_are_not_taken_are_named_and_the_others_are_written(graph: Any) -> None:
    odd = EXCEPTION + "2026-04-14T09:00:00"
    graph.server.order("refuse", title="unmöglich")
    made = create(graph, {**SERIES, odd: differing({"title": "unmöglich"})})

    assert isinstance(made, Written)
    assert made.lacking == {odd}
    assert "occurrence of 2026-04-14T09:00:00: ErrorItemSave" in made.reason
    assert everything(graph)[0].fields == SERIES


def test_one_that_is_refused_does_not_hold_up_the_others(graph: Any) -> None:
    graph.server.order("refuse", title="böse")
    odd = {**SINGLE, "when": "gestern"}
    good, bad = {**SINGLE, "title": "a"}, {**SINGLE, "title": "böse"}
    outcomes = graph.write([new(good, "a"), new(bad, "b"), new(odd, "c"), new(TASK, "d", Kind.TASK)])

    assert [type(one) for one in outcomes] == [Written, Refused, Refused, Written]
    assert "ErrorItemSave" in outcomes[1].reason


def test_a_task_is_changed_and_deleted_like_an_appointment(graph: Any) -> None:
    create(graph, TASK, kind=Kind.TASK)
    old = everything(graph, Kind.TASK)[0]
    done = {"status": "completed", "due": "", "description": "", "percent": "100"}
    assert isinstance(graph.write([change(old, done, Kind.TASK)])[0], Written)
    now = everything(graph, Kind.TASK)[0]
    assert now.fields == {"title": "Angebot", "start": "2026-12-01", "status": "completed", "importance": "high"}
    assert graph.write([change(old, {"title": "x"}, Kind.TASK), remove(old, Kind.TASK)]) == [Stale(), Stale()]
    only_what_it_cannot_say = change(now, {"percent": "70"}, Kind.TASK)
    assert graph.write([only_what_it_cannot_say]) == [Written(id=now.id, version=now.version)]
    assert graph.write([remove(now, Kind.TASK)]) == [Written()]
    assert graph.write([change(now, {"title": "x"}, Kind.TASK), remove(now, Kind.TASK)]) == [Missing(), Written()]


def test_somebody_who_is_faster_than_a_batch_is_not_overwritten(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = create(graph, SINGLE)
    old = everything(graph)[0]
    there = graph._there

    def meanwhile(writes: Any) -> Any:
        found = there(writes)
        graph.server.order("set", id=made.id, fields={"Subject": "by somebody else"})
        return found

    monkeypatch.setattr(graph, "_there", meanwhile)
    assert graph.write([change(old, {"title": "late"})]) == [Stale()]
    assert graph.write([remove(old)]) == [Stale()]


# -- trouble ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["cut_before", "cut_middle", "cut_after", "unavailable"])
@pytest.mark.parametrize("kind", Kind)
def test_a_lost_connection_is_away_and_the_next_call_finds_what_was_taken(graph: Any, what: str, kind: Kind) -> None:
    everything(graph, kind)
    graph.server.fault(what, '"POST"')
    with pytest.raises(Away):
        create(graph, SINGLE if kind is Kind.APPOINTMENT else TASK, kind=kind)

    assert len(graph.find(kind, ["u-1"])) == (what in ("cut_after", "cut_middle"))


def test_a_busy_server_says_how_long_it_wants_to_be_left_alone(graph: Any) -> None:
    graph.server.fault("busy")
    with pytest.raises(Away) as caught:
        graph.changes(Kind.APPOINTMENT, "")
    assert caught.value.retry_after == timedelta(seconds=2)

    graph.server.order("busy_item", method="PATCH")
    made = create(graph, SINGLE)
    item = next(one for one in everything(graph) if one.id == made.id)
    with pytest.raises(Away) as caught:
        graph.write([change(item, {"title": "x"})])
    assert caught.value.retry_after == timedelta(seconds=3)


def test_a_token_that_ended_is_fetched_again_and_a_wrong_secret_is_said(server: GraphServer, graph: Any) -> None:
    everything(graph)
    server.order("expire")
    with pytest.raises(Away, match="does not let us into"):
        graph.changes(Kind.APPOINTMENT, "")
    assert not everything(graph)
    with pytest.raises(Away, match="AADSTS7000215"):
        server.calendar(secret="falsch").changes(Kind.APPOINTMENT, "")


def test_a_mailbox_that_is_gone_is_departed(graph: Any) -> None:
    graph.server.order("depart")
    with pytest.raises(Departed, match="no mailbox"):
        graph.changes(Kind.APPOINTMENT, "")


def test_nobody_is_told_of_what_is_written(graph: Any) -> None:
    graph.write([new(SINGLE, "a"), new(DAYS, "b")])
    for one in everything(graph):
        graph.write([change(one, {"title": "neu"})])

    assert graph.server.order("sent") == []
    assert datetime.now(UTC) - everything(graph)[0].modified < timedelta(minutes=5)  # noqa: TID251


# -- the whole sync ---------------------------------------------------------------------------------------------------


def test_histories_over_graph_come_to_rest_and_lose_nothing(server: GraphServer) -> None:
    worlds = [history(seed, mailbox=mailbox_of(server)) for seed in range(5)]

    assert any(one.crashes for one in worlds)
    assert any(one.losses for one in worlds)
