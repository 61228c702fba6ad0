"""Outgoing mails whole: addresses that bounced, HTML, signing in by OAuth 2, our signature."""

import base64
import http.server
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs

import dkim
import grpc
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from esoffice.business.v1 import outgoing_mail_pb2 as pb
from esoffice.business.v1 import sending_pb2
from grpc_status import rpc_status

from mesh.clock import ManualClock
from mesh.status import reason_of
from server_business.oauth2 import Client, NoToken, Tokens
from server_business.outgoing_mail import store
from server_business.outgoing_mail.rules import Bounce, Delivery, Judgement
from server_business.outgoing_mail.signing import Signer
from server_business.outgoing_mail.smtp import Security, Server, SmtpCarrier
from tests.builders.processes import free_port
from tests.builders.sending import PostOffice, mail, post_office
from tests.contract.conftest import Serve, refused
from tests.servers import smtp

HANS = "hans@kunde.example"
REQUEST = "6f1c1f6e-6f0e-4a53-9d4b-0a55a1f1b001"


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def office(serve: Serve) -> AsyncIterator[PostOffice]:
    with ExitStack() as stack:
        yield await post_office(serve, stack)


def bounced(office: PostOffice, number: int = 1, recipient: str = HANS, *, marked: bool = True) -> None:
    bounce = Bounce(recipient=recipient, status="5.1.1", reason="550 5.1.1 no such user", marked=marked)
    with office.database.unit() as unit:
        store.record_report(unit, number, Judgement(delivery=Delivery.BOUNCED, bounces=(bounce,)))


async def test_an_address_that_bounced_is_refused_until_it_is_released(office: PostOffice) -> None:
    first = await office.mails.SendMail(mail(request_id=REQUEST))
    for _ in range(2):
        bounced(office)
    shown = await office.mails.GetOutgoingMail(pb.GetOutgoingMailRequest(name=first.name))
    assert (shown.delivery_state, shown.bounces[0].recipient) == (pb.DELIVERY_STATE_BOUNCED, HANS)
    assert shown.warning.startswith(f"Mails bounced from {HANS} (550 5.1.1 no such user)")
    error = await refused(office.mails.SendMail(mail(to=["b@x.example"], cc=["HANS@kunde.example"])))
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    assert (error.code(), reason_of(status)) == (grpc.StatusCode.FAILED_PRECONDITION, "ADDRESS_MARKED")
    assert error.details() == shown.warning
    again = await office.mails.SendMail(mail(request_id=REQUEST))
    assert again.name == first.name
    (mark,) = (await office.mails.ListMarkedAddresses(pb.ListMarkedAddressesRequest())).marked_addresses
    assert (mark.mail_address, mark.outgoing_mail) == (HANS, first.name)
    await office.mails.ReleaseMarkedAddress(pb.ReleaseMarkedAddressRequest(name=mark.name))
    assert (await office.mails.SendMail(mail())).warning == ""
    gone = await refused(office.mails.ReleaseMarkedAddress(pb.ReleaseMarkedAddressRequest(name=mark.name)))
    assert gone.code() is grpc.StatusCode.NOT_FOUND


async def test_marked_addresses_come_in_pages(office: PostOffice) -> None:
    await office.mails.SendMail(mail())
    for one in ("c@x.example", "A@x.example", "b@x.example"):
        bounced(office, recipient=one)
    seen, token = [], ""
    for _ in range(2):
        page = await office.mails.ListMarkedAddresses(pb.ListMarkedAddressesRequest(page_size=2, page_token=token))
        seen += [one.mail_address for one in page.marked_addresses]
        token = page.next_page_token
    assert (seen, token) == (["A@x.example", "b@x.example", "c@x.example"], "")


async def test_a_site_that_only_warns_sends(serve: Serve) -> None:
    with ExitStack() as stack:
        office = await post_office(serve, stack, refuse_marked=False)
        await office.mails.SendMail(mail())
        bounced(office)
        sent = await office.mails.SendMail(mail())
        assert sent.state == sending_pb2.SEND_STATE_QUEUED
        assert HANS in sent.warning


async def test_html_leaves_without_scripts_and_without_what_is_loaded_from_outside(office: PostOffice) -> None:
    html = "<p onclick='x()'>Guten <b>Tag</b></p><script>x()</script><img src='https://x.example/t.gif'>"
    sent = await office.mails.SendMail(mail(html=html))
    assert sent.html == "<p>Guten <b>Tag</b></p><img>"
    bomb = await refused(office.mails.SendMail(mail(html="<div>" * 30_000)))
    assert bomb.code() is grpc.StatusCode.INVALID_ARGUMENT


# -- signing in by OAuth 2 --------------------------------------------------------------------------------------------


class Issuer(http.server.BaseHTTPRequestHandler):
    """Gives out tokens `token-1`, `token-2`, …, or what the test says."""

    asked: ClassVar[list[dict[str, list[str]]]] = []
    answer: ClassVar[tuple[int, dict[str, Any]] | None] = None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append(parse_qs(body))
        status, said = self.answer or (200, {"access_token": f"token-{len(self.asked)}", "expires_in": 3600})
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@pytest.fixture
def issuer() -> Iterator[str]:
    Issuer.asked.clear()
    Issuer.answer = None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    thread.join()
    server.server_close()


