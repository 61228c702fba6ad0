"""What every source of mails promises, kept by a Maildir and by real Dovecots of three characters."""

import base64
import contextlib
import imaplib
import mailbox
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from imapclient import imap_utf7

from mesh.clock import SystemClock
from server_business.ews_access import Access
from server_business.mail.ews import EwsAccount, EwsMailbox
from server_business.mail.graph import GraphAccount, GraphMailbox
from server_business.mail.imap import ImapSource
from server_business.mail.imap_account import ImapAccount, Security
from server_business.mail.maildir import MaildirAccount, MaildirSource, folder_path
from server_business.mail.source import (
    FolderMissing,
    FolderRenewed,
    LoginRefused,
    MailSource,
    RawMail,
    Shelf,
    Shelves,
    SourceUnavailable,
)
from server_business.mail.synced import Respite, SyncedFolder, SyncedSource
from server_business.oauth2 import Client, Tokens
from tests.builders import mails
from tests.servers import dovecot, ews_mail, graph_mail

MB = 1_000_000
MOVED = Shelves()
FLAGS_ONLY = Shelves(done=None, failed=None, unknown=None)
NO_DOVECOT = dovecot.missing()
users = iter(f"user{number}" for number in range(1_000))


class Post(Protocol):
    """The other side: who delivers, and looks where mails went."""

    def source(self, *, folder: str = "INBOX", shelves: Shelves = ..., stop: threading.Event = ...) -> MailSource: ...

    def deliver(self, raw: bytes, folder: str = "INBOX") -> None: ...

    def contents(self, folder: str) -> list[bytes]: ...

    def renew(self, folder: str) -> None: ...


class MaildirPost:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.box = mailbox.Maildir(path)

    def source(
        self, *, folder: str = "INBOX", shelves: Shelves = MOVED, stop: threading.Event | None = None
    ) -> MailSource:
        account = MaildirAccount(name="post", path=self.path, folder=folder, shelves=shelves)
        return MaildirSource(account, SystemClock(), stop or threading.Event())

    def _box(self, folder: str) -> mailbox.Maildir:
        return mailbox.Maildir(folder_path(self.path, folder))

    def deliver(self, raw: bytes, folder: str = "INBOX") -> None:
        self._box(folder).add(raw)

    def contents(self, folder: str) -> list[bytes]:
        if not folder_path(self.path, folder).exists():
            return []
        box = self._box(folder)
        return [box.get_bytes(key) for key in box.iterkeys()]

    def renew(self, folder: str) -> None:
        place = folder_path(self.path, folder)
        shutil.rmtree(place)
        self.deliver(mails.mail(subject="ein anderer"), folder)
        (place / "esoffice-uidvalidity").write_text("1")


@dataclass
class DovecotPost:
    server: dovecot.Dovecot
    user: str
    prefix: str = ""
    separator: str = "/"

    def account(self, **changes: object) -> ImapAccount:
        usual = ImapAccount(
            name="post",
            host="localhost",
            port=self.server.plain_port,
            security=Security.PLAIN,
            user=self.user,
            password=dovecot.PASSWORD,
            ca_file=self.server.ca_file,
            time_limit=timedelta(seconds=10),
            poll=timedelta(seconds=0.2),
        )
        return replace(usual, **changes)  # type: ignore[arg-type]

    def source(
        self, *, folder: str = "INBOX", shelves: Shelves = MOVED, stop: threading.Event | None = None
    ) -> MailSource:
        return ImapSource(self.account(folder=folder, shelves=shelves), SystemClock(), stop or threading.Event())

    def _path(self, folder: str) -> str:
        path = folder if folder == "INBOX" else self.prefix + folder.replace("/", self.separator)
        return '"' + imap_utf7.encode(path).decode() + '"'

    @contextlib.contextmanager
    def connection(self) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4("127.0.0.1", self.server.plain_port, timeout=10) as client:
            client.login(self.user, dovecot.PASSWORD)
            yield client

    def deliver(self, raw: bytes, folder: str = "INBOX") -> None:
        with self.connection() as client:
            client.create(self._path(folder))
            assert client.append(self._path(folder), "", "", raw)[0] == "OK"

    def contents(self, folder: str) -> list[bytes]:
        with self.connection() as client:
            if client.select(self._path(folder), readonly=True)[0] != "OK":
                return []
            found = client.search(None, "UNDELETED")[1][0].split()
            return [client.fetch(number.decode(), "(BODY.PEEK[])")[1][0][1] for number in found]

    def renew(self, folder: str) -> None:
        with self.connection() as client:
            client.delete(self._path(folder))
            threading.Event().wait(1.1)  # Dovecot takes the second for UIDVALIDITY
        self.deliver(mails.mail(subject="ein anderer"), folder)


