"""Access tokens for mail servers by OAuth 2, from any issuer, kept until they nearly end.

By client credentials (RFC 6749 section 4.4) the service signs in as itself; how a person lets it sign in stands in
`server_business.sign_ins`.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import httpx

from mesh.clock import Clock
from mesh.errors import Unavailable

_LIMIT_SECONDS: Final = 20.0
_BEFORE_ITS_END: Final = 120.0
_USUAL_SECONDS: Final = 3600.0
_CODE_SECONDS: Final = 900.0


class NoToken(Unavailable):
    """The issuer gives no token; says why."""


class IssuerRefused(NoToken):
    """The issuer has answered, and gives none.

    Attributes:
        error: its code, such as `invalid_grant`; never empty.
        text: its words.
    """

    def __init__(self, message: str, error: str, text: str) -> None:
        super().__init__(message)
        self.error = error
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who asks for what, and where.

    Args:
        token_url: where tokens are asked for.
        client_id: of this service at the issuer.
        client_secret: empty: it has none.
        scope: what is asked for.
        device_url: where a person's sign-in begins; empty: the service signs in as itself.
    """

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str
    device_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What an issuer has given; `refresh` asks for the next one, `seconds` is how long it holds."""

    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A sign-in that waits for a person; `interval` in seconds, 0: not said."""

    device_code: str = field(repr=False)
    user_code: str
    page: str
    page_with_code: str
    seconds: float
    interval: float


class TokenSource(Protocol):
    """Gives tokens; for several threads."""

    def current(self) -> str:
        """Return a token that is valid for a while. Raises NoToken."""

    def forget(self) -> None:
        """Ask for another token next time: a server did not take this one."""


class Tokens:
    """Keeps one token by client credentials; for several threads.

    Args:
        client: for whom.
        clock: when a token ends.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def current(self) -> str:
        """Return a token that is valid for a while. Raises NoToken."""
        with self._lock:
            if not self._token or self._clock.monotonic() >= self._until:
                said = ask(self._client, {"grant_type": "client_credentials"})
                self._token, self._until = said.access, self._clock.monotonic() + valid_for(said)
            return self._token

    def forget(self) -> None:
        """Ask for another token next time: a server did not take this one."""
        with self._lock:
            self._token = ""


def valid_for(token: Token) -> float:
    """Return for how many seconds a token is used: until it nearly ends."""
    return max(token.seconds - _BEFORE_ITS_END, 0.0)


def ask(client: Client, grant: Mapping[str, str]) -> Token:
    """Ask for a token.

    Raises:
        IssuerRefused: the issuer gives none.
        NoToken: it cannot be reached.
    """
    said = _posted(client, client.token_url, grant)
    token = said.get("access_token")
    if not isinstance(token, str) or not token:
        raise _refusal(client, client.token_url, said, "an answer without a token")
    refresh = said.get("refresh_token")
    seconds = _seconds(said.get("expires_in"), _USUAL_SECONDS)
    return Token(access=token, refresh=refresh if isinstance(refresh, str) else "", seconds=seconds)


def begin(client: Client) -> Begun:
    """Begin a person's sign-in. Raises as `ask`."""
    said = _posted(client, client.device_url, {})
    device, code = said.get("device_code"), said.get("user_code")
    page = said.get("verification_uri") or said.get("verification_url")
    if not (device and code and page):
        raise _refusal(client, client.device_url, said, "an answer without a code")
    return Begun(
        device_code=str(device),
        user_code=str(code),
        page=str(page),
        page_with_code=str(said.get("verification_uri_complete") or ""),
        seconds=_seconds(said.get("expires_in"), _CODE_SECONDS),
        interval=_seconds(said.get("interval"), 0.0),
    )


def _posted(client: Client, url: str, more: Mapping[str, str]) -> dict[str, object]:
    secret = {"client_secret": client.client_secret} if client.client_secret else {}
    form = {"client_id": client.client_id, "scope": client.scope, **secret, **more}
    try:
        answer = httpx.post(url, data=form, timeout=_LIMIT_SECONDS)
    except httpx.HTTPError as error:
        raise NoToken(f"{url} cannot be reached: {error or type(error).__name__}") from error
    said = _read(answer)
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR and "error" not in said:
        raise NoToken(f"{url} cannot be asked now: status {answer.status_code}")
    if answer.status_code != httpx.codes.OK:
        raise _refusal(client, url, said, f"status {answer.status_code}")
    return said


def _refusal(client: Client, url: str, said: Mapping[str, object], otherwise: str) -> IssuerRefused:
    error = str(said.get("error") or otherwise)
    text = " ".join(str(said.get("error_description") or error).split())[:300]
    return IssuerRefused(f"{url} gives '{client.client_id}' no token: {text}", error, text)


def _read(answer: httpx.Response) -> dict[str, object]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _seconds(said: object, otherwise: float) -> float:
    try:
        return float(str(said))
    except ValueError:
        return otherwise
