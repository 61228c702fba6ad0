"""SIGKILL anywhere between the timer and the popup: after the restart everything has escalated exactly once."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from tests.builders.escalations import Escalating, open_escalating
from tests.builders.office import FORWARDED, berlin, state
from tests.contract.conftest import Serve, serve

__all__ = ["serve"]

ROOT = Path(__file__).parents[3]


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


def escalate(url: str, at: datetime, failpoint: str = "") -> int:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'stubs'}", "ESMESH_FAILPOINT": failpoint}
    command = [sys.executable, "-m", "tests.integration.server_es.escalations_program", url, at.isoformat()]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=60).returncode


@pytest.mark.parametrize(
    "failpoint",
    ["escalations.recorded", "escalations.told", "database.commit", "database.committed", "messages.push"],
)
async def test_a_kill_between_the_timer_and_the_popup_escalates_exactly_once(
    serve: Serve, database_url: str, failpoint: str
) -> None:
    house: Escalating = await open_escalating(serve)
    await house.point(1, 50, new_state=state(FORWARDED))
    await house.point(2, 75)
    house.retime()
    calls = [await house.office.call(responsible_employee="employees/101") for _ in range(3)]
    assert escalate(database_url, berlin("2026-03-02 13:00"), failpoint) == -signal.SIGKILL
    assert escalate(database_url, berlin("2026-03-02 15:00")) == 0
    found = [(one.servicecall, one.point_title) for one in await house.escalations()]
    assert sorted(found) == sorted((call.name, title) for call in calls for title in ("50 %", "75 %"))
    told = [subject for subject in house.office.inbox("101") if "%" in subject]
    assert sorted(told) == sorted(f"{percent} % Call {number}" for percent in (50, 75) for number in (1, 2, 3))
    assert {(await house.office.get(call.name)).state for call in calls} == {state(FORWARDED)}
