"""Streaming subscriptions of Exchange Web Services: the server tells at once that something has changed.

What it tells is a hint and nothing more: a bell rings, and whoever looks then finds what there is. A notification that
is lost costs the time until the next regular look.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Final

import requests
from exchangelib import errors as ews_errors
from exchangelib.services import GetStreamingEvents, SubscribeToStreaming

from mesh import log
from mesh.errors import DomainError, Unavailable
from mesh.wakeups import Doorbell
from mesh.workers import Turn, Worker
from server_business.ews_ears import Ear
from server_business.oauth2 import NoToken

MOST: Final = 200
"""Mailboxes that one connection may carry, as Exchange has it."""
_MINUTES: Final = 1  # a connection lasts, as short as Exchange allows: each one begins with a lease
_SILENCE: Final = 75.0  # seconds; a server that says so little is dead: it sends heartbeats
_LOOK: Final = 0.5
_SOON: Final = timedelta(seconds=60)
_OF_ALL: Final = (
    ews_errors.ErrorServerBusy,
    ews_errors.ErrorTimeoutExpired,
    ews_errors.ErrorInternalServerTransientError,
    ews_errors.ErrorConnectionFailed,
    ews_errors.ErrorExceededConnectionCount,
)
"""Nothing is the matter with one mailbox."""
_LIMIT: Final = timedelta(minutes=5)
_LEASE: Final = timedelta(minutes=6)


class _Headers:
    """All subscriptions of a connection belong to the mailbox that was first, and to the server that has it.

    https://learn.microsoft.com/exchange/client-developer/exchange-web-services/how-to-maintain-affinity-between-group-of-subscriptions-and-mailbox-server
    """

    anchor: Any

    def _extra_headers(self) -> dict[str, str]:
        headers: dict[str, str] = super()._extra_headers()  # type: ignore[misc]
        headers["X-AnchorMailbox"] = self.anchor.primary_smtp_address
        if self.anchor.affinity_cookie:
            headers["X-BackEndOverrideCookie"] = self.anchor.affinity_cookie
        return headers


class _Subscribe(_Headers, SubscribeToStreaming):  # type: ignore[misc]
    pass


class _Stream(_Headers, GetStreamingEvents):  # type: ignore[misc]
    def end(self) -> None:
        """Let whoever waits for the next word go on. From any thread."""
        response = self._streaming_response
        if response is not None:
            with suppress(OSError, ValueError, AttributeError):
                response.raw.shutdown()


class Listener:
    """Listens to up to `MOST` mailboxes over one connection.

    Args:
        name: of the worker.
        ears: the mailboxes.
        bell: rings when it is worth while to begin again at once.
    """

    def __init__(self, name: str, ears: Sequence[Ear], bell: Doorbell | None = None) -> None:
        self._name = name
        self._bell = bell
        self._ears = ears
        self._anchor: Any = None
        self._rings: dict[str, Ear] = {}

    def worker(self) -> Worker:
        """Return the worker for the runtime, which begins again with longer pauses when it fails."""
        return Worker(name=self._name, work=self.turn, every=_SOON, bell=self._bell, limit=_LIMIT, lease=_LEASE)

    def turn(self, turn: Turn) -> bool:
        """Listen until the connection ends, as it does every minute. Return whether to go on at once.

        Raises:
            Unavailable: the server cannot be reached, lets nobody in, or has forgotten what was subscribed.
        """
        try:
            with _translated():
                refused = self._subscribe(turn.stopping)
                if self._rings:
                    self._listen(turn.stopping)
        except BaseException:
            self.close()
            raise
        if refused and not self._rings:
            raise Unavailable(f"no mailbox can be listened to: {refused}")
        return bool(self._rings) and not turn.stopping.is_set()

    def close(self) -> None:
        """Let go of the connection; the server forgets what nobody listens to."""
        anchor, self._anchor = self._anchor, None
        self._rings.clear()
        if anchor is not None:
            anchor.protocol.close()

    def _subscribe(self, stopping: threading.Event) -> str:
        """Subscribe to what is not yet; return why one of them cannot be: that keeps no other from being heard."""
        refused = ""
        known = {ear.mailbox for ear in self._rings.values()}
        for ear in self._ears:
            if ear.mailbox in known or stopping.is_set():
                continue
            try:
                id_ = self._subscribed(ear)
            except (NoToken, *_OF_ALL):
                raise
            except (ews_errors.ResponseMessageError, ews_errors.AutoDiscoverError, DomainError) as error:
                refused = f"{ear.mailbox}: {getattr(error, 'message', error)}"
                log.get("exchange").info("a mailbox is not listened to", mailbox=ear.mailbox, reason=refused)
                continue
            self._rings[id_] = ear
            ear.ring()  # what has changed before
        return refused

    def _subscribed(self, ear: Ear) -> str:
        account, folders = ear.open()
        anchor = self._anchor or account
        if account.protocol.service_endpoint != anchor.protocol.service_endpoint:
            raise Unavailable("it is on another server than the mailboxes before")
        account.protocol = anchor.protocol
        service = _Subscribe(account=account)
        service.anchor = anchor
        (id_,) = service.call(folders=folders, event_types=ear.events)
        if isinstance(id_, Exception):
            raise id_
        self._anchor = anchor
        return str(id_)

    def _listen(self, stopping: threading.Event) -> None:
        service = _Stream(account=self._anchor)
        service.anchor = self._anchor
        told = service.call(subscription_ids=list(self._rings), connection_timeout=_MINUTES)
        service.timeout = _SILENCE
        with _ended_by(stopping, service):
            for one in told:
                ear = self._rings.get(one.subscription_id)
                if ear is not None and one.events:
                    ear.ring()


@contextmanager
def _ended_by(stopping: threading.Event, service: _Stream) -> Iterator[None]:
    """End the connection when the service ends; within, failures are those of a connection that was ended."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK):
            if stopping.is_set():
                service.end()

    thread = threading.Thread(target=watch, name="push-end", daemon=True)
    thread.start()
    try:
        yield
    except (ews_errors.EWSError, requests.RequestException, OSError):
        if not stopping.is_set():
            raise
    finally:
        done.set()
        thread.join()


@contextmanager
def _translated() -> Iterator[None]:
    """Say in our words what went wrong."""
    try:
        yield
    except (ews_errors.EWSError, requests.RequestException, OSError) as error:
        said = str(error) or type(error).__name__
        raise Unavailable(f"Exchange does not tell of news, the regular looks go on: {said}") from error
