"""Documents that are linked, not kept: missing, moved or changed is found, and nothing else is read."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from esoffice.business.v1 import documents_pb2 as pb
from sqlalchemy import select

from mesh.clock import ManualClock
from mesh.errors import DomainError
from server_business.documents.content_store import StoreAway
from server_business.documents.file_tree import FileTree
from server_business.documents.links import Links
from server_business.documents.stores import Stores
from server_business.documents.tables import WORDS
from server_business.documents.webdav import WebDav
from tests.builders.documents import Archive, archive, names
from tests.contract.conftest import Serve, refused
from tests.contract.server_business.test_documents import why


class Site(BaseHTTPRequestHandler):
    """Serves one text, compressed for whoever takes it, or `stubborn` for everybody."""

    code, text, stubborn = 200, b"Handbuch", False

    def do_GET(self) -> None:
        self.send_response(type(self).code)
        text = self.text
        if self.stubborn or "gzip" in self.headers.get("accept-encoding", ""):
            text = gzip.compress(text)
            self.send_header("content-encoding", "gzip")
        self.send_header("location", "/new/handbuch.pdf")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as one:
        yield one


@pytest.fixture
def site() -> Iterator[str]:
    Site.code, Site.text, Site.stubborn = 200, b"Handbuch", False
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def share(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    folder.mkdir()
    (folder / "plan.txt").write_bytes(b"Plan")
    (tmp_path / "geheim.txt").write_bytes(b"geheim")
    (folder / "hinaus").symlink_to(tmp_path / "geheim.txt")
    return folder


@pytest.fixture
async def room(serve: Serve, stack: ExitStack, tmp_path: Path, share: Path, site: str) -> Archive:
    prefixes = (f"{share.as_uri()}/", site)
    return await archive(
        serve, stack, tmp_path / "documents", make_store=lambda folder: Stores(FileTree(folder), Links(prefixes))
    )


async def linked(room: Archive, uri: str) -> pb.Document:
    content = pb.DocumentContent(link=uri, file_name=uri.rpartition("/")[2])
    return await room.stub.CreateDocument(
        pb.CreateDocumentRequest(document=pb.Document(title="verknüpft"), content=content)
    )


async def look(room: Archive, clock: ManualClock, document: pb.Document) -> str:
    """A day later: what is said of the link."""
    clock.advance(timedelta(days=1, minutes=1))
    room.work(room.scrubber.turn)
    return (await room.get(document.name)).latest.health_detail


async def test_a_linked_file_is_known_again(room: Archive, clock: ManualClock, share: Path) -> None:
    uri = f"{share.as_uri()}/plan.txt"
    made = await linked(room, uri)
    assert (made.latest.link, made.latest.size_bytes, made.latest.mime_type) == (uri, 4, "text/plain")
    assert await room.download(made.latest.name, 2) == b"an"
    assert list(room.folder.glob("objects/*/*")) == []
    assert await look(room, clock, made) == ""
    (share / "plan.txt").write_bytes(b"Plam")
    assert await look(room, clock, made) == "changed: its bytes are not those that were written"
    (share / "plan.txt").unlink()
    assert (await look(room, clock, made)).startswith("missing: there is no file")
    assert not room.line.healthy
    (share / "plan.txt").write_bytes(b"Plan")
    assert (await look(room, clock, made), room.line.healthy) == ("", True)
    kept = await room.create(b"Plan")  # the same bytes, kept here from now on
    (share / "plan.txt").unlink()
    assert await room.download(made.latest.name) == b"Plan" == await room.download(kept.latest.name)


async def test_what_moved_on_the_web_is_said_with_its_place(room: Archive, clock: ManualClock, site: str) -> None:
    made = await linked(room, f"{site}handbuch.pdf")
    assert await room.download(made.latest.name) == b"Handbuch"
    Site.code = 301
    assert (await look(room, clock, made)).endswith("is at /new/handbuch.pdf now")
    Site.code = 404
    assert (await look(room, clock, made)).startswith("missing: there is nothing")
    Site.code, Site.text = 200, b"Handbuch 2"
    assert await look(room, clock, made) == "changed: it has 10 bytes, not 8"


async def test_a_site_that_is_away_holds_up_no_other(room: Archive, clock: ManualClock, site: str, share: Path) -> None:
    away = await linked(room, f"{site}handbuch.pdf")
    plan = await linked(room, f"{share.as_uri()}/plan.txt")
    (share / "plan.txt").unlink()
    Site.code = 503
    clock.advance(timedelta(days=1, minutes=1))
    with pytest.raises(DomainError, match="503"):
        room.work(room.scrubber.turn)
    assert (await room.get(away.name)).latest.health == pb.CONTENT_HEALTH_SOUND  # not known to be anything else
    assert (await room.get(plan.name)).latest.health == pb.CONTENT_HEALTH_DAMAGED


async def test_nothing_is_read_where_nothing_may_be_linked(room: Archive, share: Path, site: str) -> None:
    outside = share.parent / "geheim.txt"
    for uri in (
        outside.as_uri(), f"{share.as_uri()}/../geheim.txt", f"{share.as_uri()}/%2e%2e/geheim.txt",
        f"{share.as_uri()}/hinaus", f"{share.as_uri()}/nichts", "http://127.0.0.1:1/x", f"{share.as_uri()}",
    ):  # fmt: skip
        assert (uri, await why(linked(room, uri))) == (uri, "INVALID_ARGUMENT")


async def test_words_are_found_though_another_document_cannot_be_read(
    room: Archive, clock: ManualClock, site: str, share: Path
) -> None:
    away = await linked(room, f"{site}seite.txt")
    (share / "plan.txt").write_bytes(b"Grundriss")
    grown = await linked(room, f"{share.as_uri()}/plan.txt")
    (share / "plan.txt").write_bytes(b"Grundriss und Lageplan")
    sound = await room.create(b"Rechnung")
    Site.code = 503
    with pytest.raises(DomainError, match="503"):
        room.work(room.indexing.turn)

    async def found(word: str) -> list[str]:
        return names((await room.stub.SearchDocuments(pb.SearchDocumentsRequest(query=word))).documents)

    assert await found("rechnung") == [sound.name]
    with room.database.reading() as unit:
        problem = select(WORDS.c.problem).where(WORDS.c.document == int(grown.name.rpartition("/")[2]))
        assert unit.connection.execute(problem).scalar_one() == "it has more than its 9 bytes"
    Site.code = 200
    clock.advance(timedelta(minutes=10))
    room.work(room.indexing.turn)
    assert await found("handbuch") == [away.name]


async def test_what_a_server_compresses_by_itself_is_refused(room: Archive, site: str) -> None:
    made = await linked(room, f"{site}handbuch.pdf")
    assert made.latest.sha256 == sha256(b"Handbuch").hexdigest()
    Site.stubborn = True
    assert "gzip" in ((await refused(linked(room, f"{site}anderes.pdf"))).details() or "")
    with closing(WebDav(site)) as store:
        with pytest.raises(StoreAway, match="gzip"):
            list(store.read(made.latest.sha256, ""))
        Site.stubborn = False
        assert b"".join(store.read(made.latest.sha256, "")) == b"Handbuch"
