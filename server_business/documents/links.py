"""Bytes that lie elsewhere and stay there: read where a link says, never written, never removed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx

from mesh.errors import InvalidArgument, Violation
from server_business.documents.content_store import PIECE, UNCHANGED, Missing, Parcel, StoreAway, refuse_encoded

NAME: Final = "link"
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({404, 410})


class Links:
    """Reads what lies below the settings' prefixes.

    Args:
        prefixes: such as `https://dms.example.de/`, `file:///mnt/plans/`; each ends with a slash.
    """

    name = NAME

    def __init__(self, prefixes: Sequence[str]) -> None:
        self._prefixes = tuple(prefixes)
        self._client = httpx.Client(timeout=60, headers={"user-agent": "esoffice", **UNCHANGED})

    def check(self, link: str) -> None:
        """Raises InvalidArgument: nothing may be linked there."""
        path = unquote(urlsplit(link).path)
        if not link.startswith(self._prefixes) or ".." in path.split("/") or "\\" in path:
            allowed = ", ".join(self._prefixes) or "none"
            raise InvalidArgument(
                [Violation("content.link", f"lies below none of the site's link_prefixes ({allowed})")]
            )

    def put(self, parcels: Sequence[Parcel]) -> list[str]:  # noqa: ARG002 - whatever it is
        raise StoreAway("Nothing is stored where documents are only linked.")

    def read(self, sha256: str, locator: str, offset: int = 0) -> Iterator[bytes]:
        del sha256
        skip = offset
        for piece in self._file(locator) if locator.startswith("file:") else self._web(locator):
            if len(piece) > skip:
                yield piece[skip:]
            skip = max(0, skip - len(piece))

    def remove(self, sha256: str, locator: str) -> None:
        """Leave it where it is: it is not ours."""

    def forgets(self, locator: str) -> bool:  # noqa: ARG002 - there is nothing here to be read
        return True

    def has(self, sha256: str, locator: str) -> bool:  # noqa: ARG002 - as above
        return False

    def close(self) -> None:
        self._client.close()

    def _file(self, link: str) -> Iterator[bytes]:
        path = Path(unquote(urlsplit(link).path))
        try:
            if not path.resolve(strict=True).as_uri().startswith(self._prefixes):
                raise Missing(f"moved: {link} leads out of the site's link_prefixes")
            with path.open("rb", buffering=0) as file:
                while piece := file.read(PIECE):
                    yield piece
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise Missing(f"missing: there is no file at {link}") from None
        except OSError as error:
            raise StoreAway(f"{link} cannot be read: {error.strerror}.") from error

    def _web(self, link: str) -> Iterator[bytes]:
        try:
            with self._client.stream("GET", link) as answer:
                if answer.status_code in _MOVED:
                    raise Missing(f"moved: {link} is at {answer.headers.get('location', 'another place')} now")
                if answer.status_code in _GONE:
                    raise Missing(f"missing: there is nothing at {link}")
                if answer.status_code != httpx.codes.OK:
                    raise StoreAway(f"{link}: the server says {answer.status_code}.")
                refuse_encoded(answer.headers, link)
                yield from answer.iter_raw(PIECE)
        except httpx.HTTPError as error:
            raise StoreAway(f"{link} does not answer: {error or type(error).__name__}.") from error
