"""A side of the sync in memory, and a book in memory that may die: the smallest things that keep their promises."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from server_business.exchange.calendar import Item, Missing, Outcome, Page, Stale, TokenLost, Write, Written
from server_business.exchange.draft import Draft
from server_business.exchange.engine import Marks
from server_business.exchange.items import CARRIED, Fields, Kind, spoken
from server_business.exchange.rules import Link, Note, Verb


class MemoryCalendar:
    """A calendar with tasks.

    Args:
        now: its clock.
        name: what its ids begin with.
        trip: called before and after every write; may raise.

    Attributes:
        items: what is there, by kind and id.
        written: every act that had an effect.
        page_size: how many changes are told at once.
        calls: how often it was called.
    """

    def __init__(self, now: Callable[[], datetime], name: str, trip: Callable[[str], None] = lambda _: None) -> None:
        self._now = now
        self._name = name
        self._trip = trip
        self._counter = 0
        self._epoch = 0
        self._feed: dict[Kind, dict[str, int]] = {kind: {} for kind in Kind}
        self.items: dict[Kind, dict[str, Item]] = {kind: {} for kind in Kind}
        self.written: list[Write] = []
        self.page_size = 512
        self.calls = 0

    # -- what the engine asks -----------------------------------------------------------------------------------------

    def carried(self, kind: Kind) -> frozenset[str]:
        return CARRIED[kind]

    def changes(self, kind: Kind, token: str) -> Page:
        self.calls += 1
        self._trip("changes")
        epoch, _, place = (token or f"{self._epoch}:0").partition(":")
        if int(epoch) != self._epoch:
            raise TokenLost
        feed = sorted((number, id_) for id_, number in self._feed[kind].items() if number > int(place))
        part = feed[: self.page_size]
        found = [self.items[kind].get(id_, Item(id=id_)) for _, id_ in part]
        items = found if token else [one for one in found if one.fields is not None]
        last = part[-1][0] if part else int(place)
        return Page(items=items, token=f"{self._epoch}:{last}", more=len(part) < len(feed))

    def look(self, _kind: Kind, _ids: Sequence[str], /) -> Sequence[Item]:
        return ()

    def find(self, kind: Kind, uids: Sequence[str]) -> Sequence[Item]:
        self.calls += 1
        return [one for one in self.items[kind].values() if one.uid in uids]

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        self.calls += 1
        outcomes = []
        for one in writes:
            self._trip("before")
            outcomes.append(self._apply(one))
            self._trip("after")
        return outcomes

    def _apply(self, one: Write) -> Outcome:
        if one.verb is Verb.CREATE:
            item = self.put(one.kind, one.target, uid=one.uid)
        else:
            there = self.items[one.kind].get(one.id)
            if there is None:
                return Missing()
            if there.version != one.version:
                return Stale()
            if one.verb is Verb.DELETE:
                self.remove(one.kind, one.id)
                self.written.append(one)
                return Written()
            assert there.fields is not None
            item = self.put(one.kind, spoken({**there.fields, **one.changes}), id_=one.id)
        self.written.append(one)
        return Written(id=item.id, version=item.version, modified=item.modified)

    # -- what people do -----------------------------------------------------------------------------------------------

    def put(self, kind: Kind, fields: Fields, *, id_: str = "", uid: str = "", **marks: bool) -> Item:
        """Make an item, or change what one says."""
        self._counter += 1
        id_ = id_ or f"{self._name}{self._counter}"
        old = self.items[kind].get(id_, Item(id=id_, uid=uid or f"{self._name}-uid-{self._counter}"))
        item = replace(old, fields=dict(fields), version=str(self._counter), modified=self._now(), **marks)
        self.items[kind][id_] = item
        self._told(kind, id_)
        return item

    def remove(self, kind: Kind, id_: str) -> None:
        """Delete an item."""
        del self.items[kind][id_]
        self._counter += 1
        self._told(kind, id_)

    def vanish(self, kind: Kind, id_: str) -> None:
        """Let an item be gone without anybody having deleted it."""
        del self.items[kind][id_]

    def move(self, kind: Kind, id_: str) -> Item:
        """Let an item leave the folder and come back, under another id."""
        item = self.items[kind][id_]
        self.remove(kind, id_)
        assert item.fields is not None
        return self.put(kind, item.fields, uid=item.uid)

    def lose_tokens(self) -> None:
        """Forget what was told to whom, and of what is gone that it ever was."""
        self._epoch += 1
        for kind in Kind:
            self._feed[kind] = {id_: number for id_, number in self._feed[kind].items() if id_ in self.items[kind]}

    def tell_again(self) -> None:
        """Tell of everything once more, as if it had changed."""
        for kind in Kind:
            for id_ in list(self._feed[kind]):
                self._counter += 1
                self._told(kind, id_)

    def _told(self, kind: Kind, id_: str) -> None:
        self._feed[kind][id_] = self._counter


class MemoryBook(Draft):
    """What is kept of a mailbox. Args: trip: called before and after every save; may raise."""

    def __init__(self, trip: Callable[[str], None] = lambda _: None) -> None:
        super().__init__()
        self._trip = trip

    def save(
        self,
        links: Sequence[tuple[Link, bool]],
        *,
        forgotten: Sequence[Link] = (),
        notes: Sequence[Note] = (),
        marks: Marks | None = None,
    ) -> None:
        self._trip("save")
        super().save(links, forgotten=forgotten, notes=notes, marks=marks)
        self._trip("saved")

    def lose_base(self) -> None:
        """Forget everything, as when an old backup was put back."""
        notes = self.notes
        Draft.__init__(self)
        self.notes = notes