@dataclass
class EwsPost:
    server: ews_mail.EwsServer
    user: str

    @property
    def address(self) -> str:
        return f"{self.user}@{ews_mail.DOMAIN}"

    def account(self, **changes: Any) -> EwsAccount:
        usual = {"user": f"FIRMA\\{self.user}", "password": ews_mail.PASSWORD, "basic": True}
        access = Access(url=self.server.url, **{**usual, **changes})
        return EwsAccount(name="post", mailbox=self.address, access=access, respite=Respite(SystemClock()))

    def source(
        self, *, folder: str = "INBOX", shelves: Shelves = MOVED, stop: threading.Event | None = None, **changes: object
    ) -> MailSource:
        account = self.account(**changes)
        read = SyncedFolder(name="post", folder=folder, shelves=shelves, poll=timedelta(seconds=0.2))
        return SyncedSource(read, EwsMailbox(account), SystemClock(), stop or threading.Event(), account.respite)

    def _order(self, do: str, folder: str = "INBOX", **what: object) -> Any:
        return self.server.order(do, address=self.address, folder=folder, **what)

    def deliver(self, raw: bytes, folder: str = "INBOX") -> None:
        self._order("deliver", folder, raw=base64.b64encode(raw).decode())

    def contents(self, folder: str) -> list[bytes]:
        return [base64.b64decode(one) for one in self._order("contents", folder)]

    def renew(self, folder: str) -> None:
        self._order("renew", folder)
        self.deliver(mails.mail(subject="ein anderer"), folder)


@dataclass
class GraphPost(EwsPost):
    secret: str = graph_mail.SECRET

    def source(
        self, *, folder: str = "INBOX", shelves: Shelves = MOVED, stop: threading.Event | None = None, **changes: object
    ) -> MailSource:
        base = f"http://127.0.0.1:{self.server.port}"
        client = Client(
            token_url=f"{base}/firma/oauth2/v2.0/token", client_id="es", client_secret=self.secret, scope=".default"
        )
        tokens = Tokens(client, SystemClock())
        usual = GraphAccount(
            name="post",
            url=f"{base}/v1.0",
            mailbox=self.address,
            token=tokens.current,
            refused=tokens.forget,
            respite=Respite(SystemClock()),
        )
        account = replace(usual, **changes)  # type: ignore[arg-type]
        read = SyncedFolder(name="post", folder=folder, shelves=shelves, poll=timedelta(seconds=0.2))
        return SyncedSource(read, GraphMailbox(account), SystemClock(), stop or threading.Event(), account.respite)


def _server(**character: str) -> Iterator[dovecot.Dovecot]:
    if NO_DOVECOT:
        pytest.skip(NO_DOVECOT)
    with dovecot.running(**character) as server:
        yield server


@pytest.fixture(scope="module")
def modern() -> Iterator[dovecot.Dovecot]:
    yield from _server()


@pytest.fixture(scope="module")
def bare() -> Iterator[dovecot.Dovecot]:
    """No MOVE, no UIDPLUS, no IDLE; folders below INBOX, separated by dots."""
    yield from _server(capability=dovecot.BARE, separator=".", prefix="INBOX.")


