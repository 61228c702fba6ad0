"""The stories whose SQL speaks a dialect, on SQLite and PostgreSQL; replicas that escalate at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from esoffice.es.v1 import calendars_pb2
from esoffice.es.v1 import escalations_pb2 as pb

from mesh.workers import Turn
from server_es.servicecalls import store
from tests.builders.escalations import Escalating, open_escalating
from tests.builders.office import HOUR, INTERRUPTED, STARTED, berlin, state, weekday
from tests.contract.conftest import Serve, serve

__all__ = ["serve"]

TEAM = {"responsible_team": "teams/technik"}


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def house(serve: Serve) -> Escalating:
    return await open_escalating(serve)


async def test_points_repetitions_and_an_acknowledgement(house: Escalating) -> None:
    await house.point(1, 50, repeat_duration=HOUR, repeat_limit=5)
    await house.point(2, 75)
    call = await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-02 14:30"))
    await house.stub.AcknowledgeEscalations(pb.AcknowledgeEscalationsRequest(servicecall=call.name))
    house.go_to(berlin("2026-03-03 18:00"))
    assert [(one.point_title, one.round) for one in await house.escalations()] == [("50 %", 0), ("50 %", 1)]


async def test_another_calendar_times_calls_anew_with_and_without_pauses(house: Escalating) -> None:
    await house.point(1, 50)
    paused, plain = await house.office.call(**TEAM), await house.office.call(**TEAM)
    await house.office.do("ChangeState", paused.name, state=state(INTERRUPTED))
    house.go_to(berlin("2026-03-02 10:00"))
    await house.office.do("ChangeState", paused.name, state=state(STARTED))
    calendar = await house.office.calendars.GetCalendar(calendars_pb2.GetCalendarRequest(name="calendars/office"))
    del calendar.windows[:]
    calendar.windows.extend(weekday(day, "08:00-12:00") for day in range(1, 6))
    await house.office.calendars.UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=calendar))
    house.go_to(berlin("2026-03-03 18:00"))
    assert {
        (one.servicecall, one.fire_time.ToDatetime().strftime("%d. %H:%M")) for one in await house.escalations()
    } == {
        (plain.name, "03. 08:00"),
        (paused.name, "03. 09:00"),
    }


async def test_after_eight_hours_of_downtime_late_ones_fire_once_at_the_capped_rate(house: Escalating) -> None:
    house.rooms.choice.late_per_minute = 120
    await house.point(1, 50)
    house.retime()
    for _ in range(6):
        await house.office.call(**TEAM)
    house.office.go_to(berlin("2026-03-02 21:00"))
    keeper = house.timekeeper()
    house.turn(keeper)
    assert len(await house.escalations()) == 2
    house.go_to(berlin("2026-03-02 21:00") + timedelta(seconds=5), keeper)
    assert [one.late for one in await house.escalations()] == [True] * 6


async def test_a_window_that_ends_early_lets_go(house: Escalating) -> None:
    await house.point(1, 50)
    window = pb.MaintenanceWindow(
        name="maintenanceWindows/x",
        title="Umbau",
        address="addresses/1001",
        start_time=berlin("2026-03-02 12:00"),
        end_time=berlin("2026-03-04 12:00"),
    )
    made = await house.stub.CreateMaintenanceWindow(pb.CreateMaintenanceWindowRequest(maintenance_window=window))
    await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-02 15:00"))
    assert await house.escalations() == []
    made.end_time.FromDatetime(berlin("2026-03-02 16:00"))
    await house.stub.UpdateMaintenanceWindow(pb.UpdateMaintenanceWindowRequest(maintenance_window=made))
    house.go_to(berlin("2026-03-02 17:00"))
    assert [(one.held, one.fire_time.ToDatetime().hour) for one in await house.escalations()] == [(True, 15)]


async def test_two_replicas_escalate_each_call_once(house: Escalating) -> None:
    await house.point(1, 50)
    house.retime()
    for _ in range(40):
        await house.office.call(**TEAM)
    house.office.go_to(berlin("2026-03-02 13:00"))
    keepers = [house.timekeeper() for _ in range(4)]

    def work(number: int) -> None:
        for _ in range(20):
            keepers[number].turn(Turn(threading.Event()))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert len(await house.escalations()) == 40
    assert len(house.house.told) == 40 * 3


async def test_a_call_in_other_hands_is_looked_at_right_after(house: Escalating) -> None:
    if house.database.engine.dialect.name == "sqlite":
        pytest.skip("who writes is alone there")
    await house.point(1, 50)
    for _ in range(2):
        await house.office.call(**TEAM)
    house.retime()
    house.office.go_to(berlin("2026-03-02 13:00"))
    keeper = house.timekeeper()
    with house.database.unit() as unit:
        store.get(unit, 1, lock=True)
        assert keeper.turn(Turn(threading.Event())) == timedelta(milliseconds=10)
        assert [one.servicecall for one in await house.escalations()] == ["servicecalls/2"]
    house.turn(keeper)
    assert [one.servicecall for one in await house.escalations()] == ["servicecalls/2", "servicecalls/1"]
