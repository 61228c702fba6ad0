"""`esclient absences`: a technician asks, a dispatcher decides, through the real door."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from esoffice.es.v1.absences_pb2_grpc import AbsenceServiceStub

from esclient.cli.app import run
from tests.builders.absences import entitlement, group, kind
from tests.builders.front_door import FrontDoor, front_door
from tests.builders.office import BERLIN
from tests.contract.test_esclient_calls import Esclient
from tests.servers.console import Ran

MONDAY = datetime(2033, 3, 7, 9, 0, tzinfo=BERLIN)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[FrontDoor]:
    async with front_door(tmp_path, MONDAY) as served:
        stub: Any = AbsenceServiceStub(served.office.served.channel)
        await stub.CreateAbsenceKind(kind("vacation", title="Urlaub", takes_leave=True, activity_type="urlaub"))
        await stub.CreateApprovalGroup(group("lead", "100", teams=["teams/technik"]))
        await stub.CreateLeaveEntitlement(entitlement("101", 2033, carried_days=2, carried_until_date="2033-03-31"))
        yield served


@pytest.fixture
def esclient(door: FrontDoor, tmp_path: Path) -> Esclient:
    return Esclient(door, tmp_path)


async def test_a_technician_asks_and_the_dispatcher_agrees(esclient: Esclient) -> None:
    preview = await esclient("absences", "preview", "2033-03-21", "2033-03-25", "--until-noon", user="tom")
    assert preview.out.splitlines() == [
        "Days              4.5",
        "Leave left after  27.5",
        "Has to agree      lead",
    ]
    asked = await esclient(
        "absences", "request", "2033-03-21", "2033-03-25", "--until-noon", "--reason", "Umzug", "--inform", "102",
        user="tom",
    )  # fmt: skip
    assert asked == Ran(0, "absences/1: created, 4.5 days, 2033-03-21 to 2033-03-25 noon; waits for Lead\n", "")
    waiting = await esclient("absences", "list", "--view", "to-approve")
    assert "created  101       vacation  4.5   2033-03-21 to 2033-03-25 noon  Lead" in waiting.out
    shown = await esclient("absences", "show", "1")
    assert "Reason            Umzug" in shown.out
    assert "Leave left after  27.5" in shown.out
    own = await esclient("absences", "approve", "1", user="tom")
    assert (own.code, own.out) == (4, "")
    agreed = await esclient("absences", "approve", "1", "Viel Spaß")
    assert agreed.out == "absences/1: approved, 4.5 days, 2033-03-21 to 2033-03-25 noon\n"
    late = await esclient("absences", "reject", "absences/1")
    assert (late.code, late.err) == (1, "esclient: absences/1 was already approved by Name100.\n")
    balance = await esclient("absences", "balance", user="tom")
    assert balance.out.splitlines() == [
        "Employee             101",
        "Year                 2033",
        "Entitled             30",
        "Carried over         2 until 2033-03-31",
        "Approved             4.5",
        "Requested            0",
        "Left                 27.5",
        "Left after requests  27.5",
    ]
    team = await esclient("absences", "team", "technik", "2033-03-01", "2033-03-31", user="tom")
    assert team.out.splitlines()[1] == "101         2033-03-21 to 2033-03-25 noon  vacation"
    gone = await esclient("absences", "revoke", "1", "Großstörung")
    assert gone.out.startswith("absences/1: revoked, 4.5 days")


async def test_a_request_is_withdrawn_rejected_and_shown_as_data(esclient: Esclient) -> None:
    await esclient("absences", "request", "2033-03-21", user="tom")
    await esclient("absences", "request", "2033-03-22", "--from-noon", user="tom")
    assert "revoked" in (await esclient("absences", "withdraw", "1", user="tom")).out
    refused = await esclient("absences", "reject", "2", "Inventur", "--group", "lead")
    assert refused.out == "absences/2: rejected, 0.5 days, 2033-03-22 afternoon\n"
    listed = await esclient("--output", "json", "absences", "list", user="tom")
    assert [one["state"] for one in listed.json] == ["ABSENCE_STATE_REJECTED", "ABSENCE_STATE_REVOKED"]
    assert "Inventur" in (await esclient("absences", "show", "2", user="tom")).out
    one = json.loads((await esclient("-o", "json", "absences", "show", "2", user="tom")).out)
    assert one["absence"]["endedReason"] == "Inventur"
    kinds = await esclient("absences", "kinds", user="tom")
    assert kinds.out.splitlines()[1].split() == ["vacation", "Urlaub", "yes", "urlaub"]


def test_a_number_that_is_none_is_wrong_usage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESCLIENT_PASSWORD", "x")
    assert run(["--user", "tom", "absences", "withdraw", "seventeen"]) == 2
    assert "seventeen: is no number of a request." in capsys.readouterr().err
