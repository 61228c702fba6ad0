"""`esconfig absences`: what requests are decided by, kept in one file."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from tests.builders.front_door import FrontDoor, front_door
from tests.builders.identity import PASSWORD
from tests.builders.office import BERLIN
from tests.servers.console import Ran, command

FILE = """
absence_kinds:
  - {name: absenceKinds/vacation, title: Urlaub, takesLeave: true, activityType: urlaub}
approval_groups:
  - {name: approvalGroups/lead, title: Leitung, members: [employees/100], teams: [teams/technik]}
leave_entitlements:
  - {name: employees/101/leaveEntitlements/2033, days: 28.5}
working_times:
  - {employee: employees/101, calendar: calendars/office}
"""


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[FrontDoor]:
    async with front_door(tmp_path, datetime(2033, 12, 7, 9, 0, tzinfo=BERLIN)) as served:
        yield served


async def esconfig(door: FrontDoor, *arguments: str, stdin: str = "", user: str = "chief") -> Ran:
    options = ("--server", door.address, "--ca", str(door.ca), "--user", user, "absences")
    return await command("esconfig", *options, *arguments, environment={"ESCONFIG_PASSWORD": PASSWORD}, stdin=stdin)


async def test_a_file_is_checked_applied_changed_and_exported(door: FrontDoor) -> None:
    checked = await esconfig(door, "apply", "-", "--dry-run", stdin=FILE)
    assert [line.split()[:3] for line in checked.out.splitlines()[1:]] == [
        ["absenceKinds/vacation", "would", "be"],
        ["approvalGroups/lead", "would", "be"],
        ["employees/101/leaveEntitlements/2033", "would", "be"],
        ["employees/101", "would", "be"],
    ]
    applied = await esconfig(door, "apply", "-", stdin=FILE)
    assert applied.code == 0
    assert applied.out.count("made") == 4
    exported = await esconfig(door, "export")
    assert [one["name"] for one in yaml.safe_load(exported.out)["approval_groups"]] == ["approvalGroups/lead"]
    again = await esconfig(door, "apply", "-", stdin=exported.out)
    assert again.out.count("unchanged") == 4
    changed = await esconfig(door, "apply", "-", stdin=exported.out.replace("28.5", "30"))
    assert (changed.out.count("changed"), changed.out.count("unchanged")) == (4, 3)
    carried = await esconfig(door, "carry-over", "2033", "--until", "2034-03-31", "--most", "5", "--dry-run")
    assert carried.out.splitlines()[1].split() == ["101", "2034", "30", "5", "2034-03-31"]


async def test_what_is_refused_says_why_and_the_rest_is_done(door: FrontDoor) -> None:
    wrong = await esconfig(door, "apply", "-", stdin=FILE.replace("[employees/100]", "[employees/999]"))
    assert wrong.code == 1
    assert "employees/999 does not exist" in wrong.out
    assert wrong.out.count("made") == 3
    assert (await esconfig(door, "apply", "-", stdin="kinds: []")).code == 2
    misspelt = await esconfig(door, "apply", "-", stdin="absence_kinds: [{nam: x}]")
    assert (misspelt.code, "absence_kinds" in misspelt.err) == (2, True)
    assert (await esconfig(door, "export", user="tom")).code == 4
