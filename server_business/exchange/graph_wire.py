"""Requests to Microsoft Graph about one mailbox, and what its refusals mean here. Blocking; one thread at a time."""

import ssl
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import httpx

from server_business.exchange.calendar import Away, Departed, TokenLost
from server_business.oauth2 import NoToken

# An id that an item keeps when it is moved, and bodies without HTML.
_PREFER: Final = 'IdType="ImmutableId", outlook.body-content-type="text"'
_AT_ONCE: Final = 20
_LIMIT_SECONDS: Final = 60.0
_PAUSE: Final = timedelta(seconds=10)
_BUSY: Final = frozenset({
    httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT,
})  # fmt: skip
# These say nothing about what was asked: the same may be asked later.
_PASSING: Final = frozenset({
    "ErrorServerBusy", "ErrorInternalServerTransientError", "ErrorMailboxStoreUnavailable", "ErrorTimeoutExpired",
    "ErrorConnectionFailed", "ErrorTooManyObjectsOpened", "ApplicationThrottled", "TooManyRequests",
})  # fmt: skip
_NO_MAILBOX: Final = frozenset({"ErrorInvalidUser", "ErrorNonExistentMailbox", "MailboxNotEnabledForRESTAPI"})
_NOTHING: Final = frozenset({"Request_ResourceNotFound", "ResourceNotFound"})
"""No mailbox, unless an item was asked for."""
_LOST: Final = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired", "errorinvalidsyncstatedata"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where Microsoft Graph is, and as whom we are there.

    Attributes:
        url: of the service, with its version.
        token: returns a valid OAuth2 access token; it keeps and renews it.
        refused: called when the server does not let in, so that another token is fetched next time.
        ca_file: certificates to trust instead of those of the machine; empty: none.
    """

    url: str
    token: Callable[[], str] = field(repr=False)
    refused: Callable[[], object] = field(default=lambda: None, repr=False)
    ca_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One of a batch. `match`: the version it must still have."""

    url: str
    method: str = "GET"
    body: Mapping[str, Any] | None = None
    match: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """To one of a batch: what the item says, or what is the matter with it alone."""

    status: int
    said: Mapping[str, Any]

    @property
    def fine(self) -> bool:
        return self.status < httpx.codes.BAD_REQUEST

    @property
    def missing(self) -> bool:
        return self.status == httpx.codes.NOT_FOUND

    @property
    def stale(self) -> bool:
        return self.status == httpx.codes.PRECONDITION_FAILED or self._code() == "ErrorIrresolvableConflict"

    @property
    def reason(self) -> str:
        text = str((self.said.get("error") or {}).get("message", ""))
        return f"{self._code() or self.status}: {text}"

    def _code(self) -> str:
        return str((self.said.get("error") or {}).get("code", ""))


