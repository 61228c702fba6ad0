"""Where the bytes of documents lie: the port that every store fills."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from mesh.errors import Exhausted, Unavailable

PIECE: Final = 1 << 20
"""Bytes are read in pieces of this size, the last one apart."""


class StorageFull(Exhausted):
    """There is no room for the bytes."""

    reason = "STORAGE_FULL"


class StoreAway(Unavailable):
    """The store does not answer; nothing is known of what was asked."""


class Missing(Exception):
    """The bytes are not where they were put."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Bytes to be stored.

    Attributes:
        sha256: what they are known by.
        size: how many.
        data: the bytes, or None when they lie in `file`.
        file: where they lie, durable already; the store may take the file away.
        link: locator of bytes that stay elsewhere; nothing is stored then.
    """

    sha256: str
    size: int
    data: bytes | None = None
    file: Path | None = None
    link: str = ""


class ContentStore(Protocol):
    """Keeps bytes that never change. Used by several threads at once.

    To put the same bytes twice is to put them once: after a crash everything is simply put again.
    """

    name: str
    """Short name, the first part of locators where there are several stores."""

    def put(self, parcels: Sequence[Parcel]) -> list[str]:
        """Store bytes and return where each lies; durable when it returns.

        Raises:
            StorageFull: there is no room.
            StoreAway: it cannot be reached; what was stored so far may stay.
        """

    def read(self, sha256: str, locator: str, offset: int = 0) -> Iterator[bytes]:
        """Yield the bytes from an offset on, in pieces.

        Raises:
            Missing: they are not there.
            StoreAway: it cannot be reached.
        """

    def remove(self, sha256: str, locator: str) -> None:
        """Remove bytes for good, all traces that can be read. Those that are gone already are no error.

        Raises:
            StoreAway: it cannot be reached.
        """

    def forgets(self, locator: str) -> bool:
        """Tell whether `remove` leaves nothing to be read, as it does not where every version is kept for ever."""

    def has(self, sha256: str, locator: str) -> bool:
        """Tell whether the bytes can still be read, so that nobody has to believe `remove`. Raises as `read`."""

    def close(self) -> None:
        """Give back what is open."""


UNCHANGED: Final = {"accept-encoding": "identity"}
"""Headers of a request over HTTP whose answer is compared byte by byte: nobody may compress it on the way."""


def refuse_encoded(headers: Mapping[str, str], where: str) -> None:
    """Raises StoreAway: an answer is compressed although `UNCHANGED` was sent."""
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise StoreAway(f"{where}: the server sends other bytes than it has ({encoding}), though asked not to.")