def tokens(issuer: str, clock: ManualClock) -> Tokens:
    return Tokens(Client(token_url=issuer, client_id="es", client_secret="geheim", scope="mail"), clock)


def test_a_token_is_kept_until_it_nearly_ends(issuer: str, clock: ManualClock) -> None:
    kept = tokens(issuer, clock)
    assert (kept.current(), kept.current()) == ("token-1", "token-1")
    clock.advance(timedelta(seconds=3_500))
    assert kept.current() == "token-2"
    kept.forget()
    assert kept.current() == "token-3"
    assert Issuer.asked[0] == {
        "grant_type": ["client_credentials"], "client_id": ["es"], "client_secret": ["geheim"], "scope": ["mail"],
    }  # fmt: skip


def test_an_issuer_that_gives_none_says_why(issuer: str, clock: ManualClock) -> None:
    Issuer.answer = (401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"})
    with pytest.raises(NoToken, match="AADSTS7000215") as refusal:
        tokens(issuer, clock).current()
    assert "geheim" not in refusal.value.message


@contextmanager
def asking_for_tokens(valid: set[str]) -> Iterator[smtp.Moody]:
    """An SMTP server that lets in whoever shows a valid token by XOAUTH2."""

    class Authenticating(SMTP):
        async def auth_XOAUTH2(self, _server: SMTP, args: list[str]) -> AuthResult:
            said = base64.b64decode(args[1]).decode()
            user, token = said.split("\x01")[0].removeprefix("user="), said.split("Bearer ")[1].rstrip("\x01")
            if token in valid:
                return AuthResult(success=True, auth_data=LoginPassword(user.encode(), token.encode()))
            await self.push("334 eyJzdGF0dXMiOiI0MDEifQ==")
            await self._reader.readline()
            return AuthResult(success=False, handled=False)

    class SignedIn(smtp.Moody):
        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
            if not session.authenticated:
                return "530 5.7.0 sign in first"
            return await super().handle_RCPT(server, session, envelope, address, options)

    handler = SignedIn(port=free_port())

    class Serving(Controller):
        def factory(self) -> SMTP:
            return Authenticating(handler, auth_require_tls=False)

    controller = Serving(handler, hostname="127.0.0.1", port=handler.port)
    controller.start()
    try:
        yield handler
    finally:
        controller.stop()


async def test_mails_leave_by_a_token_and_a_stale_one_is_replaced(
    office: PostOffice, issuer: str, clock: ManualClock
) -> None:
    with asking_for_tokens({"token-2"}) as server:
        where = Server(
            host="127.0.0.1", port=server.port, security=Security.NONE, sender="service@firma.example",
            user="service@firma.example", tokens=tokens(issuer, clock),
        )  # fmt: skip
        sent = await office.mails.SendMail(mail())
        office.send(SmtpCarrier(where))
        assert server.taken == []
        assert not office.line.healthy
        clock.advance(timedelta(seconds=60))
        office.send(SmtpCarrier(where))
        assert len(server.taken) == 1
    found = await office.mails.GetOutgoingMail(pb.GetOutgoingMailRequest(name=sent.name))
    assert found.state == sending_pb2.SEND_STATE_SENT


# -- our signature ----------------------------------------------------------------------------------------------------


async def test_what_arrives_is_signed_for_our_domain(office: PostOffice) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    await office.mails.SendMail(mail(subject="Störung", text="Grüße\n.\n..Punkt\n", html="<p>Grüße</p>"))
    with smtp.moody() as server:
        signer = Signer(domain="firma.example", selector="es", key=pem)
        where = {"host": "127.0.0.1", "port": server.port, "security": Security.NONE, "sender": "service@firma.example"}
        office.send(SmtpCarrier(Server(**where, signer=signer)))  # type: ignore[arg-type]
        (taken,) = server.taken
        taken = taken if taken.endswith(b"\r\n") else taken + b"\r\n"
        names: list[bytes] = []

        def dns(name: bytes, **_: Any) -> bytes:
            names.append(name)
            return record

        assert dkim.verify(taken, dnsfunc=dns)
        assert names == [b"es._domainkey.firma.example."]
        assert not dkim.verify(taken.replace(b"Subject: ", b"Subject: Re: ", 1), dnsfunc=dns)
        assert not dkim.verify(b"Subject: another one\r\n" + taken, dnsfunc=dns)


async def test_a_key_that_is_none_holds_all_mails_back_and_says_so(office: PostOffice) -> None:
    await office.mails.SendMail(mail())
    signer = Signer(domain="firma.example", selector="es", key=b"nonsense")
    with smtp.moody() as server:
        where = {"host": "127.0.0.1", "port": server.port, "security": Security.NONE, "sender": "service@firma.example"}
        office.send(SmtpCarrier(Server(**where, signer=signer)))  # type: ignore[arg-type]
        assert server.taken == []
    assert (office.line.healthy, "settings of dkim" in office.line.sentence) == (False, True)
