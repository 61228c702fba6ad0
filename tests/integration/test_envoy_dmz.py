"""The real DMZ Envoy before real web documents: what it lets in, what it refuses, what it passes on."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from esoffice.es.v1 import duty_pb2 as pb
from icalendar import Calendar
from sqlalchemy import String

from server_es.directory import tables
from server_es.duty import feeds
from server_es.duty.announcing import Announcing
from server_es.duty.editing import Editing
from server_es.servicecalls.actors import Actor
from server_es.web_documents.rules import Visitor
from tests.builders.dmz_site import DmzSite, dmz_site, lines, settled
from tests.builders.duty import WEEK, layer, roster
from tests.builders.envoy_site import until
from tests.builders.web_documents import PDF

pytestmark = pytest.mark.envoy

PLAN = "/documents/A-1/plans/Schaltplan%20%C3%9Cbersicht.pdf"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[DmzSite]:
    async with dmz_site(tmp_path) as made:
        yield made


async def test_a_technician_goes_from_sign_in_to_the_bytes(site: DmzSite) -> None:
    given = await site.sign_in()
    assert (given.status_code, given.json()["ticket"], given.json()["staff"]) == (200, "", True)
    assert "HttpOnly" in given.headers["set-cookie"]
    systems = (await site.client.get("/api/v1/systems")).json()
    assert [one["name"] for one in systems["systems"]] == ["systems/A-1"]
    tree = (await site.client.get("/api/v1/systems/A-1/tree")).json()
    assert [one["folder"] for one in tree["folders"]] == ["plans", "electrical", "staff"]
    files = (await site.client.get("/api/v1/systems/A-1/files?folder=plans")).json()["files"]
    assert [(one["title"], one["sizeBytes"]) for one in files] == [
        ("Foto.png", "8"),
        ("Schaltplan Übersicht.pdf", str(len(PDF))),
    ]
    document = await site.client.get(files[1]["uri"])
    assert document.content == PDF
    assert "filename*=UTF-8''Schaltplan%20%C3%9Cbersicht.pdf" in document.headers["content-disposition"]
    assert "strict-transport-security" in document.headers
    out = await site.client.post("/api/v1/tickets:revoke", json={})
    assert out.status_code == 200
    assert (await site.client.get("/api/v1/systems")).status_code == 401


async def test_parts_conditions_and_head_pass_through(site: DmzSite) -> None:
    await site.sign_in()
    part = await site.client.get(PLAN, headers={"range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, PDF[5:10])
    same = await site.client.get(PLAN, headers={"if-none-match": part.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    head = await site.client.head(PLAN)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(PDF)))


@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 16385, 65536, 1024 * 1024, 4 * 1024 * 1024])
async def test_every_size_arrives_whole(site: DmzSite, size: int) -> None:
    content = os.urandom(size)
    (site.gate.system / "Pläne" / "size.bin").write_bytes(content)
    await site.sign_in()
    answer = await site.client.get("/documents/A-1/plans/size.bin")
    assert (answer.status_code, answer.content == content) == (200, True)


async def test_two_hundred_megabytes_take_constant_memory_on_every_hop(site: DmzSite) -> None:
    with (site.gate.system / "Pläne" / "big.bin").open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    await site.sign_in()
    assert site.process is not None

    def resident(pid: int | str) -> int:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    hops = ("self", site.process.pid)
    before, most, size = [resident(one) for one in hops], [0, 0], 0
    async with site.client.stream("GET", "/documents/A-1/plans/big.bin") as answer:
        async for piece in answer.aiter_raw():
            if not size:
                await asyncio.sleep(1)  # a slow client: whatever is ahead of it must wait on the disk
            size += len(piece)
            most = [max(known, resident(one)) for known, one in zip(most, hops, strict=True)]
    assert size == 200 * 1024 * 1024
    assert [now - then < 40 * 1024 * 1024 for then, now in zip(before, most, strict=True)] == [True, True]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/systems", 401),
        ("GET", PLAN, 401),
        ("POST", "/api/v1/tickets", 401),
        ("POST", "/esoffice.es.v1.WebDocumentService/ListWebSystems", 404),
        ("POST", "/esoffice.es.v1.ServicecallService/ListServicecalls", 404),
        ("POST", "/esoffice.config.v1.IdentityService/GetKeySet", 404),
        ("POST", "/esoffice.config.v1.IdentityService/SignIn", 404),
        ("POST", "/grpc.health.v1.Health/Check", 404),
        ("GET", "/healthz", 404),
        ("PUT", PLAN, 401),
        ("DELETE", "/api/v1/systems/A-1/tree", 401),
        ("GET", "/api/v1/systems/..%2fA-1/tree", 400),
        ("GET", "/api/v1/systems/A-1/../../tickets", 401),
        ("GET", "/app.py", 404),
    ],
)
async def test_nothing_else_is_let_in(site: DmzSite, method: str, path: str, status: int) -> None:
    answer = await site.client.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == status


async def test_a_made_up_ticket_ends_at_the_door(site: DmzSite) -> None:
    good = await site.gate.ticket(Visitor(person="a@b.de", systems=frozenset({"A-1"})))
    assert (await site.client.get(PLAN, headers={"x-ticket": good})).status_code == 200
    head, body, signature = good.split(".")
    for wrong in (f"{head}.{body}.{signature[::-1]}", f"{head}.{body}.", "nonsense"):
        assert (await site.client.get(PLAN, headers={"x-ticket": wrong})).status_code == 401
    await until(lambda: len([one for one in lines(site) if one.get("code") == 401]) >= 5, "the access log is flushed")
    refused = [one for one in lines(site) if one.get("code") == 401 and one["path"].startswith("/documents/")]
    assert all("upstream" not in one for one in refused)
    assert good not in site.log.read_text()


async def test_a_refusal_is_one_sentence_in_json(site: DmzSite) -> None:
    await site.sign_in()
    answer = await site.client.get("/api/v1/systems/Z-9/tree")
    assert (answer.status_code, answer.json()["message"]) == (404, "there is no systems/Z-9")
    wrong = await site.client.post("/api/v1/accessCodes", json={"systemNumber": "A 1", "mailAddress": "a@b.de"})
    assert wrong.status_code == 400
    assert "system_number" in wrong.json()["message"]


async def test_a_calendar_program_reads_a_duty_feed_until_it_is_revoked(site: DmzSite) -> None:
    chief = Actor(name="users/chief", employee="", caller="chief", may_close=True, person=True)
    with site.gate.database.unit() as unit:
        words = {one.name: "" for one in tables.employee.c if isinstance(one.type, String) and not one.nullable}
        tom = {
            **words,
            "personnel_number": "101",
            "absent": False,
            "service_user": False,
            "revision": 1,
            "update_time": unit.now,
        }
        unit.connection.execute(tables.employee.insert().values(tom))
        rosters = Editing(Announcing(lambda *_: None))
        rosters.create(unit, pb.CreateRosterRequest(roster=roster(WEEK, layer("101"))), chief)
        feed = feeds.create(unit, pb.CreateDutyFeedRequest(feed=pb.DutyFeed(roster=WEEK)), chief, for_others=True)
    answer = await site.client.get("/duty/feed.ics", params={"token": feed.token})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    (shift,) = Calendar.from_ical(answer.content).walk("VEVENT")  # alone in the roster: always on call
    assert str(shift["summary"]) == "Bereitschaft Woche: 101"
    wrong = [{"token": feed.token[:-1] + "~"}, {"token": "1.x"}, {"token": ""}, {}]
    codes = [(await site.client.get("/duty/feed.ics", params=one)).status_code for one in wrong]
    assert codes == [404, 404, 400, 400]
    assert (await site.client.post("/duty/feed.ics", params={"token": feed.token})).status_code == 404
    with site.gate.database.unit() as unit:
        feeds.revoke(unit, feed.name, chief, for_others=True)
    assert (await site.client.get("/duty/feed.ics", params={"token": feed.token})).status_code == 404
    await until(lambda: any(one["path"] == "/duty/feed.ics" for one in lines(site)), "the access log is flushed")
    assert feed.token not in site.log.read_text()


async def test_a_request_body_has_its_limit(site: DmzSite) -> None:
    answer = await site.client.post("/api/v1/signIn", json={"user": "a", "password": "x" * 100_000})
    assert answer.status_code == 413


async def test_a_client_address_may_try_so_many_sign_ins_and_requests(site: DmzSite) -> None:
    dmz = site.settings.config_service.dmz
    dmz.sign_ins_per_minute, dmz.requests_per_minute = 3, 10
    await settled(site)
    async with site.new_client() as client:
        tries = [
            (await client.post("/api/v1/signIn", json={"user": "a", "password": "b"})).status_code for _ in range(5)
        ]
        pages = [(await client.get("/")).status_code for _ in range(12)]
    assert tries.count(429) == 2
    assert pages.count(200) == 10