@pytest.fixture(scope="module")
def exchange() -> Iterator[ews_mail.EwsServer]:
    with ews_mail.running() as server:
        yield server


@pytest.fixture
def ews(exchange: ews_mail.EwsServer) -> EwsPost:
    return EwsPost(exchange, next(users))


@pytest.fixture(scope="module")
def online() -> Iterator[ews_mail.EwsServer]:
    with graph_mail.running() as server:
        yield server


@pytest.fixture
def graph(online: ews_mail.EwsServer) -> GraphPost:
    return GraphPost(online, next(users))


@pytest.fixture(
    params=["maildir", "ews", "graph", *(pytest.param(one, marks=pytest.mark.dovecot) for one in ("modern", "bare"))]
)
def post(request: pytest.FixtureRequest, tmp_path: Path) -> Post:
    if request.param == "maildir":
        return MaildirPost(tmp_path / "mail")
    if request.param in ("ews", "graph"):
        remote: EwsPost = request.getfixturevalue(request.param)
        return remote
    server = request.getfixturevalue(request.param)
    if request.param == "bare":
        return DovecotPost(server, next(users), prefix="INBOX.", separator=".")
    return DovecotPost(server, next(users))


@pytest.fixture
def imap(modern: dovecot.Dovecot) -> DovecotPost:
    return DovecotPost(modern, next(users))


@contextlib.contextmanager
def opened(source: MailSource) -> Iterator[MailSource]:
    source.open()
    try:
        yield source
    finally:
        source.close()


def fetched(source: MailSource, size_limit: int = MB, bytes_at_once: int = MB) -> list[RawMail]:
    return list(source.fetch(source.waiting(1_000), size_limit, bytes_at_once))


def same(one: bytes, other: bytes) -> bool:
    return one.replace(b"\r\n", b"\n") == other.replace(b"\r\n", b"\n")


def test_a_delivered_mail_arrives_as_it_was(post: Post) -> None:
    raw = mails.html()
    post.deliver(raw)
    with opened(post.source()) as source:
        (mail,) = fetched(source)
        assert same(mail.content, raw)
        assert mail.complete
        assert abs(mail.received - datetime.now(UTC)) < timedelta(minutes=1)  # noqa: TID251


def test_an_empty_folder_has_nothing_waiting(post: Post) -> None:
    post.deliver(mails.mail(), "Leer")
    with opened(post.source(folder="Leer")) as source:
        (mail,) = source.waiting(10)
        source.file_away([mail.identity], Shelf.DONE)
        assert source.waiting(10) == ()
        assert fetched(source) == []


def test_fetching_leaves_the_mail_unread_and_waiting(post: Post) -> None:
    post.deliver(mails.mail())
    with opened(post.source(shelves=FLAGS_ONLY)) as source:
        assert fetched(source) == fetched(source)


def test_identity_survives_a_new_connection(post: Post) -> None:
    post.deliver(mails.mail())
    with opened(post.source()) as source:
        before = source.waiting(10)
    with opened(post.source()) as source:
        assert source.waiting(10) == before


def test_many_mails_come_in_order_and_in_pages(post: Post) -> None:
    for number in range(7):
        post.deliver(mails.mail(subject=f"Nummer {number}"))
    with opened(post.source()) as source:
        first = source.waiting(3)
        rest = source.waiting(10, after=first[-1].identity.uid)
        assert (len(first), len(rest)) == (3, 4)
        found = source.fetch([*first, *rest], MB, bytes_at_once=1_500)
        subjects = sorted(one.content.partition(b"Subject: ")[2][:8] for one in found)
        assert subjects == [b"Nummer %d" % number for number in range(7)]


