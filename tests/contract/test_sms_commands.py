"""`esclient sms` and `esconfig sms` against the real room, TLS and a real sign-in."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from esoffice.business.v1 import sms_pb2

from mesh.database import Database
from mesh.wakeups import Doorbell, Wakeups
from server_business.app import definition
from server_business.sms import inbox, store
from server_business.sms.accepting import Terms
from server_business.sms.outbox import Outbox
from server_business.sms.providers import Received
from server_business.sms.routing import Way
from server_business.sms.service import ShortMessages
from tests.builders.front_door import FrontDoor, front_door
from tests.builders.office import Rooms
from tests.builders.sms import NUMBER, Switchboard, turn
from tests.contract.test_esclient_calls import MONDAY, Esclient
from tests.contract.test_esconfig_escalations import esconfig

WAYS = (Way(name="one"),)


class SmsRooms(Rooms):
    """The office, and the short messages of server_business on a database of their own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        super().__init__()
        self._folder = folder
        self._stack = stack
        self.database: Any = None
        self.wakeups: Any = None

    def all(self) -> list[Any]:
        return [*super().all(), (sms_pb2.DESCRIPTOR, self.sms)]

    def sms(self, beside: Database) -> ShortMessages:
        url = f"sqlite:///{self._folder / 'business.db'}"
        self.database = self._stack.enter_context(Database(url, metadata=definition.metadata, clock=beside.clock))
        definition.metadata.create_all(self.database.engine)
        self.wakeups = self._stack.enter_context(Wakeups(self.database))
        return ShortMessages(self.database, self.bell_of, Terms(country="DE", give_up=timedelta(hours=4), ways=WAYS))

    def bell_of(self, name: str) -> Doorbell:
        bell: Doorbell = self.wakeups.bell(name)
        return bell


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
async def door(tmp_path: Path, stack: ExitStack) -> AsyncIterator[tuple[FrontDoor, SmsRooms]]:
    rooms = SmsRooms(tmp_path, stack)
    async with front_door(tmp_path, MONDAY, rooms) as served:
        yield served, rooms


async def test_a_message_is_previewed_sent_followed_and_administered(
    door: tuple[FrontDoor, SmsRooms], tmp_path: Path
) -> None:
    served, rooms = door
    esclient = Esclient(served, tmp_path)
    text = "„Alarm“ – " + "x" * 80
    seen = await esclient("sms", "preview", text)
    assert seen.code == 0, seen.err
    assert ("UCS2" in seen.out, '1 parts: "Alarm" - x' in seen.out) == (True, True)
    sent = await esclient("sms", "send", "0170 1234567", text, "--plainly", "--priority", "urgent", "--about", "1")
    assert (sent.code, sent.out) == (0, f"sms/1: accepted for {NUMBER} in 1 part\n"), sent.err
    wrong = await esclient("sms", "send", "110x", "x")
    assert (wrong.code, "no phone number" in wrong.err) == (1, True)
    with rooms.database.unit() as unit:
        inbox.keep(unit, "one", Received(sender=NUMBER, recipient="1", text="Wer ist da?"))
        store.stop(unit, "+491709999999", 1)
    waiting = await esconfig(served, "providers", noun="sms")
    assert (waiting.code, "has not been tried yet" in waiting.out) == (0, True), waiting.err
    board = Switchboard(_Served(rooms.database, served.office.served.channel), rooms.wakeups, WAYS)
    turn(board.lane(Outbox(tmp_path)))
    listed = await esclient("-o", "json", "sms", "list", "--about", "1")
    assert [(one["state"], one["priority"]) for one in listed.json] == [("SEND_STATE_SENT", "SMS_PRIORITY_URGENT")]
    shown = await esclient("sms", "show", "1")
    assert '"Alarm" - x' in shown.out
    for verb, said in (
        ("list", "delivery"), ("providers", "takes messages"), ("inbox", "Wer ist da?"), ("opt-outs", "+491709999999"),
    ):  # fmt: skip
        administered = await esconfig(served, verb, noun="sms")
        assert (administered.code, said in administered.out or said.upper() in administered.out) == (0, True)


class _Served:
    def __init__(self, database: Database, channel: Any) -> None:
        self.database, self.channel = database, channel
