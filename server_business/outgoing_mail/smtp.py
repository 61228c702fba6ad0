"""Hands mails to an SMTP server (RFC 5321); tells apart refused, to be tried again, and what nobody knows."""

import contextlib
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import policy
from email.errors import MessageError
from enum import IntEnum
from typing import Any, Final

from dkim import DKIMException

from server_business.oauth2 import NoToken, TokenSource
from server_business.outgoing_mail.composing import compose, on_the_wire
from server_business.outgoing_mail.signing import Signer
from server_business.sending.carrier import Away, Mark
from server_business.sending.rules import Answer, Outcome

_GO_ON, _DONE, _FORWARDED, _LEAVING, _FOR_GOOD = 354, 250, 251, 421, 500
_INTERNATIONAL: Final = policy.SMTPUTF8.clone(max_line_length=76)


class Security(IntEnum):
    """The numbers are those of the settings."""

    NONE = 1
    STARTTLS = 2
    TLS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The outgoing server, as the settings say; with `tokens` instead of a password (XOAUTH2), with `signer` signed."""

    host: str
    port: int
    security: Security
    sender: str
    sender_name: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    tokens: TokenSource | None = field(default=None, repr=False)
    signer: Signer | None = None
    timeout: float = 60.0


class SmtpCarrier:
    """Keeps one connection for as long as there is something to send. Used by one thread.

    Args:
        server: where to.
        trust: whom it is to be shown by its certificate; None: this machine's CAs.
    """

    def __init__(self, server: Server, trust: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._trust = trust or ssl.create_default_context()
        self._connection: smtplib.SMTP | None = None

    def carry(self, row: Mapping[str, Any], mark: Mark) -> Outcome:
        """Hand a mail over. Raises Away: the server cannot be reached, or lets nobody in."""
        try:
            mail = compose(row, sender=self._server.sender, sender_name=self._server.sender_name)
            recipients = [on_the_wire(one) for one in (*row["to"], *row["cc"])]
            international = any(not one.isascii() for one in (*recipients, self._server.sender))
            content = mail.as_bytes(policy=_INTERNATIONAL if international else None)
            if self._server.signer is not None:
                content = self._server.signer.signed(content)
        except DKIMException as error:
            raise Away(f"mails cannot be signed, look at the settings of dkim: {error}") from error
        except (ValueError, MessageError) as error:
            return Outcome(answer=Answer.REFUSED, reason=f"it cannot be written as a mail: {error}")
        connection = self._connected()
        try:
            refused = self._announce(connection, recipients, international=international)
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            self._drop()
            raise Away(f"{self._place}: the connection was lost: {_words(error)}") from error
        if isinstance(refused, Outcome):
            return refused
        try:
            mark()
        except BaseException:
            self._drop()  # the server waits for the mail: it gets none
            raise
        return self._deliver(connection, _dotted(content), refused)

    def find(self, _: Mapping[str, Any]) -> Outcome | None:
        """SMTP cannot be asked."""
        return None

    def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                connection.quit()
            connection.close()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _announce(
        self, connection: smtplib.SMTP, recipients: list[str], *, international: bool
    ) -> tuple[str, ...] | Outcome:
        """Say from whom and to whom, up to DATA; return the recipients that are refused, or why it ends here."""
        if international and not connection.has_extn("smtputf8"):
            text = "the server takes no addresses with letters such as ä (SMTPUTF8)"
            return Outcome(answer=Answer.REFUSED, reason=text)
        code, said = connection.mail(self._server.sender, ["SMTPUTF8", "BODY=8BITMIME"] if international else [])
        if code != _DONE:
            return self._answered(connection, code, said)
        refused = []
        for one in recipients:
            code, said = connection.rcpt(one)
            if code in (_DONE, _FORWARDED):
                continue
            if code < _FOR_GOOD:  # all or nobody: nothing has been handed over yet
                return self._answered(connection, code, said)
            refused.append(one)
        if len(refused) == len(recipients):
            return self._answered(connection, code, said)
        code, said = connection.docmd("DATA")
        return tuple(refused) if code == _GO_ON else self._answered(connection, code, said)

    def _deliver(self, connection: smtplib.SMTP, content: bytes, refused: tuple[str, ...]) -> Outcome:
        try:
            connection.send(content)
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            self._drop()  # the end of the mail was not handed over, so the server has nothing
            return Outcome(answer=Answer.LATER, reason=f"the connection was lost within the mail: {_words(error)}")
        try:
            code, said = connection.getreply()
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            self._drop()
            return Outcome(answer=Answer.NONE, reason=f"the connection was lost before the answer: {_words(error)}")
        if code != _DONE:
            return self._answered(connection, code, said)
        return Outcome(answer=Answer.TAKEN, reason=_text(code, said), reference=_text(code, said), refused=refused)

    def _answered(self, connection: smtplib.SMTP, code: int, said: bytes) -> Outcome:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            connection.rset()
        if code == _LEAVING or code < 0:
            self.close()
        answer = Answer.REFUSED if code >= _FOR_GOOD else Answer.LATER
        return Outcome(answer=answer, reason=_text(code, said))

    @property
    def _place(self) -> str:
        return f"{self._server.host}:{self._server.port}"

    def _connected(self) -> smtplib.SMTP:
        if self._connection is not None:
            try:
                if self._connection.noop()[0] == _DONE:
                    return self._connection
            except (OSError, smtplib.SMTPException):
                pass
            self.close()
        try:
            self._connection = self._open()
        except NoToken as error:
            raise Away(f"{self._place}: {error.message}") from error
        except smtplib.SMTPAuthenticationError as error:
            if self._server.tokens is not None:
                self._server.tokens.forget()
            raise Away(f"{self._place} does not let '{self._server.user}' in: {_words(error)}") from error
        except (OSError, smtplib.SMTPException) as error:
            raise Away(f"{self._place} cannot be reached: {_words(error)}") from error
        return self._connection

    def _open(self) -> smtplib.SMTP:
        server = self._server
        if server.security is Security.TLS:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=server.timeout, context=self._trust
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=server.timeout)
        try:
            if server.security is Security.STARTTLS:
                connection.starttls(context=self._trust)
            connection.ehlo_or_helo_if_needed()
            if server.tokens is not None:
                # https://learn.microsoft.com/exchange/client-developer/legacy-protocols: SASL XOAUTH2
                token = server.tokens.current()
                connection.auth("XOAUTH2", lambda challenge=None: _xoauth2(server.user, token, challenge))
            elif server.user:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection


def _xoauth2(user: str, token: str, challenge: bytes | None) -> str:
    """Return what is said first; a challenge is the server's reason to refuse, answered by nothing."""
    return "" if challenge else f"user={user}\x01auth=Bearer {token}\x01\x01"


def _dotted(content: bytes) -> bytes:
    """Return the mail as DATA wants it: lines that begin with a dot get another one, a dot alone ends it."""
    lines = content.replace(b"\r\n.", b"\r\n..")
    if lines.startswith(b"."):
        lines = b"." + lines
    return lines + (b".\r\n" if lines.endswith(b"\r\n") else b"\r\n.\r\n")


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _text(error.smtp_code, error.smtp_error)
    return str(error) or type(error).__name__


def _text(code: int, said: bytes | str) -> str:
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(words.split())}".strip()
