"""What lists are ordered by follows a change of the calendar batch by batch; other writers are not kept waiting."""

import threading
from datetime import UTC, timedelta
from typing import Any

import pytest
from esoffice.es.v1 import calendars_pb2 as pb
from esoffice.es.v1 import service_levels_pb2 as levels
from sqlalchemy import select

from mesh.workers import Turn
from server_es.servicecalls import refreshing
from server_es.servicecalls.refreshing import Refresher
from server_es.servicecalls.tables import servicecall
from tests.builders.office import Office, Rooms, open_office
from tests.contract.conftest import Serve


class Busy:
    """Deadlines that are timed anew, or not."""

    said = False

    def ask(self, _unit: Any, _levels: Any, *, from_log: bool) -> None: ...

    def asked(self, _unit: Any) -> bool:
        return self.said


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


async def cached(office: Office) -> list[Any]:
    def read(unit: Any) -> list[Any]:
        return list(
            unit.connection.execute(select(servicecall.c.cached_due_time).order_by(servicecall.c.number)).scalars()
        )

    found: list[Any] = await office.served.database.read(read)
    return found


async def test_a_change_of_the_calendar_reaches_all_calls_batch_by_batch(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "AT_ONCE", 2)
    rooms = Rooms()
    office = await open_office(serve, rooms=rooms)
    calls = [await office.call() for _ in range(5)]
    old = calls[0].next_due_time.ToDatetime(UTC)
    calendar = await office.calendars.GetCalendar(pb.GetCalendarRequest(name="calendars/office"))
    calendar.exceptions.append(pb.CalendarException(date="2026-03-02", closes_at_minute=9 * 60 + 30, reason="Feier"))
    await office.calendars.UpdateCalendar(pb.UpdateCalendarRequest(calendar=calendar))
    new = (await office.get(calls[0].name)).next_due_time.ToDatetime(UTC)
    assert await cached(office) == [new, new, old, old, old]
    assert (await office.get(calls[4].name)).next_due_time.ToDatetime(UTC) == new  # answers are never behind
    busy = Busy()
    worker = Refresher(office.served.database, rooms.refreshing, busy)
    busy.said = True
    assert worker.turn(Turn(threading.Event())) == timedelta(milliseconds=500)  # it goes on, with pauses
    assert await cached(office) == [new, new, new, new, old]
    busy.said = False
    await office.call()  # between two batches others write
    turns = [worker.turn(Turn(threading.Event())) for _ in range(3)]
    assert (turns[-1], set(await cached(office))) == (False, {new})


async def test_calls_of_a_state_that_means_something_else_keep_their_place_until_they_are_reckoned_anew(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "AT_ONCE", 1)
    rooms = Rooms()
    office = await open_office(serve, rooms=rooms)
    own = levels.ServicecallState(
        name="servicecallStates/35", title="Teile bestellt", meaning=levels.STATE_MEANING_STARTED
    )
    state = await office.levels.CreateServicecallState(levels.CreateServicecallStateRequest(servicecall_state=own))
    for _ in range(3):
        await office.do("ChangeState", (await office.call()).name, state=state.name)
    before = await cached(office)
    state.meaning = levels.STATE_MEANING_FORWARDED
    await office.levels.UpdateServicecallState(levels.UpdateServicecallStateRequest(servicecall_state=state))
    assert (await cached(office))[1:] == before[1:]
    worker = Refresher(office.served.database, rooms.refreshing, Busy())
    while worker.turn(Turn(threading.Event())):
        pass
    assert await cached(office) == before


async def test_a_second_change_meanwhile_begins_anew(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshing, "AT_ONCE", 2)
    rooms = Rooms()
    office = await open_office(serve, rooms=rooms)
    calls = [await office.call() for _ in range(3)]
    for minute in (570, 580):
        calendar = await office.calendars.GetCalendar(pb.GetCalendarRequest(name="calendars/office"))
        del calendar.exceptions[:]
        calendar.exceptions.append(pb.CalendarException(date="2026-03-02", closes_at_minute=minute, reason="Feier"))
        await office.calendars.UpdateCalendar(pb.UpdateCalendarRequest(calendar=calendar))
    worker = Refresher(office.served.database, rooms.refreshing, Busy())
    while worker.turn(Turn(threading.Event())):
        pass
    new = (await office.get(calls[0].name)).next_due_time.ToDatetime(UTC)
    assert await cached(office) == [new] * 3
