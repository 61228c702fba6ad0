"""The room of the sync on a database of the test's, with both sides of one mailbox in memory."""

import threading
from contextlib import ExitStack
from typing import Any, Final

from esoffice.business.v1 import exchange_pb2 as pb
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.wakeups import Wakeups
from mesh.workers import HealthLine, Turn
from server_business.exchange.items import Kind
from server_business.exchange.mailboxes import Desk, mailboxes
from server_business.exchange.rules import Place
from server_business.exchange.service import Exchange
from server_business.exchange.worker import Board, Sync
from server_business.schema import LEASES
from tests.fakes.calendars import MemoryCalendar

WHEN: Final = "2026-03-10T08:00:00Z/2026-03-10T09:00:00Z"


class Room:
    """The room, served, and the worker of its one mailbox."""

    def __init__(self, clock: ManualClock, stack: ExitStack) -> None:
        said = settings.ExchangeSettings(active=True, brake_minimum_count=2)
        said.mailboxes["101"].address = "eva@firma.example"
        self.boxes = mailboxes(said)
        self.sides = {place: MemoryCalendar(clock.now, place.name) for place in Place}
        self.line = HealthLine("exchange")
        self._stack = stack
        self.stub: Any = None
        self.worker: Any = None

    def made(self, database: Database) -> Exchange:
        wakeups = self._stack.enter_context(Wakeups(database))
        desk = Desk(database, lambda _: self.sides)
        self.worker = Sync(
            desk, LEASES, self.boxes["101"], wakeups.bell("exchange.101"), Board(self.line, self.boxes.values())
        )
        room = Exchange(desk, self.boxes, lambda employee: wakeups.bell(f"exchange.{employee}"))
        self._stack.callback(room.close)
        return room

    def sync(self, rounds: int = 1) -> None:
        for _ in range(rounds):
            self.worker.turn(Turn(threading.Event()))

    def put(self, place: Place, *titles: str) -> None:
        for title in titles:
            self.sides[place].put(Kind.APPOINTMENT, {"title": title, "when": WHEN})

    async def mailbox(self) -> pb.ExchangeMailbox:
        answer = await self.stub.ListMailboxes(pb.ListMailboxesRequest())
        assert len(answer.mailboxes) == 1
        found: pb.ExchangeMailbox = answer.mailboxes[0]
        return found