def test_of_a_mail_that_is_too_large_only_the_beginning_is_read(post: Post) -> None:
    post.deliver(mails.oversize(300_000))
    post.deliver(mails.mail())
    with opened(post.source()) as source:
        found = sorted(fetched(source, size_limit=100_000), key=lambda one: one.complete)
        assert [one.complete for one in found] == [False, True]
        if type(post) is EwsPost:  # there is no way to ask for a beginning: its headers alone
            assert found[0].content.endswith(b"\r\n\r\n")
            assert len(found[0].content) < 65_536
        else:
            assert len(found[0].content) == 65_536
        assert found[0].content.startswith(b"Received:")


@pytest.mark.parametrize(
    ("shelf", "folder"), [(Shelf.DONE, "Done"), (Shelf.FAILED, "Failed"), (Shelf.UNKNOWN, "Unknown")]
)
def test_a_filed_mail_lies_in_its_folder_and_nowhere_else(post: Post, shelf: Shelf, folder: str) -> None:
    raw = mails.mail()
    post.deliver(raw)
    with opened(post.source()) as source:
        source.file_away([source.waiting(1)[0].identity], shelf)
        assert source.waiting(10) == ()
    assert [same(one, raw) for one in post.contents(folder)] == [True]
    assert post.contents("INBOX") == []


def test_many_mails_are_filed_at_once(post: Post) -> None:
    for number in range(5):
        post.deliver(mails.mail(subject=f"Nummer {number}"))
    with opened(post.source()) as source:
        identities = [one.identity for one in source.waiting(10)]
        source.file_away([], Shelf.DONE)
        source.file_away(identities[:3], Shelf.DONE)
        source.file_away(identities[:4], Shelf.FAILED)
        assert [one.identity for one in source.waiting(10)] == identities[4:]
    assert (len(post.contents("Done")), len(post.contents("Failed"))) == (3, 1)


def test_filing_twice_is_as_filing_once(post: Post) -> None:
    post.deliver(mails.mail())
    post.deliver(mails.mail(subject="bleibt"))
    with opened(post.source()) as source:
        first = source.waiting(1)[0].identity
        source.file_away([first], Shelf.DONE)
        source.file_away([first], Shelf.DONE)
    with opened(post.source()) as source:
        source.file_away([first], Shelf.FAILED)
        assert len(source.waiting(10)) == 1
    assert len(post.contents("Done")) == 1
    assert post.contents("Failed") == []


def test_folder_names_may_have_umlauts_and_levels(post: Post) -> None:
    post.deliver(mails.mail(), "Störungen/Größe & Maß")
    shelves = Shelves(done="Störungen/Erledigt ✓")
    with opened(post.source(folder="Störungen/Größe & Maß", shelves=shelves)) as source:
        source.file_away([source.waiting(1)[0].identity], Shelf.DONE)
    assert len(post.contents("Störungen/Erledigt ✓")) == 1


def test_a_mail_may_stay_and_get_a_flag(post: Post) -> None:
    post.deliver(mails.mail())
    post.deliver(mails.mail(subject="zweiter"))
    with opened(post.source(shelves=FLAGS_ONLY)) as source:
        first, second = source.waiting(10)
        source.file_away([first.identity], Shelf.DONE)
        source.file_away([first.identity], Shelf.DONE)
        assert source.waiting(10) == (second,)
    assert len(post.contents("INBOX")) == 2


def test_a_mail_somebody_took_away_is_left_out(post: Post) -> None:
    post.deliver(mails.mail())
    post.deliver(mails.mail(subject="zweiter"))
    with opened(post.source()) as source, opened(post.source()) as rival:
        listed = source.waiting(10)
        rival.file_away([listed[0].identity], Shelf.DONE)
        assert [one.identity for one in source.fetch(listed, MB, MB)] == [listed[1].identity]
        source.file_away([listed[0].identity], Shelf.DONE)
    assert len(post.contents("Done")) == 1


