"""server_business, as the notices need it: takes mails and short messages, says what became of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import grpc
from esoffice.business.v1 import (
    outgoing_mail_pb2,
    outgoing_mail_pb2_grpc,
    sending_pb2,
    sms_pb2,
    sms_pb2_grpc,
)

from server_es.notices.post import Away, Letter, Outcome, Refused
from server_es.notices.rules import Channel, State

_LIMIT: Final = 20.0
_MOST_NAMES: Final = 1000
_REFUSALS: Final = frozenset(
    {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.OUT_OF_RANGE}
)
_STATES: Final = {
    sending_pb2.SEND_STATE_SENT: State.DELIVERED,
    sending_pb2.SEND_STATE_FAILED: State.FAILED,
    sending_pb2.SEND_STATE_CANCELLED: State.FAILED,
    sending_pb2.SEND_STATE_EXPIRED: State.FAILED,
}
_REASONS: Final = {
    sending_pb2.SEND_STATE_CANCELLED: "cancelled at server_business",
    sending_pb2.SEND_STATE_EXPIRED: "expired at server_business",
    sending_pb2.SEND_STATE_IN_DOUBT: "in doubt: handed over, and no answer came",
}
_NOT_DELIVERED: Final = {
    sms_pb2.SMS_DELIVERY_FAILED: "the network did not deliver it",
    sms_pb2.SMS_DELIVERY_EXPIRED: "the network could not deliver it in time",
    sms_pb2.SMS_DELIVERY_PARTLY: "the network delivered only a part of it",
}


class Business:
    """The client, for plain threads.

    Args:
        channel: opens the channel to server_business; asked within the event loop, at the first call.
        wait: waits for a call over it.
    """

    def __init__(self, channel: Callable[[], grpc.aio.Channel], wait: Callable[[Callable[[], Any]], Any]) -> None:
        self._channel = channel
        self._wait = wait

    def send(self, letters: Sequence[Letter]) -> list[str | Refused]:
        """Hand letters over; see `Post`."""
        if letters[0].channel is Channel.SMS:
            asked = sms_pb2.BatchSendSmsRequest(requests=map(_sms, letters))
            answer = self._call(lambda: sms_pb2_grpc.SmsServiceStub(self._channel()).BatchSendSms, asked)
            return [Refused(one.status.message) if one.HasField("status") else one.sms.name for one in answer.results]
        (letter,) = letters
        try:
            return [self.mail(letter)]
        except Refused as refused:
            return [refused]

    def mail(self, letter: Letter) -> str:
        """Hand one mail over and return its name. Raises Away, Refused."""
        mail = outgoing_mail_pb2.SendMailRequest(
            to=[letter.address],
            subject=" ".join(letter.subject.split()),
            text=letter.text,
            about=letter.about,
            origin=outgoing_mail_pb2.MAIL_ORIGIN_GENERATED,
            request_id=letter.request_id,
        )
        _expiring(mail, letter)
        name: str = self._call(
            lambda: outgoing_mail_pb2_grpc.OutgoingMailServiceStub(self._channel()).SendMail, mail
        ).name
        return name

    def outcomes(self, names: Collection[str]) -> Mapping[str, Outcome]:
        """Say what became of letters; see `Post`."""
        mails = sorted(one for one in names if one.startswith("outgoingMails/"))
        sms = sorted(one for one in names if one.startswith("sms/"))
        found: list[Any] = []
        for start in range(0, len(mails), _MOST_NAMES):
            asked = outgoing_mail_pb2.BatchGetOutgoingMailsRequest(names=mails[start : start + _MOST_NAMES])
            found += self._call(
                lambda: outgoing_mail_pb2_grpc.OutgoingMailServiceStub(self._channel()).BatchGetOutgoingMails, asked
            ).mails
        for start in range(0, len(sms), _MOST_NAMES):
            wanted = sms_pb2.BatchGetSmsRequest(names=sms[start : start + _MOST_NAMES])
            found += self._call(lambda: sms_pb2_grpc.SmsServiceStub(self._channel()).BatchGetSms, wanted).sms
        return {one.name: _outcome(one) for one in found}

    def _call(self, method: Callable[[], Any], request: Any) -> Any:
        try:
            return self._wait(lambda: method()(request, timeout=_LIMIT))
        except TimeoutError as error:
            raise Away("server_business does not answer in time") from error
        except grpc.RpcError as error:
            answered: Any = error  # the error is the call
            if answered.code() in _REFUSALS:
                raise Refused(answered.details()) from error
            raise Away(f"server_business does not answer as it should ({answered.code().name})") from error


def _sms(letter: Letter) -> sms_pb2.SendSmsRequest:
    priority = sms_pb2.SMS_PRIORITY_URGENT if letter.urgent else sms_pb2.SMS_PRIORITY_NORMAL
    sms = sms_pb2.SendSmsRequest(
        to=letter.address, text=letter.text, about=letter.about, request_id=letter.request_id, priority=priority
    )
    _expiring(sms, letter)
    return sms


def _expiring(request: Any, letter: Letter) -> None:
    if letter.expire_time is not None:
        request.expire_time.FromDatetime(letter.expire_time)


def _outcome(one: Any) -> Outcome:
    """Return what became of a mail or short message; the network has the last word, and what has come back."""
    if one.state == sending_pb2.SEND_STATE_SENT and isinstance(one, outgoing_mail_pb2.OutgoingMail):
        if one.delivery_state == outgoing_mail_pb2.DELIVERY_STATE_BOUNCED:
            said = "; ".join(f"{bounce.status} {bounce.reason}".strip() for bounce in one.bounces)
            return Outcome(state=State.FAILED, reason=f"bounced: {said}".rstrip(": "))
        settled = one.delivery_state == outgoing_mail_pb2.DELIVERY_STATE_DELIVERED
        return Outcome(state=State.DELIVERED, reason=one.reason, settled=settled)
    if one.state == sending_pb2.SEND_STATE_SENT and isinstance(one, sms_pb2.Sms):
        if one.delivery == sms_pb2.SMS_DELIVERY_PENDING:
            return Outcome(state=None, reason="sent, and not reported as delivered yet")
        if one.delivery in _NOT_DELIVERED:
            return Outcome(state=State.FAILED, reason=_NOT_DELIVERED[one.delivery])
    called_off = one.state == sending_pb2.SEND_STATE_CANCELLED
    reason = one.reason or _REASONS.get(one.state, "")
    return Outcome(state=_STATES.get(one.state), reason=reason, called_off=called_off)
