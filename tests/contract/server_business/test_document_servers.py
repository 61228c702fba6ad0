"""The whole room on a real Subversion server: what it keeps for ever is not said to be erased."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from esoffice.business.v1 import documents_pb2 as pb

from mesh.clock import ManualClock
from server_business.documents.file_tree import FileTree
from server_business.documents.stores import Stores
from server_business.documents.webdav import WebDav
from tests.builders.documents import Archive, archive, creation, some
from tests.contract.conftest import Serve, refused
from tests.servers import apache

pytestmark = pytest.mark.skipif(bool(apache.missing()), reason=apache.missing())


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as one:
        yield one


@pytest.fixture
def server(stack: ExitStack) -> apache.Apache:
    return stack.enter_context(apache.running())


@pytest.fixture
async def room(serve: Serve, stack: ExitStack, tmp_path: Path, server: apache.Apache) -> Archive:
    def store(folder: Path) -> Stores:
        return Stores(WebDav(server.svn, user=apache.USER, password=apache.PASSWORD), FileTree(folder))

    return await archive(serve, stack, tmp_path / "documents", make_store=store)


async def test_documents_live_on_a_server_with_versions(
    room: Archive, server: apache.Apache, clock: ManualClock
) -> None:
    data = os.urandom(3_000_000)
    made = await room.create(upload=(await room.upload(data)).name)
    replaced = await room.stub.ReplaceDocument(
        pb.ReplaceDocumentRequest(name=made.name, content=some(b"zwei"), base_version=1)
    )
    batch = pb.BatchCreateDocumentsRequest(requests=[creation(b"%d" % number) for number in range(3)])
    assert all(one.HasField("document") for one in (await room.stub.BatchCreateDocuments(batch)).results)
    path = f"{server.svn}/{made.latest.sha256[:2]}/{made.latest.sha256}"
    async with httpx.AsyncClient(auth=(apache.USER, apache.PASSWORD)) as other:
        (await other.put(path, content=b"jemand anders")).raise_for_status()
    assert await room.download(made.latest.name) == data
    assert await room.download(made.latest.name, 2_999_990) == data[-10:]
    assert await room.download(replaced.latest.name) == b"zwei"
    clock.advance(timedelta(days=30))
    room.work(room.scrubber.turn)
    assert (room.line.healthy, room.line.sentence) == (True, "5 contents, each read within 30 d")
    await room.stub.DeleteDocument(pb.DeleteDocumentRequest(name=made.name))
    kept = await refused(room.stub.EraseDocument(pb.EraseDocumentRequest(name=made.name, reason="Antrag")))
    assert "keeps every version for ever" in (kept.details() or "")
    assert (await room.get(made.name)).name == made.name
