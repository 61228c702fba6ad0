"""A gateway over HTTP, as the settings describe it: one request for each message, several at a time."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx

from mesh import log
from mesh.clock import Clock
from server_business.sending.carrier import Away
from server_business.sending.rules import Answer, Outcome
from server_business.sms import templates
from server_business.sms.providers import Handed, Parcel, Plain, Take
from server_business.sms.templates import Gateway

_AGAIN: Final = 2.0
_SHUT, _LONGEST_SHUT = 30.0, 600.0
"""How long one rests that refuses our key, twice as long each time: until then others get the messages at once."""
_CLOSED: Final = frozenset({401, 402, 403, 407})
"""Everybody would be refused so: a wrong key, no money left."""
_TOO_MANY: Final = frozenset({429, 503})
_NOT_BEGUN: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.PoolTimeout)
_MOST_BYTES: Final = 1_000_000


class HttpGateway(Plain):
    """Hands messages to a gateway.

    Args:
        gateway: how it is spoken to.
        sender: who messages come from.
        user: to sign in with.
        password: to sign in with.
        site: makes references unique beyond this site.
        window: requests at a time.
        timeout: seconds an answer is waited for.
        clock: for pauses.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        sender: str,
        user: str,
        password: str,
        site: str,
        window: int,
        timeout: float,
        clock: Clock,
    ) -> None:
        self.gives_receipts = bool(gateway.id_path and gateway.receipt_id_path)
        self._gateway = gateway
        self._said = {"sender": sender, "user": user, "password": password}
        self._site = site
        self._clock = clock
        self._window = window
        self._timeout = timeout
        self._open: tuple[httpx.Client, ThreadPoolExecutor] | None = None
        self._why = ""
        self._again = 0.0
        self._refused = False
        self._shut = 0.0

    def open(self) -> None:
        """Rest for a moment after a failure. Raises Away."""
        if self._why and self._clock.monotonic() < self._again:
            raise Away(self._why)
        self._why = ""
        if self._open is None:
            client = httpx.Client(
                timeout=self._timeout,
                auth=(self._said["user"], self._said["password"]) if self._gateway.basic else None,
                limits=httpx.Limits(max_connections=self._window),
                follow_redirects=False,
            )
            self._open = client, ThreadPoolExecutor(self._window, thread_name_prefix="sms-http")

    def hand_over(self, parcels: Sequence[Parcel], take: Take) -> Mapping[int, Handed]:
        """Ask for each message, as many at a time as there are threads, as fast as the rate allows."""
        assert self._open is not None
        client, threads = self._open
        begun = {}
        self._refused = False
        for parcel in parcels:
            if self._why or self._wait(take):
                break
            begun[parcel.id] = threads.submit(self._answer, client, parcel)
        answers = {id_: one.result() for id_, one in begun.items()}
        self._shut = min(self._shut * 2 or _SHUT, _LONGEST_SHUT) if self._refused else 0.0
        self._again = max(self._again, self._clock.monotonic() + self._shut) if self._refused else self._again
        return {id_: one for id_, one in answers.items() if one is not None}

    def found(self, parcel: Parcel) -> Outcome | None:  # noqa: ARG002 - every message the same
        """A gateway that knows our references is simply asked again."""
        reason = "asked again under the same reference"
        return Outcome(answer=Answer.LATER, reason=reason) if self._gateway.idempotent else None

    def close(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            client, threads = opened
            threads.shutdown()
            client.close()

    def _wait(self, take: Take) -> bool:
        """Wait for the rate; return whether it is not worth it within this batch."""
        wait = take()
        while 0 < wait <= 1:
            threading.Event().wait(wait)
            wait = take()
        return wait > 0

    def _answer(self, client: httpx.Client, parcel: Parcel) -> Handed | None:
        try:
            return self._ask(client, parcel)
        except Exception as error:  # noqa: BLE001 - what one message meets must not take the others' answers with it
            log.get("sms").error("a defect", gateway=self._gateway.url, sms=parcel.id, exc_info=error)
            reason = f"a defect: {type(error).__name__}; the log says more"
            return Handed(outcome=Outcome(answer=Answer.NONE, reason=reason), unknown=(1,))

    def _ask(self, client: httpx.Client, parcel: Parcel) -> Handed | None:
        """Ask for one message; None when it certainly did not reach the gateway, which is away then."""
        values = {
            **self._said,
            "to": parcel.to,
            "digits": parcel.to.removeprefix("+"),
            "text": parcel.text,
            "reference": f"{self._site}-sms-{parcel.id}",
        }
        asked = templates.request(self._gateway, values)
        try:
            answer, content = self._read(client, asked)
        except _NOT_BEGUN as error:
            self._rest(f"{httpx.URL(asked.url).host} cannot be reached: {error}")
            return None
        except httpx.HTTPError as error:
            answered = Answer.LATER if self._gateway.idempotent else Answer.NONE
            return Handed(
                outcome=Outcome(answer=answered, reason=f"the answer was lost: {type(error).__name__}"),
                unknown=() if self._gateway.idempotent else (1,),
            )
        return self._heard(answer, content)

    def _read(self, client: httpx.Client, asked: templates.Request) -> tuple[httpx.Response, bytes]:
        """Ask and read the answer, as much of it as is ever looked at; one that drips in is as good as lost."""
        until = self._clock.monotonic() + self._timeout
        content = bytearray()
        with client.stream(asked.method, asked.url, headers=dict(asked.headers), content=asked.body or None) as answer:
            for piece in answer.iter_bytes():
                content += piece
                if len(content) >= _MOST_BYTES:
                    break
                if self._clock.monotonic() > until:
                    raise httpx.ReadTimeout("the answer took too long", request=answer.request)
        return answer, bytes(content[:_MOST_BYTES])

    def _heard(self, answer: httpx.Response, content: bytes) -> Handed | None:
        said = f"status {answer.status_code}"
        if answer.status_code in _CLOSED:
            self._refused = True
            self._rest(f"{answer.url.host} does not let us in: {said}")
            return None
        if answer.status_code in _TOO_MANY:
            return Handed(outcome=Outcome(answer=Answer.LATER, reason=said), throttled=True)
        if answer.status_code >= 500:  # noqa: PLR2004 - it broke down over it, before it took it or after
            later = self._gateway.idempotent
            outcome = Outcome(answer=Answer.LATER if later else Answer.NONE, reason=said)
            return Handed(outcome=outcome, unknown=() if later else (1,))
        if not answer.is_success:
            words = content.decode(answer.encoding or "utf-8", "replace")[:200].strip()
            return Handed(outcome=Outcome(answer=Answer.REFUSED, reason=f"{said}: {words}" if words else said))
        return _meant(self._gateway, templates.read(content, answer.headers.get("content-type", "")))

    def _rest(self, why: str) -> None:
        self._why, self._again = why, self._clock.monotonic() + _AGAIN


def _meant(gateway: Gateway, data: Any) -> Handed:
    found = templates.verdict(gateway, data)
    if found.partly:  # to send it again would send a part of it twice
        outcome = Outcome(answer=Answer.NONE, reason=f"only a part of it was taken: {found.reason}")
        return Handed(outcome=outcome, unknown=(1,))
    if not found.taken:
        outcome = Outcome(answer=Answer.LATER if found.later else Answer.REFUSED, reason=found.reason)
        return Handed(outcome=outcome, throttled=found.later)
    references = dict(enumerate(found.references, start=1))
    first = found.references[0] if found.references else ""
    return Handed(outcome=Outcome(answer=Answer.TAKEN, reason="taken", reference=first), references=references)
