"""A book of which nothing is kept: for a plan, and for the tests of the engine."""

from collections.abc import Collection, Iterable, Sequence

from server_business.exchange.engine import Marks
from server_business.exchange.items import Kind
from server_business.exchange.rules import Link, Note, Place


class Draft:
    """Links in memory.

    Args:
        marks: to begin with.
        links: to begin with, and whether they are due.

    Attributes:
        links: by kind and uid.
        notes: that were written.
    """

    def __init__(self, marks: Marks | None = None, links: Iterable[tuple[Link, bool]] = ()) -> None:
        self._marks = marks or Marks()
        self._due: dict[tuple[Kind, str], None] = {}
        self._ids: dict[tuple[Kind, Place, str], str] = {}
        self.links: dict[tuple[Kind, str], Link] = {}
        self.notes: list[Note] = []
        self._put(links)

    def marks(self) -> Marks:
        return self._marks

    def by_id(self, kind: Kind, place: Place, ids: Collection[str]) -> Iterable[Link]:
        uids = [self._ids[kind, place, id_] for id_ in ids if (kind, place, id_) in self._ids]
        found = [self.links[kind, uid] for uid in uids if (kind, uid) in self.links]
        return [one for one in found if one.side(place).id in ids]

    def by_uid(self, kind: Kind, uids: Collection[str]) -> Iterable[Link]:
        return [self.links[kind, uid] for uid in uids if (kind, uid) in self.links]

    def there(self, kind: Kind, place: Place) -> Iterable[Link]:
        return [one for one in self.links.values() if one.kind is kind and one.side(place).seen is not None]

    def due(self, kind: Kind) -> Iterable[Link]:
        return [self.links[key] for key in self._due if key[0] is kind]

    def count(self, kind: Kind) -> int:
        return sum(1 for one in self.links.values() if one.kind is kind and one.linked)

    def save(
        self,
        links: Sequence[tuple[Link, bool]],
        *,
        forgotten: Sequence[Link] = (),
        notes: Sequence[Note] = (),
        marks: Marks | None = None,
    ) -> None:
        self._put(links)
        for link in forgotten:
            self.links.pop((link.kind, link.uid), None)
            self._due.pop((link.kind, link.uid), None)
        self.notes += notes
        self._marks = marks or self._marks

    def _put(self, links: Iterable[tuple[Link, bool]]) -> None:
        for link, due in links:
            key = (link.kind, link.uid)
            self.links[key] = link
            for place in Place:
                if link.side(place).id:
                    self._ids[link.kind, place, link.side(place).id] = link.uid
            if due:
                self._due[key] = None
            else:
                self._due.pop(key, None)
