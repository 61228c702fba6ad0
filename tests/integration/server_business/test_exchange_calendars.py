"""The promises of a calendar, the same for every side: in memory, and over EWS and Microsoft Graph, with a server in a
process of its own. What only one of them promises stands below."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from exchangelib.errors import ErrorItemSave, ErrorServerBusy

from server_business.exchange.calendar import (
    Away,
    Calendar,
    Departed,
    Item,
    Missing,
    Refused,
    Stale,
    TokenLost,
    Write,
    Written,
)
from server_business.exchange.items import DELETED, EXCEPTION, Fields, Kind, differing
from server_business.exchange.rules import Verb
from tests.builders.exchange_server import ExchangeServer, exchange_server
from tests.builders.graph_server import GraphServer, graph_server
from tests.fakes.calendars import MemoryCalendar

CONFERENCE = "<t:IsMeeting>true</t:IsMeeting><t:MyResponseType>{}</t:MyResponseType>"
SINGLE = {
    "title": "Wartung Halle 3",
    "description": "Filter\nund Öl",
    "location": "Halle 3",
    "when": "2026-12-01T08:00:00Z/2026-12-01T09:30:00Z",
    "availability": "busy",
}
DAYS = {"title": "Urlaub", "when": "2026-12-21/2026-12-24", "availability": "away", "private": "yes"}
SERIES = {
    "title": "Jour fixe",
    "when": "2026-03-24T09:00:00/2026-03-24T10:00:00 Europe/Berlin",
    "availability": "tentative",
    "recurrence": "FREQ=WEEKLY;INTERVAL=1;BYDAY=TU;COUNT=5",
    EXCEPTION + "2026-03-31T09:00:00": DELETED,
    EXCEPTION + "2026-04-07T09:00:00": differing(
        {"title": "anders", "when": "2026-04-08T08:00:00Z/2026-04-08T09:00:00Z"}
    ),
}
TASK = {
    "title": "Angebot",
    "description": "bis Weihnachten",
    "start": "2026-12-01",
    "due": "2026-12-24",
    "status": "in-progress",
    "percent": "40",
    "importance": "high",
}
RULES = [
    "FREQ=DAILY;INTERVAL=2",
    "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,WE,FR;UNTIL=20271231",
    "FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=31",
    "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU;BYSETPOS=-1",
    "FREQ=MONTHLY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1",
    "FREQ=YEARLY;INTERVAL=1;BYMONTH=12;BYMONTHDAY=24;COUNT=10",
    "FREQ=YEARLY;INTERVAL=1;BYMONTH=5;BYDAY=SU;BYSETPOS=2",
]


@pytest.fixture(scope="module")
def exchange() -> Iterator[ExchangeServer]:
    with exchange_server() as server:
        yield server


@pytest.fixture(scope="module")
def graph_exchange() -> Iterator[GraphServer]:
    with graph_server() as server:
        yield server


@pytest.fixture(params=["memory", "ews", "graph"])
def calendar(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return MemoryCalendar(lambda: datetime(2026, 11, 20, tzinfo=UTC), "X")
    return empty(request.getfixturevalue("exchange" if request.param == "ews" else "graph_exchange"))


@pytest.fixture
def ews(exchange: ExchangeServer) -> Any:
    return empty(exchange)


def empty(exchange: ExchangeServer) -> Any:
    exchange.order("mailbox")
    calendar: Any = exchange.calendar()
    calendar.server = exchange
    return calendar


def somebody(calendar: Any) -> Any:
    """Return the same calendar as somebody else has opened it."""
    return calendar if isinstance(calendar, MemoryCalendar) else calendar.server.calendar()


def create(calendar: Calendar, fields: Fields, uid: str = "u-1", kind: Kind = Kind.APPOINTMENT) -> Any:
    return calendar.write([new(fields, uid, kind)])[0]


def new(fields: Fields, uid: str, kind: Kind = Kind.APPOINTMENT) -> Write:
    return Write(kind=kind, verb=Verb.CREATE, uid=uid, id="", version="", changes=fields, target=fields)


def change(item: Item, changes: Fields, kind: Kind = Kind.APPOINTMENT) -> Write:
    target = {name: value for name, value in {**(item.fields or {}), **changes}.items() if value}
    return Write(
        kind=kind, verb=Verb.UPDATE, uid=item.uid, id=item.id, version=item.version, changes=changes, target=target
    )


def remove(item: Item, kind: Kind = Kind.APPOINTMENT) -> Write:
    return Write(kind=kind, verb=Verb.DELETE, uid=item.uid, id=item.id, version=item.version, changes={}, target={})


def everything(calendar: Calendar, kind: Kind = Kind.APPOINTMENT) -> list[Item]:
    return list(calendar.changes(kind, "").items)


# -- every side -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [SINGLE, DAYS, SERIES], ids=["single", "days", "series"])
def test_what_was_written_is_read_as_it_was_written(calendar: Calendar, fields: dict[str, str]) -> None:
    made = create(calendar, fields)
    read = everything(calendar)

    assert [(one.id, one.uid, one.fields) for one in read] == [(made.id, "u-1", fields)]


def test_a_task_is_read_as_it_was_written(calendar: Calendar) -> None:
    task = {name: value for name, value in TASK.items() if name in calendar.carried(Kind.TASK)}
    create(calendar, task, kind=Kind.TASK)

    assert task["title"] == TASK["title"]
    assert [one.fields for one in everything(calendar, Kind.TASK)] == [task]
    assert not everything(calendar)


@pytest.mark.parametrize("rule", RULES)
def test_every_pattern_is_read_as_it_was_written(calendar: Calendar, rule: str) -> None:
    fields = {**SERIES, "recurrence": rule}
    fields = {name: value for name, value in fields.items() if not name.startswith(EXCEPTION)}
    create(calendar, fields)

    assert everything(calendar)[0].fields == fields


def test_changes_are_told_once_and_as_things_are_now(calendar: Calendar) -> None:
    calendar.write([new(SINGLE, "a"), new(SINGLE, "b")])
    first = calendar.changes(Kind.APPOINTMENT, "")
    a, b = sorted(first.items, key=lambda one: one.uid)
    somebody(calendar).write([change(a, {"title": "neu", "location": ""}), remove(b)])
    then = calendar.changes(Kind.APPOINTMENT, first.token)
    told = {one.id: one.fields for one in then.items}

    assert told[b.id] is None
    assert told[a.id] == {name: value for name, value in {**SINGLE, "title": "neu"}.items() if name != "location"}
    assert not calendar.changes(Kind.APPOINTMENT, then.token).items


def test_what_was_changed_meanwhile_is_neither_overwritten_nor_deleted(calendar: Calendar) -> None:
    create(calendar, SINGLE)
    old = everything(calendar)[0]
    calendar.write([change(old, {"title": "by somebody else"})])

    assert calendar.write([change(old, {"title": "late"})]) == [Stale()]
    assert calendar.write([remove(old)]) == [Stale()]
    assert [(one.fields or {})["title"] for one in everything(calendar)] == ["by somebody else"]


def test_what_is_gone_is_missing_and_the_others_are_written(calendar: Calendar) -> None:
    calendar.write([new(SINGLE, "a"), new(SINGLE, "b")])
    a, b = sorted(everything(calendar), key=lambda one: one.uid)
    calendar.write([remove(a)])
    outcomes = calendar.write([change(a, {"title": "x"}), change(b, {"title": "y"})])

    assert outcomes[0] == Missing()
    assert isinstance(outcomes[1], Written)


def test_what_was_made_is_found_by_its_uid(calendar: Calendar) -> None:
    create(calendar, SINGLE, "u-7")
    create(calendar, TASK, "t-7", Kind.TASK)

    assert [one.uid for one in calendar.find(Kind.APPOINTMENT, ["u-7", "u-8"])] == ["u-7"]
    assert [one.uid for one in calendar.find(Kind.TASK, ["t-7"])] == ["t-7"]


def test_a_lost_token_is_said(calendar: Any) -> None:
    token = calendar.changes(Kind.APPOINTMENT, "").token
    calendar.lose_tokens() if isinstance(calendar, MemoryCalendar) else calendar.server.order("lose_tokens")

    with pytest.raises(TokenLost):
        calendar.changes(Kind.APPOINTMENT, token)


def test_many_changes_come_in_pages(calendar: Any) -> None:
    for start in range(0, 600, 100):
        calendar.write([new({**SINGLE, "title": str(at)}, f"u-{at}") for at in range(start, start + 100)])
    titles, token, more, pages = [], "", True, 0
    while more:
        page = calendar.changes(Kind.APPOINTMENT, token)
        titles += [(one.fields or {})["title"] for one in page.items]
        token, more, pages = page.token, page.more, pages + 1

    assert sorted(titles, key=int) == [str(at) for at in range(600)]
    assert pages == 2


# -- EWS alone --------------------------------------------------------------------------------------------------------


def test_a_series_that_is_changed_keeps_the_exceptions_that_were_said(ews: Any) -> None:
    create(ews, SERIES)
    item = everything(ews)[0]
    back = EXCEPTION + "2026-03-31T09:00:00"
    later = SERIES["when"].replace("T10:", "T11:")
    ews.write([change(item, {back: "", "when": later})])

    assert everything(ews)[0].fields == {
        name: later if name == "when" else one for name, one in SERIES.items() if name != back
    }


def test_occurrences_that_are_not_taken_are_named_and_the_others_are_written(
    ews: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, left_out = EXCEPTION + "2026-04-14T09:00:00", EXCEPTION + "2026-03-31T09:00:00"
    ews.server.order("refuse", title="unmöglich")
    monkeypatch.setattr(ews, "_deletes", lambda ids: [ErrorItemSave("not that one") for _ in ids])
    made = create(ews, {**SERIES, odd: differing({"title": "unmöglich"})})

    assert isinstance(made, Written)
    assert made.lacking == {odd, left_out}
    assert "occurrence of 2026-03-31T09:00:00: not that one; " in made.reason
    assert everything(ews)[0].fields == {name: value for name, value in SERIES.items() if name != left_out}


def test_a_busy_server_between_two_occurrences_refuses_nothing(ews: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ews, "_deletes", lambda ids: [ErrorServerBusy("later", back_off=1.5) for _ in ids])

    with pytest.raises(Away):
        create(ews, SERIES)


def test_an_exception_alone_is_written_without_the_series(ews: Any) -> None:
    create(ews, SERIES)
    item = everything(ews)[0]
    new_one = {EXCEPTION + "2026-04-14T09:00:00": DELETED}
    ews.write([change(item, new_one)])

    assert everything(ews)[0].fields == {**SERIES, **new_one}


def test_a_conference_is_marked_and_that_of_somebody_else_is_fixed(ews: Any) -> None:
    ews.server.appointment("eigene", more=CONFERENCE.format("Organizer"))
    ews.server.appointment("fremde", more=CONFERENCE.format("Accept"))
    ews.server.appointment("keine")
    marks = {(one.fields or {})["title"]: (one.conference, one.fixed) for one in everything(ews)}

    assert marks == {"eigene": (True, False), "fremde": (True, True), "keine": (False, False)}


def test_what_people_have_made_is_named_by_its_own_uid(ews: Any) -> None:
    ews.server.appointment("Besuch")
    item = everything(ews)[0]

    assert item.uid
    assert item.uid != item.id
    assert item.modified > datetime(2026, 1, 1, tzinfo=UTC)


def test_one_that_is_refused_does_not_hold_up_the_others(ews: Any) -> None:
    ews.server.order("refuse", title="böse")
    outcomes = ews.write([new({**SINGLE, "title": title}, title) for title in ("a", "böse", "b")])

    assert [type(one) for one in outcomes] == [Written, Refused, Written]
    assert "ErrorItemSave" in outcomes[1].reason


def test_an_item_that_cannot_be_read_does_not_hold_up_the_others(ews: Any) -> None:
    token = ews.changes(Kind.APPOINTMENT, "").token
    corrupt = ews.server.appointment("kaputt")
    ews.server.appointment("Besuch")
    ews.server.order("corrupt", id=corrupt)

    for page in (ews.changes(Kind.APPOINTMENT, token), ews.changes(Kind.APPOINTMENT, "")):
        assert [(one.fields or {})["title"] for one in page.items] == ["Besuch"]
        assert page.unreadable == {corrupt: "ErrorItemCorrupt: The item is corrupt."}


def test_what_exchange_cannot_say_is_refused_with_the_reason(ews: Any) -> None:
    odd = {**SERIES, "recurrence": "FREQ=MONTHLY;INTERVAL=1;BYDAY=MO,TH;BYSETPOS=1"}
    outcomes = ews.write([new(odd, "a"), new(SINGLE, "b")])

    assert outcomes[0] == Refused("Exchange cannot count MO, TH in a month")
    assert isinstance(outcomes[1], Written)


def test_a_busy_server_says_how_long_it_wants_to_be_left_alone(ews: Any) -> None:
    ews.server.fault("busy", "SyncFolderItems")

    with pytest.raises(Away) as caught:
        ews.changes(Kind.APPOINTMENT, "")
    assert caught.value.retry_after == timedelta(seconds=1.5)


@pytest.mark.parametrize("what", ["cut_before", "cut_after", "unavailable"])
def test_a_lost_connection_is_away_and_the_next_call_finds_what_was_taken(ews: Any, what: str) -> None:
    everything(ews)
    ews.server.fault(what, "CreateItem")
    with pytest.raises(Away):
        create(ews, SINGLE)

    assert len(ews.find(Kind.APPOINTMENT, ["u-1"])) == (what == "cut_after")


def test_what_it_has_written_itself_is_not_read_again(ews: Any) -> None:
    token = ews.changes(Kind.APPOINTMENT, "").token
    create(ews, SINGLE)
    before = ews.server.calls("GetItem")
    page = ews.changes(Kind.APPOINTMENT, token)

    assert not page.items
    assert page.token != token
    assert ews.server.calls("GetItem") == before


def test_a_mailbox_that_is_gone_is_departed_and_a_wrong_password_is_not(exchange: ExchangeServer, ews: Any) -> None:
    with pytest.raises(Away, match="does not let"):
        exchange.calendar(password="falsch").changes(Kind.APPOINTMENT, "")
    exchange.order("depart")
    with pytest.raises(Departed, match="no mailbox"):
        ews.changes(Kind.APPOINTMENT, "")
