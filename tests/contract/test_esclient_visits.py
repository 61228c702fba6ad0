"""`esclient visits`: through the real door, with a real sign-in."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.builders.front_door import FrontDoor, front_door
from tests.builders.office import BERLIN
from tests.contract.test_esclient_calls import Esclient

MONDAY = datetime(2033, 3, 7, 9, 0, tzinfo=BERLIN)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[FrontDoor]:
    async with front_door(tmp_path, MONDAY) as served:
        await served.office.call()
        yield served


@pytest.fixture
def esclient(door: FrontDoor, tmp_path: Path) -> Esclient:
    return Esclient(door, tmp_path)


async def test_a_visit_is_planned_moved_and_cancelled(esclient: Esclient) -> None:
    said = ("--employee", "101", "--employee", "102", "--text", "Dichtung", "--location", "Halle 3")
    made = await esclient("visits", "plan", "1", "2033-03-08 09:00", "2033-03-08 11:00", *said)
    assert (made.code, made.out.partition(",")[0]) == (0, "servicecalls/1/visits/1: planned")
    moved = await esclient("visits", "move", "1", "1", "2033-03-09 09:00", "2033-03-09 10:00", "--employee", "102")
    assert moved.out.endswith("employees/102\n")
    listed = await esclient("visits", "list", "1", user="tom")
    assert [line.split()[-4:] for line in listed.out.splitlines()[1:]] == [["102", "Halle", "3", "Dichtung"]]
    cancelled = await esclient("-o", "json", "visits", "cancel", "1", "1")
    assert '"cancelled": true' in cancelled.out
    assert '"cancelled": true' in (await esclient("-o", "json", "visits", "list", "1")).out
    again = await esclient("visits", "cancel", "1", "1")
    assert (again.code, "was cancelled" in again.err) == (1, True)
