"""The mailbox of a history on a real server: people and the sync both work on it over Microsoft Graph."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from server_business.exchange.calendar import Item, Outcome, Page, Write, Written
from server_business.exchange.graph import GraphCalendar
from server_business.exchange.items import Fields, Kind
from server_business.exchange.rules import Verb
from tests.builders.graph_server import GraphServer
from tests.builders.sync_histories import World

_UNSAID = {"importance": "normal", "availability": "busy"}


class GraphSide:
    """What a `MemoryCalendar` is to a history.

    Args:
        server: with an empty mailbox.
        world: whose clock counts, and in which the process may die.
    """

    def __init__(self, server: GraphServer, world: World) -> None:
        server.order("mailbox")
        self._server = server
        self._world = world
        self._opened = self._open()
        self._people = self._open()
        self._counter = 0
        self.written: list[Write] = []

    def _open(self) -> GraphCalendar:
        return self._server.calendar(now=lambda: self._world.clock)

    # -- what the engine asks -----------------------------------------------------------------------------------------

    def carried(self, kind: Kind) -> frozenset[str]:
        return self._opened.carried(kind)

    def changes(self, kind: Kind, token: str) -> Page:
        self._world.trip("changes")
        page = self._opened.changes(kind, token)
        return replace(page, items=[_plain(one) for one in page.items])

    def look(self, kind: Kind, ids: Sequence[str], /) -> Sequence[Item]:
        return [_plain(one) for one in self._opened.look(kind, ids)]

    def find(self, kind: Kind, uids: Sequence[str], /) -> Sequence[Item]:
        return [_plain(one) for one in self._opened.find(kind, uids)]

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        for one in writes:
            self._world.trip("before")
            outcomes += self._opened.write([one])
            self.written += [one] if isinstance(outcomes[-1], Written) else []
            self._world.trip("after")
        return outcomes

    # -- what people do -----------------------------------------------------------------------------------------------

    @property
    def items(self) -> Mapping[Kind, Mapping[str, Item]]:
        return {kind: {one.id: _plain(one) for one in self._people.changes(kind, "").items} for kind in Kind}

    def put(self, kind: Kind, fields: Fields, *, id_: str = "", uid: str = "") -> Item:
        self._counter += 1
        there = self.items[kind].get(id_)
        write = Write(
            kind=kind,
            verb=Verb.UPDATE if there else Verb.CREATE,
            uid=uid or f"graph-uid-{self._counter}",
            id=id_,
            version=there.version if there else "",
            changes=fields,
            target=fields,
        )
        (outcome,) = self._people.write([write])
        assert isinstance(outcome, Written)
        return self.items[kind][outcome.id]

    def remove(self, kind: Kind, id_: str) -> None:
        self._server.order("remove", id=id_)

    def vanish(self, kind: Kind, id_: str) -> None:
        self._server.order("vanish", id=id_)

    def move(self, kind: Kind, id_: str) -> Item:
        item = self.items[kind][id_]
        self.remove(kind, id_)
        assert item.fields is not None
        return self.put(kind, item.fields, uid=item.uid)

    def lose_tokens(self) -> None:
        self._server.order("lose_tokens")

    def tell_again(self) -> None:
        self._server.order("tell_again")


def mailbox_of(server: GraphServer) -> Callable[[World], GraphSide]:
    """Return what makes the mailbox of a history."""
    return lambda world: GraphSide(server, world)


def _plain(item: Item) -> Item:
    """Leave out what an item says without anybody having said it."""
    if item.fields is None:
        return item
    return replace(item, fields={name: one for name, one in item.fields.items() if _UNSAID.get(name) != one})
