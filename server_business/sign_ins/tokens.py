"""Tokens of accounts for which a person has signed in. Kept are the refresh tokens, sealed, in the database."""

import threading
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from mesh.clock import Clock
from mesh.database import Database, UnitOfWork
from mesh.errors import AlreadyExists, DomainError
from mesh.sealing import FILE, SecretBox
from server_business.oauth2 import Client, IssuerRefused, NoToken, Token, ask, valid_for
from server_business.sign_ins import store
from server_business.sign_ins.rules import has_to_sign_in

OUTGOING: Final = "outgoingMail"


class NotSignedIn(NoToken):
    """A person has to sign in (again)."""


class SignIns:
    """Keeps the sign-ins of all accounts.

    Args:
        database: of server_business.
        keys: folder of the key that seals them; the same for all replicas.
        clock: when a token ends.
    """

    def __init__(self, database: Database, keys: Path, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._lock = threading.Lock()
        self._box: SecretBox | None = None
        self._known: dict[str, PersonTokens] = {}
        self._then: dict[str, list[Callable[[], object]]] = {}

    def of(self, account: str, client: Client) -> "PersonTokens":
        """Return the tokens of an account: the same to all who ask, so that they renew it once."""
        return self._known.setdefault(account, PersonTokens(self, account, client, self._clock))

    def then(self, account: str, ring: Callable[[], object]) -> None:
        """Call when somebody has signed in for an account."""
        self._then.setdefault(account, []).append(ring)

    def client(self, account: str) -> Client | None:
        """Return for whom a person can sign in; None: the account signs in in another way."""
        known = self._known.get(account)
        return known.client if known else None

    def signed_in(self, account: str, client: Client, refresh_token: str) -> None:
        """Keep a new sign-in, and let everybody who waits for it go on."""
        sealed = self.box().seal(account, refresh_token)
        with self._database.unit() as unit:
            store.put(unit, account, fingerprint(client), sealed)
        self._known[account].forget()
        for ring in self._then.get(account, ()):
            ring()

    def kept(self, account: str) -> Any:
        with self._database.reading() as unit:
            return store.get(unit, account)

    def note(self, change: Callable[[UnitOfWork], None]) -> None:
        with self._database.unit() as unit:
            change(unit)

    def box(self) -> SecretBox:
        with self._lock:
            if self._box is None:
                if not (self._keys / FILE).exists():
                    with suppress(AlreadyExists):  # another replica with the same folder
                        SecretBox.create(self._keys)
                self._box = SecretBox.load(self._keys)
            return self._box


class PersonTokens:
    """The tokens of one account; a `server_business.oauth2.TokenSource`."""

    def __init__(self, sign_ins: SignIns, account: str, client: Client, clock: Clock) -> None:
        self.client = client
        self._sign_ins = sign_ins
        self._account = account
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def current(self) -> str:
        """Return a token that is valid for a while.

        Raises:
            NotSignedIn: a person has to sign in.
            NoToken: the issuer cannot be asked now.
        """
        with self._lock:
            if not self._token or self._clock.monotonic() >= self._until:
                said = self._renewed()
                self._token, self._until = said.access, self._clock.monotonic() + valid_for(said)
            return self._token

    def forget(self) -> None:
        """Ask for another token next time."""
        with self._lock:
            self._token = ""

    def _renewed(self) -> Token:
        row = self._sign_ins.kept(self._account)
        if row is None or row.client != fingerprint(self.client):
            raise self._missing("nobody has signed in yet")
        if row.refused:
            raise self._missing(row.refused)
        try:
            refresh_token = self._sign_ins.box().open(self._account, row.sealed)
        except DomainError as error:
            raise self._missing(error.message) from error
        try:
            said = ask(self.client, {"grant_type": "refresh_token", "refresh_token": refresh_token})
        except IssuerRefused as error:
            why = error.text
            if not has_to_sign_in(error.error):
                raise
            self._sign_ins.note(lambda unit: store.refuse(unit, self._account, row.sealed, why))
            raise self._missing(why) from error
        if said.refresh and said.refresh != refresh_token:
            sealed = self._sign_ins.box().seal(self._account, said.refresh)
            self._sign_ins.note(lambda unit: store.renew(unit, self._account, row.sealed, sealed))
        return said

    def _missing(self, why: str) -> NotSignedIn:
        name = self._account.partition("/")[2]
        command = f"esconfig mails sign-in {name}" if name else "esconfig outgoing sign-in"
        return NotSignedIn(f"a person has to sign in, by `{command}`: {why}")


def fingerprint(client: Client) -> str:
    """Return what a sign-in holds for."""
    return sha256(f"{client.token_url}\n{client.client_id}\n{client.scope}".encode()).hexdigest()