class Wire:
    """Of one mailbox.

    Every method raises Away or Departed.
    """

    def __init__(self, server: Server, address: str) -> None:
        self._server = server
        self._address = address
        self._base = server.url.rstrip("/")
        self._client: httpx.Client | None = None
        self.user = f"/users/{quote(address)}"

    def is_ours(self, url: str) -> bool:
        """Return whether a link leads to the server of the settings; any other one would get our token."""
        return url.startswith(self._base + "/")

    def get(self, url: str, page_size: int = 0) -> Mapping[str, Any]:
        """Return what is there.

        Raises:
            TokenLost: the server does not know any more from where on to tell.
        """
        prefer = f"{_PREFER}, odata.maxpagesize={page_size}" if page_size else _PREFER
        return self._asked("GET", url if url.startswith("http") else self._base + url, prefer)

    def every(self, url: str) -> Iterator[Mapping[str, Any]]:
        """Yield what a list has, page by page."""
        while url:
            said = self.get(url)
            yield from said.get("value", [])
            url = self.next_of(said)

    def next_of(self, said: Mapping[str, Any], name: str = "@odata.nextLink") -> str:
        """Return where a list goes on."""
        url = str(said.get(name, ""))
        if url and not self.is_ours(url):
            raise Away(f"{self._base} sends us on to another server; it would get our token")
        return url

    def batch(self, requests: Sequence[Request]) -> list[Answer]:
        """Ask for many things at once; one answer for each, in order."""
        found: list[Answer] = []
        for start in range(0, len(requests), _AT_ONCE):
            found += self._batch(requests[start : start + _AT_ONCE])
        return found

    def _batch(self, requests: Sequence[Request]) -> list[Answer]:
        asked = [_in_batch(str(number), one) for number, one in enumerate(requests)]
        said = self._asked("POST", f"{self._base}/$batch", _PREFER, {"requests": asked})
        answers = {one["id"]: one for one in said.get("responses", [])}
        found = []
        for one in asked:
            answer = answers.get(one["id"])
            if answer is None:
                raise Away(f"{self._base} leaves out an answer")
            body = answer.get("body") or {}
            body = body if isinstance(body, dict) else {}
            self._judge(answer["status"], answer.get("headers") or {}, body)
            found.append(Answer(answer["status"], body))
        return found

    def _asked(self, method: str, url: str, prefer: str, json: Any = None) -> Mapping[str, Any]:
        with self._translated() as client:
            headers = {"Prefer": prefer, "Authorization": f"Bearer {self._server.token()}"}
            answer = client.request(method, url, headers=headers, json=json)
            said = answer.json() if answer.content else {}
        if not isinstance(said, dict):
            raise Away(f"{self._base} answers what is no answer of Microsoft Graph")
        self._judge(answer.status_code, answer.headers, said)
        if answer.is_error:
            if (said.get("error") or {}).get("code") in _NOTHING:
                raise Departed(f"Microsoft Graph has no mailbox {self._address}")
            raise Away(f"Microsoft Graph for {self._address}: {Answer(answer.status_code, said).reason}")
        return said

    def _judge(self, status: int, headers: Mapping[str, str], said: Mapping[str, Any]) -> None:
        """Raise what is the matter with the server or the mailbox, rather than with what was asked for."""
        if status < httpx.codes.BAD_REQUEST:
            return
        code = str((said.get("error") or {}).get("code", ""))
        if status in _BUSY or code in _PASSING:
            pause = str(headers.get("Retry-After", ""))
            rest = timedelta(seconds=int(pause)) if pause.isdecimal() else _PAUSE
            raise Away(f"Microsoft Graph asks to be left alone for {rest.total_seconds():g} s.", rest)
        if code in _NO_MAILBOX:
            raise Departed(f"Microsoft Graph has no mailbox {self._address}: {code}")
        if status == httpx.codes.GONE or code.lower() in _LOST:
            raise TokenLost
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            self._server.refused()
            raise Away(f"Microsoft Graph does not let us into {self._address}: {code or status}")
        if status >= httpx.codes.INTERNAL_SERVER_ERROR and not code.startswith("Error"):
            raise Away(f"Microsoft Graph for {self._address}: {code or status}")

    @contextmanager
    def _translated(self) -> Iterator[httpx.Client]:
        if self._client is None:
            self._client = httpx.Client(timeout=_LIMIT_SECONDS, verify=_trust(self._server.ca_file))
            weakref.finalize(self, self._client.close)  # a mailbox is not closed, but let go of
        try:
            yield self._client
        except NoToken as error:
            raise Away(error.message) from error
        except (httpx.HTTPError, OSError, ValueError) as error:
            client, self._client = self._client, None
            client.close()
            raise Away(f"Microsoft Graph does not answer: {error or type(error).__name__}") from error


@cache
def _trust(ca_file: str) -> ssl.SSLContext:
    """Return which certificates are trusted; the same for all mailboxes, because to read them takes its time."""
    return ssl.create_default_context(cafile=ca_file) if ca_file else httpx.create_ssl_context()


def part(id_: str) -> str:
    """Return an id as a part of a path."""
    return quote(id_, safe="")


def _in_batch(id_: str, one: Request) -> dict[str, Any]:
    headers = {"Prefer": _PREFER}
    headers |= {"If-Match": one.match} if one.match else {}
    said = {"id": id_, "method": one.method, "url": one.url, "headers": headers}
    if one.body is not None:
        headers["Content-Type"] = "application/json"
        said["body"] = one.body
    return said
