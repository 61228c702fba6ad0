"""The short messages of server_business as settings put them together: every kind of provider, webhooks, answers."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import httpx
from esoffice.business.v1 import sending_pb2, sms_pb2
from esoffice.business.v1.sms_pb2_grpc import SmsServiceStub
from esoffice.config.v1 import settings_pb2
from google.protobuf.json_format import ParseDict
from sqlalchemy import select

from config_service import pki
from config_service.settings import rules
from config_service.settings.paths import completed
from mesh.app import App
from mesh.audit import AuditLog
from mesh.bootstrap import Bootstrap
from mesh.certificates import ServiceCertificate
from mesh.channel import connect
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.permissions import Permissions
from mesh.pipeline import Pipeline
from mesh.server import Server
from mesh.tokens import Caller, Kind
from mesh.upstream import RemoteUpstream
from mesh.wakeups import Wakeups
from mesh.workers import Workers
from server_business.app import NAME, definition
from server_business.assembly.sms import add_sms
from server_business.outgoing_mail.tables import MAILS
from tests.servers import gateway, smsc
from tests.servers.es import SITE

CLOCK = SystemClock()
SECRET = "0123456789abcdef"
SENT = sending_pb2.SEND_STATE_SENT
CHIEF = Caller(kind=Kind.PERSON, name="chief", permissions=Permissions(["*"]))


@asynccontextmanager
async def serving(folder: Path, sms: dict[str, Any], told: list[tuple[str, ...]]) -> AsyncIterator[SmsServiceStub]:
    """Put the room together on settings that config_service would accept, run its workers, and connect."""
    settings = ParseDict({"serverBusiness": {"sms": {"active": True, **sms}}}, settings_pb2.Settings())
    settings = completed(settings)
    assert rules.problems(settings) == []
    certs = folder / "certs"
    if not certs.exists():
        pki.init_site(certs, SITE, CLOCK)
        pki.issue(certs, NAME, now=CLOCK.now(), ip=["127.0.0.1"])
    audit = AuditLog(definition.outbox, CLOCK)
    url = f"sqlite:///{folder / 'business.db'}"
    bootstrap = Bootstrap(
        data=folder,
        certs=certs,
        config_address="127.0.0.1:1",
        listen="127.0.0.1:0",
        peers=(("server_es", "127.0.0.1:1"),),
    )
    nobody = grpc.aio.insecure_channel(bootstrap.config_address)

    def tell(*said: str) -> str:
        told.append(said)
        return ""

    with Database(url, metadata=definition.metadata, clock=CLOCK, before_commit=audit.before_commit) as database:
        definition.metadata.create_all(database.engine)
        with Wakeups(database) as wakeups:
            app = App(
                name=NAME, settings=settings, bootstrap=bootstrap, certificate=ServiceCertificate(certs, NAME, CLOCK),
                clock=CLOCK, database=database, wakeups=wakeups, draining=asyncio.Event(),
                upstream=RemoteUpstream(nobody, None), instance="business",
            )  # fmt: skip
            await add_sms(app, settings.server_business.sms, tell, "firma.example")
            server = Server(Pipeline(identify=lambda _: CHIEF, audit=audit))
            for contract, servicer in app.servicers:
                server.add(contract, servicer)
            workers = Workers(app.workers, clock=CLOCK, owner="business", database=database, leases=definition.leases)
            workers.start()
            try:
                async with connect(f"127.0.0.1:{await server.start('127.0.0.1:0', None)}", None) as channel:
                    yield SmsServiceStub(channel)
            finally:
                await server.drain(timedelta(0))
                await workers.stop(timedelta(seconds=10))
                with database.reading() as unit:
                    told += [
                        ("mail", *row) for row in unit.connection.execute(select(MAILS.table.c.to, MAILS.table.c.text))
                    ]
                await app.close()
                await nobody.close()


async def until(done: Callable[[], Any], seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while True:
        if found := await done():
            return found
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.05)


async def test_every_kind_of_provider_works_as_it_is_set(tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    told: list[tuple[Any, ...]] = []
    port = free_port()
    with smsc.hostile() as centre, gateway.running() as http:
        http.answer = lambda _: (200, {"messages": [{"status": "0", "message-id": "v-1"}]})
        sms = {
            "outboxFolder": str(tmp_path / "outbox"),
            "inboundTeam": "teams/hotline",
            "webhooks": {"port": port},
            "providers": {
                "centre": {
                    "active": True, "kind": "KIND_SMPP", "prefixes": ["+4917"], "sender": "Firma",
                    "smpp": {"host": "127.0.0.1", "port": centre.port, "systemId": "us", "password": {"value": "p"}},
                },
                "vonage": {
                    "active": True, "kind": "KIND_HTTP", "prefixes": ["+43"], "partsPerSecond": 10,
                    "http": {
                        "preset": "PRESET_VONAGE", "url": f"{http.url}/sms/json", "user": "u",
                        "password": {"value": "p"}, "webhookSecret": {"value": SECRET},
                        "receiptStates": {"zugestellt": "SMS_RECEIPT_STATE_DELIVERED"},
                    },
                },
                "mail": {
                    "active": True, "kind": "KIND_MAIL", "prefixes": ["+41"], "mailAddress": "{digits}@sms.example.ch",
                },
                "old": {"kind": "KIND_SMPP", "prefixes": ["+4917"]},
            },
        }  # fmt: skip
        async with serving(tmp_path, sms, told) as stub:
            for to in ("+491701234567", "+436641234567", "+41791234567", "+33612345678"):
                await stub.SendSms(sms_pb2.SendSmsRequest(to=to, text="Alarm"))

            async def sent() -> Any:
                found = (await stub.ListSms(sms_pb2.ListSmsRequest())).sms
                return found if {one.state for one in found} == {SENT} else None

            found = await until(sent)
            assert [one.provider.partition("/")[2] for one in found] == ["outbox", "mail", "vonage", "centre"]
            async with httpx.AsyncClient() as client:
                report = {"messageId": "v-1", "status": "zugestellt", "secret": SECRET}
                answer = await client.get(f"http://127.0.0.1:{port}/sms/vonage", params=report)
                assert answer.status_code == 204
            centre.push(smsc.message("+491701234567", b"Wer ruft an?"))

            async def over() -> Any:
                listed = (await stub.ListSms(sms_pb2.ListSmsRequest())).sms
                return [one.delivery for one in listed] == [0, 0, 6, 6] and told

            await until(over)
            listed = await stub.ListSmsProviders(sms_pb2.ListSmsProvidersRequest())
            assert [(one.name, one.healthy) for one in listed.providers] == [
                (f"smsProviders/{name}", True) for name in ("centre", "mail", "outbox", "vonage")
            ]
    assert told[0][:3] == ("teams/hotline", "SMS von +491701234567", "Wer ruft an?")
    assert told[1] == ("mail", ["41791234567@sms.example.ch"], "Alarm")
    assert len(list((tmp_path / "outbox").glob("*.json"))) == 1
    assert [one.to for one in centre.submits] == ["+491701234567"]


async def test_what_waited_while_sending_was_off_leaves_when_it_is_on(tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    async with serving(tmp_path, {"active": False}, []) as stub:
        accepted = await stub.SendSms(sms_pb2.SendSmsRequest(to="+491701234567", text="Alarm"))
        sent_name = accepted.name
        assert (accepted.provider, accepted.state) == ("", sending_pb2.SEND_STATE_QUEUED)
        assert not (await stub.ListSmsProviders(sms_pb2.ListSmsProvidersRequest())).providers
    async with serving(tmp_path, {"outboxFolder": str(tmp_path / "outbox")}, []) as stub:

        async def sent() -> Any:
            found = await stub.GetSms(sms_pb2.GetSmsRequest(name=sent_name))
            return found if found.state == SENT else None

        assert (await until(sent)).provider == "smsProviders/outbox"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
