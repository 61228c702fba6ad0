"""`esconfig directory`, run against a real server."""

import asyncio
import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import Result
from esoffice.es.v1 import directory_pb2 as pb
from esoffice.es.v1.directory_pb2_grpc import DirectoryServiceStub
from typer.testing import CliRunner

from config_service.cli import directory as cli
from mesh.channel import connect
from server_es.directory.service import Directory
from tests.contract.conftest import Serve, Served

DEMO = Path(__file__).parents[2] / "deploy" / "demo" / "directory"
KNOWN = "significance, employee, team, address, contact_person, system, component, contract"
DEMO_FILES = sorted(str(path) for path in DEMO.iterdir())


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve((pb.DESCRIPTOR, lambda database: Directory(database, lambda _, asked: set(asked) & {1, 2})))


@pytest.fixture
def esconfig(served: Served) -> Any:
    async def run(*arguments: object, address: str = served.address) -> Result:
        def invoke() -> Result:
            return CliRunner().invoke(cli.app, [str(one) for one in arguments], obj=lambda _: connect(address, None))

        return await asyncio.to_thread(invoke)

    return run


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def file(name: str, *lines: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return file


async def test_the_demo_site_is_taken_over_and_a_second_time_unchanged(esconfig: Any, served: Served) -> None:
    checked = await esconfig("import", "--dry-run", *DEMO_FILES)
    assert checked.stdout == "Checked only: 46 created, 0 updated, 0 unchanged, 0 refused.\n", checked.output
    first = await esconfig("import", *DEMO_FILES)
    assert (first.exit_code, first.stdout) == (0, "46 created, 0 updated, 0 unchanged, 0 refused.\n")
    again = await esconfig("import", *DEMO_FILES)
    assert again.stdout == "0 created, 0 updated, 46 unchanged, 0 refused.\n"
    stub = DirectoryServiceStub(served.channel)
    found = await stub.BatchIdentifySenders(
        pb.BatchIdentifySendersRequest(
            mail_addresses=[
                "Service@HV-Alster.example",
                "BÜRO@xn--mller-klte-w5a5z.example",
                "haustechnik@klinikum-elbmarsch.example",
            ]
        )
    )
    assert list(found.senders[0].candidates) == ["addresses/10003", "addresses/10004"]
    assert found.senders[1].address == "addresses/10005"
    assert found.senders[2].contact_person == "addresses/10001/contactPersons/2"
    team = await stub.ListEmployees(pb.ListEmployeesRequest(team="teams/technik"))
    assert [one.family_name for one in team.employees] == ["Yıldız", "Lührs", "Kowalski", "Hansen"]


async def test_an_export_is_an_import(esconfig: Any, tmp_path: Any) -> None:
    await esconfig("import", *DEMO_FILES)
    output = tmp_path / "all.jsonl"
    assert "46 records written" in (await esconfig("export", "--output", output)).stderr
    again = await esconfig("import", output)
    assert again.stdout == "0 created, 0 updated, 46 unchanged, 0 refused.\n"
    printed = await esconfig("export")
    assert [json.loads(line) for line in printed.stdout.splitlines()] == [
        json.loads(line) for line in output.read_text("utf-8").splitlines()
    ]


async def test_refused_rows_are_named_with_line_field_and_reason_and_the_others_are_taken(
    esconfig: Any, write: Any
) -> None:
    customers = write(
        "kunden.csv",
        "address;kind;matchcode;names;mail_addresses;postal_address.city;significance;notes",
        "1;customer;Eins;Eins GmbH|Einkauf;a@eins.example|b@eins.example;Kiel;;",
        "2;Kunde;;Zwei;;;x;",
        '3;customer;Drei;"Drei',
        'AG";;;;',
        "",
        "4;customer;Vier;Vier;;;;;zu viel",
        "5;customer;Fünf;Fünf",
    )
    staff = write(
        "personal.csv",
        "employee,matchcode,family_name,absent,mobile",
        "1,M,M,ja,0170",
        "2,N,N,vielleicht,",
        "3,O,O,nein,",
    )
    ranks = write("rang.csv", "significance\tmatchcode\trank", "a\tA\thoch", "b\tB\t2")
    mixed = write(
        "rest.jsonl",
        '{"type": "system", "name": "systems/1", "matchcode": "S", "address": "addresses/2"}',
        "kein json",
        '["liste"]',
        '{"type": "anlage"}',
        '{"name": "systems/2"}',
        '{"type": "system", "name": "systems/3", "farbe": "rot"}',
        '{"type": "team", "name": "teams/t"}',
    )
    done = await esconfig("import", customers, staff, ranks, mixed)
    assert done.exit_code == 1, done.output
    assert done.stdout.splitlines() == [
        "kunden.csv:3: address.matchcode: must be at least 1 characters",
        "kunden.csv:3: address.kind: does not match regex pattern `^[a-z][a-z0-9-]{0,39}$`",
        "kunden.csv:7: has 9 columns, the header 8",
        "personal.csv:2: employee.mobile: does not match regex pattern `^([+][1-9][0-9]{6,14})?$`",
        "personal.csv:3: employee.absent: 'vielleicht' is neither true nor false",
        "rang.csv:2: significance.rank: 'hoch' is no whole number",
        "rest.jsonl:1: system.address: addresses/2 does not exist",
        "rest.jsonl:2: is no JSON: Expecting value: line 1 column 1 (char 0)",
        "rest.jsonl:3: is no JSON object",
        f"rest.jsonl:4: type: 'anlage' is no kind of record; known are {KNOWN}",
        "rest.jsonl:5: type: says no 'type'",
        'rest.jsonl:6: system: Message type "esoffice.es.v1.System" has no field named "farbe" at "System".',
        "rest.jsonl:7: team.matchcode: must be at least 1 characters",
        "5 created, 0 updated, 0 unchanged, 12 refused.",
    ]


async def test_children_and_references_hold_bare_numbers_in_csv(esconfig: Any, write: Any, served: Served) -> None:
    files = [
        write("a.csv", "address;kind;matchcode;names", "7;customer;S;S"),
        write("p.csv", "contact_person;address;matchcode;family_name", "1;7;P;P"),
        write("s.csv", "system;address;matchcode;service_level", "A1;7;S;2"),
        write("c.csv", "component;system;matchcode", "k;A1;K"),
        write("v.csv", "contract;address;system;matchcode", "V1;addresses/7;A1;V"),
        write("x.csv", "type,name,matchcode,family_name,absence_start_time",
              "employee,employees/9,E,E,2026-05-01T00:00:00Z", ",,a", "boot,b"),
    ]  # fmt: skip
    done = await esconfig("import", *files)
    assert done.stdout.splitlines() == [
        "x.csv:3: type: says no 'type'",
        f"x.csv:4: type: 'boot' is no kind of record; known are {KNOWN}",
        "6 created, 0 updated, 0 unchanged, 2 refused.",
    ]  # fmt: skip
    contract = await DirectoryServiceStub(served.channel).GetContract(pb.GetContractRequest(name="contracts/V1"))
    assert (contract.address, contract.system) == ("addresses/7", "systems/A1")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"nummer;name", "the first column must be called after the kind of record"),
        ("a.csv", b"address;farbe;matchcode", "unknown columns farbe; known are matchcode, kind"),
        (
            "a.csv",
            b"address;postal_address;postal_address.farbe",
            "unknown columns postal_address, postal_address.farbe;",
        ),
        ("a.csv", "address;matchcode\n1;Bäcker".encode("cp1252"), "is not written in utf-8-sig; save it as UTF-8"),
        ("a.csv", b'address;matchcode\n1;"a\0b\n', "field"),
        ("fehlt.jsonl", None, "No such file or directory"),
    ],
)
async def test_a_file_that_cannot_be_read_is_told_in_one_sentence(
    esconfig: Any, tmp_path: Any, name: Any, content: Any, sentence: Any
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = await esconfig("import", tmp_path / name)
    if sentence == "field":  # a NUL character inside a cell is left to the server
        assert done.exit_code == 1
        return
    assert done.exit_code == 2, done.output
    assert sentence in done.stderr
    assert done.stderr.startswith("Error: ")


async def test_another_encoding_can_be_named(esconfig: Any, write: Any) -> None:
    path = write("a.csv", "address;kind;matchcode;names", "1;customer;Bäcker;Bäcker", encoding="cp1252")
    assert (await esconfig("import", path, "--encoding", "cp1252")).stdout.startswith("1 created")
    assert (await esconfig("import", path, "--encoding", "klingon")).exit_code == 2


async def test_a_server_that_does_not_answer_is_told_in_one_sentence(esconfig: Any, write: Any) -> None:
    path = write("a.csv", "address;kind;matchcode;names", "1;customer;a;a")
    with_nobody = await esconfig("import", path, address="127.0.0.1:1")
    assert with_nobody.exit_code == 2
    assert "UNAVAILABLE" in with_nobody.stderr
    assert "0 records are through, start the import again" in with_nobody.stderr
    assert (await esconfig("export", address="127.0.0.1:1")).exit_code == 2


async def test_large_files_go_in_batches_and_a_dry_run_looks_across_them(
    esconfig: Any, write: Any, served: Served
) -> None:
    lines = [f"{n};customer;Kunde {n};Kunde {n};{'x' * 19000}" for n in range(1, 701)]
    customers = write("k.csv", "address;kind;matchcode;names;notes", *lines)
    systems = write("s.csv", "system;address;matchcode", *(f"{n};{n};S" for n in range(1, 701)), "701;999;S")
    checked = await esconfig("import", "--dry-run", systems, customers)
    assert checked.stdout.splitlines() == [
        "s.csv:702: system.address: addresses/999 does not exist",
        "Checked only: 1400 created, 0 updated, 0 unchanged, 1 refused.",
    ]
    served.calls.clear()
    done = await esconfig("import", systems, customers)
    assert done.stdout.endswith("1400 created, 0 updated, 0 unchanged, 1 refused.\n")
    assert [call.code for call in served.calls] == [grpc.StatusCode.OK] * len(served.calls)
    assert len(served.calls) == 5
