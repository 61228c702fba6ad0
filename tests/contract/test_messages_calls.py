"""The unary methods of MessageService over a real channel, on both databases."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import messages_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.clock import SystemClock
from tests.builders.messages import Client, Site, site

TEAMS = {"service": ["17", "18", "19"], "empty": []}


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Site]:
    async with site(database_url, SystemClock(), teams=TEAMS) as made:
        yield made


@pytest.fixture
async def anna(server: Site) -> AsyncIterator[Client]:
    async with Client(server.port, "17") as client:
        yield client


async def inbox_of(server: Site, employee: str) -> list[pb.Message]:
    async with Client(server.port, employee) as client:
        return list((await client.call("ListMessages", pb.ListMessagesRequest())).messages)


async def refusal(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code()


def message(**said: Any) -> pb.SendMessageRequest:
    return pb.SendMessageRequest(**{"subject": "Meeting", **said})


async def test_employees_and_teams_get_one_message_each_and_the_sender_none(server: Site, anna: Client) -> None:
    sent = message(
        employees=["employees/18", "employees/20"], teams=["teams/service"], text="at ten", kind=2, priority=3
    )
    answer = await anna.call("SendMessage", sent)
    assert answer.recipient_count == 3
    for employee in ("18", "19", "20"):
        (one,) = await inbox_of(server, employee)
        assert (one.sender, one.subject, one.text, one.kind, one.priority) == (
            "employees/17",
            "Meeting",
            "at ten",
            2,
            3,
        )
        assert (one.recipient, one.sequence) == (f"employees/{employee}", 1)
    assert await inbox_of(server, "17") == []


async def test_a_copy_for_the_sender_when_asked_for(server: Site, anna: Client) -> None:
    assert (await anna.call("SendMessage", message(teams=["teams/service"], include_sender=True))).recipient_count == 3
    assert len(await inbox_of(server, "17")) == 1


async def test_a_repeated_request_sends_nothing(server: Site, anna: Client) -> None:
    sent = message(employees=["employees/18"], request_id=str(uuid.uuid4()))
    for _ in range(3):
        assert (await anna.call("SendMessage", sent)).recipient_count == 1
    assert len(await inbox_of(server, "18")) == 1


async def test_a_service_sends_under_its_own_name(server: Site) -> None:
    async with Client(server.port, "", service="server_business") as service:
        await service.call("SendMessage", message(employees=["employees/18"]))
        assert (await inbox_of(server, "18"))[0].sender == "services/server_business"
        assert (
            await refusal(service.call("ListMessages", pb.ListMessagesRequest())) is grpc.StatusCode.PERMISSION_DENIED
        )


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"employees": ["employees/18", "employees/nobody"]}, grpc.StatusCode.NOT_FOUND),
        ({"employees": ["employees/18"], "teams": ["teams/none"]}, grpc.StatusCode.NOT_FOUND),
        ({}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"employees": ["18"]}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"employees": ["employees/18"], "subject": ""}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"employees": ["employees/18"], "expire_time": Timestamp(seconds=1)}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_a_message_that_cannot_be_sent_to_all_reaches_nobody(
    server: Site, anna: Client, said: dict[str, Any], code: grpc.StatusCode
) -> None:
    assert await refusal(anna.call("SendMessage", message(**said))) is code
    assert await inbox_of(server, "18") == []


async def test_pages_hold_every_message_once_in_either_order(server: Site, anna: Client) -> None:
    for number in range(7):
        server.tell("17", kind=1 + number % 2)
    for oldest_first in (False, True):
        request, seen = pb.ListMessagesRequest(page_size=3, oldest_first=oldest_first), []
        while True:
            page = await anna.call("ListMessages", request)
            seen.append([one.sequence for one in page.messages])
            request.page_token = page.next_page_token
            if not request.page_token:
                break
        assert seen == ([[1, 2, 3], [4, 5, 6], [7]] if oldest_first else [[7, 6, 5], [4, 3, 2], [1]])
    popups = await anna.call("ListMessages", pb.ListMessagesRequest(kind=2, after_sequence=2, through_sequence=4))
    assert [one.sequence for one in popups.messages] == [4]


async def test_marking_twice_keeps_the_first_read_time(server: Site, anna: Client) -> None:
    server.tell("17")
    (unread,) = await inbox_of(server, "17")
    await anna.call("MarkMessagesRead", pb.MarkMessagesReadRequest(names=[unread.name]))
    first = await anna.call("GetMessage", pb.GetMessageRequest(name=unread.name))
    assert first.HasField("read_time")
    answer = await anna.call("MarkMessagesRead", pb.MarkMessagesReadRequest(through_sequence=5))
    assert answer.read_count == 0
    assert await anna.call("GetMessage", pb.GetMessageRequest(name=unread.name)) == first


async def test_a_message_that_does_not_exist_keeps_the_others_unread(server: Site, anna: Client) -> None:
    server.tell("17")
    (unread,) = await inbox_of(server, "17")
    marking = pb.MarkMessagesReadRequest(names=[unread.name, "messages/2-17"])
    assert await refusal(anna.call("MarkMessagesRead", marking)) is grpc.StatusCode.NOT_FOUND
    assert (await inbox_of(server, "17")) == [unread]
    assert (
        await refusal(anna.call("GetMessage", pb.GetMessageRequest(name="messages/2-17"))) is grpc.StatusCode.NOT_FOUND
    )
    empty = pb.MarkMessagesReadRequest()
    assert await refusal(anna.call("MarkMessagesRead", empty)) is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_inbox_of_somebody_else_is_closed_whether_the_message_exists_or_not(
    server: Site, anna: Client
) -> None:
    server.tell("18")
    for name in ("messages/1-18", "messages/2-18"):
        assert (
            await refusal(anna.call("GetMessage", pb.GetMessageRequest(name=name))) is grpc.StatusCode.PERMISSION_DENIED
        )
        marking = pb.MarkMessagesReadRequest(names=[name])
        assert await refusal(anna.call("MarkMessagesRead", marking)) is grpc.StatusCode.PERMISSION_DENIED


async def test_what_is_older_than_kept_goes_with_its_text_but_not_the_rest(server: Site, anna: Client) -> None:
    server.tell("17", "18", subject="old")
    cut = SystemClock().now() + timedelta(microseconds=1)
    server.tell("17", subject="new")
    with server.database.unit() as unit:
        assert server.service._store.prune(unit, cut) == 2
        assert server.service._store.prune(unit, cut) == 0
    assert [(one.sequence, one.subject) for one in await inbox_of(server, "17")] == [(2, "new")]
    server.tell("18", subject="next")
    assert [one.sequence for one in await inbox_of(server, "18")] == [2]
