"""A round between two sides in memory: what is taken in, and what is written down."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server_business.exchange.calendar import Away, Page
from server_business.exchange.engine import Engine
from server_business.exchange.items import CARRIED, Kind
from server_business.exchange.rules import Brake, Direction, Place, Policy
from tests.fakes.calendars import MemoryBook, MemoryCalendar

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
WHEN = "2026-12-01T08:00:00Z/2026-12-01T09:00:00Z"
POLICY = Policy(
    directions=dict.fromkeys(Kind, Direction.BOTH),
    carried=CARRIED,
    past=timedelta(days=30),
    future=timedelta(days=365),
)


class Side(MemoryCalendar):
    """A calendar that may be away when its tasks are asked for, and has an item that it cannot read."""

    away = False
    unreadable = ""

    def changes(self, kind: Kind, token: str) -> Page:
        if self.away and kind is Kind.TASK:
            raise Away("away")
        page = super().changes(kind, token)
        items = [one for one in page.items if one.id != self.unreadable]
        return replace(
            page, items=items, unreadable={self.unreadable: "corrupt"} if len(items) < len(page.items) else {}
        )


class World:
    """Both sides, and what is kept."""

    def __init__(self) -> None:
        self.saved: list[str] = []
        self.book = MemoryBook(self.saved.append)
        self.erp, self.exchange = (Side(lambda: NOW, place.name) for place in Place)
        sides = {Place.ERP: self.erp, Place.EXCHANGE: self.exchange}
        self.engine = Engine(self.book, sides, POLICY, Brake(), lambda: NOW)

    def titles(self, kind: Kind = Kind.APPOINTMENT) -> list[list[str]]:
        sides = (self.erp, self.exchange)
        return [sorted((one.fields or {})["title"] for one in side.items[kind].values()) for side in sides]


@pytest.fixture
def world() -> World:
    return World()


def test_a_task_that_waits_and_is_completed_meanwhile_is_not_written_as_open(world: World) -> None:
    task = {"title": "Angebot", "status": "open"}
    made = world.erp.put(Kind.TASK, task)
    world.exchange.away = True
    with pytest.raises(Away):
        world.engine.round()
    world.erp.put(Kind.TASK, {**task, "status": "completed"}, id_=made.id)
    with pytest.raises(Away):
        world.engine.round()
    world.exchange.away = False
    world.engine.round()
    world.engine.round()

    assert world.titles(Kind.TASK) == [["Angebot"], []]


def test_what_cannot_be_read_is_not_missing_when_everything_is_read_anew(world: World) -> None:
    world.erp.put(Kind.APPOINTMENT, {"title": "Wartung", "when": WHEN})
    world.engine.round()
    world.exchange.unreadable = next(iter(world.exchange.items[Kind.APPOINTMENT]))
    world.exchange.lose_tokens()
    report = world.engine.round()

    assert world.titles() == [["Wartung"], ["Wartung"]]
    assert report.unreadable == {world.exchange.unreadable: "corrupt"}
    assert not world.book.notes


def test_what_is_deleted_while_everything_is_read_anew_is_deleted_on_the_other_side(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for title in ("a", "b"):
        world.exchange.put(Kind.APPOINTMENT, {"title": title, "when": WHEN})
    world.engine.round()
    world.exchange.lose_tokens()
    world.exchange.page_size = 1
    first = next(iter(world.exchange.items[Kind.APPOINTMENT]))
    read = world.exchange.changes

    def changes(kind: Kind, token: str) -> Page:
        page = read(kind, token)
        if [one.id for one in page.items] == [first] and page.items[0].fields is not None:
            world.exchange.remove(Kind.APPOINTMENT, first)
        return page

    monkeypatch.setattr(world.exchange, "changes", changes)
    world.engine.round()

    assert world.titles() == [["b"], ["b"]]


def test_what_waits_to_come_into_the_window_is_not_written_down_again_in_every_round(world: World) -> None:
    world.erp.put(Kind.APPOINTMENT, {"title": "Jubiläum", "when": WHEN.replace("2026", "2030")})
    world.engine.round()
    world.saved.clear()
    world.engine.round()

    assert len(list(world.book.due(Kind.APPOINTMENT))) == 1
    assert not world.saved


def test_what_lies_where_a_side_does_not_look_is_not_missing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.erp.put(Kind.APPOINTMENT, {"title": "Wartung", "when": WHEN})
    world.engine.round()
    far = next(iter(world.exchange.items[Kind.APPOINTMENT].values()))
    monkeypatch.setattr(world.exchange, "look", lambda kind, ids: [far] if kind is Kind.APPOINTMENT and ids else [])
    monkeypatch.setattr(world.exchange, "changes", lambda *_: Page(items=[], token="1:0"))
    world.exchange.lose_tokens()
    world.book.save([], marks=replace(world.book.marks(), tokens={}))
    world.engine.round()

    assert world.titles() == [["Wartung"], ["Wartung"]]
    assert not world.book.notes
