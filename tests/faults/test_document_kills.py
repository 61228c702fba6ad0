"""Whatever is killed when: what was answered is there, byte for byte, and nothing is there twice."""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest
from esoffice.business.v1 import documents_pb2 as pb
from esoffice.business.v1.documents_pb2_grpc import DocumentServiceStub
from sqlalchemy import func, select

from mesh.channel import connect_blocking
from mesh.database import Database
from server_business.documents.tables import CONTENT, DOCUMENT, ERASURE, UPLOAD, VERSION, ContentState
from tests.builders.documents import creation
from tests.builders.kills import places
from tests.builders.processes import free_port
from tests.servers import documents
from tests.servers.nursery import Child, Nursery

PIECE, SIZE = 100_000, 350_000
# As a round meets them: a single document, a batch, an upload and the version made of it, an erasure.
PLACES = [
    "documents.written:1", "documents.renamed:1", "documents.synced:1", "documents.written:3", "documents.renamed:2",
    "documents.synced:2", "documents.taken:1", "documents.durable:1", "documents.renamed:3", "documents.synced:3",
    "documents.removed:1", *(f"database.commit:{hit}" for hit in range(2, 18, 4)),
    *(f"database.committed:{hit}" for hit in range(3, 18, 4)),
]  # fmt: skip
KILLS = places(PLACES, 0.15)
pytestmark = pytest.mark.timeout(max(180, len(KILLS) * 8))


@dataclass
class House:
    """The process of the moment, and what was answered."""

    folder: Path
    port: int
    nursery: Nursery
    stub: Any
    child: Child | None = None
    versions: dict[str, bytes] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    asked: int = 0

    def start(self, failpoint: str = "") -> None:
        arguments = (str(self.folder), str(self.port))
        self.child = self.nursery.start("tests.servers.documents", *arguments, failpoint=failpoint)

    def surely(self, call: Callable[[], Any]) -> Any:
        """Make a call as a client does: again when nobody answers; whoever was killed is started again."""
        until = time.monotonic() + 30
        while True:
            try:
                return call()
            except grpc.RpcError as error:
                refused: Any = error
                assert refused.code() is grpc.StatusCode.UNAVAILABLE, (refused.code(), refused.details())
                assert time.monotonic() < until, self.nursery.last_words()
            assert self.child is not None
            if self.child.has_ended(0.05):
                self.start()

    def round(self) -> None:
        """Everything a client does, each act until it is answered."""
        self.single()
        self.batch()
        kept = self.uploaded()
        self.erase(kept)

    def single(self) -> None:
        data = os.urandom(500)
        request = creation(data, request_id=str(uuid.uuid4()))
        self.asked += 1
        made = self.surely(lambda: self.stub.CreateDocument(request, timeout=10))
        self.versions[made.latest.name] = data

    def batch(self) -> None:
        contents = [os.urandom(300) for _ in range(4)]
        requests = [creation(one, request_id=str(uuid.uuid4())) for one in contents]
        self.asked += len(requests)
        wanted = pb.BatchCreateDocumentsRequest(requests=requests)
        answer = self.surely(lambda: self.stub.BatchCreateDocuments(wanted, timeout=10))
        for one, data in zip(answer.results, contents, strict=True):
            self.versions[one.document.latest.name] = data

    def uploaded(self) -> str:
        """Upload, make a document of it, and a second version on top; return the document."""
        data = os.urandom(SIZE)
        begin = pb.CreateUploadRequest(size_bytes=SIZE, request_id=str(uuid.uuid4()))
        upload = self.surely(lambda: self.stub.CreateUpload(begin, timeout=10))

        def go_on() -> pb.Upload:
            stands = self.stub.GetUpload(pb.GetUploadRequest(name=upload.name), timeout=10)
            if stands.complete:
                return stands
            return self.stub.WriteUpload(_pieces(upload.name, data, stands.received_bytes), timeout=10)

        assert self.surely(go_on).sha256 == sha256(data).hexdigest()
        create = creation(upload=upload.name, request_id=str(uuid.uuid4()))
        self.asked += 1
        made = self.surely(lambda: self.stub.CreateDocument(create, timeout=10))
        self.versions[made.latest.name] = data
        second = os.urandom(100)
        replace = pb.ReplaceDocumentRequest(
            name=made.name, content=creation(second).content, base_version=1, request_id=str(uuid.uuid4())
        )
        replaced = self.surely(lambda: self.stub.ReplaceDocument(replace, timeout=10))
        assert replaced.latest.name == f"{made.name}/versions/2"
        self.versions[replaced.latest.name] = second
        return str(made.name)

    def erase(self, name: str) -> None:
        self.surely(lambda: self.stub.DeleteDocument(pb.DeleteDocumentRequest(name=name), timeout=10))

        def gone() -> None:
            try:
                self.stub.EraseDocument(pb.EraseDocumentRequest(name=name, reason="x"), timeout=10)
            except grpc.RpcError as error:  # erased already: the answer was lost
                refused: Any = error
                if refused.code() is not grpc.StatusCode.NOT_FOUND:
                    raise

        self.surely(gone)
        for version in [one for one in self.versions if one.startswith(f"{name}/")]:
            del self.versions[version]
        self.erased.add(name)

    def download(self, version: str) -> bytes:
        pieces = self.stub.DownloadDocumentVersion(pb.DownloadDocumentVersionRequest(name=version), timeout=10)
        return b"".join(one.data for one in pieces)


