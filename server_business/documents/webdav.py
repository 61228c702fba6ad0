"""A WebDAV server as store (RFC 4918), with versions where it keeps them (DeltaV, RFC 3253), as Subversion does.

Bytes lie under their SHA-256, so a PUT that is repeated after a lost answer changes nothing. On a server with versions
the locator is the address of the version that was written: whatever happens at the path later, it stays as it was.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

import httpx

from server_business.documents.content_store import (
    PIECE,
    UNCHANGED,
    Missing,
    Parcel,
    StorageFull,
    StoreAway,
    refuse_encoded,
)

_CHECKED_IN: Final = "{DAV:}checked-in"
_LENGTH: Final = "{DAV:}getcontentlength"
_HREF: Final = "{DAV:}href"
_ASKED: Final = b'<?xml version="1.0"?><propfind xmlns="DAV:"><prop><checked-in/><getcontentlength/></prop></propfind>'
_LARGEST_ANSWER: Final = 1 << 20
_INSUFFICIENT_STORAGE: Final = 507


class WebDav:
    """A collection on a WebDAV server.

    Args:
        url: of the collection, which must exist.
        user, password: for Basic authentication; empty: none.
        timeout: seconds an answer, or the next piece of one, is waited for.
    """

    name = "webdav"

    def __init__(self, url: str, *, user: str = "", password: str = "", timeout: float = 60.0) -> None:
        self._url = url.rstrip("/")
        self._origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        auth = httpx.BasicAuth(user, password) if user else None
        self._client = httpx.Client(auth=auth, timeout=timeout, headers={"user-agent": "esoffice", **UNCHANGED})
        self._made: set[str] = set()

    def put(self, parcels: Sequence[Parcel]) -> list[str]:
        return [self._put(one) for one in parcels]

    def read(self, sha256: str, locator: str, offset: int = 0) -> Iterator[bytes]:
        headers = {"range": f"bytes={offset}-"} if offset else {}
        with self._errors(), self._client.stream("GET", self._address(sha256, locator), headers=headers) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return
            _accept(answer, httpx.codes.OK, httpx.codes.PARTIAL_CONTENT)
            refuse_encoded(answer.headers, self._url)
            skip = offset if answer.status_code == httpx.codes.OK else 0
            for piece in answer.iter_raw(PIECE):
                if len(piece) > skip:
                    yield piece[skip:]
                skip = max(0, skip - len(piece))

    def remove(self, sha256: str, locator: str) -> None:
        del locator  # what a version's address stands for cannot be removed
        with self._errors():
            answer = self._client.delete(self._address(sha256, ""))
            _accept(answer, httpx.codes.NO_CONTENT, httpx.codes.OK, httpx.codes.NOT_FOUND)

    def forgets(self, locator: str) -> bool:
        return not locator.startswith("/")

    def has(self, sha256: str, locator: str) -> bool:
        with self._errors():
            answer = self._client.head(self._address(sha256, locator))
            _accept(answer, httpx.codes.OK, httpx.codes.NOT_FOUND)
            return answer.status_code == httpx.codes.OK

    def close(self) -> None:
        self._client.close()

    def _put(self, parcel: Parcel) -> str:
        address = self._address(parcel.sha256, "")
        try:
            with self._errors():
                self._make(parcel.sha256[:2])
                headers = {"content-length": str(parcel.size), "content-type": "application/octet-stream"}
                answer = self._client.put(address, content=_pieces(parcel), headers=headers)
                _accept(answer, httpx.codes.CREATED, httpx.codes.NO_CONTENT, httpx.codes.OK)
                return self._version(parcel, address)
        except Missing as error:  # the collection itself
            raise StoreAway(f"{error}.") from error

    def _version(self, parcel: Parcel, address: str) -> str:
        """Return the address of the version just written; empty on a server that keeps none."""
        answer = self._client.request("PROPFIND", address, content=_ASKED, headers={"depth": "0"})
        _accept(answer, httpx.codes.MULTI_STATUS)
        if len(answer.content) > _LARGEST_ANSWER or b"<!DOCTYPE" in answer.content:
            raise StoreAway(f"{self._url} answers what is no property.")
        found = ET.fromstring(answer.content)  # noqa: S314 - no DOCTYPE, so no entities
        length = next((one.text for one in found.iter(_LENGTH)), "")
        if length != str(parcel.size):
            raise StoreAway(f"{self._url} has {length or 'no'} bytes of {parcel.sha256}, not {parcel.size}.")
        return next((href.text or "" for one in found.iter(_CHECKED_IN) for href in one.iter(_HREF)), "")

    def _make(self, folder: str) -> None:
        if folder not in self._made:
            answer = self._client.request("MKCOL", f"{self._url}/{folder}/")
            # 405: it is there already.
            _accept(answer, httpx.codes.CREATED, httpx.codes.METHOD_NOT_ALLOWED)
            self._made.add(folder)

    def _address(self, sha256: str, locator: str) -> str:
        return self._origin + locator if locator else f"{self._url}/{quote(sha256[:2])}/{quote(sha256)}"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise StoreAway(f"{self._url} does not answer: {error or type(error).__name__}.") from error


def _accept(answer: httpx.Response, *expected: int) -> None:
    """Raises Missing, StorageFull, StoreAway: the server says something else."""
    if answer.status_code in expected:
        return
    where = f"{answer.request.method} {answer.request.url.copy_with(userinfo=b'')}"
    if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        raise Missing(f"{where}: it is not there")
    if answer.status_code == _INSUFFICIENT_STORAGE:
        raise StorageFull(f"{where}: the server has no room.")
    raise StoreAway(f"{where}: the server says {answer.status_code} {answer.reason_phrase}.")


def _pieces(parcel: Parcel) -> Iterator[bytes]:
    if parcel.file is None:
        yield parcel.data or b""
        return
    with parcel.file.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
