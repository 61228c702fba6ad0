"""`esclient escalations` against real rooms, TLS and a real sign-in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from esoffice.es.v1.escalations_pb2_grpc import EscalationServiceStub
from esoffice.es.v1.text_modules_pb2_grpc import TextModuleServiceStub

from tests.builders.escalations import Escalating, EscalatingRooms, furnish
from tests.builders.front_door import front_door
from tests.builders.office import BERLIN, HOUR
from tests.contract.test_esclient_calls import MONDAY, Esclient


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[tuple[Escalating, Esclient]]:
    rooms = EscalatingRooms()
    async with front_door(tmp_path, MONDAY, rooms) as door:
        channel = door.office.served.channel
        stub, texts = EscalationServiceStub(channel), TextModuleServiceStub(channel)
        opened = Escalating(office=door.office, rooms=rooms, stub=stub, texts=texts)
        await furnish(opened)
        yield opened, Esclient(door, tmp_path)


async def test_what_escalates_is_foreseen_seen_and_acknowledged(
    house: tuple[Escalating, Esclient], tmp_path: Path
) -> None:
    escalating, esclient = house
    await escalating.point(1, 50, repeat_duration=HOUR, repeat_limit=2)
    await escalating.office.call("Pumpe steht", responsible_employee="employees/101")
    foreseen = await esclient("escalations", "simulate", "1", "--svg", str(tmp_path / "call.svg"))
    assert foreseen.code == 0, foreseen.err
    assert "50 %: employees/101 (esMessage)" in foreseen.out
    assert "50 %, 2. Wiederholung" in foreseen.out
    assert (tmp_path / "call.svg").read_text().startswith("<svg")
    ran = await esclient("escalations", "acknowledge", "1")
    assert (ran.code, "has not escalated" in ran.err) == (1, True)
    escalating.go_to(MONDAY.astimezone(BERLIN) + 4 * HOUR)
    listed = await esclient("--output", "json", "escalations", "list", "--open", "--call", "1")
    assert [one["pointTitle"] for one in listed.json] == ["50 %"]
    acknowledged = await esclient("escalations", "acknowledge", "servicecalls/1", user="tom")
    assert "101" in acknowledged.out
    escalating.go_to(MONDAY.astimezone(BERLIN) + 8 * HOUR)
    listed = await esclient("--output", "json", "escalations", "list")
    assert len(listed.json) == 1
    fired = await esclient("escalations", "now", "1", "--point", "1")
    assert (fired.code, "round 1" in fired.out) == (0, True), fired.err
    shown = await esclient("escalations", "show", "2")
    assert "Pumpe" not in shown.err
    assert "esMessage" in shown.out
    wrong = await esclient("escalations", "simulate", "x")
    assert wrong.code == 2
    refused = await esclient("escalations", "now", "1", user="tom")
    assert refused.code == 4
