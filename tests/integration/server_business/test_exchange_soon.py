"""Both sides of a calendar, the sync between, and what tells of news: changes are there at once, and never lost."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import grpc
import pytest
from esoffice.business.v1 import exchange_pb2 as pb

from mesh.clock import SystemClock
from mesh.database import Database
from mesh.wakeups import Wakeups
from mesh.workers import HealthLine, Turn, Workers
from server_business.app import definition
from server_business.ews_ears import Ear, calendars_of
from server_business.ews_push import Listener
from server_business.exchange.service import Exchange
from server_business.exchange.worker import Board, Sync
from server_business.schema import LEASES
from server_es.appointments.worker import News
from tests.builders.exchange import House, Office, exchange_house

SELDOM = timedelta(seconds=60)
SOON = 10.0
"""Seconds: far less than the next regular look; 2 on a machine that has nothing else to do."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with exchange_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def office(house: House, tmp_path: Path) -> Iterator[Office]:
    with Database(
        f"sqlite:///{tmp_path / 'business.db'}", metadata=definition.metadata, clock=SystemClock()
    ) as database:
        definition.metadata.create_all(database.engine)
        yield house.office(database)


@asynccontextmanager
async def at_work(office: Office, poll: timedelta) -> AsyncIterator[None]:
    """Let everything run by itself, as the services put it together."""
    mailbox, loop = replace(office.mailbox, poll=poll), asyncio.get_running_loop()
    with Wakeups(office.database) as wakeups:
        bell = wakeups.bell(f"exchange.{mailbox.employee}")
        room = Exchange(office.desk, {mailbox.employee: mailbox}, lambda name: wakeups.bell(f"exchange.{name}"))

        def tell(employees: Sequence[str]) -> None:
            asked = pb.NoteCalendarChangesRequest(employees=[*employees, "employees/nobody"])
            asyncio.run_coroutine_threadsafe(room.NoteCalendarChanges(asked, None), loop).result(5)

        way = office.exchange.access()

        def opened() -> Any:
            return way.account(mailbox.address, impersonate=True, alone=True), calendars_of(mailbox.address)

        listener = Listener("push", [Ear(mailbox=mailbox.address, open=opened, ring=bell.ring)])
        sync = Sync(office.desk, LEASES, mailbox, bell, Board(HealthLine("exchange"), [mailbox]))
        workers = Workers(
            [sync.worker(), listener.worker(), News(office.theirs, tell).worker()],
            clock=SystemClock(), owner="test", database=office.database, leases=LEASES,
        )  # fmt: skip
        workers.start()
        try:
            yield
        finally:
            assert await workers.stop(timedelta(seconds=15)) == []
            listener.close()
            room.close()


async def within(seconds: float, there: Callable[[], bool]) -> float:
    """Return after how many seconds it was there."""
    began = monotonic()
    while not await asyncio.to_thread(there):
        assert monotonic() - began < seconds
        await asyncio.sleep(0.05)
    return monotonic() - began


async def test_changes_of_either_side_are_on_the_other_one_at_once(office: Office) -> None:
    async with at_work(office, SELDOM):
        await within(SOON, lambda: office.exchange.order("streaming")["open"] > 0)
        await asyncio.to_thread(office.make, "am Anfang")
        await within(SOON, lambda: "am Anfang" in office.items())
        await asyncio.to_thread(office.exchange.appointment, "aus Outlook", "2026-12-01T08:00:00Z")
        to_erp = await within(SOON, lambda: "aus Outlook" in office.titles_in_erp())
        await asyncio.to_thread(office.make, "aus dem ERP")
        to_exchange = await within(SOON, lambda: "aus dem ERP" in office.items())
        print(f"to the ERP in {to_erp:.2f} s, to Exchange in {to_exchange:.2f} s")


async def test_notifications_that_are_lost_are_made_good_by_the_regular_look(office: Office) -> None:
    office.exchange.order("streaming", deaf=True)
    try:
        async with at_work(office, timedelta(seconds=1)):
            await within(SOON, lambda: office.exchange.order("streaming")["open"] > 0)
            await asyncio.to_thread(office.exchange.appointment, "ungehört", "2026-12-01T08:00:00Z")
            await within(SOON, lambda: "ungehört" in office.titles_in_erp())
    finally:
        office.exchange.order("streaming", deaf=False)


def test_whose_calendar_has_changed_is_told_once_and_what_is_not_taken_is_dropped(office: Office) -> None:
    told: list[Sequence[str]] = []
    wrong: list[Exception] = []

    def tell(employees: Sequence[str]) -> None:
        told.append(employees)
        if wrong:
            raise wrong[0]

    news = News(office.theirs, tell)
    look = partial(news.turn, Turn(threading.Event()))
    look()
    assert told == []  # what was there before is no news
    office.make("eins")
    office.make("zwei")
    look()
    look()
    assert told == [[office.employee]]
    for error in (grpc.RpcError("weg"), TimeoutError("langsam"), RuntimeError("kein Weg dorthin")):
        wrong[:] = [error]
        office.make("noch einer")
        look()
    wrong.clear()
    look()
    assert len(told) == 4