def test_an_identity_of_a_folder_made_anew_touches_nothing(post: Post) -> None:
    post.deliver(mails.mail(), "Neu")
    with opened(post.source(folder="Neu")) as source:
        old = source.waiting(10)
    post.renew("Neu")
    with opened(post.source(folder="Neu")) as source:
        with pytest.raises(FolderRenewed, match="UIDVALIDITY"):
            source.file_away([old[0].identity], Shelf.DONE)
        with pytest.raises(FolderRenewed):
            list(source.fetch(old, MB, MB))
        assert len(source.waiting(10)) == 1


def test_a_missing_folder_is_named(post: Post) -> None:
    post.deliver(mails.mail())
    source = post.source(folder="Gibt es nicht")
    with pytest.raises(FolderMissing, match="'Gibt es nicht'"):
        source.open()
    source.close()
    source.close()


def test_a_new_mail_ends_the_wait(post: Post) -> None:
    post.deliver(mails.mail())
    with opened(post.source()) as source:
        source.waiting(10)
        courier = threading.Timer(0.3, post.deliver, [mails.mail(subject="neu")])
        courier.start()
        assert source.wait(timedelta(seconds=20))
        courier.join()
        assert len(source.waiting(10)) == 2


def test_a_mail_between_list_and_wait_is_not_overlooked(post: Post) -> None:
    post.deliver(mails.mail())
    with opened(post.source()) as source:
        source.waiting(10)
        post.deliver(mails.mail(subject="dazwischen"))
        assert source.wait(timedelta(seconds=20))


def test_a_wait_ends_at_its_limit(post: Post) -> None:
    post.deliver(mails.mail())
    with opened(post.source()) as source:
        source.waiting(10)
        assert not source.wait(timedelta(seconds=0.2))


def test_a_wait_ends_when_the_service_stops(post: Post) -> None:
    post.deliver(mails.mail())
    stop = threading.Event()
    with opened(post.source(stop=stop)) as source:
        source.waiting(10)
        threading.Timer(0.2, stop.set).start()
        assert not source.wait(timedelta(seconds=30))


@pytest.mark.dovecot
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS, Security.PLAIN])
@pytest.mark.parametrize("secret", ["password", "token"])
def test_every_way_in(imap: DovecotPost, security: Security, secret: str) -> None:
    port = imap.server.tls_port if security is Security.TLS else imap.server.plain_port
    by_token = {"password": "", "token": lambda: f"{dovecot.TOKEN}.{imap.user}"} if secret == "token" else {}
    source = ImapSource(imap.account(security=security, port=port, **by_token), SystemClock(), threading.Event())
    with opened(source):
        assert source.waiting(10) == ()


@pytest.mark.dovecot
@pytest.mark.parametrize("secret", [{"password": "falsch"}, {"password": "", "token": lambda: "gestern.user"}])
def test_a_refused_login_says_who_and_where(imap: DovecotPost, secret: dict[str, object]) -> None:
    source = ImapSource(imap.account(**secret), SystemClock(), threading.Event())
    with pytest.raises(LoginRefused, match=f"localhost refuses to sign in '{imap.user}'"):
        source.open()
    source.close()


