"""The way into an IMAP account: where, as whom, how protected."""

import imaplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto

from imapclient import IMAPClient
from imapclient.exceptions import CapabilityError, LoginError

from server_business.mail import imap_quirks as quirks
from server_business.mail.source import LoginRefused, Shelves


class Security(Enum):
    """How the connection is protected; PLAIN only for servers on the same machine."""

    TLS = auto()
    STARTTLS = auto()
    PLAIN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapAccount:
    """Where and as whom to sign in; exactly one of `password` and `token`.

    Args:
        name: the account's name in our settings, part of every identity.
        folder: `/` between levels.
        token: returns a valid OAuth2 access token (XOAUTH2); it keeps and renews it.
        refused: called when the server does not let in, so that another token is fetched next time.
        ca_file: certificates to trust instead of the machine's.
        time_limit: of every single read and write.
        poll: how often a server without IDLE is asked for news.
    """

    name: str
    host: str
    port: int
    security: Security
    user: str
    password: str = field(default="", repr=False)
    token: Callable[[], str] | None = field(default=None, repr=False)
    refused: Callable[[], object] = field(default=lambda: None, repr=False)
    folder: str = "INBOX"
    shelves: Shelves = field(default_factory=Shelves)
    ca_file: str | None = None
    time_limit: timedelta = timedelta(seconds=30)
    poll: timedelta = timedelta(seconds=15)


def connected(account: ImapAccount) -> IMAPClient:
    """Open the connection, protected as the account says; nobody is signed in yet."""
    context = ssl.create_default_context(cafile=account.ca_file)
    client = IMAPClient(
        account.host,
        account.port,
        ssl=account.security is Security.TLS,
        ssl_context=context,
        timeout=account.time_limit.total_seconds(),
    )
    client.normalise_times = False  # INTERNALDATE with its zone, not in this machine's
    if account.security is Security.STARTTLS:
        client.starttls(context)
    return client


def sign_in(client: IMAPClient, account: ImapAccount) -> None:
    """Sign in by token or password.

    Raises:
        LoginRefused: the server knows no such user, password or token. One that is only busy raises imaplib's error.
    """
    try:
        if account.token:
            client.oauth2_login(account.user, account.token())
        else:
            client.login(account.user, account.password)
    except (LoginError, imaplib.IMAP4.error, CapabilityError) as error:
        if isinstance(error, imaplib.IMAP4.abort) or quirks.login_may_work_later(str(error)):
            raise
        account.refused()
        raise LoginRefused(
            f"{account.host} refuses to sign in {account.user!r} for the account {account.name!r}"
        ) from error
