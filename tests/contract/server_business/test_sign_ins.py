"""A person signs in for an account by device flow; from then on the service signs in by itself."""

import asyncio
import base64
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from esoffice.business.v1 import mail_pb2 as pb
from esoffice.business.v1.mail_pb2_grpc import MailServiceStub
from esoffice.config.v1 import business_settings_pb2 as settings
from sqlalchemy import select
from typer.testing import CliRunner

from config_service.cli import mail_sign_in, mails, sending
from mesh.clock import ManualClock
from mesh.database import Database
from mesh.errors import DomainError
from server_business.app import definition
from server_business.mail.accounts import account, active_accounts
from server_business.mail.service import MailServicer
from server_business.oauth2 import Client, NoToken
from server_business.sign_ins.flow import Flow
from server_business.sign_ins.settings import oauth2_client
from server_business.sign_ins.tables import SIGN_INS
from server_business.sign_ins.tokens import OUTGOING, NotSignedIn, SignIns
from tests.builders import mails as raw_mails
from tests.contract.conftest import Serve, person, refused
from tests.servers import ews_mail
from tests.servers.issuer import CLIENT, DEVICE, Issuer, issuer

INFO = "mailAccounts/info"
PRECONDITION, AWAY = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAVAILABLE


@dataclass
class Office:
    """Who signs in, and what is kept of it."""

    issuer: Issuer
    clock: ManualClock
    keys: Path
    mails: Any = None
    served: Any = None
    database: Any = None
    sign_ins: Any = None
    pauses: list[float] = field(default_factory=list)
    during: Callable[[], object] = lambda: None
    ends: bool = False

    def begin(self, database: Database) -> SignIns:
        """Start the service, as after a restart."""
        self.database = database
        self.sign_ins = SignIns(database, self.keys, self.clock)
        for one in (INFO, OUTGOING):
            self.sign_ins.of(one, self.client())
        return self.sign_ins

    def client(self, **changes: Any) -> Client:
        said = settings.OAuth2Client(
            token_url=self.issuer.token_url, client_id=CLIENT, scope="EWS offline_access",
            device_authorization_url=self.issuer.device_url,
        )  # fmt: skip
        return oauth2_client(
            settings.OAuth2Client(**{**{one.name: value for one, value in said.ListFields()}, **changes})
        )

    async def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))
        await asyncio.to_thread(self.during)
        return self.ends

    async def sign_in(self, account: str = INFO) -> list[pb.SignInProgress]:
        return [step async for step in self.mails.SignIn(pb.SignInRequest(account=account))]

    def token(self, account: str = INFO) -> str:
        found: str = self.sign_ins.of(account, self.client()).current()
        return found

    async def soon(self, account: str = INFO) -> str:
        return await asyncio.to_thread(self.token, account)

    def kept(self) -> Any:
        with self.database.reading() as unit:
            return unit.connection.execute(select(SIGN_INS)).one_or_none()


@pytest.fixture
def tokens() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture
async def office(serve: Serve, tokens: Issuer, clock: ManualClock, tmp_path: Path) -> Office:
    office = Office(tokens, clock, tmp_path / "keys")
    unused: Any = None

    def made(database: Database) -> MailServicer:
        flow = Flow(office.begin(database), clock, office.pause)
        return MailServicer(database, dict, unused, unused, sign_in=flow.steps)

    office.served = await serve((pb.DESCRIPTOR, made), metadata=definition.metadata)
    office.mails = MailServiceStub(office.served.channel)
    return office


# -- signing in -------------------------------------------------------------------------------------------------------


async def test_who_signs_in_is_told_where_and_the_service_stays_signed_in(office: Office) -> None:
    rung: list[str] = []
    office.sign_ins.then(INFO, lambda: rung.append("info"))
    office.sign_ins.then(OUTGOING, lambda: rung.append("outgoing"))
    office.issuer.answers = ["authorization_pending", "slow_down", "authorization_pending"]
    before = office.clock.now()

    first, *between, last = await office.sign_in()

    assert between == [pb.SignInProgress()] * 3  # heartbeats
    assert (first.user_code, first.verification_uri) == ("ABCD-EFGH", "https://issuer.example/device")
    assert first.verification_uri_complete.endswith("ABCD-EFGH")
    assert first.expire_time.ToDatetime(before.tzinfo) == before + timedelta(seconds=900)
    assert (last.done, rung) == (True, ["info"])
    assert office.pauses == [0.01, 0.01, 5.01, 5.01]
    assert [one["grant_type"] for one in office.issuer.asked[1:]] == [DEVICE] * 4
    assert all("client_secret" not in one for one in office.issuer.asked)
    assert await office.soon() == await office.soon() == "token-2"
    assert office.served.calls[-1].method.endswith("MailService/SignIn")


