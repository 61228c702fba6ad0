"""The contract's messages, made of rows and rules."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from esoffice.es.v1 import messages_pb2 as pb
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.errors import NotFound
from server_es.messages.rows import Content, Counts, Told
from server_es.messages.rules import Cursor, Position, ranges

_EMPLOYEES, _TEAMS, _MESSAGES = "employees/", "teams/", "messages/"

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_ONE_BYTE: Final = 0x80
_SMALL: Final = [bytes([number]) for number in range(_ONE_BYTE)]


def _tag(of: type[Message], name: str, wire: int) -> bytes:
    """Return what stands before a field's value."""
    return bytes([of.DESCRIPTOR.fields_by_name[name].number << 3 | wire])


_AFTER: Final = _tag(pb.SubscribeMessagesResponse, "after", _BYTES)
_THROUGH: Final = _tag(pb.SubscribeMessagesResponse, "through", _BYTES)
_NEW: Final = _tag(pb.SubscribeMessagesResponse, "messages", _BYTES)
_MESSAGES_OF_NEW: Final = _tag(pb.NewMessages, "messages", _BYTES)
_CURSOR_SEQUENCE: Final = _tag(pb.MessageCursor, "sequence", _VARINT)
_CURSOR_READS: Final = _tag(pb.MessageCursor, "reads", _VARINT)
_CURSOR_INBOX: Final = _tag(pb.MessageCursor, "inbox", _FIXED64)
_NAME: Final = _tag(pb.Message, "name", _BYTES)
_RECIPIENT: Final = _tag(pb.Message, "recipient", _BYTES)
_SEQUENCE: Final = _tag(pb.Message, "sequence", _VARINT)
_READ_TIME: Final = _tag(pb.Message, "read_time", _BYTES)


def message(told: Told) -> pb.Message:
    made = shared_fields(told.content, told.created_time)
    made.MergeFromString(_own_fields(told))
    return made


def new_messages(
    identity: int, after: Position, through: Position, told: Sequence[Told], shared: dict[int, bytes]
) -> bytes:
    """Return an event with new messages as it stands on the wire.

    Put together field by field (protobuf.dev, "Encoding"): what is equal for all recipients is made once, and for the
    rest no message objects are made. To tell thousands is mostly this.

    Args:
        identity: of the inbox.
        after: where the event begins.
        through: where it ends.
        told: the messages, ascending.
        shared: what was made before, by content; added to.
    """
    listed = b""
    for one in told:
        common = shared.get(one.content_id)
        if common is None:
            common = shared[one.content_id] = shared_fields(one.content, one.created_time).SerializeToString()
        listed += _field(_MESSAGES_OF_NEW, _own_fields(one) + common)
    inbox = _CURSOR_INBOX + identity.to_bytes(8, "little")
    return _field(_AFTER, _cursor(after) + inbox) + _field(_THROUGH, _cursor(through) + inbox) + _field(_NEW, listed)


def _cursor(position: Position) -> bytes:
    return _CURSOR_SEQUENCE + _varint(position.sequence) + _CURSOR_READS + _varint(position.reads)


def _own_fields(told: Told) -> bytes:
    """Return the fields of a message that are its recipient's own."""
    recipient = told.recipient.encode()
    number = str(told.sequence).encode()
    name = _field(_NAME, b"messages/" + number + b"-" + recipient)
    made = name + _field(_RECIPIENT, b"employees/" + recipient) + _SEQUENCE + _varint(told.sequence)
    return made if told.read_time is None else made + _field(_READ_TIME, timestamp(told.read_time).SerializeToString())


def _field(tag: bytes, payload: bytes) -> bytes:
    return tag + _varint(len(payload)) + payload


def _varint(number: int) -> bytes:
    if number < _ONE_BYTE:
        return _SMALL[number]
    made = bytearray()
    while number >= _ONE_BYTE:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def shared_fields(content: Content, created_time: datetime) -> pb.Message:
    return pb.Message(
        subject=content.subject,
        text=content.text,
        kind=pb.MessageKind.ValueType(content.kind),
        priority=pb.MessagePriority.ValueType(content.priority),
        about=content.about,
        sender=content.sender,
        created_time=timestamp(created_time),
        expire_time=None if content.expire_time is None else timestamp(content.expire_time),
        actions=[pb.MessageAction(action=one.action, label=one.label) for one in content.actions],
        in_reply_to=content.in_reply_to,
    )


def event(identity: int, after: Position, through: Position) -> pb.SubscribeMessagesResponse:
    """Return an event that still says nothing but where it begins and ends."""
    made = pb.SubscribeMessagesResponse()
    for cursor, position in ((made.after, after), (made.through, through)):
        cursor.sequence, cursor.reads = position
        cursor.inbox = identity
        cursor.SetInParent()
    return made


def current(unread: int, heartbeat: timedelta) -> pb.CurrentInbox:
    made = pb.CurrentInbox(unread_count=unread)
    made.heartbeat_interval_duration.FromTimedelta(heartbeat)
    return made


def waiting(counts: Counts, newest: Sequence[Told]) -> pb.WaitingMessages:
    return pb.WaitingMessages(
        count=counts.all,
        popup_count=counts.popups,
        high_priority_count=counts.high_priority,
        newest=[message(one) for one in newest],
    )


def read(sequences: Sequence[int]) -> pb.ReadMessages:
    return pb.ReadMessages(ranges=[pb.SequenceRange(first=first, last=last) for first, last in ranges(sequences)])


def cursor_of(request: pb.SubscribeMessagesRequest) -> Cursor | None:
    if not request.HasField("cursor"):
        return None
    return Cursor(position=Position(request.cursor.sequence, request.cursor.reads), identity=request.cursor.inbox)


def message_name(recipient: str, sequence: int) -> str:
    return f"{_MESSAGES}{sequence}-{recipient}"


def split_message_name(name: str) -> tuple[str, int]:
    """Return recipient and number of a name in the form the contract checks."""
    number, _, recipient = name.removeprefix(_MESSAGES).partition("-")
    return recipient, int(number)


def employee_ids(names: Iterable[str]) -> list[str]:
    return [name.removeprefix(_EMPLOYEES) for name in names]


def team_ids(names: Iterable[str]) -> list[str]:
    return [name.removeprefix(_TEAMS) for name in names]


def unknown(kind: str, ids: Iterable[str]) -> NotFound:
    """Return the error for employees or teams that do not exist."""
    names = [f"{kind}/{one}" for one in sorted(ids)]
    return NotFound(f"There is no {', no '.join(names)}.", resource=names[0])


def instant(moment: Timestamp) -> datetime:
    return moment.ToDatetime(UTC)


def timestamp(instant: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(instant)
    return made
