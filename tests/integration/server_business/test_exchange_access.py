"""Ways to an Exchange server: TLS with a site's own CA, NTLM, autodiscover, OAuth 2; for mails and for calendars."""

import base64
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dns.resolver
import pytest
import requests
import urllib3
from exchangelib.autodiscover import discovery
from exchangelib.protocol import close_connections

from mesh.clock import SystemClock
from server_business import ews_access
from server_business.ews_access import Access
from server_business.exchange.calendar import Away, Write, Written
from server_business.exchange.ews import EwsCalendar
from server_business.exchange.items import Kind
from server_business.exchange.rules import Verb
from server_business.mail.ews import EwsAccount, EwsMailbox
from server_business.mail.source import Shelves, SourceUnavailable
from server_business.mail.synced import Respite, SyncedFolder, SyncedSource
from server_business.oauth2 import Client, Tokens
from tests.builders import mails
from tests.builders.certificates import Authority
from tests.builders.exchange_server import ExchangeServer, exchange_server
from tests.servers import ews_mail
from tests.servers.issuer import CLIENT, Issuer, issuer

HOSTS = ("mail.firma.example", "autodiscover.firma.example")
USER = "user7"
ADDRESS = f"{USER}@{ews_mail.DOMAIN}"
FIELDS = {"title": "Wartung", "when": "2026-12-01T08:00:00Z/2026-12-01T09:30:00Z", "availability": "busy"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[ews_mail.EwsServer]:
    issued = authority.issue_uri("spiffe://demo/exchange", file="exchange", hosts=HOSTS)
    with ews_mail.running(issued.certificate_path, issued.key_path) as running:
        running.order("publish", url=URL)
        yield running


URL = "https://mail.firma.example/EWS/Exchange.asmx"


@pytest.fixture(autouse=True)
def network(server: ews_mail.EwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the names of the site lead to the server of the tests, and trust nobody yet."""
    connect = urllib3.util.connection.create_connection

    def connected(address: tuple[str, int], *rest: Any, **more: Any) -> Any:
        if address[0] not in HOSTS:
            raise ConnectionRefusedError(f"nobody listens at {address}")
        return connect(("127.0.0.1", server.tls_port), *rest, **more)

    class Resolver:
        def resolve(self, name: str, _kind: str, **_: Any) -> list[Any]:
            if name.rstrip(".") not in HOSTS:
                raise dns.resolver.NXDOMAIN
            return []

    monkeypatch.setattr(urllib3.util.connection, "create_connection", connected)
    monkeypatch.setattr(discovery.Autodiscovery, "resolver", Resolver())
    monkeypatch.setattr(discovery, "autodiscover_cache", ews_access._Memory())
    monkeypatch.setattr(ews_access, "_ca_files", frozenset())
    close_connections()


def access(authority: Authority | None, **changes: Any) -> Access:
    usual = {"user": f"FIRMA\\{USER}", "password": ews_mail.PASSWORD, "url": URL}
    return Access(**{**usual, "ca_file": str(authority.path) if authority else "", **changes})


def calendar(way: Access) -> EwsCalendar:
    return EwsCalendar(way, ADDRESS, "Europe/Berlin")


def source(way: Access) -> SyncedSource:
    respite = Respite(SystemClock())
    mailbox = EwsMailbox(EwsAccount(name="post", mailbox=ADDRESS, access=way, respite=respite))
    folder = SyncedFolder(name="post", folder="INBOX", shelves=Shelves(), poll=timedelta(seconds=1))
    return SyncedSource(folder, mailbox, SystemClock(), threading.Event(), respite)


def written(calendar: EwsCalendar, uid: str) -> Any:
    asked = Write(
        kind=Kind.APPOINTMENT, verb=Verb.CREATE, uid=uid, id="", version="", changes=FIELDS, target=FIELDS
    )  # fmt: skip
    return calendar.write([asked])[0]


def deliver(server: ews_mail.EwsServer) -> None:
    server.order("deliver", address=ADDRESS, folder="INBOX", raw=base64.b64encode(mails.mail()).decode())


@pytest.mark.parametrize("basic", [False, True], ids=["ntlm", "basic"])
def test_calendars_are_reached_over_tls_with_the_certificate_of_the_site(authority: Authority, *, basic: bool) -> None:
    there = calendar(access(authority, basic=basic))
    assert isinstance(written(there, f"u-{basic}"), Written)
    assert f"u-{basic}" in [one.uid for one in there.changes(Kind.APPOINTMENT, "").items]
    with pytest.raises(Away, match="does not let"):
        calendar(access(authority, basic=basic, password="falsch")).changes(Kind.APPOINTMENT, "")


def test_mails_are_reached_over_tls_with_the_certificate_of_the_site(
    server: ews_mail.EwsServer, authority: Authority
) -> None:
    deliver(server)
    there = source(access(authority))
    there.open()
    assert there.waiting(10)
    there.close()


def test_who_is_certified_by_somebody_unknown_is_told_no_password(authority: Authority) -> None:
    with pytest.raises(Away, match="CERTIFICATE_VERIFY_FAILED"):
        calendar(access(None)).changes(Kind.APPOINTMENT, "")
    with pytest.raises(SourceUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        source(access(None)).open()


def test_a_file_of_certificates_that_is_none_is_said_by_name(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    with pytest.raises(Away, match=r"certificates in .*ca\.pem cannot be read"):
        calendar(access(None, ca_file=str(empty))).changes(Kind.APPOINTMENT, "")
    empty.write_text("kein Zertifikat")
    with pytest.raises(SourceUnavailable, match=r"certificates in .*ca\.pem cannot be read"):
        source(access(None, ca_file=str(empty))).open()


# -- autodiscover -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["ntlm", "token"])
def test_a_mailbox_is_found_by_autodiscover(server: ews_mail.EwsServer, authority: Authority, way: str) -> None:
    deliver(server)
    by = {"token": lambda: f"{ews_mail.TOKEN}.{USER}", "password": ""} if way == "token" else {}
    found = access(authority, url="", **by)
    assert isinstance(written(calendar(found), f"u-{way}"), Written)
    there = source(found)
    there.open()
    assert there.waiting(10)
    there.close()


def test_on_the_way_nobody_is_shown_the_password_who_does_not_take_ntlm(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    signed = requests.auth.HTTPBasicAuth.__call__

    def spied(self: Any, request: Any) -> Any:
        shown.append(request.url)
        return signed(self, request)

    monkeypatch.setattr(requests.auth.HTTPBasicAuth, "__call__", spied)
    assert calendar(access(authority, url="")).changes(Kind.APPOINTMENT, "").token
    assert shown == []
    assert calendar(access(authority, url="", basic=True)).changes(Kind.APPOINTMENT, "").token
    assert shown[0].endswith("autodiscover.svc")


def test_a_mailbox_that_has_moved_is_found_again(server: ews_mail.EwsServer, authority: Authority) -> None:
    found = access(authority, url="")
    there = calendar(found)
    there.changes(Kind.APPOINTMENT, "")
    server.order("publish", url="https://autodiscover.firma.example/EWS/Exchange.asmx")
    server.order("fault", what="cut_before", operation="SyncFolderItems")
    try:
        with pytest.raises(Away, match="does not answer"):
            there.changes(Kind.APPOINTMENT, "")
        assert there.changes(Kind.APPOINTMENT, "").token
        assert there._account().protocol.service_endpoint.startswith("https://autodiscover.")
    finally:
        server.order("publish", url=URL)


def test_a_site_without_autodiscover_is_away(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    monkeypatch.setattr("tests.integration.server_business.test_exchange_access.HOSTS", ())
    with pytest.raises(Away, match="autodiscover protocol failed"):
        calendar(access(authority, url="")).changes(Kind.APPOINTMENT, "")
    with pytest.raises(SourceUnavailable, match="autodiscover protocol failed"):
        source(access(authority, url="")).open()


# -- OAuth 2 ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tokens() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


def test_calendars_are_reached_by_client_credentials_and_a_stale_token_is_replaced(
    tokens: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # this server speaks no TLS
    client = Client(token_url=tokens.token_url, client_id=CLIENT, client_secret=tokens.secret, scope=".default")
    kept = Tokens(client, SystemClock())
    with exchange_server() as server:
        way = Access(url=server.url, token=kept.current, refused=kept.forget)
        there = EwsCalendar(way, server.address, "Europe/Berlin")
        server.order("tokens", tokens=["token-1"])
        assert isinstance(written(there, "u-1"), Written)
        server.order("tokens", tokens=["token-2"])
        with pytest.raises(Away, match="does not let us into"):
            there.changes(Kind.APPOINTMENT, "")
        assert [one.uid for one in there.changes(Kind.APPOINTMENT, "").items] == ["u-1"]
        # One that ends while the connection is open is replaced before the server says so.
        server.order("tokens", tokens=["token-3"])
        kept.forget()
        assert there.changes(Kind.APPOINTMENT, "").items
        assert another(server, way).changes(Kind.APPOINTMENT, "").items == []


def another(server: ExchangeServer, way: Access) -> EwsCalendar:
    """Open a second mailbox with the same sign-in."""
    ExchangeServer(server.port, "zweite@firma.example").order("mailbox")
    return EwsCalendar(way, "zweite@firma.example", "Europe/Berlin")


def test_an_issuer_that_gives_no_token_is_said_in_its_words(tokens: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    client = Client(token_url=tokens.token_url, client_id=CLIENT, client_secret="falsch", scope=".default")
    kept = Tokens(client, SystemClock())
    with pytest.raises(Away, match="AADSTS7000215"):
        EwsCalendar(Access(url=URL, token=kept.current), ADDRESS, "Europe/Berlin").changes(Kind.APPOINTMENT, "")
