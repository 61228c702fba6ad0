from datetime import UTC, datetime

from esoffice.es.v1 import messages_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from server_es.messages import events
from server_es.messages.rows import Content, Told
from server_es.messages.rules import Kind, Position, Priority

INSTANT = datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=UTC)


@given(
    st.lists(st.text(max_size=4000), min_size=1, max_size=20),
    st.sampled_from([None, INSTANT]),
    st.sampled_from([None, INSTANT]),
    st.tuples(st.integers(1, 2**62), st.integers(0, 2**62), st.integers(1, 2**63 - 1)),
)
def test_what_is_put_together_field_by_field_reads_like_what_protobuf_makes(
    texts: list[str], read_time: datetime | None, expire_time: datetime | None, numbers: tuple[int, int, int]
) -> None:
    first, reads, identity = numbers
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    told = [
        Told(
            "17",
            number,
            read_time,
            number % 3,
            Content(
                subject="Größe",
                text=texts[number % 3 % len(texts)],
                kind=Kind.POPUP,
                priority=Priority.HIGH,
                about="servicecalls/1",
                sender="employees/2",
                expire_time=expire_time,
            ),
            INSTANT,
        )
        for number in range(first, first + len(texts))
    ]
    after, through = Position(first - 1, reads), Position(first - 1 + len(texts), reads)
    event = events.event(identity, after, through)
    read = pb.SubscribeMessagesResponse.FromString(events.new_messages(identity, after, through, told, {}))
    event.messages.messages.extend(events.message(one) for one in told)
    assert read == event


def test_a_message_name_holds_number_and_inbox() -> None:
    assert events.split_message_name(events.message_name("A-17", 42)) == ("A-17", 42)