def _pieces(name: str, data: bytes, start: int) -> Iterator[pb.WriteUploadRequest]:
    for at in range(start, len(data), PIECE):
        yield pb.WriteUploadRequest(name=name, offset=at, data=data[at : at + PIECE])


def test_what_was_answered_is_there_whatever_was_killed(tmp_path: Path) -> None:
    port, met = free_port(), 0
    with (
        documents.opened(tmp_path) as database, Nursery(tmp_path) as nursery,
        connect_blocking(f"127.0.0.1:{port}", None) as channel,
    ):  # fmt: skip
        house = House(tmp_path, port, nursery, DocumentServiceStub(channel))
        for place in KILLS:
            house.start(place)
            armed = house.child
            assert armed is not None
            house.round()
            met += armed.has_ended()
            assert house.child is not None
            house.child.kill()
        house.start()
        wrong = [
            name for name, data in house.versions.items() if house.surely(lambda n=name: house.download(n)) != data
        ]
        assert wrong == []
        settle(database, nursery)
        look(database, tmp_path / "documents", house)
    print(f"{met} kills, {house.asked} documents, {len(house.erased)} of them erased")
    assert met >= len(KILLS) * 3 // 4


def settle(database: Database, nursery: Nursery) -> None:
    """Wait until every erasure has its proof."""
    until = time.monotonic() + 30
    open_proofs = select(func.count()).select_from(ERASURE).where(ERASURE.c.done_time.is_(None))
    while True:
        with database.reading() as unit:
            if not unit.connection.execute(open_proofs).scalar_one():
                return
        assert time.monotonic() < until, nursery.last_words()
        time.sleep(0.1)  # noqa: TID251 - real processes, real time


def look(database: Database, folder: Path, house: House) -> None:
    """Compare rows, bytes and answers."""
    with database.reading() as unit:
        execute = unit.connection.execute
        stored = {row.sha256 for row in execute(select(CONTENT).where(CONTENT.c.state == ContentState.STORED))}
        pending = {row.sha256 for row in execute(select(CONTENT).where(CONTENT.c.state != ContentState.STORED))}
        rows = {f"documents/{row.document}/versions/{row.number}": row for row in execute(select(VERSION))}
        count = execute(select(func.count()).select_from(DOCUMENT)).scalar_one()
        uploads = set(execute(select(UPLOAD.c.id)).scalars())
    assert count == house.asked - len(house.erased)  # none twice, none lost
    assert set(rows) == set(house.versions)
    assert {name: row.sha256 for name, row in rows.items()} == {
        name: sha256(data).hexdigest() for name, data in house.versions.items()
    }
    objects = {path.name: path for path in folder.glob("objects/*/*") if not path.name.startswith(".")}
    assert set(objects) <= stored | pending
    assert {row.sha256 for row in rows.values()} <= stored <= set(objects)
    for digest, path in objects.items():
        assert digest in pending or sha256(path.read_bytes()).hexdigest() == digest
    assert {path.name for path in (folder / "uploads").iterdir()} <= uploads
