"""Replying, putting aside, and acting out of a message, over a real channel; on both databases."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import messages_pb2 as pb

from mesh.clock import ManualClock
from mesh.database import UnitOfWork
from mesh.etags import StaleEtag
from server_es.messages.actions import Asked
from server_es.messages.rows import Action
from server_es.messages.rules import Kind
from server_es.messages.settings import MessageSettings
from tests.builders.messages import STORE, Client, Site, site
from tests.contract.conftest import refused

SETTINGS = MessageSettings(poll=timedelta(seconds=30), heartbeat=timedelta(seconds=60))
OFFERED = (Action("absences.approve", "Genehmigen", "v1"), Action("absences.reject", "Ablehnen", "v1"))


@pytest.fixture
async def server(database_url: str, clock: ManualClock) -> AsyncIterator[Site]:
    async with site(database_url, clock, SETTINGS) as made:
        yield made


@pytest.fixture
async def anna(server: Site) -> AsyncIterator[Client]:
    async with Client(server.port, "17") as client:
        yield client


async def unread(client: Client) -> list[Any]:
    return list((await client.call("ListMessages", pb.ListMessagesRequest(unread_only=True))).messages)


# -- replying ---------------------------------------------------------------------------------------------------------


async def test_an_answer_reaches_the_sender_once_and_says_what_it_answers(server: Site, anna: Client) -> None:
    server.tell("17", subject="Fährst du?", sender="employees/18", about="servicecalls/1")
    (told,) = await unread(anna)
    request = pb.ReplyToMessageRequest(name=told.name, text="Ja", request_id=str(uuid.uuid4()))
    for _ in range(2):
        assert (await anna.call("ReplyToMessage", request)).recipient_count == 1
    async with Client(server.port, "18") as berta:
        (answer,) = await unread(berta)
        assert (answer.subject, answer.text, answer.sender) == ("AW: Fährst du?", "Ja", "employees/17")
        assert (answer.about, answer.in_reply_to) == ("servicecalls/1", told.name)
        await berta.call("ReplyToMessage", pb.ReplyToMessageRequest(name=answer.name, text="Gut"))
    assert (await unread(anna))[0].subject == "AW: Fährst du?"


async def test_a_service_reads_no_answers(server: Site, anna: Client) -> None:
    server.tell("17", subject="Eskalation")
    (told,) = await unread(anna)
    error = await refused(anna.call("ReplyToMessage", pb.ReplyToMessageRequest(name=told.name, text="?")))
    assert (error.code(), error.details()) == (
        grpc.StatusCode.FAILED_PRECONDITION, "services/server_es reads no answers.",
    )  # fmt: skip


# -- putting aside ----------------------------------------------------------------------------------------------------


async def test_what_is_put_aside_comes_again_as_a_new_message(server: Site, anna: Client, clock: ManualClock) -> None:
    server.tell("17", subject="Angebot prüfen", kind=Kind.POPUP)
    stream = anna.subscribe()
    await stream.opened()
    (told,) = await unread(anna)
    await stream.next()
    request = pb.SnoozeMessagesRequest(names=[told.name])
    request.until_time.FromDatetime(clock.now() + timedelta(hours=1))
    assert (await anna.call("SnoozeMessages", request)).unread_count == 0
    gone = await stream.next()
    assert gone is not None
    assert gone.HasField("read")
    wake(server)
    assert not await unread(anna)
    clock.advance(timedelta(hours=1))
    wake(server)
    again = await stream.next()
    assert again is not None
    (message,) = again.messages.messages
    assert (message.subject, message.sequence, message.kind) == ("Angebot prüfen", 2, pb.MESSAGE_KIND_POPUP)
    wake(server)
    assert len(await unread(anna)) == 1


async def test_putting_aside_again_moves_the_instant_and_old_messages_wait_for_it(
    server: Site, anna: Client, clock: ManualClock
) -> None:
    server.tell("17", "18", subject="Angebot prüfen")
    (told,) = await unread(anna)
    for hours in (1, 48):
        request = pb.SnoozeMessagesRequest(names=[told.name])
        request.until_time.FromDatetime(clock.now() + timedelta(hours=hours))
        await anna.call("SnoozeMessages", request)
    clock.advance(timedelta(hours=24))
    with server.database.unit() as unit:
        STORE.prune(unit, unit.now)
    wake(server)
    assert not await unread(anna)
    clock.advance(timedelta(hours=24))
    wake(server)
    assert [one.subject for one in await unread(anna)] == ["Angebot prüfen"]


async def test_putting_aside_needs_a_message_and_a_future(server: Site, anna: Client, clock: ManualClock) -> None:
    server.tell("17", subject="x")
    request = pb.SnoozeMessagesRequest(names=["messages/1-17", "messages/9-17"])
    request.until_time.FromDatetime(clock.now() + timedelta(hours=1))
    assert (await refused(anna.call("SnoozeMessages", request))).code() is grpc.StatusCode.NOT_FOUND
    assert len(await unread(anna)) == 1
    request.until_time.FromDatetime(clock.now())
    error = await refused(anna.call("SnoozeMessages", request))
    assert error.details() == "until_time: must lie within 366 days from now"


def wake(server: Site) -> None:
    with server.database.unit() as unit:
        server.service.wake(unit, limit=10)


# -- acting -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def done(server: Site) -> list[Asked]:
    """What was done out of messages; the second time, what they are about has changed."""
    acted: list[Asked] = []

    def approve(_: UnitOfWork, asked: Asked) -> str:
        if acted:
            raise StaleEtag("already decided by Berta")
        acted.append(asked)
        return "Genehmigt."

    server.service.actions.register("absences.approve", "absences.request", approve)
    return acted


async def test_a_button_does_it_and_the_popup_is_gone(server: Site, anna: Client, done: list[Asked]) -> None:
    server.tell("17", subject="Urlaub", about="absences/1", actions=OFFERED, kind=Kind.POPUP)
    (told,) = await unread(anna)
    assert [(one.action, one.label) for one in told.actions] == [
        ("absences.approve", "Genehmigen"), ("absences.reject", "Ablehnen"),
    ]  # fmt: skip
    request = pb.ActOnMessageRequest(name=told.name, action="absences.approve", text="gern")
    assert (await anna.call("ActOnMessage", request)).outcome == "Genehmigt."
    assert [(one.about, one.etag, one.text, one.who.employee) for one in done] == [("absences/1", "v1", "gern", "17")]
    assert not await unread(anna)


async def test_what_has_changed_meanwhile_is_said_and_the_message_stays(
    server: Site, anna: Client, done: list[Asked]
) -> None:
    server.tell("17", "18", subject="Urlaub", about="absences/1", actions=OFFERED)
    request = pb.ActOnMessageRequest(name="messages/1-17", action="absences.approve")
    async with Client(server.port, "18") as berta:
        await berta.call("ActOnMessage", pb.ActOnMessageRequest(name="messages/1-18", action="absences.approve"))
    error = await refused(anna.call("ActOnMessage", request))
    assert (error.code(), error.details()) == (grpc.StatusCode.ABORTED, "already decided by Berta")
    assert len(await unread(anna)) == 1
    assert len(done) == 1


@pytest.mark.usefixtures("done")
async def test_only_what_is_offered_can_be_done_and_only_in_time(
    server: Site, anna: Client, clock: ManualClock
) -> None:
    begins = clock.now() + timedelta(days=1)
    server.tell("17", subject="Urlaub", about="absences/1", actions=OFFERED, expire_time=begins)
    server.tell("17", subject="nichts zu tun")
    for name, action, words in (
        ("messages/1-17", "absences.reject", "it offers absences.approve"),
        ("messages/2-17", "absences.approve", "it offers nothing"),
    ):
        error = await refused(anna.call("ActOnMessage", pb.ActOnMessageRequest(name=name, action=action)))
        assert words in str(error.details())
    clock.advance(timedelta(days=1))
    late = pb.ActOnMessageRequest(name="messages/1-17", action="absences.approve")
    error = await refused(anna.call("ActOnMessage", late))
    assert error.details() == f"This could be done until {begins:%Y-%m-%d %H:%M} UTC."
    foreign = pb.ActOnMessageRequest(name="messages/1-18", action="absences.approve")
    assert (await refused(anna.call("ActOnMessage", foreign))).code() is grpc.StatusCode.PERMISSION_DENIED


def test_an_action_has_one_meaning(server: Site) -> None:
    server.service.actions.register("x", "x.y", lambda _, __: "")
    with pytest.raises(ValueError, match="two actions named x"):
        server.service.actions.register("x", "x.y", lambda _, __: "")
