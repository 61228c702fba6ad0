"""Tells people through the notices of the house: popups, mails and short messages."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from mesh.database import UnitOfWork
from server_es.escalations.codes import with_code
from server_es.escalations.recipients import Channel
from server_es.escalations.telling import Delivery, Tiding
from server_es.messages.address import Messages
from server_es.messages.rows import Action
from server_es.notices import store
from server_es.notices.rules import Channel as NoticeChannel
from server_es.notices.rules import Notice, Recipient, State
from server_es.notices.telling import Notices

_CHANNELS: Final[Mapping[NoticeChannel, Channel]] = {
    NoticeChannel.ESMESSAGE: Channel.ES_MESSAGE,
    NoticeChannel.POPUP: Channel.ES_MESSAGE,
    NoticeChannel.MAIL: Channel.MAIL,
    NoticeChannel.ADDITIONAL_MAIL: Channel.ADDITIONAL_MAIL,
    NoticeChannel.SMS: Channel.SMS,
}
ACKNOWLEDGE: Final = "escalations.acknowledge"
_ACKNOWLEDGE: Final = (Action(ACKNOWLEDGE, "Bestätigen"),)
_POPUP: Final = frozenset({NoticeChannel.POPUP})


class Notified:
    """Tells people. An escalation is urgent: no quiet hours hold it, and who is away was replaced already.

    Args:
        notices: tells them.
        messages: knows which popups were read.
    """

    channels = frozenset(Channel)

    def __init__(self, notices: Notices, messages: Messages) -> None:
        self._notices = notices
        self._messages = messages

    def tell(self, unit: UnitOfWork, tidings: Sequence[Tiding]) -> None:
        """Tell them, over all channels at once."""
        self._notices.tell(unit, [notice for one in tidings for notice in _notices(one)])

    def deliveries(self, unit: UnitOfWork, cause: str) -> Sequence[Delivery]:
        """Return how far the notices of a cause are; a popup that was read is acknowledged."""
        rows = store.told(unit, cause)
        places = {(row.employee, row.inbox_sequence) for row in rows if row.inbox_sequence is not None}
        read = self._messages.read_times(unit, places) if places else {}
        return [
            Delivery(
                recipient=row.recipient,
                channel=_CHANNELS[NoticeChannel(row.channel)],
                state=(
                    State.ACKNOWLEDGED if (row.employee, row.inbox_sequence) in read else State(row.state)
                ).name.lower(),
                reason=row.reason,
            )
            for row in rows
        ]

    def told_by_sms(self, unit: UnitOfWork, number: str, since: datetime) -> Sequence[str]:
        """Return what short messages to a number were about since then, the latest first."""
        return store.told_over(unit, number, NoticeChannel.SMS, since)


def _notices(one: Tiding) -> Iterator[Notice]:
    for channel, place in one.told.channels.items():
        inside = channel is Channel.ES_MESSAGE
        recipient = Recipient(
            employee=place if inside else "",
            person=one.told.person if inside else None,
            mail=place if channel in (Channel.MAIL, Channel.ADDITIONAL_MAIL) else "",
            mobile=place if channel is Channel.SMS else "",
        )
        yield Notice(
            cause=one.cause,
            about=one.about,
            recipient=recipient,
            subject=one.subject,
            text=with_code(one.text, one.code) if channel is Channel.SMS and one.code else one.text,
            channels=_POPUP if inside else None,
            urgent=True,
            substitutes=False,
            actions=_ACKNOWLEDGE,
        )
