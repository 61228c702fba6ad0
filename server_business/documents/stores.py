"""Several stores as one: new bytes go into the first, a locator says which one has the old ones."""

import hashlib
from collections.abc import Iterator, Sequence

from mesh.errors import InvalidArgument, Violation
from server_business.documents.content_store import ContentStore, Missing, Parcel, StoreAway
from server_business.documents.links import NAME, Links


class Stores:
    """What administrators changed over the years.

    Args:
        first: takes what is new.
        others: still have what is old.
    """

    name = "stores"

    def __init__(self, first: ContentStore, *others: ContentStore) -> None:
        self._first = first
        self._by_name = {one.name: one for one in (first, *others)}

    def put(self, parcels: Sequence[Parcel]) -> list[str]:
        return [f"{self._first.name}:{one}" for one in self._first.put(parcels)]

    def read(self, sha256: str, locator: str, offset: int = 0) -> Iterator[bytes]:
        store, place = self._of(locator)
        return store.read(sha256, place, offset)

    def remove(self, sha256: str, locator: str) -> None:
        for store, place in self._everywhere(locator):
            store.remove(sha256, place)

    def forgets(self, locator: str) -> bool:
        store, place = self._of(locator)
        return store.forgets(place)

    def has(self, sha256: str, locator: str) -> bool:
        return any(store.has(sha256, place) for store, place in self._everywhere(locator))

    def close(self) -> None:
        for one in self._by_name.values():
            one.close()

    def linked(self, uri: str) -> Parcel:
        """Read what stays where it is, to know it again. Raises InvalidArgument: it is not there, or may not be."""
        links = self._by_name.get(NAME)
        (links if isinstance(links, Links) else Links(())).check(uri)
        locator, digest, size = f"{NAME}:{uri}", hashlib.sha256(), 0
        try:
            for piece in self.read("", locator):
                digest.update(piece)
                size += len(piece)
        except Missing as error:
            raise InvalidArgument([Violation("content.link", str(error))]) from error
        return Parcel(sha256=digest.hexdigest(), size=size, link=locator)

    def _everywhere(self, locator: str) -> list[tuple[ContentStore, str]]:
        """Return every store: what broke off before it was settled may have left bytes in one no locator names."""
        named = self._of(locator)
        return [named, *((one, "") for one in self._by_name.values() if one is not named[0])]

    def _of(self, locator: str) -> tuple[ContentStore, str]:
        """Return who has bytes, and where; what was never settled can only be in the first."""
        name, _, place = locator.partition(":")
        store = self._by_name.get(name) if locator else self._first
        if store is None:
            raise StoreAway(f"The store '{name}' is not in the settings any more, but it has documents.")
        return store, place
