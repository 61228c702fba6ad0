"""The documents over HTTP, for the DMZ Envoy: bytes by ticket, and the web page that shows them."""

import os
from collections.abc import Callable
from typing import Any, Final

from starlette.responses import PlainTextResponse

from mesh.clock import Clock
from mesh.database import Database
from mesh.errors import DomainError, Exhausted, NotFound, Unauthenticated
from mesh.threads import Threads
from server_es.web_documents import http, rules, store, tickets
from server_es.web_documents.fetches import Fetches
from server_es.web_documents.http import Asked, Part
from server_es.web_documents.rules import Place
from server_es.web_documents.shelf import Opened, Shelf
from server_es.web_documents.tickets import Tickets

Scope = dict[str, Any]
CHUNK: Final = 256 * 1024
_MATCHCODE_SECONDS: Final = 5.0
_REMEMBERED: Final = 10_000
_CONDITIONS: Final = {
    b"range": "range",
    b"if-range": "if_range",
    b"if-match": "if_match",
    b"if-none-match": "if_none_match",
    b"if-modified-since": "if_modified_since",
    b"if-unmodified-since": "if_unmodified_since",
}
_POLICY: Final = (
    b"default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; object-src 'self'; frame-ancestors 'self'"
)
# A document is shown by the page that asked for it and may do nothing itself.
_GUARD: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", _POLICY),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    # Nothing stays outside: no proxy keeps it, and a browser asks each time whether it is still the same.
    (b"cache-control", b"private, no-cache"),
]
_STATUS: Final[list[tuple[type[DomainError], int]]] = [(Unauthenticated, 401), (NotFound, 404), (Exhausted, 429)]


class Truncated(Exception):
    """A document became shorter while it was sent; the connection breaks off, so that nobody takes it for whole."""


class Gate:
    """An ASGI application.

    Args:
        database: of server_es.
        shelf: the documents on disk.
        tickets: says who comes.
        fetches: notes who fetched what.
        disk: threads that wait for the disk.
        clock: the machine's.
        page: answers for every other path.
    """

    def __init__(
        self,
        database: Database,
        *,
        shelf: Shelf,
        tickets: Tickets,
        fetches: Fetches,
        disk: Threads,
        clock: Clock,
        page: Any,
    ) -> None:
        self._database = database
        self._shelf = shelf
        self._tickets = tickets
        self._fetches = fetches
        self._disk = disk
        self._clock = clock
        self._page = page
        self._matchcodes: dict[str, tuple[float, str]] = {}

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        raw: bytes = scope["raw_path"]
        if not raw.startswith(rules.DOCUMENTS.encode()):
            await self._page(scope, receive, send)
            return
        try:
            if scope["method"] not in ("GET", "HEAD"):
                await PlainTextResponse("only GET and HEAD", 405, {"allow": "GET, HEAD"})(scope, receive, send)
                return
            await self._document(scope, raw.partition(b"?")[0], send)
        except DomainError as error:
            status = next((code for kind, code in _STATUS if isinstance(error, kind)), 503)
            await PlainTextResponse(error.message, status, {"cache-control": "no-store"})(scope, receive, send)

    async def _document(self, scope: Scope, path: bytes, send: Callable[..., Any]) -> None:
        asked: dict[str, str] = {}
        shown, address = "", ""
        for key, value in scope["headers"]:
            if key in _CONDITIONS:
                asked[_CONDITIONS[key]] = value.decode("latin-1")
            elif key in (b"x-ticket", b"cookie"):
                shown = tickets.shown_in([(key.decode(), value.decode("latin-1"))]) or shown
            elif key == b"x-forwarded-for":
                address = value.decode("latin-1").rpartition(",")[2].strip()
        if not shown:
            raise Unauthenticated("show a ticket in the cookie __Host-ticket or the header x-ticket")
        admitted = await self._tickets.admit(shown)
        at = rules.place(path)
        folder = self._shelf.structure.folders.get(at.folder) if at else None
        if at is None or folder is None or not admitted.visitor.sees(at.system, folder):
            raise NotFound("there is no such document")
        matchcode = await self._matchcode(at.system)
        wants_body = scope["method"] == "GET"
        opened, part, first = await self._disk.run(self._open, matchcode, at, Asked(**asked), wants_body)
        try:
            headers = _headers(at, opened, part, shown=b"inline" in scope["query_string"].split(b"&"))
            if wants_body and part.status in (http.OK, http.PARTIAL):
                self._fetches.note(admitted, at, address)
            await send({"type": "http.response.start", "status": part.status, "headers": headers})
            await self._send(opened, part, first, send, wants_body=wants_body)
        finally:
            opened.close()

    def _open(self, matchcode: str, at: Place, asked: Asked, wants_body: bool) -> tuple[Opened, Part, bytes]:  # noqa: FBT001
        """Open, decide and read the first piece in one hop: a small document is one."""
        opened = self._shelf.open(matchcode, at)
        try:
            part = http.part(asked, tag=opened.tag, size=opened.size, written=opened.written)
            first = _read(opened, part.start, part.end) if wants_body and part.end > part.start else b""
        except BaseException:
            opened.close()
            raise
        return opened, part, first

    async def _send(
        self, opened: Opened, part: Part, first: bytes, send: Callable[..., Any], *, wants_body: bool
    ) -> None:
        if not wants_body or part.status not in (http.OK, http.PARTIAL):
            await send({"type": "http.response.body", "body": b""})
            return
        sent, piece = part.start, first
        while True:
            sent += len(piece)
            more = sent < part.end
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            if not more:
                return
            piece = await self._disk.run(_read, opened, sent, part.end)

    async def _matchcode(self, number: str) -> str:
        known = self._matchcodes.get(number)
        now = self._clock.monotonic()
        if known is not None and now < known[0]:
            return known[1]
        row = await self._database.read(store.find_system, number)
        if row is None:
            raise NotFound("there is no such document")
        if len(self._matchcodes) >= _REMEMBERED:
            self._matchcodes.clear()
        self._matchcodes[number] = (now + _MATCHCODE_SECONDS, row["matchcode"])
        return str(row["matchcode"])


def _read(opened: Opened, start: int, end: int) -> bytes:
    piece = os.pread(opened.handle, min(CHUNK, end - start), start)
    if not piece:
        raise Truncated
    return piece


def _headers(at: Place, opened: Opened, part: Part, *, shown: bool) -> list[tuple[bytes, bytes]]:
    kind = http.content_type(at.name)
    headers = [
        (b"etag", opened.tag.encode()),
        (b"last-modified", http.date(opened.written).encode()),
        (b"accept-ranges", b"bytes"),
        *_GUARD,
    ]
    if part.status in (http.OK, http.PARTIAL):
        headers += [
            (b"content-type", kind.encode()),
            (b"content-disposition", http.disposition(at.name, shown=shown and kind in http.SHOWN).encode()),
            (b"content-length", str(part.end - part.start).encode()),
        ]
    elif part.status != http.NOT_MODIFIED:
        headers.append((b"content-length", b"0"))
    if part.status == http.PARTIAL:
        headers.append((b"content-range", f"bytes {part.start}-{part.end - 1}/{opened.size}".encode()))
    elif part.status == http.UNSATISFIABLE:
        headers.append((b"content-range", f"bytes */{opened.size}".encode()))
    return headers