async def test_an_issuer_that_is_away_meanwhile_is_asked_again(office: Office) -> None:
    office.issuer.interval = 4

    def fail_twice() -> None:
        office.issuer.down = len(office.pauses) < 3

    office.during = fail_twice
    assert (await office.sign_in())[-1].done
    assert office.pauses == [4, 8, 16]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (["authorization_pending", "expired_token"], "in time"),
        (["access_denied"], "AADSTS: access_denied"),
        (["unauthorized_client"], "refused"),
    ],
)
async def test_a_sign_in_that_fails_says_why_and_signs_nobody_out(
    office: Office, answers: list[str], said: str
) -> None:
    await office.sign_in()
    office.issuer.answers = answers
    error = await refused(office.sign_in())
    assert error.code() is PRECONDITION
    assert said in (error.details() or "")
    assert (await office.soon()).startswith("token-")


async def test_a_code_that_has_ended_is_not_asked_for_any_more(office: Office) -> None:
    office.issuer.interval = 400
    office.issuer.answers = ["authorization_pending"] * 9
    error = await refused(office.sign_in())
    assert (error.code(), office.pauses) == (PRECONDITION, [400, 400, 400])
    assert len(office.issuer.asked) == 3  # the beginning, and twice while it held


async def test_what_cannot_be_begun_is_said(office: Office) -> None:
    unknown = await refused(office.sign_in("mailAccounts/gibtsnicht"))
    assert unknown.code() is PRECONDITION
    assert "device_authorization_url" in (unknown.details() or "")
    office.sign_ins.of("mailAccounts/fremd", office.client(client_id="fremd"))
    stranger = await refused(office.sign_in("mailAccounts/fremd"))
    assert stranger.code() is PRECONDITION
    assert "AADSTS700016" in (stranger.details() or "")
    office.issuer.down = True
    assert (await refused(office.sign_in())).code() is AWAY
    office.issuer.down, office.issuer.refreshes = False, False
    short = await refused(office.sign_in())
    assert "offline_access" in (short.details() or "")
    office.ends = True
    assert (await refused(office.sign_in())).code() is AWAY
    assert office.kept() is None


async def test_only_an_administrator_lets_the_service_sign_in(office: Office) -> None:
    office.served.caller = person("mails.*")
    error = await refused(office.sign_in())
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert office.issuer.asked == []


async def test_where_nobody_can_sign_in_that_is_said(serve: Serve) -> None:
    unused: Any = None
    served = await serve(
        (pb.DESCRIPTOR, lambda one: MailServicer(one, dict, unused, unused)), metadata=definition.metadata
    )
    calls = MailServiceStub(served.channel).SignIn(pb.SignInRequest(account=OUTGOING))
    assert (await refused(calls.read())).code() is PRECONDITION


# -- staying signed in ------------------------------------------------------------------------------------------------


async def test_the_token_is_renewed_before_it_ends_and_over_a_restart(office: Office) -> None:
    await office.sign_in()
    assert await office.soon() == "token-2"
    office.clock.advance(timedelta(seconds=3_500))
    assert await office.soon() == "token-3"
    office.begin(office.database)
    assert await office.soon() == "token-4"
    assert [one["grant_type"] for one in office.issuer.asked[-3:]] == ["refresh_token"] * 3


async def test_an_issuer_whose_refresh_tokens_hold_once_is_followed(office: Office) -> None:
    office.issuer.rotates = True
    await office.sign_in()
    for number in (2, 3, 4):
        office.sign_ins.of(INFO, office.client()).forget()
        assert await office.soon() == f"token-{number}"
    assert len({one["refresh_token"] for one in office.issuer.asked if "refresh_token" in one}) == 3


async def test_what_is_kept_is_sealed_for_its_account(office: Office) -> None:
    await office.sign_in()
    row = office.kept()
    assert b"refresh" not in row.sealed
    assert office.sign_ins.box().open(INFO, row.sealed) == "refresh-1"
    with pytest.raises(DomainError):
        office.sign_ins.box().open(OUTGOING, row.sealed)
    (key,) = office.keys.iterdir()
    assert key.stat().st_mode & 0o077 == 0
    key.unlink()
    office.begin(office.database)
    with pytest.raises(NotSignedIn, match="damaged or belongs to another"):
        await office.soon()


