"""`esconfig mails` and `esconfig outgoing`: rules tried before they are saved, suggestions, addresses that bounced."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from esoffice.business.v1 import mail_pb2, outgoing_mail_pb2
from esoffice.config.v1 import business_settings_pb2, settings_pb2, settings_pb2_grpc

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.wakeups import Wakeups
from server_business.app import definition
from server_business.outgoing_mail import store
from server_business.outgoing_mail.rules import Bounce, Delivery, Judgement
from server_business.outgoing_mail.service import OutgoingMails
from server_business.outgoing_mail.tables import MAILS
from tests.builders import mails
from tests.builders.front_door import FrontDoor, front_door
from tests.builders.identity import PASSWORD
from tests.builders.reception import Mailroom, mailroom
from tests.servers.console import Ran, command

NOW = datetime(2027, 3, 2, 8, 0, tzinfo=UTC)
_ACCOUNT = business_settings_pb2.MailAccount


class Saved(settings_pb2_grpc.SettingsServiceServicer):
    """The settings as they are saved: one account."""

    async def GetSettings(self, _request: Any, _context: Any) -> settings_pb2.SettingsRevision:
        revision = settings_pb2.SettingsRevision(number=1)
        account = revision.settings.server_business.mail.accounts["info"]
        account.active, account.action = True, _ACCOUNT.ACTION_CREATE_SERVICECALL
        account.password.stored = "secrets/1"
        return revision


@dataclass
class Post:
    door: FrontDoor
    room: Mailroom

    async def esconfig(self, *arguments: str) -> Ran:
        options = ("--server", self.door.address, "--ca", str(self.door.ca), "--user", "chief")
        return await command("esconfig", *options, *arguments, environment={"ESCONFIG_PASSWORD": PASSWORD})


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    clock = ManualClock(NOW)
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'business.db'}"
        database = stack.enter_context(Database(url, metadata=definition.metadata, clock=clock))
        definition.metadata.create_all(database.engine)
        wakeups = stack.enter_context(Wakeups(database))
        (tmp_path / "house").mkdir()
        room = stack.enter_context(mailroom(database, clock, tmp_path / "house"))
        outgoing = OutgoingMails(
            database, wakeups.bell("x"), message_id_domain="firma.example", give_up=timedelta(days=1)
        )
        beside = [
            (mail_pb2.DESCRIPTOR, room.servicer()),
            (outgoing_mail_pb2.DESCRIPTOR, outgoing),
            (settings_pb2.DESCRIPTOR, Saved()),
        ]
        async with front_door(tmp_path, NOW, beside=beside) as door:
            yield Post(door, room)


async def test_rules_are_tried_compared_and_suggested_from_the_command_line(post: Post) -> None:
    room = post.room
    room.es.knows("chef@fremd.example", "addresses/1001")
    await asyncio.to_thread(room.receive, mails.mail(sender="wer@fremd.example", subject="Angebot"))
    tried = await post.esconfig(
        "mails", "try-rules", "info", "rules.10-ads.headers=Subject: *Angebot*", "rules.10-ads.outcome=ignore"
    )
    assert (tried.code, "1 mails compared, 1 differ. Nothing was changed." in tried.out) == (0, True), tried.err
    assert "open: sender_unknown" in tried.out
    assert "dismissed: put aside by the rule '10-ads'" in tried.out
    wrong = await post.esconfig("mails", "try-rules", "other", "mails_per_hour=3")
    assert (wrong.code, wrong.err.count("\n")) != (0, 0)
    compared = await post.esconfig("mails", "reconcile", "info")
    assert (compared.code, "left (not stored)" in compared.out) == (0, True), compared.err
    suggested = await post.esconfig("mails", "suggest", "1")
    assert "1001" in suggested.out
    assert "domain fremd.example of addresses/1001" in suggested.out
    assert (await post.esconfig("mails", "adopt", "1")).code == 2
    adopted = await post.esconfig("mails", "adopt", "1", "--suggested")
    assert (adopted.code, room.mails()[0].address) == (0, "addresses/1001"), adopted.err


async def test_an_address_that_bounced_is_listed_and_released(post: Post) -> None:
    bounce = Bounce(recipient="gone@kunde.example", status="5.1.1", reason="550 5.1.1 no such user", marked=True)
    with post.room.database.unit() as unit:
        MAILS.accept(
            unit, outgoing_mail_pb2.SendMailRequest(), caller="test", give_up_time=NOW + timedelta(days=1),
            expire_time=None, to=["gone@kunde.example"], cc=[], subject="Ihr Anruf", text="x", html="", reply_to="",
            in_reply_to="", origin=2, about="", message_id="<1@firma.example>",
        )  # fmt: skip
        store.record_report(unit, 1, Judgement(delivery=Delivery.BOUNCED, bounces=(bounce,)))
    listed = await post.esconfig("outgoing", "list")
    assert "bounced gone@kunde.example: 550 5.1.1 no such user" in listed.out, listed.err
    marked = await post.esconfig("outgoing", "marked")
    assert "gone@kunde.example" in marked.out
    assert (await post.esconfig("outgoing", "release", "1")).code == 0
    assert "gone@kunde.example" not in (await post.esconfig("outgoing", "marked")).out
