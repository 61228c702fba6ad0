"""What goes wrong with mailboxes of Exchange, by Exchange Web Services and by Microsoft Graph."""

import base64
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mesh.clock import SystemClock
from mesh.errors import DomainError
from server_business.ews_access import Access
from server_business.mail.ews import EwsAccount, EwsMailbox
from server_business.mail.graph import GraphAccount, GraphMailbox
from server_business.mail.source import LoginRefused, Shelf, Shelves, SourceUnavailable
from server_business.mail.synced import Respite, SyncedFolder, SyncedSource
from server_business.oauth2 import Client, NoToken, Tokens
from tests.builders import mails
from tests.servers import ews_mail, graph_mail

MB = 1_000_000
users = iter(f"user{number}" for number in range(1_000))


class Post:
    """A mailbox of one of the servers, and both sides of it."""

    def __init__(self, server: ews_mail.EwsServer, *, online: bool) -> None:
        self.server = server
        self.online = online
        self.user = next(users)
        self.address = f"{self.user}@{ews_mail.DOMAIN}"
        self.respite = Respite(SystemClock())
        self.secret = graph_mail.SECRET

    def mailbox(self, **changes: Any) -> EwsMailbox | GraphMailbox:
        if self.online:
            base = f"http://127.0.0.1:{self.server.port}"
            url = f"{base}/firma/oauth2/v2.0/token"
            tokens = Tokens(
                Client(token_url=url, client_id="es", client_secret=self.secret, scope=".default"), SystemClock()
            )
            graph = GraphAccount(
                name="post",
                url=f"{base}/v1.0",
                mailbox=self.address,
                token=tokens.current,
                refused=tokens.forget,
                respite=self.respite,
            )
            return GraphMailbox(replace(graph, **changes))
        mailbox, by_token = changes.pop("mailbox", self.address), "token" in changes
        usual = {"user": f"FIRMA\\{self.user}", "password": ews_mail.PASSWORD, "basic": True}
        access = Access(url=self.server.url, **{**usual, **changes})
        return EwsMailbox(
            EwsAccount(name="post", mailbox=mailbox, access=access, impersonate=by_token, respite=self.respite)
        )

    def source(self, **changes: Any) -> SyncedSource:
        folder = SyncedFolder(name="post", folder="INBOX", shelves=Shelves(), poll=timedelta(seconds=0.2))
        return SyncedSource(folder, self.mailbox(**changes), SystemClock(), threading.Event(), self.respite)

    def order(self, do: str, **what: Any) -> Any:
        return self.server.order(do, **{"address": self.address, "folder": "INBOX", **what})

    def deliver(self, *raws: bytes) -> None:
        for raw in raws:
            self.order("deliver", raw=base64.b64encode(raw).decode())

    def fault(self, what: str, of: str) -> None:
        """Order one for the next request of a kind: `sync`, `read`, `move`."""
        ews = {"sync": "SyncFolderItems", "read": "GetItem", "move": "MoveItem"}[of]
        graph = {"sync": "/delta", "read": "/$value", "move": "/$batch"}[of]
        self.server.order("fault", what=what, operation=ews, path=graph)


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, ews_mail.EwsServer]]:
    with ews_mail.running() as ews, graph_mail.running() as graph:
        yield {"ews": ews, "graph": graph}


@pytest.fixture(params=["ews", "graph"])
def post(request: pytest.FixtureRequest, servers: dict[str, ews_mail.EwsServer]) -> Post:
    return Post(servers[request.param], online=request.param == "graph")


@pytest.fixture
def on_premises(servers: dict[str, ews_mail.EwsServer]) -> Post:
    return Post(servers["ews"], online=False)


@pytest.fixture
def online(servers: dict[str, ews_mail.EwsServer]) -> Post:
    return Post(servers["graph"], online=True)


def until_done(work: Callable[[SyncedSource], Any], post: Post) -> int:
    """Do it with a new connection each time, as the worker does; return how often it failed."""
    failures = 0
    while True:
        source = post.source()
        try:
            source.open()
            work(source)
        except DomainError:
            failures += 1
            assert failures < 5
        else:
            return failures
        finally:
            source.close()


@pytest.mark.parametrize("what", ["cut_before", "cut_middle", "cut_after"])
@pytest.mark.parametrize("of", ["sync", "read", "move"])
def test_a_connection_cut_anywhere_loses_no_mail_and_files_each_once(post: Post, of: str, what: str) -> None:
    post.deliver(*(mails.mail(subject=f"Nummer {number}") for number in range(3)))
    seen: set[bytes] = set()

    def work(source: SyncedSource) -> None:
        found = list(source.fetch(source.waiting(10), MB, MB))
        seen.update(one.content for one in found)
        source.file_away([one.identity for one in found], Shelf.DONE)

    post.fault(what, of)
    assert until_done(work, post) == 1
    assert len(seen) == 3
    assert len(post.order("contents", folder="Done")) == 3
    assert post.order("contents") == []


