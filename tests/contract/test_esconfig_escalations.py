"""`esconfig escalations`: text modules, events, points and windows, kept in one file."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from tests.builders.escalations import EscalatingRooms
from tests.builders.front_door import FrontDoor, front_door
from tests.builders.identity import PASSWORD
from tests.builders.office import BERLIN
from tests.servers.console import Ran, command

FILE = """
text_modules:
  - {name: textModules/warning, title: Warnung, text: "<Escalation.Percent> % <ServCall.Matchcode>"}
status_events:
  - name: statusEvents/solved
    title: Gelöst
    previousStateFrom: 30
    previousStateTo: 50
    newState: servicecallStates/60
    textModule: textModules/warning
    notifyCustomer: true
escalation_events:
  - name: escalationEvents/team
    title: Team
    messageTextModule: textModules/warning
    channels: [ESCALATION_CHANNEL_ES_MESSAGE, ESCALATION_CHANNEL_SMS]
    notifyByForwarding: true
escalation_points:
  - name: escalationPoints/1
    title: Halbzeit
    event: escalationEvents/team
    percent: 50
    assignments: [{priority: priorities/1}]
maintenance_windows:
  - name: maintenanceWindows/a
    title: Umbau
    address: addresses/1001
    startTime: "2033-12-07T09:00:00Z"
    endTime: "2033-12-07T12:00:00Z"
"""


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[FrontDoor]:
    async with front_door(tmp_path, datetime(2033, 12, 7, 9, 0, tzinfo=BERLIN), EscalatingRooms()) as served:
        yield served


async def esconfig(
    door: FrontDoor, *arguments: str, stdin: str = "", user: str = "chief", noun: str = "escalations"
) -> Ran:
    options = ("--server", door.address, "--ca", str(door.ca), "--user", user, noun)
    return await command("esconfig", *options, *arguments, environment={"ESCONFIG_PASSWORD": PASSWORD}, stdin=stdin)


async def test_a_file_is_applied_changed_and_exported(door: FrontDoor) -> None:
    applied = await esconfig(door, "apply", "-", stdin=FILE)
    assert (applied.code, applied.out.count("made")) == (0, 5), applied.err
    exported = await esconfig(door, "export")
    assert [one["percent"] for one in yaml.safe_load(exported.out)["escalation_points"]] == [50]
    again = await esconfig(door, "apply", "-", stdin=exported.out)
    assert again.out.count("unchanged") == 5
    changed = await esconfig(door, "apply", "-", stdin=FILE.replace("percent: 50", "percent: 60"))
    assert (changed.out.count("unchanged"), changed.out.count("changed")) == (4, 5)


async def test_what_is_wrong_is_said_in_one_sentence(door: FrontDoor) -> None:
    wrong = await esconfig(door, "apply", "-", stdin="points: []")
    assert (wrong.code, "its parts are text_modules" in wrong.err) == (2, True)
    wrong = await esconfig(door, "apply", "-", stdin=FILE.replace("percent", "prozent"))
    assert (wrong.code, "escalation_points" in wrong.err) == (2, True)
    wrong = await esconfig(door, "apply", "-", stdin=FILE.replace("ServCall.Matchcode", "ServCall.Titel"))
    assert (wrong.code, "<ServCall.Titel> is no placeholder" in wrong.out) == (1, True)
    assert (await esconfig(door, "apply", "none.yaml")).code == 2
