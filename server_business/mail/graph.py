"""A mailbox of Exchange Online by Microsoft Graph. Blocking; used by one thread.

Every request asks for immutable ids, which a mail keeps when it is moved: whether it is still in its folder is what the
delta query says, not its id.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any, Final
from urllib.parse import quote

import httpx

from server_business.mail.source import FolderMissing, LoginRefused, NotFiled, SourceUnavailable
from server_business.mail.synced import HEAD_SIZE, Entry, Page, Respite, SyncStateLost, levels_of

_PREFER: Final = 'IdType="ImmutableId"'
_PAGE: Final = 500
_AT_ONCE: Final = 20  # requests in one batch, as Graph has it
_ASSUMED_SIZE: Final = 1024 * 1024  # Graph does not say how large a mail is
_LIMIT_SECONDS: Final = 30.0
_GONE: Final = frozenset({httpx.codes.NOT_FOUND})
_OF_ONE_MAIL: Final = frozenset({httpx.codes.BAD_REQUEST, httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY})
"""What is the matter with one mail, and will be the next time."""
_BUSY: Final = frozenset({
    httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT,
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphAccount:
    """Where and as whom to sign in.

    Args:
        name: the account's name in our settings.
        url: of the service, with its version.
        mailbox: its mail address.
        token: returns a valid OAuth2 access token; it keeps and renews it.
        refused: called when the server does not let in, so that another token is fetched next time.
        respite: how long the server asks to be left alone.
    """

    name: str
    url: str
    mailbox: str
    token: Callable[[], str] = field(repr=False)
    refused: Callable[[], object] = field(default=lambda: None, repr=False)
    respite: Respite


class GraphMailbox:
    """A `synced.Mailbox`."""

    def __init__(self, account: GraphAccount) -> None:
        self.account = account
        self._client: httpx.Client | None = None
        self._user = f"/users/{quote(account.mailbox)}"
        self._folder = ""

    def open(self, folder: str) -> str:
        self._client = httpx.Client(
            base_url=self.account.url.rstrip("/"), headers={"Prefer": _PREFER}, timeout=_LIMIT_SECONDS
        )
        found = self._path(folder, make=False)
        if not found:
            raise FolderMissing(f"the account {self.account.name!r} has no folder {folder!r}")
        self._folder = found
        return found

    def changes(self, state: str) -> Page:
        url = state or f"{self._user}/mailFolders/{self._folder}/messages/delta?$select=receivedDateTime,categories"
        said = self._asked("GET", url, headers={"Prefer": f"{_PREFER}, odata.maxpagesize={_PAGE}"})
        told = said.get("value", [])
        more = said.get("@odata.nextLink", "")
        return Page(
            # What only tells of a property that we have not asked for has no time; the mail is known then.
            entries=[_entry(one) for one in told if "@removed" not in one and "receivedDateTime" in one],
            gone=[one["id"] for one in told if "@removed" in one],
            state=more or said["@odata.deltaLink"],
            more=bool(more),
        )

    def contents(self, entries: Sequence[Entry], size_limit: int) -> Iterator[tuple[Entry, bytes, bool]]:
        for entry in entries:
            content = self._content(entry, size_limit)
            if content is not None:
                complete = len(content) <= size_limit
                yield entry, content if complete else content[: min(HEAD_SIZE, size_limit)], complete

    def move(self, ids: Sequence[str], folder: str) -> None:
        target = {"destinationId": self._path(folder, make=True)}
        self._batched([("POST", f"{self._user}/messages/{_part(one)}/move", target) for one in ids])

    def mark(self, entries: Sequence[Entry], name: str) -> None:
        self._batched(
            [
                (
                    "PATCH",
                    f"{self._user}/messages/{_part(one.id)}",
                    {"isRead": True, "categories": sorted({*one.marks, name})},
                )
                for one in entries
            ]
        )

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _path(self, folder: str, *, make: bool) -> str:
        in_inbox, levels = levels_of(folder)
        here = str(self._asked("GET", f"{self._user}/mailFolders/inbox?$select=id")["id"]) if in_inbox else ""
        for level in levels:
            place = f"{self._user}/mailFolders/{here}/childFolders" if here else f"{self._user}/mailFolders"
            found = self._named(place, level)
            if not found and make:
                made = self._asked("POST", place, json={"displayName": level}, fine=frozenset({httpx.codes.CONFLICT}))
                found = made.get("id") or self._named(place, level)  # a sister process was faster
            if not found:
                return ""
            here = found
        return here

    def _named(self, place: str, name: str) -> str:
        url = f"{place}?$select=id,displayName&$top=250"
        while url:
            said = self._asked("GET", url)
            for one in said.get("value", []):
                if one["displayName"].casefold() == name.casefold():
                    return str(one["id"])
            url = said.get("@odata.nextLink", "")
        return ""

    def _content(self, entry: Entry, size_limit: int) -> bytes | None:
        """Read a mail, of one that is too large a bit more than allowed; None if it is not there any more."""
        url = f"{self._user}/messages/{_part(entry.id)}/$value"
        with self._translated() as client, client.stream("GET", url, headers=self._authorized()) as answer:
            if answer.status_code in _GONE:
                return None
            if answer.status_code in _OF_ONE_MAIL:
                return b""  # it cannot be given, today or tomorrow: it is taken in empty, and blocks nobody
            self._check(answer)
            content = bytearray()
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > size_limit:
                    break
            return bytes(content)

    def _batched(self, requests: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        """Ask for many changes at once; who is not there any more was moved by an earlier attempt or by a person."""
        left = iter(requests)
        lying: list[str] = []
        while some := list(islice(left, _AT_ONCE)):
            numbers = count(1)
            said = self._asked(
                "POST",
                "/$batch",
                json={
                    "requests": [
                        {
                            "id": str(next(numbers)),
                            "method": method,
                            "url": url,
                            "headers": {"Content-Type": "application/json", "Prefer": _PREFER},
                            "body": body,
                        }
                        for method, url, body in some
                    ]
                },
            )
            for one in said.get("responses", []):
                if one["status"] in _OF_ONE_MAIL:
                    lying.append(str((one.get("body") or {}).get("error", {}).get("code", one["status"])))
                elif one["status"] not in _GONE:
                    self._judge(one["status"], one.get("headers", {}), one.get("body") or {})
        if lying:
            raise NotFiled(f"{len(lying)} mails of the account {self.account.name!r} cannot be filed: {lying[0]}")

    def _asked(
        self, method: str, url: str, *, headers: dict[str, str] | None = None, json: Any = None,
        fine: frozenset[int] = frozenset(),
    ) -> dict[str, Any]:  # fmt: skip
        if url.startswith("http") and not url.startswith(self.account.url.rstrip("/") + "/"):
            raise SourceUnavailable(f"{self.account.url} sends us on to another server; it would get our token")
        with self._translated() as client:
            answer = client.request(method, url, headers={**(headers or {}), **self._authorized()}, json=json)
            if answer.status_code in fine:
                return {}
            self._check(answer)
            said = answer.json()
        if not isinstance(said, dict):
            raise SourceUnavailable(f"{self.account.url} answers what is no answer of Microsoft Graph")
        return said

    def _authorized(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.account.token()}"}

    def _check(self, answer: httpx.Response) -> None:
        if answer.is_error:
            answer.read()
        try:
            said = answer.json() if answer.is_error else {}
        except ValueError:
            said = {}
        self._judge(answer.status_code, answer.headers, said if isinstance(said, dict) else {})

    def _judge(self, status: int, headers: Any, said: dict[str, Any]) -> None:
        account = self.account
        error = said.get("error") or {}
        code, text = str(error.get("code", status)), str(error.get("message", ""))
        if status in _BUSY:
            pause = str(headers.get("Retry-After", ""))
            raise account.respite.ask(timedelta(seconds=int(pause)) if pause.isdecimal() else None)
        if status == httpx.codes.GONE or code.casefold() in ("syncstatenotfound", "syncstateinvalid"):
            raise SyncStateLost
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN) or code == "ErrorInvalidUser":
            account.refused()
            raise LoginRefused(
                f"{account.url} does not let us into {account.mailbox} for the account {account.name!r}: {code}"
            )
        if status >= httpx.codes.BAD_REQUEST:
            raise SourceUnavailable(f"{account.url} for the account {account.name!r}: {code} {text}".strip())

    @contextmanager
    def _translated(self) -> Iterator[httpx.Client]:
        account = self.account
        if self._client is None:
            raise SourceUnavailable(f"the connection for the account {account.name!r} is not open")
        try:
            yield self._client
        except (httpx.HTTPError, ValueError) as error:
            said = error or type(error).__name__
            raise SourceUnavailable(f"{account.url} for the account {account.name!r}: {said}") from error


def _part(id_: str) -> str:
    return quote(id_, safe="")


def _entry(one: dict[str, Any]) -> Entry:
    return Entry(
        id=one["id"],
        received=datetime.fromisoformat(one["receivedDateTime"]).astimezone(UTC),
        size=_ASSUMED_SIZE,
        marks=frozenset(one.get("categories") or ()),
    )
