"""Many short messages at a time, and many who send them; on both databases."""

import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from esoffice.business.v1 import sms_pb2 as pb
from sqlalchemy import update

from server_business.sms import store
from server_business.sms.encoding import Piece
from server_business.sms.outbox import Outbox
from server_business.sms.providers import Received
from server_business.sms.routing import Way
from server_business.sms.tables import SMS
from server_business.sms.worker import keep
from tests.builders.sms import NUMBER, Switchboard, switchboard, turn
from tests.contract.conftest import Serve

AUSTRIA = "+436641234567"


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def board(serve: Serve) -> AsyncIterator[Switchboard]:
    ways = (Way(name="one"), Way(name="two", rank=5), Way(name="austria", prefixes=("+43",)))
    with ExitStack() as stack:
        yield await switchboard(serve, stack, *ways)


async def test_a_batch_is_answered_one_by_one_and_its_repeat_sends_nothing(board: Switchboard) -> None:
    ids = [str(uuid.uuid4()) for _ in range(3)]
    before = await board.send("früher", request_id=ids[2])
    with board.database.unit() as unit:
        store.stop(unit, "+491709999999", 1)
    asked = [
        pb.SendSmsRequest(to=NUMBER, text="eins", request_id=ids[0]),
        pb.SendSmsRequest(to="110x", text="zwei"),
        pb.SendSmsRequest(to=NUMBER, text=""),
        pb.SendSmsRequest(to="0170 9999999", text="drei"),
        pb.SendSmsRequest(to=AUSTRIA, text="vier", priority=pb.SMS_PRIORITY_URGENT),
        pb.SendSmsRequest(to=NUMBER, text="eins", request_id=ids[0]),
        pb.SendSmsRequest(to=NUMBER, text="anders", request_id=ids[0]),
        pb.SendSmsRequest(to=NUMBER, text="früher", request_id=ids[2]),
        pb.SendSmsRequest(to=NUMBER, text="später", request_id=ids[2]),
        pb.SendSmsRequest(to=NUMBER, text="fünf", request_id=ids[1]),
    ]
    first = (await board.stub.BatchSendSms(pb.BatchSendSmsRequest(requests=asked))).results
    again = (await board.stub.BatchSendSms(pb.BatchSendSmsRequest(requests=asked[5:6] + asked[9:]))).results
    said = [one.sms.text if one.HasField("sms") else one.status.message for one in first]
    assert said[0] == said[5] == "eins"
    assert "'110x' is no phone number" in said[1]
    assert "text" in said[2]
    assert said[3] == "+491709999999 has said STOP and gets no short messages."
    assert (said[4], first[4].sms.provider) == ("vier", "smsProviders/austria")
    assert "was used for something else" in said[6]
    assert (said[7], first[7].sms.name) == ("früher", before)
    assert "was used for something else" in said[8]
    assert [one.sms.name for one in again] == [first[0].sms.name, first[9].sms.name]
    listed = (await board.stub.ListSms(pb.ListSmsRequest())).sms
    assert [one.text for one in listed] == ["fünf", "vier", "eins", "früher"]


async def test_what_has_another_way_is_moved_however_much_has_none(board: Switchboard) -> None:
    many = [pb.SendSmsRequest(to=NUMBER, text=str(number)) for number in range(500)]
    for _ in range(2):
        await board.stub.BatchSendSms(pb.BatchSendSmsRequest(requests=many))
    with board.database.unit() as unit:
        unit.connection.execute(update(SMS.table).values(provider="gone"))
    name = await board.send(to=AUSTRIA)
    with board.database.unit() as unit:
        unit.connection.execute(update(SMS.table).values(provider="gone"))
        moved = store.move(unit, SMS.table.c.provider == "gone", board.ways, {"one", "two"})
    assert moved == {"austria"}
    assert (await board.get(name)).provider == "smsProviders/austria"


async def test_a_provider_is_said_to_be_there_by_whichever_replica_finds_it_so(
    board: Switchboard, tmp_path: Path
) -> None:
    first, second = board.lane(Outbox(tmp_path)), board.lane(Outbox(tmp_path / "missing"))
    for lane, healthy in ((first, True), (second, False), (first, True)):
        turn(lane)
        providers = (await board.stub.ListSmsProviders(pb.ListSmsProvidersRequest())).providers
        assert [one.healthy for one in providers if one.name == "smsProviders/one"] == [healthy]


async def test_parts_of_a_longer_message_that_two_take_in_at_once_are_joined(board: Switchboard) -> None:
    """On PostgreSQL who comes second waits; on SQLite there is one writer anyway."""
    begun, threads = threading.Event(), []

    def take_in(number: int) -> None:
        with board.database.unit() as unit:
            part = Received(sender=NUMBER, recipient="1", text=f"Teil {number} ", piece=Piece(9, 2, number))
            keep(unit, "one", [part], board.bell_of)
            begun.set()
            threading.Event().wait(0.2)

    for number in (1, 2):
        threads.append(threading.Thread(target=take_in, args=(number,)))
        threads[-1].start()
        begun.wait(5)
    for one in threads:
        one.join(10)
    (found,) = (await board.stub.ListInboundSms(pb.ListInboundSmsRequest())).messages
    assert found.text == "Teil 1 Teil 2 "
