"""Short messages over HTTP gateways and mail: requests as the settings say, every answer, webhooks."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from esoffice.business.v1 import sms_pb2 as pb
from sqlalchemy import update

from mesh import claims
from mesh.clock import ManualClock, SystemClock
from server_business.sms import webhook
from server_business.sms.http_gateway import HttpGateway
from server_business.sms.mail_gateway import MailGateway
from server_business.sms.outbox import Outbox
from server_business.sms.presets import PRESETS, TWILIO, VONAGE
from server_business.sms.routing import Way
from server_business.sms.tables import SMS
from server_business.sms.templates import Gateway
from server_business.sms.webhook import Hook
from tests.builders.sms import NUMBER, Switchboard, switchboard, turn
from tests.contract.conftest import Serve
from tests.servers import gateway


@pytest.fixture
async def board(serve: Serve) -> AsyncIterator[Switchboard]:
    with ExitStack() as stack:
        yield await switchboard(serve, stack, Way(name="one"), Way(name="two", rank=5))


@dataclass
class Served:
    """A gateway of the tests."""

    board: Switchboard
    server: gateway.Running
    made: list[HttpGateway] = field(default_factory=list)

    def provider(self, said: Gateway, **more: Any) -> HttpGateway:
        given = {"sender": "Firma", "user": "ich", "password": "geheim&", "clock": SystemClock(), "window": 5, **more}
        made = HttpGateway(said, site="muster", timeout=1.0, **given)
        self.made.append(made)
        return made


@pytest.fixture
def http(board: Switchboard) -> Iterator[Served]:
    with gateway.running() as server:
        served = Served(board, server)
        yield served
        for one in served.made:
            one.close()


async def test_a_gateway_is_asked_as_its_preset_says_and_reports_by_its_webhook(http: Served) -> None:
    board = http.board
    vonage = replace(PRESETS[VONAGE], url=f"{http.server.url}/sms/json")
    http.server.answer = lambda _: (200, {"messages": [{"status": "0", "message-id": f"id-{n}"} for n in (1, 2)]})
    name = await board.send("Süd „" + "x" * 80)
    turn(board.lane(http.provider(vonage)))
    ((path, form, _),) = http.server.asked
    assert (path, form["to"], form["api_secret"], form["client-ref"]) == (
        "/sms/json", "491701234567", "geheim&", "muster-sms-1",
    )  # fmt: skip
    assert form["text"] == "Süd „" + "x" * 80
    hooks = {"one": Hook(gateway=vonage, secret="0123456789abcdef")}
    application = webhook.app(board.database, hooks, board.bell_of)
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://hook") as client:
        report = {"messageId": "id-1", "status": "delivered", "msisdn": "491701234567"}
        for secret, where in (("wrong", "one"), ("", "one"), ("0123456789abcdef", "other")):
            answer = await client.post(f"/sms/{where}", params={"secret": secret}, json=report)
            assert answer.status_code == 403
        assert (await board.state(name)) == ("SENT", "PENDING")
        told = {"x-webhook-secret": "0123456789abcdef"}
        assert (await client.post("/sms/one", headers=told, json=report)).status_code == 204
        assert (await board.state(name)) == ("SENT", "PENDING")
        report |= {"messageId": "id-2", "secret": "0123456789abcdef"}
        assert (await client.get("/sms/one", params=report)).status_code == 204
        assert (await board.state(name)) == ("SENT", "DELIVERED")
        for odd in (b"[]", b"\xff\xfe", b"{" * 5000, b'{"msisdn": {"a": 1}, "text": ["\\ud800"]}'):
            assert (await client.post("/sms/one", headers=told, content=odd)).status_code == 204
        assert (await client.post("/sms/one", headers=told, content=b"x" * 70_000)).status_code == 413
        said = {"msisdn": "491709999999", "to": "4930123", "text": "Komme \ud800", "messageId": "in-1"}
        for _ in range(2):
            await client.post("/sms/one", headers=told, content=json.dumps(said))
    found = (await board.stub.ListInboundSms(pb.ListInboundSmsRequest())).messages
    assert [(one.sender, one.text, one.outcome) for one in found[:2]] == [
        ("+491709999999", "Komme \ufffd", pb.INBOUND_SMS_OUTCOME_REPEATED),
        ("+491709999999", "Komme \ufffd", pb.INBOUND_SMS_OUTCOME_OPEN),
    ]


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        ((200, {"state": "ok", "id": 17}), "SENT", "taken"),
        ((200, {"state": "bad number"}), "FAILED", "the gateway says bad number"),
        ((200, {"state": "slow"}), "QUEUED", "the gateway says slow"),
        ((200, "what?"), "FAILED", "the gateway says nothing we know"),
        ((400, "text too long"), "FAILED", 'status 400: "text too long"'),
        ((429, ""), "QUEUED", "status 429"),
        ((500, ""), "IN_DOUBT", "status 500"),
        ("drop", "IN_DOUBT", "the answer was lost: RemoteProtocolError"),
        ("hang", "IN_DOUBT", "the answer was lost: ReadTimeout"),
    ],
)
async def test_every_answer_of_a_gateway_ends_in_a_named_state(
    http: Served, answer: Any, state: str, reason: str
) -> None:
    said = Gateway(
        url=f"{http.server.url}/send/{{digits}}", body='{"an": "{to}", "text": "{text}"}', id_path="id", basic=True,
        success_path="state", success_values=("ok",), later_values=("slow",),
    )  # fmt: skip
    http.server.answer = lambda _: answer
    name = await http.board.send('Er sagte "Ja"\n')
    turn(http.board.lane(http.provider(said)))
    found = await http.board.get(name)
    assert ((await http.board.state(name))[0], found.reason) == (state, reason)
    ((path, body, headers),) = http.server.asked
    assert (path, body) == ("/send/491701234567", {"an": NUMBER, "text": 'Er sagte "Ja"\n'})
    assert headers["authorization"].startswith("Basic ")


async def test_a_gateway_that_knows_our_references_is_asked_again_by_itself(http: Served, clock: ManualClock) -> None:
    said = Gateway(url=f"{http.server.url}/send", body="ref={reference}", idempotent=True)
    http.server.answer = lambda _: "drop"
    name = await http.board.send()
    lane = http.board.lane(http.provider(said))
    turn(lane)
    assert (await http.board.state(name))[0] == "QUEUED"
    http.server.answer = lambda _: (200, "")
    clock.advance(timedelta(seconds=30))
    turn(lane)
    assert (await http.board.state(name))[0] == "SENT"
    assert {one["ref"] for _, one, _ in http.server.asked} == {"muster-sms-1"}


async def test_a_gateway_that_lets_nobody_in_loses_its_queue(http: Served, tmp_path: Path) -> None:
    http.server.answer = lambda _: (401, "wrong key")
    name = await http.board.send()
    turn(http.board.lane(http.provider(Gateway(url=http.server.url))))
    assert http.board.lines["one"].sentence == "127.0.0.1 does not let us in: status 401"
    turn(http.board.lane(Outbox(tmp_path), "two"))
    assert (await http.board.state(name))[0] == "SENT"


async def test_a_gateway_that_refuses_our_key_is_asked_ever_more_rarely(http: Served, clock: ManualClock) -> None:
    http.server.answer = lambda _: (401, "wrong key")
    lane = http.board.lane(http.provider(Gateway(url=http.server.url), clock=clock), window=1)
    for pause, asked in ((0, 1), (29, 1), (1, 2), (59, 2), (1, 3)):
        clock.advance(timedelta(seconds=pause))
        await http.board.send()
        turn(lane)
        assert len(http.server.asked) == asked
        with http.board.database.unit() as unit:
            unit.connection.execute(update(SMS.table).values(provider="one", next_attempt_time=unit.now))


@pytest.mark.parametrize(
    ("caller", "signature", "status"),
    [
        ("+14158675309", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", 204),  # as Twilio documents it
        ("+14158675310", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", 403),
        ("+14158675309", "", 403),
    ],
)
async def test_a_webhook_of_twilio_must_be_signed(http: Served, caller: str, signature: str, status: int) -> None:
    signed = Hook(
        gateway=PRESETS[TWILIO], secret="0123456789abcdef",
        signed_url="https://mycompany.com/myapp.php", key="12345",
    )  # fmt: skip
    application = webhook.app(http.board.database, {"one": signed}, http.board.bell_of)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://hook") as client:
        answer = await client.post(
            "/sms/one?foo=1&bar=2",
            data={
                "CallSid": "CA1234567890ABCDE", "Caller": caller, "Digits": "1234", "From": caller,
                "To": "+18005551212",
            },
            headers={"x-twilio-signature": signature, "x-webhook-secret": "0123456789abcdef"},
        )  # fmt: skip
    assert answer.status_code == status


async def test_a_mail_to_a_gateway_is_posted_once_for_each_message(board: Switchboard) -> None:
    posted: dict[str, tuple[str, str]] = {}

    def post(request_id: str, address: str, text: str) -> str:
        posted[request_id] = (address, text)
        return f"outgoingMails/{len(posted)}"

    name = await board.send()
    with board.database.unit() as unit:
        SMS.begin_all(unit, claims.claim(unit, SMS.table, limit=1, lease=timedelta(minutes=5), owner="dead"))
    board.give_back("dead")
    turn(board.lane(MailGateway("{digits}@sms.example.de", post)))
    assert list(posted.values()) == [("491701234567@sms.example.de", "Alarm")]
    assert (await board.get(name)).provider_reference == "outgoingMails/1"
