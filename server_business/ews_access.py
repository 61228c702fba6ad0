"""The way to an Exchange server by Exchange Web Services: where it is, as whom to sign in, whom to trust."""

import logging
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, Self

import requests
from exchangelib import (
    BASIC,
    DELEGATE,
    IMPERSONATION,
    NTLM,
    Account,
    Configuration,
    Credentials,
    EWSTimeZone,
    FailFast,
    OAuth2AuthorizationCodeCredentials,
)
from exchangelib.autodiscover import discovery
from exchangelib.autodiscover.protocol import AutodiscoverProtocol
from exchangelib.protocol import BaseProtocol, Protocol
from exchangelib.transport import AUTH_TYPE_MAP
from exchangelib.version import EXCHANGE_2016, Version
from oauthlib.oauth2 import OAuth2Token

_BEARER: Final = "bearer"
# Of what fails it would log whole requests and answers. We say what went wrong, once.
logging.getLogger("exchangelib").setLevel(logging.CRITICAL)


class Access:
    """Opens mailboxes; for several threads. Either `password` or `token`.

    Args:
        url: of the service; empty: autodiscover finds it for each mailbox.
        user: who signs in.
        password: his.
        basic: by HTTP Basic instead of NTLM.
        token: returns a valid OAuth2 access token; it keeps and renews it.
        refused: called when the server does not let in, so that another token is fetched next time.
        ca_file: PEM file of certificates to trust besides those of the machine; empty: none.
    """

    def __init__(
        self,
        *,
        url: str = "",
        user: str = "",
        password: str = "",
        basic: bool = False,
        token: Callable[[], str] | None = None,
        refused: Callable[[], object] = lambda: None,
        ca_file: str = "",
    ) -> None:
        self.user = user
        self.refused = refused
        self._url = url
        self._password = password
        self._basic = basic
        self._token = token
        self._ca_file = ca_file
        self._found: dict[str, tuple[str, str]] = {}

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return self._url or "Exchange (autodiscover)"

    def account(self, address: str, *, impersonate: bool, alone: bool = False, zone: str = "UTC") -> Account:
        """Open a mailbox.

        Args:
            address: of the mailbox.
            impersonate: as its owner, with the right of impersonation, instead of as who signs in.
            alone: with connections of its own; otherwise all who sign in alike share one.
            zone: in which whole days are written.
        """
        if self._ca_file:
            _trust(self._ca_file)
        url, address = (self._url, address) if self._url else self._discovered(address)
        credentials = Credentials(self.user, self._token or self._password)
        if alone:
            credentials.alone = object()  # exchangelib keeps connections by all that credentials carry
        config = Configuration(
            service_endpoint=url,
            credentials=credentials,
            auth_type=_BEARER if self._token else BASIC if self._basic else NTLM,
            retry_policy=FailFast(),
            version=Version(EXCHANGE_2016),
        )
        account = Account(
            primary_smtp_address=address,
            config=config,
            autodiscover=False,
            access_type=IMPERSONATION if impersonate else DELEGATE,
            default_timezone=EWSTimeZone(zone),
        )
        if alone:
            _forget(config)
        return account

    def lost(self, address: str) -> None:
        """Look anew where a mailbox is: it was not found where it was."""
        self._found.pop(address, None)

    def _discovered(self, address: str) -> tuple[str, str]:
        if address not in self._found:
            credentials: Any = Credentials(self.user, self._password)
            credentials.basic = self._basic
            if self._token:
                said = OAuth2Token({"access_token": self._token(), "token_type": "Bearer"})
                credentials = OAuth2AuthorizationCodeCredentials(access_token=said)
            answer, protocol = discovery.Autodiscovery(email=address, credentials=credentials).discover()
            _forget(protocol.config)
            self._found[address] = (answer.ews_url, answer.autodiscover_smtp_address)
        return self._found[address]


class _ByToken(requests.auth.AuthBase):
    """Shows with every request the token that is valid then; as exchangelib has it, an account ends with its token."""

    def __init__(self, username: str, password: Callable[[], str]) -> None:
        self._user = username
        self._token = password

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token()}"
        return request


AUTH_TYPE_MAP[_BEARER] = _ByToken


def _forget(config: Configuration) -> None:
    """Let nobody else use these connections: exchangelib keeps them, and with them how they signed in."""
    with suppress(KeyError):
        del Protocol[config]


# -- certificates -----------------------------------------------------------------------------------------------------

_ca_files: frozenset[str] = frozenset()


def _trust(ca_file: str) -> None:
    global _ca_files  # noqa: PLW0603 - exchangelib has one adapter for all its connections
    if ca_file not in _ca_files:
        _context(frozenset({ca_file}))  # says now if it cannot be read
        _ca_files |= {ca_file}


@lru_cache
def _context(ca_files: frozenset[str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for ca_file in sorted(ca_files):
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise OSError(f"the CA certificates in {ca_file} cannot be read: {error}") from error
    return context


class _Adapter(requests.adapters.HTTPAdapter):
    """Trusts the certificates of the machine and of the site."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=_context(_ca_files))


BaseProtocol.HTTP_ADAPTER_CLS = _Adapter


# -- autodiscover -----------------------------------------------------------------------------------------------------


class _Memory(dict[Any, Any]):
    """What exchangelib has found. Its own keeps it in a file of the machine's temporary folder, which anybody may put
    there before, and which is executed when it is read.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class _Protocol(AutodiscoverProtocol):  # type: ignore[misc]
    """Signs in as the settings say; exchangelib would show the password to whoever asks for it on the way."""

    def get_auth_type(self) -> str:
        return str(BASIC if self.credentials.basic else NTLM)


discovery.autodiscover_cache = _Memory()
discovery.AutodiscoverProtocol = _Protocol