async def test_a_sign_in_that_was_revoked_asks_for_a_person_once_and_says_how(office: Office) -> None:
    await office.sign_in()
    await office.soon()
    office.issuer.revoked = True
    office.clock.advance(timedelta(hours=1))
    with pytest.raises(NotSignedIn, match="esconfig mails sign-in info`: AADSTS700082"):
        await office.soon()
    asked = len(office.issuer.asked)
    with pytest.raises(NotSignedIn, match="AADSTS700082"):
        await office.soon()
    assert len(office.issuer.asked) == asked  # the issuer is left alone
    office.issuer.revoked = False
    await office.sign_in()
    assert (await office.soon()).startswith("token-")


async def test_an_issuer_that_is_away_or_does_not_know_us_signs_nobody_out(office: Office) -> None:
    await office.sign_in()
    office.issuer.down = True
    with pytest.raises(NoToken, match="cannot be asked now") as away:
        await office.soon()
    assert not isinstance(away.value, NotSignedIn)
    office.issuer.down = False
    assert await office.soon() == "token-2"
    assert office.kept().refused == ""


async def test_a_sign_in_holds_for_its_issuer_client_and_scope(office: Office) -> None:
    await office.sign_in()
    office.sign_ins = SignIns(office.database, office.keys, office.clock)
    office.sign_ins.of(INFO, office.client(scope="IMAP offline_access"))
    with pytest.raises(NotSignedIn, match="nobody has signed in yet"):
        await office.soon()
    with pytest.raises(NotSignedIn, match="esconfig outgoing sign-in"):
        await office.soon(OUTGOING)


# -- into the mailbox -------------------------------------------------------------------------------------------------


async def test_a_mailbox_is_opened_in_the_name_of_who_has_signed_in(office: Office) -> None:
    with ews_mail.running() as server:
        user = f"user3@{ews_mail.DOMAIN}"
        said = settings.MailAccount(
            active=True, kind=settings.MailAccount.KIND_EWS, url=server.url, user=user, use_idle=True,
            folders={"zwei": settings.MailFolder(folder="INBOX")},
            oauth2=settings.OAuth2Client(
                token_url=office.issuer.token_url, client_id=CLIENT, scope="EWS offline_access",
                device_authorization_url=office.issuer.device_url,
            ),
        )  # fmt: skip
        office.issuer.suffix = ".user3"
        server.order("tokens", tokens=["token-2", "token-3"])
        every = active_accounts(
            settings.MailSettings(accounts={"info": said}), office.clock,
            tokens_of=lambda _, one: office.sign_ins.of(INFO, oauth2_client(one)),
        )  # fmt: skip
        box = every["info"].source(threading.Event())
        with pytest.raises(NotSignedIn):
            await asyncio.to_thread(box.open)
        await office.sign_in()
        raw = raw_mails.mail()
        server.order("deliver", address=user, folder="INBOX", raw=base64.b64encode(raw).decode())
        await asyncio.to_thread(box.open)
        assert len(await asyncio.to_thread(box.waiting, 10)) == 1
        other = every["info.zwei"].source(threading.Event())
        await asyncio.to_thread(other.open)
        assert every["info"].ear is not None
        box.close()
        other.close()


def test_an_account_that_signs_in_as_itself_needs_nobody(tokens: Issuer, clock: ManualClock) -> None:
    said = settings.MailAccount(
        kind=settings.MailAccount.KIND_EWS, user="a@b.example",
        oauth2=settings.OAuth2Client(token_url=tokens.token_url, client_id=CLIENT),
    )  # fmt: skip
    assert account("info", said, clock).ear is None


# -- esconfig ---------------------------------------------------------------------------------------------------------


class Here:
    """A session with the served room; what `esconfig` opens over the Envoy."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()

    def each(self, call: Any, take: Callable[[Any], bool]) -> None:
        async def follow() -> None:
            async for message in call(self._channel):
                take(message)

        asyncio.run_coroutine_threadsafe(follow(), self._loop).result(20)


async def test_an_administrator_signs_in_at_the_command_line(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Here(office.served.channel)
    monkeypatch.setattr(mail_sign_in, "session_of", lambda _: session)

    def run(app: Any, *arguments: str) -> Awaitable[Any]:
        return asyncio.to_thread(CliRunner().invoke, app, list(arguments))

    office.issuer.answers = ["authorization_pending"]
    done = await run(mails.app, "sign-in", "info")
    assert done.exit_code == 0, done.output
    assert "Open https://issuer.example/device and enter the code ABCD-EFGH" in done.output
    assert done.output.count("\n") == 3
    assert done.output.endswith("Signed in.\n")
    assert (await run(sending.mails, "sign-in")).output.endswith("Signed in.\n")
    assert await office.soon(OUTGOING)
