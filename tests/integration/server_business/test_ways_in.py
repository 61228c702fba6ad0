"""server_business as its app puts it together: who is listened to, who signs in, and how."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from esoffice.business.v1 import mail_pb2 as pb
from esoffice.config.v1 import business_settings_pb2, settings_pb2

from config_service.settings.paths import completed
from mesh.app import App
from mesh.bootstrap import Bootstrap
from mesh.certificates import ServiceCertificate
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.errors import Unavailable
from mesh.upstream import RemoteUpstream
from mesh.wakeups import Wakeups
from mesh.workers import Turn
from server_business.app import NAME, definition
from server_business.mail.service import MailServicer
from server_business.sign_ins.tokens import NotSignedIn
from tests.servers import es
from tests.servers.issuer import CLIENT, Issuer, issuer


def by_person(tokens: Issuer) -> business_settings_pb2.OAuth2Client:
    return business_settings_pb2.OAuth2Client(
        token_url=tokens.token_url, client_id=CLIENT, scope="mail offline_access",
        device_authorization_url=tokens.device_url,
    )  # fmt: skip


def site(tokens: Issuer) -> settings_pb2.Settings:
    settings = completed(settings_pb2.Settings())
    own = settings.server_business
    account = own.mail.accounts["info"]
    account.active, account.use_idle, account.kind = True, True, account.KIND_EWS
    account.url, account.user = "https://127.0.0.1:1/EWS/Exchange.asmx", "info@firma.example"
    account.folders["zwei"].folder = "INBOX/zwei"
    account.oauth2.CopyFrom(by_person(tokens))
    own.outgoing_mail.active, own.outgoing_mail.host = True, "127.0.0.1"
    own.outgoing_mail.sender = own.outgoing_mail.user = "info@firma.example"
    own.outgoing_mail.oauth2.CopyFrom(by_person(tokens))
    own.exchange.active, own.exchange.url = True, "https://127.0.0.1:1/EWS/Exchange.asmx"
    own.exchange.oauth2.token_url, own.exchange.oauth2.client_id = tokens.token_url, CLIENT
    for number in range(201):
        own.exchange.mailboxes[str(number)].address = f"user{number}@firma.example"
    return settings


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    certs, clock = es.make_certificates(tmp_path), SystemClock()
    nobody = grpc.aio.insecure_channel("127.0.0.1:1")
    with (
        issuer() as tokens,
        Database(f"sqlite:///{tmp_path / 'b.db'}", metadata=definition.metadata, clock=clock) as database,
        Wakeups(database) as wakeups,
    ):
        definition.metadata.create_all(database.engine)
        app = App(
            name=NAME, settings=site(tokens), certificate=ServiceCertificate(certs, NAME, clock), clock=clock,
            bootstrap=Bootstrap(
                data=tmp_path, certs=certs, config_address="127.0.0.1:1", listen="127.0.0.1:0",
                peers=(("server_es", "127.0.0.1:1"),),
            ),
            database=database, wakeups=wakeups, draining=asyncio.Event(), instance="b",
            upstream=RemoteUpstream(nobody, None),
        )  # fmt: skip
        await definition.build(app)
        yield app
        await app.close()
        await nobody.close()


def signing_in(app: App, account: str) -> AsyncIterator[pb.SignInProgress]:
    mails: Any = next(one for _, one in app.servicers if isinstance(one, MailServicer))
    found: AsyncIterator[pb.SignInProgress] = mails.SignIn(pb.SignInRequest(account=account), None)
    return found


async def test_every_mailbox_is_listened_to_and_signing_in_wakes_who_waits(app: App) -> None:
    names = {one.name for one in app.workers}
    assert {"mail.info.push", "mail.info.zwei.push", "exchange.push.1", "exchange.push.2"} <= names
    inbox, push = (
        next(one for one in app.workers if one.name == f"mail.info.zwei.{name}") for name in ("inbox", "push")
    )
    assert inbox.bell is not None
    assert push.bell is not None
    with inbox.bell.listening_async() as looks, push.bell.listening_async() as listens:
        assert [one.done async for one in signing_in(app, "mailAccounts/info")] == [False, True]
        await asyncio.wait_for(looks.wait(), 5)
        await asyncio.wait_for(listens.wait(), 5)
    assert [one.done async for one in signing_in(app, "outgoingMail")] == [False, True]


async def test_without_a_sign_in_a_mailbox_says_what_to_do(app: App) -> None:
    inbox: Any = next(one for one in app.workers if one.name == "mail.info.inbox")
    with pytest.raises(NotSignedIn, match="esconfig mails sign-in info"):
        await asyncio.to_thread(inbox.work, Turn(threading.Event()))


async def test_a_sign_in_ends_with_the_service(app: App) -> None:
    steps = signing_in(app, "mailAccounts/info")
    assert (await anext(steps)).user_code
    app.draining.set()
    with pytest.raises(Unavailable, match="begin again"):
        await anext(steps)