def test_a_lost_sync_state_lists_the_folder_anew(post: Post) -> None:
    post.deliver(mails.mail(), mails.mail(subject="zweiter"))
    source = post.source()
    source.open()
    first = source.waiting(10)
    post.order("lose_tokens")
    post.deliver(mails.mail(subject="dritter"))
    again = source.waiting(10)
    assert {one.identity for one in first} < {one.identity for one in again}
    assert len(again) == 3
    source.close()


def test_a_server_that_is_busy_is_left_alone_for_as_long_as_it_asks(post: Post) -> None:
    post.fault("busy", "sync")
    source = post.source()
    source.open()
    with pytest.raises(SourceUnavailable, match=r"left alone for (1\.5|2) s"):
        source.waiting(10)
    source.close()
    another = post.source()
    with pytest.raises(SourceUnavailable, match="left alone for another"):
        another.open()


def test_a_large_folder_is_listed_in_pages_of_what_the_server_allows(post: Post) -> None:
    post.deliver(*(b"Subject: %d\r\n\r\nx\r\n" % number for number in range(520)))
    source = post.source()
    source.open()
    first = source.waiting(500)
    rest = source.waiting(500, after=first[-1].identity.uid)
    assert (len(first), len(rest)) == (500, 20)
    assert len({one.identity for one in (*first, *rest)}) == 520
    assert source.waiting(500, after=rest[-1].identity.uid) == ()
    source.close()


def test_a_mail_that_a_person_moved_back_is_found_again(post: Post) -> None:
    post.deliver(mails.mail())
    source = post.source()
    source.open()
    (mail,) = source.waiting(10)
    source.file_away([mail.identity], Shelf.DONE)
    other = SyncedSource(
        SyncedFolder(name="person", folder="Done", shelves=Shelves(done="INBOX"), poll=timedelta(seconds=1)),
        post.mailbox(),
        SystemClock(),
        threading.Event(),
        post.respite,
    )
    other.open()
    other.file_away([one.identity for one in other.waiting(10)], Shelf.DONE)
    (back,) = source.waiting(10)
    # Graph: the same mail, to be filed again. Exchange Web Services: another item, a duplicate by its bytes.
    assert (back.identity == mail.identity) is post.online
    source.close()
    other.close()


def test_a_mailbox_of_somebody_else_is_refused(post: Post) -> None:
    source = post.source(mailbox="chef@anderswo.example")
    with pytest.raises(LoginRefused, match="into chef@anderswo"):
        source.open()


@pytest.mark.parametrize("basic", [True, False], ids=["basic", "ntlm"])
def test_on_premises_a_password_lets_in_and_a_wrong_one_does_not(on_premises: Post, *, basic: bool) -> None:
    on_premises.deliver(mails.mail())
    source = on_premises.source(basic=basic)
    source.open()
    assert len(source.waiting(10)) == 1
    source.close()
    refused = on_premises.source(basic=basic, password="falsch")
    with pytest.raises(LoginRefused, match="does not let"):
        refused.open()


def test_on_premises_a_token_lets_in_and_an_old_one_is_forgotten(on_premises: Post) -> None:
    on_premises.deliver(mails.mail())
    source = on_premises.source(token=lambda: f"{ews_mail.TOKEN}.{on_premises.user}", password="")
    source.open()
    assert len(source.waiting(10)) == 1
    source.close()
    forgotten: list[bool] = []
    refused = on_premises.source(token=lambda: "gestern.user", password="", refused=lambda: forgotten.append(True))
    with pytest.raises(LoginRefused, match="does not let"):
        refused.open()
    assert forgotten == [True]


def test_online_a_token_that_ended_early_is_replaced(online: Post) -> None:
    online.deliver(mails.mail())
    source = online.source()
    source.open()
    online.server.order("expire")
    with pytest.raises(LoginRefused, match="InvalidAuthenticationToken"):
        source.waiting(10)
    source.open()
    assert len(source.waiting(10)) == 1
    source.close()


def test_online_a_wrong_secret_is_said_in_the_words_of_the_issuer(online: Post) -> None:
    online.secret = "falsch"
    with pytest.raises(NoToken, match="AADSTS7000215"):
        online.source().open()


def test_online_our_token_goes_to_no_other_server(online: Post) -> None:
    mailbox = online.mailbox()
    mailbox.open("INBOX")
    with pytest.raises(SourceUnavailable, match="another server"):
        mailbox.changes("https://fremd.example/v1.0/users/x/mailFolders/y/messages/delta?$deltatoken=1")
    mailbox.close()
