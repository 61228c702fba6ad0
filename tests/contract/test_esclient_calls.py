"""`esclient calls` as the console script, in a process of its own: real rooms, TLS, a real sign-in."""

import io
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import servicecalls_pb2 as pb

from esclient.calls import Calls
from esclient.cli.app import run
from esclient.door import open_channel
from esclient.session import Session, Token
from esclient.sign_in import password_sign_in
from mesh.clock import ManualClock, SystemClock
from tests.builders.front_door import FrontDoor, front_door
from tests.builders.identity import PASSWORD
from tests.builders.office import BERLIN, HOUR, berlin
from tests.servers.console import Ran, command

MONDAY = datetime(2033, 3, 7, 9, 0, tzinfo=BERLIN)


class Esclient:
    """Runs the command line in a process of its own."""

    def __init__(self, door: FrontDoor, home: Path) -> None:
        self.door = door
        self.home = home

    async def __call__(
        self, *arguments: str, user: str = "eva", password: str = PASSWORD, server: str = "", stdin: str | None = None
    ) -> Ran:
        options = ["--server", server or self.door.address, "--ca", str(self.door.ca), "--user", user]
        environment = {"TZ": "Europe/Berlin", "HOME": str(self.home), "ESCLIENT_PASSWORD": password}
        return await command("esclient", *options, *arguments, environment=environment, stdin=stdin or "")


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[FrontDoor]:
    async with front_door(tmp_path, MONDAY) as served:
        yield served


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs a command in this process."""
    monkeypatch.setenv("ESCLIENT_PASSWORD", "x")

    def ran(*arguments: str) -> Ran:
        code = run(["--user", "eva", *arguments])
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return ran


@pytest.fixture
def esclient(door: FrontDoor, tmp_path: Path) -> Esclient:
    return Esclient(door, tmp_path)


async def test_a_call_from_the_report_to_the_complaint(esclient: Esclient) -> None:
    go_to = esclient.door.office.go_to
    made = await esclient("calls", "create", "Pumpe steht", "--system", "A-2", "--team", "technik")
    assert made == Ran(
        0,
        "servicecalls/1: Angelegt, level 5; reaction due 2033-03-07 10:00; solution due 2033-03-07 17:00\n",
        "",
    )
    accepted = await esclient("calls", "accept", "1", "Kommissar übernimmt")
    assert "arrival due 2033-03-07 13:00" in accepted.out
    assert "reaction" not in accepted.out  # accepting is one
    go_to(berlin("2033-03-07 10:00"))
    assert "Gestartet" in (await esclient("calls", "start", "1")).out
    interrupted = await esclient("calls", "interrupt", "servicecalls/1", "Teil bestellt")
    assert "Unterbrochen" in interrupted.out
    assert "(paused)" in interrupted.out
    assert "level 1" in (await esclient("calls", "level", "1", "1")).out
    assert "Gestartet" in (await esclient("calls", "start", "1", "--state", "30")).out
    assert (await esclient("calls", "arrive", "1", "--at", "2033-03-07T10:00")).code == 0
    solved = await esclient("calls", "solve", "1", "Sicherung ersetzt")
    assert solved.out == "servicecalls/1: Gelöst, level 1\n"
    assert "Gelöst" in (await esclient("calls", "addendum", "1", "Rechnung an die Zentrale")).out
    assert "Erledigt" in (await esclient("calls", "close", "1")).out
    assert "Gestartet" in (await esclient("calls", "reopen", "1", "tropft wieder")).out
    log = (await esclient("--output", "json", "calls", "show", "1")).json["events"]
    kinds = [one["kind"].removeprefix("SERVICECALL_EVENT_KIND_") for one in log]
    assert kinds == [
        "RECEIVED", "ACCEPTED", "STATE_CHANGED", "STATE_CHANGED", "LEVEL_CHANGED", "STATE_CHANGED", "ARRIVED",
        "STATE_CHANGED", "ADDENDUM", "STATE_CHANGED", "REOPENED",
    ]  # fmt: skip
    assert {one["actor"] for one in log} == {"employees/100"}


async def test_show_tells_milestones_and_log(esclient: Esclient) -> None:
    office = esclient.door.office
    await office.call("Heizung kalt", system="systems/A-2", description="Seit heute früh.\nBitte \x1b[2Jrasch.")
    office.go_to(berlin("2033-03-07 10:30"))
    await esclient("calls", "react", "1", "zurückgerufen")
    shown = await esclient("calls", "show", "1")
    lines = shown.out.splitlines()
    assert shown.code == 0, shown.err
    assert lines[:3] == ["No.        1", "Title      Heizung kalt", "State      Angelegt"]
    assert "Level      5, chosen by default" in lines
    assert "\x1b" not in shown.out
    (reaction,) = [line.split() for line in lines if line.startswith("reaction")]
    assert reaction == [
        "reaction", "2033-03-07", "10:00", "2033-03-07", "10:30", "-0:30", "h", "missed",
    ]  # fmt: skip
    (reacted,) = [line for line in lines if line.endswith("zurückgerufen")]
    assert reacted.split() == ["2", "2033-03-07", "10:30", "reacted", "employees/100", "zurückgerufen"]


async def test_the_explanation_comes_in_german_and_english(esclient: Esclient) -> None:
    await esclient.door.office.call()
    german = await esclient("calls", "explain", "1")
    english = await esclient("calls", "explain", "1", "--language", "en")
    assert "Mo 07.03.2033 10:00" in german.out
    assert "Mon 2033-03-07 10:00" in english.out
    (reaction, _) = (await esclient("-o", "json", "calls", "explain", "1")).json["explanations"]
    assert reaction["explanation"]["germanText"] in german.out
    await esclient.door.office.call(draft=True)
    assert (await esclient("calls", "explain", "2")).out == "No clock has started; nothing is due.\n"


async def test_the_list_is_narrowed_and_ordered(esclient: Esclient) -> None:
    office = esclient.door.office
    await office.call("Langsam")  # level 5
    await office.call("Fremd", address="addresses/1002")
    await office.call("Dringend", receive_time=berlin("2033-03-07 08:00"), responsible_employee="employees/101")
    solved = await office.call("Fertig")
    await office.do("SolveServicecall", solved.name)

    async def titles(*arguments: str) -> list[str]:
        return [one["title"] for one in (await esclient("-o", "json", "calls", "list", *arguments)).json]

    assert await titles() == ["Fertig", "Dringend", "Fremd", "Langsam"]
    assert await titles("--open") == ["Dringend", "Fremd", "Langsam"]
    assert await titles("--by-due", "--customer", "1001") == ["Dringend", "Langsam"]
    assert await titles("--employee", "101") == ["Dringend"]
    assert await titles("--title", "FREMD") == ["Fremd"]
    assert await titles("--limit", "1") == ["Fertig"]
    office.go_to(berlin("2033-03-07 09:30"))
    head, first, *_ = (await esclient("calls", "list", "--by-due")).out.splitlines()
    assert head.split() == ["NO.", "STATE", "LEVEL", "NEXT", "DUE", "CUSTOMER", "IN", "CHARGE", "TITLE"]
    assert first.split() == ["3", "Angelegt", "5", "2033-03-07", "09:00", "late", "1001", "101", "Dringend"]


async def test_a_refusal_is_one_sentence_and_an_exit_code(esclient: Esclient) -> None:
    await refused(esclient("calls", "show", "7"), 1, "servicecalls/7 does not exist")
    await refused(esclient("calls", "create", "x" * 81), 1, "servicecall.title: ")
    await refused(esclient("calls", "show", "1", password="wrong"), 4, "")
    await refused(esclient("calls", "close", "1", user="tom"), 4, "tom lacks the permission servicecalls.close")


async def refused(running: Coroutine[Any, Any, Ran], code: int, sentence: str) -> None:
    ran = await running
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(f"esclient: {sentence}")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["calls", "show", "seven"], 2, "seven: is no number of a call."),
        (["calls", "create", "Pumpe", "--component", "1"], 2, "--component: say of which --system."),
        (["calls", "show", "1"], 3, "127.0.0.1:1 cannot be reached: "),
        (["--ca", "/no/such.pem", "calls", "show", "1"], 1, "/no/such.pem: No such file or directory."),
        (["--ca", __file__, "calls", "show", "1"], 2, f"{__file__}: is no certificate in PEM."),
    ],
)
def test_what_needs_no_server_is_refused_without_one(
    arguments: list[str], code: int, sentence: str, here: Callable[..., Ran]
) -> None:
    ran = here("--server", "127.0.0.1:1", *arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (code, "", 1)
    assert ran.err.startswith(f"esclient: {sentence}")


def test_a_password_is_asked_for_only_at_a_terminal(here: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESCLIENT_PASSWORD")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    ran = here("calls", "show", "1")
    assert (ran.code, ran.err[:54]) == (2, "esclient: The password: nobody can be asked here; give")


def test_help_names_the_exit_codes(here: Callable[..., Ran]) -> None:
    assert "Exit codes:" in here("--help").out
    assert here("calls", "nonsense").code == 2


async def test_the_password_may_come_on_standard_input(esclient: Esclient) -> None:
    ran = await esclient("--password-stdin", "calls", "list", password="", stdin=f"{PASSWORD}\n")
    assert (ran.code, ran.err) == (0, "")


async def test_messages_are_listed_and_read(esclient: Esclient) -> None:
    await esclient.door.office.call(responsible_employee="employees/101")
    (told,) = (await esclient("-o", "json", "inbox", user="tom")).json
    assert told["subject"] == "Neuer Servicecall 1: Pumpe steht"
    assert (await esclient("read", told["name"], user="tom")).out == "1 marked as read, 0 still unread\n"
    assert (await esclient("inbox", user="tom")).out.splitlines()[1:] == []
    assert "Pumpe steht" in (await esclient("inbox", "--all", user="tom")).out


async def test_a_repeated_request_makes_one_call(door: FrontDoor) -> None:
    """What the channel does when an answer is lost: the same request again."""
    channel = open_channel(door.address, door.ca)
    session = Session(channel, password_sign_in(channel, "eva", PASSWORD), SystemClock())
    calls = Calls(session)
    sent: list[pb.CreateServicecallRequest] = []

    async def twice(request: pb.CreateServicecallRequest, metadata: Any) -> pb.Servicecall:
        sent.append(request)
        first = await stub.CreateServicecall(request, metadata=metadata)
        assert await stub.CreateServicecall(request, metadata=metadata) == first
        return first

    stub = calls._stub
    calls._stub = type("Lossy", (), {"CreateServicecall": staticmethod(twice)})()
    made = await calls.create(pb.Servicecall(title="einmal", address="addresses/1001"))
    calls._stub = stub
    assert [one.name for one in await calls.find(pb.ListServicecallsRequest(), limit=5)] == [made.name]
    assert sent[0].request_id
    await session.close()


async def test_a_token_that_is_not_taken_any_more_is_replaced_once(door: FrontDoor) -> None:
    channel = open_channel(door.address, door.ca)
    real = password_sign_in(channel, "eva", PASSWORD)
    given: list[str] = []

    async def stale_first() -> Token:
        token = await real()
        given.append(token.text)
        return token if len(given) > 1 else Token(text="stale", expire_time=token.expire_time)

    session = Session(channel, stale_first, ManualClock(MONDAY))
    assert await Calls(session).find(pb.ListServicecallsRequest(), limit=1) == []
    assert len(given) == 2

    async def always_stale() -> Token:
        return Token(text="stale", expire_time=MONDAY + HOUR)

    refused = Session(channel, always_stale, ManualClock(MONDAY))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await Calls(refused).get(1)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    await session.close()
