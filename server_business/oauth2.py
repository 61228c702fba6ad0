"""Access tokens for mail servers by OAuth 2 client credentials (RFC 6749 section 4.4), kept until they nearly end."""

import threading
from dataclasses import dataclass, field
from typing import Final

import httpx

from mesh.clock import Clock
from mesh.errors import Unavailable

_LIMIT_SECONDS: Final = 20.0
_BEFORE_ITS_END: Final = 120.0
_USUAL_SECONDS: Final = 3600.0


class NoToken(Unavailable):
    """The issuer gives no token; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who asks for what, and where."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str


class Tokens:
    """Keeps one token; for several threads.

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
                self._token, seconds = self._fetch()
                self._until = self._clock.monotonic() + max(seconds - _BEFORE_ITS_END, 0.0)
            return self._token

    def forget(self) -> None:
        """Ask for another token next time: a server did not take this one."""
        with self._lock:
            self._token = ""

    def _fetch(self) -> tuple[str, float]:
        client = self._client
        asked = {
            "grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.client_secret,
            "scope": client.scope,
        }  # fmt: skip
        try:
            answer = httpx.post(client.token_url, data=asked, timeout=_LIMIT_SECONDS)
        except httpx.HTTPError as error:
            raise NoToken(f"{client.token_url} cannot be reached: {error or type(error).__name__}") from error
        said = _read(answer)
        token = said.get("access_token")
        if answer.status_code != httpx.codes.OK or not isinstance(token, str):
            why = said.get("error_description") or said.get("error") or f"status {answer.status_code}"
            raise NoToken(f"{client.token_url} gives '{client.client_id}' no token: {' '.join(str(why).split())[:300]}")
        try:
            return token, float(str(said.get("expires_in", _USUAL_SECONDS)))
        except ValueError:
            return token, _USUAL_SECONDS


def _read(answer: httpx.Response) -> dict[str, object]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
