"""Document bytes over the real HTTP server, as the DMZ Envoy asks for them."""

import http.client
import os
import ssl
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mesh.workers import Turn
from server_es.schema import OUTBOX
from server_es.web_documents import store
from server_es.web_documents.rules import Visitor
from tests.builders.web_documents import PDF
from tests.builders.web_gate import WebGate, web_gate

PLAN = "/documents/A-1/plans/Schaltplan%20%C3%9Cbersicht.pdf"


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[WebGate]:
    async with web_gate(tmp_path) as made:
        yield made


async def test_a_document_comes_whole_with_its_name_and_type(gate: WebGate) -> None:
    answer = await gate.get(PLAN)
    assert (answer.status, answer.body) == (200, PDF)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"Schaltplan _bersicht.pdf\"; filename*=UTF-8''Schaltplan%20%C3%9Cbersicht.pdf"
    )
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-cache"
    shown = await gate.get(PLAN + "?inline")
    assert shown.headers["content-disposition"].startswith("inline; ")


async def test_a_download_goes_on_where_it_broke_off(gate: WebGate) -> None:
    first = await gate.get(PLAN, range="bytes=0-999")
    rest = await gate.get(PLAN, range="bytes=1000-", **{"if-range": first.headers["etag"]})
    assert (first.status, rest.status) == (206, 206)
    assert first.headers["content-range"] == f"bytes 0-999/{len(PDF)}"
    assert first.body + rest.body == PDF
    over = await gate.get(PLAN, range=f"bytes={len(PDF)}-")
    assert (over.status, over.headers["content-range"]) == (416, f"bytes */{len(PDF)}")


async def test_what_has_not_changed_is_not_sent_again(gate: WebGate) -> None:
    tag = (await gate.get(PLAN)).headers["etag"]
    again = await gate.get(PLAN, **{"if-none-match": tag})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)


async def test_head_says_what_get_would(gate: WebGate) -> None:
    head, whole = await gate.get(PLAN, method="HEAD"), await gate.get(PLAN)
    assert (head.status, head.body) == (200, b"")
    assert {key: value for key, value in head.headers.items() if key != "date"} == {
        key: value for key, value in whole.headers.items() if key != "date"
    }
    assert (await gate.get(PLAN, method="POST")).status == 405


@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 16385, 65536, 262143, 262144, 262145, 4 * 1024 * 1024])
async def test_every_size_arrives_whole(gate: WebGate, size: int) -> None:
    content = os.urandom(size)
    (gate.system / "Pläne" / "size.bin").write_bytes(content)
    answer = await gate.get("/documents/A-1/plans/size.bin")
    assert (answer.status, answer.body == content) == (200, True)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/documents/A-1/staff/Preise.xlsx", 404),
        ("/documents/B-1/plans/a.pdf", 404),
        ("/documents/A-1/plans/..%2f..%2f..%2fetc%2fpasswd", 404),
        ("/documents/A-1/plans/%2e%2e", 404),
        ("/documents/A-1/plans/Plan_Entwurf.pdf", 404),
        ("/documents/A-1/plans/none.pdf", 404),
    ],
)
async def test_a_customer_gets_nothing_else(gate: WebGate, path: str, status: int) -> None:
    assert (await gate.get(path)).status == status


async def test_staff_gets_the_staff_s_folder(gate: WebGate) -> None:
    ticket = await gate.ticket(Visitor(person="users/tom", staff=True))
    assert (await gate.get("/documents/A-1/staff/Preise.xlsx", **{"x-ticket": ticket})).body == b"PK"


async def test_without_a_ticket_that_holds_there_is_nothing(gate: WebGate) -> None:
    for shown in ({"x-ticket": "nonsense"}, {"x-ticket": ""}):
        assert (await gate.get(PLAN, **shown)).status == 401
    text = await gate.ticket(Visitor(person="a@b.de", systems=frozenset({"A-1"})))
    assert (await gate.get(PLAN, **{"x-ticket": text})).status == 200
    assert (await gate.get(PLAN, **{"x-ticket": "", "cookie": f"a=1; __Host-ticket={text}"})).status == 200
    await gate.tickets.revoke(lambda unit: store.valid_tickets(unit, person="a@b.de"))
    assert (await gate.get(PLAN, **{"x-ticket": text})).status == 401


async def test_nobody_but_the_dmz_envoy_is_spoken_to(gate: WebGate) -> None:
    with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
        await gate.get(PLAN, client="envoy-lan")


async def test_who_fetched_what_is_in_the_audit_log(gate: WebGate) -> None:
    await gate.get(PLAN, **{"x-forwarded-for": "203.0.113.7"})
    await gate.get(PLAN, range="bytes=5-9", **{"x-forwarded-for": "203.0.113.7"})  # the viewer goes on
    await gate.get("/documents/A-1/plans/none.pdf")
    gate.fetches.write(gate.database, Turn(threading.Event()))
    with gate.database.reading() as unit:
        entries = list(OUTBOX.oldest(unit, 10).values())
    assert [(one.caller, one.caller_kind, one.address, one.target) for one in entries] == [
        ("kunde@example.de", "customer", "203.0.113.7", PLAN)
    ]


async def test_the_page_and_the_description_are_served_with_a_strict_policy(gate: WebGate) -> None:
    answer = await gate.get("/", **{"x-ticket": ""})
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert (await gate.get("/openapi.json")).headers["content-type"] == "application/json"
    assert (await gate.get("/../rules.py")).status == 404
    assert (await gate.get("/healthz")).body == b"alive\n"


async def test_two_hundred_megabytes_take_constant_memory(gate: WebGate) -> None:
    with (gate.system / "Pläne" / "big.bin").open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    before = gate.resident()
    most, size = await gate.drain("/documents/A-1/plans/big.bin")
    assert size == 200 * 1024 * 1024
    assert most - before < 30 * 1024 * 1024


async def test_a_file_that_shrinks_meanwhile_breaks_off(gate: WebGate) -> None:
    path = gate.system / "Pläne" / "shrinks.bin"
    path.write_bytes(bytes(50 * 1024 * 1024))

    def shrink(_read: int) -> None:
        os.truncate(path, 1000)

    with pytest.raises((http.client.IncompleteRead, OSError)):
        await gate.drain("/documents/A-1/plans/shrinks.bin", shrink)
