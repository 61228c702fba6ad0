"""`esclient duty`: a roster from a file, who is on duty, a shift handed over, through the real door."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from icalendar import Calendar

from esclient.door import open_channel
from esclient.duty import Duty
from esclient.session import Session
from esclient.sign_in import password_sign_in
from mesh.clock import SystemClock
from tests.builders.front_door import FrontDoor, front_door
from tests.builders.identity import PASSWORD
from tests.builders.office import BERLIN
from tests.contract.test_esclient_calls import Esclient

MONDAY = datetime(2033, 3, 7, 9, 0, tzinfo=BERLIN)
ROSTER = """
- name: rosters/woche
  title: Woche
  layers:
    - title: Erste
      rotation: ROTATION_KIND_WEEKLY
      startDate: "2033-03-07"
      handoffMinute: 480
      groups:
        - {employees: [employees/100]}
        - {employees: [employees/101]}
        - {employees: [employees/102]}
    - title: Hintergrund
      rank: 2
      rotation: ROTATION_KIND_MONTHLY
      startDate: "2033-03-01"
      groups: [{employees: [employees/103]}]
"""


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[FrontDoor]:
    async with front_door(tmp_path, MONDAY) as served:
        yield served


@pytest.fixture
async def esclient(door: FrontDoor, tmp_path: Path) -> Esclient:
    file = tmp_path / "roster.yaml"
    file.write_text(ROSTER, encoding="utf-8")
    made = Esclient(door, tmp_path)
    checked = await made("duty", "import", "--check", str(file))
    assert (checked.out, checked.err) == ("rosters/woche: checked\n", "")
    for _ in range(2):  # the second time it says the same and stays as it is
        saved = await made("duty", "import", str(file))
        assert (saved.out, saved.err) == ("rosters/woche: version 1\n", "")
    return made


async def test_who_is_on_duty_who_stands_behind_and_who_is_next(esclient: Esclient) -> None:
    found = await esclient("duty", "now")
    assert found.out.splitlines() == [
        "ROSTER  ON DUTY  BEHIND  UNTIL             NEXT",
        "woche   100      103     2033-03-14 08:00  101",
    ]
    later = await esclient("duty", "now", "woche", "--system", "A-1", "--at", "2033-03-15", user="tom")
    assert later.out.splitlines()[1].split() == ["woche", "101", "103", "2033-03-21", "08:00", "102"]
    assert (await esclient("-o", "json", "duty", "now")).json["rosters/woche"]["onDuty"][0]["title"] == "Erste"
    unknown = await esclient("duty", "now", "none")
    assert (unknown.code, unknown.err) == (1, "esclient: rosters/none does not exist\n")


async def test_a_shift_is_offered_and_taken(esclient: Esclient) -> None:
    offered = await esclient(
        "duty", "offer", "woche", "2033-03-09", "2033-03-10T12:00", "--reason", "Konzert", "--to", "101"
    )
    line = "dutySwaps/1: open, woche, 2033-03-09 00:00 to 2033-03-10 12:00\n"
    assert (offered.out, offered.err) == (line, "")
    listed = await esclient("duty", "swaps", user="tom")
    assert (
        listed.out.splitlines()[1] == "1    open   woche   100       2033-03-09 00:00  2033-03-10 12:00  101    Konzert"
    )
    assert (await esclient("duty", "take", "1", "--check", user="tom")).out == line
    taken = await esclient("duty", "take", "1", user="tom")
    assert taken.out == "dutySwaps/1: taken by 101, woche, 2033-03-09 00:00 to 2033-03-10 12:00\n"
    own = await esclient("duty", "shifts", "--from", "2033-03-07", "--days", "10", user="tom")
    assert own.out.splitlines()[1:] == [
        "woche   101       2033-03-09 00:00  2033-03-10 12:00    swap",
        "woche   101       2033-03-14 08:00  2033-03-17 00:00 …  layer Erste",
    ]
    late = await esclient("duty", "withdraw", "1")
    assert (late.code, late.err) == (1, "esclient: dutySwaps/1 is not open any more: taken.\n")
    not_his = await esclient("duty", "cover", "woche", "101", "2033-03-20", user="tom")
    assert not_his.code == 4


async def test_the_dispatcher_puts_somebody_on_duty_and_reads_the_report(esclient: Esclient) -> None:
    covered = await esclient("duty", "cover", "woche", "102", "2033-03-08T08:00", "--for", "100", "--reason", "krank")
    assert covered.out == "dutyOverrides/1: woche, 102 instead of 100, 2033-03-07 09:00 to 2033-03-08 08:00\n"
    report = await esclient("duty", "report")
    assert report.out.splitlines()[0] == "ROSTER  EMPLOYEE  HOURS     WEEKENDS AND HOLIDAYS"
    assert len(report.out.splitlines()) == 4
    hours = await esclient("duty", "export", "2033-03-07", "2033-03-08")
    assert "102;Name102;week" not in hours.out
    assert hours.out.splitlines()[1:] == [
        "100;Name100;woche;;15,00;1,00;0,00;0,00;0,00;0,00;0,00;0,00;16,00",
        "102;Name102;woche;;16,00;7,00;0,00;0,00;0,00;0,00;0,00;0,00;23,00",
    ]


async def test_a_feed_is_made_read_by_a_calendar_program_and_revoked(esclient: Esclient) -> None:
    made = await esclient("duty", "feed", "--employee", "101", user="tom")
    name, _, path = made.out.strip().partition(": ")
    assert name == "dutyFeeds/1"
    channel = open_channel(esclient.door.address, esclient.door.ca)
    session = Session(channel, password_sign_in(channel, "tom", PASSWORD), SystemClock())
    content = await Duty(session).read(path.removeprefix("/duty/feed.ics?token="))
    await session.close()
    first = Calendar.from_ical(content).walk("VEVENT")[0]
    assert (str(first["summary"]), f"{first['dtstart'].dt.astimezone(BERLIN):%d.%m. %H:%M}") == (
        "Bereitschaft Woche: Name101",
        "14.03. 08:00",
    )
    assert (await esclient("duty", "feed", "--revoke", "1", user="tom")).out == "dutyFeeds/1: revoked\n"


async def test_a_file_without_a_roster_is_refused(esclient: Esclient, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("- titel: Woche", encoding="utf-8")
    wrong = await esclient("duty", "import", str(tmp_path / "wrong.yaml"))
    assert wrong.code == 2
    assert "is no roster" in wrong.err
