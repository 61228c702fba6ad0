"""A gateway over HTTP, as the settings describe it: one request for each message, several at a time."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx

from mesh.clock import Clock
from server_business.sending.carrier import Away
from server_business.sending.rules import Answer, Outcome
from server_business.sms import templates
from server_business.sms.providers import Handed, Parcel, Plain, Take
from server_business.sms.templates import Gateway

_AGAIN: Final = 2.0
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
        self._client = httpx.Client(
            timeout=timeout,
            auth=(user, password) if gateway.basic else None,
            limits=httpx.Limits(max_connections=window),
            follow_redirects=False,
        )
        self._threads = ThreadPoolExecutor(window, thread_name_prefix="sms-http")
        self._why = ""
        self._again = 0.0

    def open(self) -> None:
        """Rest for a moment after a failure. Raises Away."""
        if self._why and self._clock.monotonic() < self._again:
            raise Away(self._why)
        self._why = ""

    def hand_over(self, parcels: Sequence[Parcel], take: Take) -> Mapping[int, Handed]:
        """Ask for each message, as many at a time as there are threads, as fast as the rate allows."""
        begun = {}
        for parcel in parcels:
            if self._why or self._wait(take):
                break
            begun[parcel.id] = self._threads.submit(self._ask, parcel)
        answers = {id_: one.result() for id_, one in begun.items()}
        return {id_: one for id_, one in answers.items() if one is not None}

    def found(self, parcel: Parcel) -> Outcome | None:  # noqa: ARG002 - every message the same
        """A gateway that knows our references is simply asked again."""
        reason = "asked again under the same reference"
        return Outcome(answer=Answer.LATER, reason=reason) if self._gateway.idempotent else None

    def close(self) -> None:
        self._threads.shutdown()
        self._client.close()

    def _wait(self, take: Take) -> bool:
        """Wait for the rate; return whether it is not worth it within this batch."""
        wait = take()
        while 0 < wait <= 1:
            threading.Event().wait(wait)
            wait = take()
        return wait > 0

    def _ask(self, parcel: Parcel) -> Handed | None:
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
            answer = self._client.request(
                asked.method, asked.url, headers=dict(asked.headers), content=asked.body or None
            )
        except _NOT_BEGUN as error:
            self._rest(f"{httpx.URL(asked.url).host} cannot be reached: {error}")
            return None
        except httpx.HTTPError as error:
            answered = Answer.LATER if self._gateway.idempotent else Answer.NONE
            return Handed(
                outcome=Outcome(answer=answered, reason=f"the answer was lost: {type(error).__name__}"),
                unknown=() if self._gateway.idempotent else (1,),
            )
        return self._heard(answer)

    def _heard(self, answer: httpx.Response) -> Handed | None:
        said = f"status {answer.status_code}"
        if answer.status_code in _CLOSED:
            self._rest(f"{answer.url.host} does not let us in: {said}")
            return None
        if answer.status_code in _TOO_MANY:
            return Handed(outcome=Outcome(answer=Answer.LATER, reason=said), throttled=True)
        if answer.status_code >= 500:  # noqa: PLR2004 - it broke down over it, before it took it or after
            later = self._gateway.idempotent
            outcome = Outcome(answer=Answer.LATER if later else Answer.NONE, reason=said)
            return Handed(outcome=outcome, unknown=() if later else (1,))
        if not answer.is_success:
            words = answer.text[:200].strip()
            return Handed(outcome=Outcome(answer=Answer.REFUSED, reason=f"{said}: {words}" if words else said))
        data = templates.read(answer.content[:_MOST_BYTES], answer.headers.get("content-type", ""))
        found = templates.verdict(self._gateway, data)
        if not found.taken:
            outcome = Outcome(answer=Answer.LATER if found.later else Answer.REFUSED, reason=found.reason)
            return Handed(outcome=outcome, throttled=found.later)
        references = dict(enumerate(found.references, start=1))
        first = found.references[0] if found.references else ""
        return Handed(outcome=Outcome(answer=Answer.TAKEN, reason="taken", reference=first), references=references)

    def _rest(self, why: str) -> None:
        self._why, self._again = why, self._clock.monotonic() + _AGAIN