@pytest.mark.dovecot
def test_a_certificate_nobody_vouches_for_is_refused(imap: DovecotPost) -> None:
    account = imap.account(security=Security.TLS, port=imap.server.tls_port, ca_file=None)
    with pytest.raises(SourceUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        ImapSource(account, SystemClock(), threading.Event()).open()


@pytest.mark.dovecot
def test_a_server_that_is_silent_costs_the_time_limit_and_no_more(imap: DovecotPost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        account = imap.account(host="127.0.0.1", port=port, time_limit=timedelta(seconds=0.3))
        with pytest.raises(SourceUnavailable):
            ImapSource(account, SystemClock(), threading.Event()).open()


@pytest.mark.dovecot
def test_a_closed_source_says_so(imap: DovecotPost) -> None:
    with pytest.raises(SourceUnavailable, match="not open"):
        imap.source().waiting(10)


@pytest.mark.dovecot
def test_without_uidplus_the_deleted_mails_of_others_are_not_expunged(bare: dovecot.Dovecot) -> None:
    post = DovecotPost(bare, next(users), prefix="INBOX.", separator=".")
    post.deliver(mails.mail(subject="von Hand gelöscht"))
    post.deliver(mails.mail(subject="unserer"))
    with post.connection() as client:
        client.select("INBOX")
        client.store("1", "+FLAGS", "(\\Deleted)")
        client.unselect()
    with opened(post.source()) as source:
        (ours,) = source.waiting(10)
        source.file_away([ours.identity], Shelf.DONE)
        assert source.waiting(10) == ()
    with post.connection() as client:
        client.select("INBOX", readonly=True)
        assert client.search(None, "ALL")[1][0].split() == [b"1", b"2"]


@pytest.mark.dovecot
@pytest.mark.parametrize("capability", [dovecot.UIDPLUS, dovecot.BARE])
def test_without_move_a_mail_leaves_its_folder_all_the_same(capability: str) -> None:
    for server in _server(capability=capability):
        post = DovecotPost(server, next(users))
        post.deliver(mails.mail(subject="unserer"))
        post.deliver(mails.mail(subject="bleibt"))
        with opened(post.source()) as source:
            source.file_away([source.waiting(1)[0].identity], Shelf.DONE)
        with post.connection() as client:
            client.select("INBOX", readonly=True)
            assert client.search(None, "ALL")[1][0].split() == [b"1"]
        assert len(post.contents("Done")) == 1


def test_a_maildir_folder_name_leads_nowhere_else(tmp_path: Path) -> None:
    for name in ("", "/", ".", "..", "../../etc", "a//b"):
        with pytest.raises(FolderMissing):
            folder_path(tmp_path, name)


@pytest.mark.dovecot
def test_a_connection_that_breaks_is_reported_and_can_be_opened_again(imap: DovecotPost) -> None:
    imap.deliver(mails.mail())
    source = imap.source()
    source.open()
    assert isinstance(source, ImapSource)
    assert source._client is not None
    source._client.socket().shutdown(socket.SHUT_RDWR)
    with pytest.raises(SourceUnavailable, match="for the account 'post'"):
        source.waiting(10)
    with opened(source):
        assert len(source.waiting(10)) == 1


@pytest.mark.dovecot
def test_an_account_with_a_wrong_ca_file_is_reported(imap: DovecotPost) -> None:
    account = imap.account(ca_file="/nonexistent/ca.pem")
    with pytest.raises(SourceUnavailable, match="No such file"):
        ImapSource(account, SystemClock(), threading.Event()).open()


def test_a_maildir_that_goes_away_is_reported(tmp_path: Path) -> None:
    post = MaildirPost(tmp_path / "mail")
    source = post.source()
    source.open()
    shutil.rmtree(tmp_path / "mail")
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        source.waiting(10)


def test_a_second_process_finds_the_uidvalidity_of_the_first(tmp_path: Path) -> None:
    post = MaildirPost(tmp_path / "mail")
    assert post.source().open() == post.source().open()


@pytest.mark.dovecot
def test_our_maildir_folders_are_dovecots_too(imap: DovecotPost) -> None:
    """One site may read with us and file by hand with a mail program."""
    imap.deliver(mails.mail(), "Störungen")
    place = imap.server.root / "mail" / imap.user
    account = MaildirAccount(name="post", path=place, folder="Störungen", shelves=Shelves(done="Erledigt/Größe"))
    with opened(MaildirSource(account, SystemClock(), threading.Event())) as source:
        (mail,) = source.waiting(10)
        source.file_away([mail.identity], Shelf.DONE)
    for path in (place / ".Erledigt.Gr&APYA3w-e").rglob("*"):
        shutil.chown(path, place.owner())
    shutil.chown(place / ".Erledigt.Gr&APYA3w-e", place.owner())
    with imap.connection() as client:
        assert b"Erledigt/Gr&APYA3w-e" in b"".join(client.list()[1])
