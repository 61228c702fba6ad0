"""`esclient calls forward` and `esclient notifications`: through the real door, with a real sign-in."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.builders.front_door import FrontDoor, front_door
from tests.builders.office import BERLIN, STARTED, state
from tests.contract.test_esclient_calls import Esclient

MONDAY = datetime(2033, 3, 7, 9, 0, tzinfo=BERLIN)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[FrontDoor]:
    async with front_door(tmp_path, MONDAY) as served:
        call = await served.office.call()
        await served.office.do("ChangeState", call.name, state=state(STARTED))
        yield served


@pytest.fixture
def esclient(door: FrontDoor, tmp_path: Path) -> Esclient:
    return Esclient(door, tmp_path)


async def test_a_call_is_forwarded_and_everybody_but_the_dispatcher_is_told(esclient: Esclient) -> None:
    done = await esclient("calls", "forward", "1", "Bitte heute", "--team", "technik", "--employee", "101")
    assert (done.code, done.out) == (0, "servicecalls/1: forwarded to teams/technik and employees/101\n")
    again = await esclient("calls", "forward", "1", "Doch 102", "--employee", "102", "--carry-text", user="tom")
    assert again.code == 0
    listed = await esclient("calls", "forwardings", "1")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["NO.", "2", "1"]
    assert "Bitte heute  Doch 102" in listed.out
    told = await esclient("notifications", "list", "--about", "servicecalls/1")
    assert [line.split()[3:6] for line in told.out.splitlines()[1:]] == [
        ["102", "popup", "sent"], ["102", "popup", "sent"], ["101", "popup", "sent"],
    ]  # fmt: skip
    assert (await esclient("notifications", "list", user="tom")).code == 4


async def test_a_refusal_is_one_sentence(esclient: Esclient) -> None:
    wrong = await esclient("calls", "forward", "1", "--team", "technik", "--employee", "103")
    assert (wrong.code, "employees/103 is no member of teams/technik" in wrong.err) == (1, True)


async def test_a_technician_says_how_he_wants_to_be_told(esclient: Esclient) -> None:
    shown = await esclient("notifications", "show", user="tom")
    assert shown.out.splitlines() == ["Employee      101", "Told over     popup", "Unread popup  sms"]
    changed = await esclient(
        "notifications", "set", "--channel", "popup", "--channel", "mail", "--fallback", "sms", "--fallback", "mail",
        "--fallback-minutes", "5", "--quiet", "22:00-06:00", "--quiet", "6,7:00:00-24:00", user="tom",
    )  # fmt: skip
    assert changed.out.splitlines() == [
        "Employee      101",
        "Told over     popup, mail",
        "Unread popup  sms, then mail after 5 min",
        "Quiet hours   22:00-06:00, 6,7:00:00-24:00",
    ]
    quieter = await esclient("notifications", "set", "--fallback-minutes", "0", "--quiet", "none", user="tom")
    assert quieter.out.splitlines()[2:] == ["Unread popup  nothing more"]
    others = await esclient("notifications", "show", "--employee", "100", user="tom")
    assert (others.code, others.out) == (4, "")
    nobody = await esclient("notifications", "show", user="chief")
    assert (nobody.code, "no employee" in nobody.err) == (1, True)


@pytest.mark.parametrize("words", [["--quiet", "nachts"], []])
async def test_wrong_usage_says_what_would_be_right(esclient: Esclient, words: list[str]) -> None:
    wrong = await esclient("notifications", "set", *words, user="tom")
    assert wrong.code == 2
    assert "22:00-06:00" in wrong.err or "--channel" in wrong.err
