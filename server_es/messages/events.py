"""The contract's messages, made of rows and rules."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from esoffice.es.v1 import messages_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.errors import NotFound
from server_es.messages.rows import Content, Counts, Told
from server_es.messages.rules import Cursor, Position, ranges

_EMPLOYEES, _TEAMS, _MESSAGES = "employees/", "teams/", "messages/"


def message(told: Told) -> pb.Message:
    made = shared_fields(told.content, told.created_time)
    made.MergeFrom(_own_fields(told))
    return made


def new_messages(told: Sequence[Told], shared: dict[int, bytes]) -> bytes:
    """Return the field `messages` of an event on the wire; the fields equal for all recipients are made once.

    Args:
        told: the messages, ascending.
        shared: what was made before, by content; added to.
    """
    listed = b""
    for one in told:
        common = shared.get(one.content_id)
        if common is None:
            common = shared_fields(one.content, one.created_time).SerializeToString()
            shared[one.content_id] = common
        listed += _field(1, _own_fields(one).SerializeToString() + common)
    return _field(pb.SubscribeMessagesResponse.MESSAGES_FIELD_NUMBER, listed)


def _own_fields(told: Told) -> pb.Message:
    made = pb.Message(
        name=message_name(told.recipient, told.sequence), recipient=_EMPLOYEES + told.recipient, sequence=told.sequence
    )
    if told.read_time is not None:
        made.read_time.CopyFrom(timestamp(told.read_time))
    return made


def _field(number: int, payload: bytes) -> bytes:
    """Return a length-delimited field; messages may be put together field by field (protobuf.dev, "Encoding")."""
    size, head = len(payload), bytearray([number << 3 | 2])
    while size >> 7:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + payload


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
