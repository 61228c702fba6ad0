"""Notices leave server_es through the real rooms of server_business: handed over once, read back."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from esoffice.business.v1 import outgoing_mail_pb2, sms_pb2
from sqlalchemy import update

from mesh.clock import ManualClock
from mesh.database import Database
from server_business.outgoing_mail.rules import Delivery
from server_business.outgoing_mail.tables import MAILS
from server_business.sending.rules import State as SendState
from server_business.sms.outbox import Outbox
from server_es.notices.business import Business
from server_es.notices.rules import Channel, State
from server_es.schema import METADATA
from tests.builders.notices import House
from tests.builders.sending import PostOffice, post_office
from tests.builders.sms import smpp, turn, until
from tests.contract.conftest import Serve, service
from tests.servers import smsc

LOSE = """CREATE TRIGGER lost BEFORE UPDATE OF remote_name ON notice
WHEN new.remote_name <> '' BEGIN SELECT RAISE(ABORT, 'lost'); END"""


@pytest.fixture
async def office(serve: Serve) -> AsyncIterator[PostOffice]:
    with ExitStack() as stack:
        made = await post_office(serve, stack)
        made.served.caller = service("server_es", "outgoingmail.send", "outgoingmail.read", "sms.send", "sms.read")
        yield made


@pytest.fixture
def house(office: PostOffice, tmp_path: Path, clock: ManualClock) -> Iterator[House]:
    loop = asyncio.get_event_loop()

    def wait(call: Callable[[], Awaitable[Any]]) -> Any:
        async def awaited() -> Any:
            return await call()

        return asyncio.run_coroutine_threadsafe(awaited(), loop).result(20)

    with Database(f"sqlite:///{tmp_path / 'es.db'}", metadata=METADATA, clock=clock) as database:
        METADATA.create_all(database.engine)
        made = House(database, Business(lambda: office.served.channel, wait))
        made.furnish()
        yield made


async def test_a_short_message_is_taken_once_sent_and_its_delivery_read_back(
    office: PostOffice, house: House, tmp_path: Path
) -> None:
    house.tell(channels=frozenset({Channel.SMS}), urgent=True)
    await asyncio.to_thread(house.later, seconds=1)
    (row,) = house.rows()
    assert (row.state, row.remote_name) == (State.SENT, "sms/1")
    assert (await office.board.get("sms/1")).priority == sms_pb2.SMS_PRIORITY_URGENT
    folder = tmp_path / "outbox"
    folder.mkdir()
    await asyncio.to_thread(turn, office.board.lane(Outbox(folder)))
    (written,) = folder.glob("*.json")
    said = json.loads(written.read_text())
    assert (said["to"], said["text"]) == ("+4915111111111", "Betreff c/1\nText")
    await asyncio.to_thread(house.later, minutes=1)
    assert house.states() == [("employees/1", Channel.SMS, State.DELIVERED)]


async def test_what_the_network_did_not_deliver_has_failed_and_what_it_has_not_said_yet_is_asked_for(
    office: PostOffice, house: House
) -> None:
    with smsc.hostile(rule=lambda one: [smsc.taken(one.sequence, "a1")]) as centre:
        provider = smpp(centre.port)
        lane = office.board.lane(provider)
        house.tell(channels=frozenset({Channel.SMS}), urgent=True)
        await asyncio.to_thread(house.later, seconds=1)
        await asyncio.to_thread(turn, lane)
        await asyncio.to_thread(house.later, minutes=1)
        assert house.states() == [("employees/1", Channel.SMS, State.SENT)]
        centre.push(smsc.receipt("a1", "+4915111111111", "UNDELIV"))
        await asyncio.to_thread(until, lane, lambda: len(centre.answered) == 1)
        await asyncio.to_thread(house.later, minutes=1)
        provider.close()
    assert house.states() == [
        ("employees/1", Channel.SMS, State.FAILED),
        ("employees/1", Channel.POPUP, State.SENT),
    ]


async def test_an_answer_that_is_lost_makes_no_second_mail(office: PostOffice, house: House) -> None:
    house.tell(channels=frozenset({Channel.MAIL}), urgent=True, subject="Zwei\nZeilen")
    with house.database.unit() as unit:
        unit.connection.exec_driver_sql(LOSE)
    with pytest.raises(Exception, match="lost"):
        await asyncio.to_thread(house.turn)
    with house.database.unit() as unit:
        unit.connection.exec_driver_sql("DROP TRIGGER lost")
    await asyncio.to_thread(house.later, minutes=6)
    listed = await office.mails.ListOutgoingMails(outgoing_mail_pb2.ListOutgoingMailsRequest())
    (mail,) = listed.mails
    assert (mail.subject, list(mail.to), mail.about) == ("Zwei Zeilen", ["anna@example.com"], "servicecalls/1")
    assert house.rows()[0].remote_name == mail.name


async def test_a_number_that_is_none_has_failed_with_the_sentence_of_server_business(house: House) -> None:
    house.prefers("1", Channel.SMS)
    with house.database.unit() as unit:
        unit.connection.exec_driver_sql("UPDATE employee SET mobile = '+4900' WHERE personnel_number = '1'")
    house.tell(urgent=True)
    await asyncio.to_thread(house.later, seconds=1)
    row, instead = house.rows()
    assert (row.state, instead.channel) == (State.FAILED, Channel.POPUP)
    assert "phone number" in row.reason


async def test_a_mail_that_came_back_has_failed_and_a_short_message_follows(office: PostOffice, house: House) -> None:
    house.tell(channels=frozenset({Channel.MAIL}), urgent=True)
    await asyncio.to_thread(house.later, seconds=1)
    with office.served.database.unit() as unit:
        taken = update(MAILS.table).values(state=SendState.SENT, sent_time=unit.now, next_attempt_time=None)
        unit.connection.execute(taken)
    await asyncio.to_thread(house.later, seconds=10)
    assert house.states() == [("employees/1", Channel.MAIL, State.DELIVERED)]
    with office.served.database.unit() as unit:
        report = {"recipient": "anna@example.com", "status": "5.1.1", "reason": "no such user", "marked": True}
        back = update(MAILS.table).values(delivery=Delivery.BOUNCED, bounces=[report])
        unit.connection.execute(back)
    await asyncio.to_thread(house.later, minutes=2)
    assert house.rows()[0].reason == "bounced: 5.1.1 no such user; SMS follows"
    assert house.states() == [
        ("employees/1", Channel.MAIL, State.FAILED),
        ("employees/1", Channel.SMS, State.SENT),
    ]


async def test_who_may_not_send_tries_again_later(office: PostOffice, house: House) -> None:
    office.served.caller = service("server_es")
    house.tell(channels=frozenset({Channel.SMS}), urgent=True)
    await asyncio.to_thread(house.later, seconds=1)
    (row,) = house.rows()
    assert (row.state, row.attempts) == (State.WAITING, 1)
    assert "PERMISSION_DENIED" in row.reason


async def test_what_was_called_off_there_has_failed_here(office: PostOffice, house: House) -> None:
    house.tell(channels=frozenset({Channel.SMS}), urgent=True)
    await asyncio.to_thread(house.later, seconds=1)
    office.served.caller = service("server_business", "sms.write")
    await office.board.stub.CancelSms(sms_pb2.CancelSmsRequest(name="sms/1"))
    office.served.caller = service("server_es", "sms.read")
    await asyncio.to_thread(house.later, minutes=1)
    assert house.states() == [("employees/1", Channel.SMS, State.FAILED)]
