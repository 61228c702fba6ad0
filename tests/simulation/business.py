"""Plays server_business: takes mails and short messages once per request id, as its contract says, when it can."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import grpc
from esoffice.business.v1 import exchange_pb2, outgoing_mail_pb2, sending_pb2, sms_pb2
from google.rpc import status_pb2

from mesh.clock import Clock

_KEPT = timedelta(hours=24)
"""How long a request id is remembered."""
_UNREACHABLE = "999"
"""A number that ends so is refused for good."""


@dataclass(frozen=True)
class Letter:
    """What was taken."""

    name: str
    request_id: str
    to: str
    subject: str
    text: str
    about: str
    time: datetime
    delivered_after: timedelta
    fails: bool


class Business:
    """The neighbour, as a channel to it: `SmsServiceStub(business)` works.

    Args:
        clock: of the simulation.
        chance: decides when it is away, and how long things take.
    """

    def __init__(self, clock: Clock, chance: Random) -> None:
        self._clock = clock
        self._chance = chance
        self._by_id: dict[str, tuple[Letter, bytes]] = {}
        self._by_name: dict[str, Letter] = {}
        self.letters: list[Letter] = []
        self.wrong: list[str] = []
        self.trouble = 0.05
        """How many calls of a hundred are not answered: half of them have had their effect."""
        self.away_until: datetime | None = None

    def unary_unary(self, path: str, **_: Any) -> Callable[..., Coroutine[Any, Any, Any]]:
        return partial(self._call, path.rpartition("/")[2])

    async def _call(self, method: str, request: Any, **_: Any) -> Any:
        if self.away_until is not None and self._clock.now() < self.away_until:
            raise _error(grpc.StatusCode.UNAVAILABLE)
        luck = self._chance.random()
        if luck < self.trouble / 2:
            raise _error(grpc.StatusCode.UNAVAILABLE)
        answer = getattr(self, f"_{method}")(request)
        if luck < self.trouble:
            raise _error(grpc.StatusCode.DEADLINE_EXCEEDED)
        return answer

    def _SendMail(self, request: Any) -> Any:
        (to,) = request.to
        letter = self._taken(request, to, request.subject, "outgoingMails")
        return outgoing_mail_pb2.OutgoingMail(name=letter.name)

    def _BatchSendSms(self, request: Any) -> Any:
        return sms_pb2.BatchSendSmsResponse(results=[self._sms(one) for one in request.requests])

    def _sms(self, request: Any) -> sms_pb2.SmsResult:
        if request.to.endswith(_UNREACHABLE):
            return sms_pb2.SmsResult(status=status_pb2.Status(code=3, message="no phone number"))
        return sms_pb2.SmsResult(sms=sms_pb2.Sms(name=self._taken(request, request.to, "", "sms").name))

    def _NoteCalendarChanges(self, _request: Any) -> Any:
        return exchange_pb2.NoteCalendarChangesResponse()

    def _taken(self, request: Any, to: str, subject: str, collection: str) -> Letter:
        content = request.SerializeToString(deterministic=True)
        known = self._by_id.get(request.request_id)
        if known is not None:
            letter, before = known
            if before != content:
                self.wrong.append(f"the request id of {letter.name} came again with another content")
            if self._clock.now() - letter.time > _KEPT:
                self.wrong.append(f"{letter.name} was asked for again after its request id was forgotten")
            return letter
        letter = Letter(
            name=f"{collection}/{len(self.letters) + 1}", request_id=request.request_id, to=to, subject=subject,
            text=request.text, about=request.about, time=self._clock.now(),
            delivered_after=timedelta(seconds=self._chance.randint(1, 60)), fails=self._chance.random() < 0.03,
        )  # fmt: skip
        self.letters.append(letter)
        self._by_id[letter.request_id] = letter, content
        self._by_name[letter.name] = letter
        return letter

    def _BatchGetOutgoingMails(self, request: Any) -> Any:
        return outgoing_mail_pb2.BatchGetOutgoingMailsResponse(
            mails=[outgoing_mail_pb2.OutgoingMail(name=one, state=self._state(one)) for one in request.names]
        )

    def _BatchGetSms(self, request: Any) -> Any:
        return sms_pb2.BatchGetSmsResponse(sms=[sms_pb2.Sms(name=one, state=self._state(one)) for one in request.names])

    def _state(self, name: str) -> Any:
        letter = self._by_name[name]
        if self._clock.now() < letter.time + letter.delivered_after:
            return sending_pb2.SEND_STATE_QUEUED
        return sending_pb2.SEND_STATE_FAILED if letter.fails else sending_pb2.SEND_STATE_SENT


def _error(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=code.name.lower())
