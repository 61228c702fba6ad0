"""The documents behind their real door, with workers a test turns by hand."""

import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from esoffice.business.v1 import documents_pb2 as pb
from esoffice.business.v1.documents_pb2_grpc import DocumentServiceStub

from mesh.database import Database
from mesh.threads import Threads
from mesh.workers import HealthLine, Turn
from server_business.app import definition
from server_business.documents.file_tree import FileTree
from server_business.documents.rules import structure
from server_business.documents.service import Documents
from server_business.documents.settings import Settings
from server_business.documents.stores import Stores
from server_business.documents.uploads import Landing
from server_business.documents.worker import Indexing, Scrubber, Tidying
from server_business.schema import LEASES

FIXED = {"servicecalls": structure("servicecalls", {"reports": ("Berichte", ""), "photos": ("Fotos", "reports")})}
SETTINGS = Settings(structures=FIXED, retention_years={"invoice": 8}, zone=ZoneInfo("Europe/Berlin"))
CALL = "servicecalls/4711"


class Archive:
    """The room served, and its workers.

    Attributes:
        stub: calls as `served.caller`.
        line: what administrators see.
    """

    def __init__(self, served: Any, folder: Path, store: Stores, settings: Settings) -> None:
        self.served = served
        self.folder = folder
        self.database: Database = served.database
        self.store = store
        self.stub = DocumentServiceStub(served.channel)
        self.line = HealthLine("documents")
        self.scrubber = Scrubber(self.database, store, settings, "me", self.line)
        self.tidying = Tidying(self.database, LEASES, store, Landing(folder), "me")
        self.indexing = Indexing(self.database, store, "me")

    def work(self, turn: Callable[[Turn], bool]) -> None:
        while turn(Turn(threading.Event())):
            pass

    async def create(self, data: bytes = b"eins", title: str = "Angebot", **said: Any) -> pb.Document:
        return await self.stub.CreateDocument(creation(data, title, **said))

    async def get(self, name: str) -> pb.Document:
        return await self.stub.GetDocument(pb.GetDocumentRequest(name=name))

    async def download(self, version: str, offset: int = 0) -> bytes:
        request = pb.DownloadDocumentVersionRequest(name=version, offset=offset)
        return b"".join([one.data async for one in self.stub.DownloadDocumentVersion(request)])

    async def upload(self, data: bytes, piece: int = 1 << 20) -> pb.Upload:
        made = await self.stub.CreateUpload(pb.CreateUploadRequest(size_bytes=len(data)))
        return await self.stub.WriteUpload(pieces(made.name, data, piece=piece))

    def object(self, data: bytes) -> Path:
        """Where the file tree has bytes."""
        digest = sha256(data).hexdigest()
        return self.folder / "objects" / digest[:2] / digest


def creation(data: bytes = b"eins", title: str = "Angebot", **said: Any) -> pb.CreateDocumentRequest:
    """Ask for a document; `said` are fields of the document, the content or the request."""
    content = {name: said.pop(name) for name in list(said) if name in pb.DocumentContent.DESCRIPTOR.fields_by_name}
    document = {name: said.pop(name) for name in list(said) if name in pb.Document.DESCRIPTOR.fields_by_name}
    return pb.CreateDocumentRequest(
        document=pb.Document(title=title, **document), content=some(data, **content), **said
    )


def some(data: bytes, **said: Any) -> pb.DocumentContent:
    if "upload" in said:
        return pb.DocumentContent(**{"file_name": "angebot.txt", **said})
    return pb.DocumentContent(data=data, **{"file_name": "angebot.txt", **said})


async def pieces(
    name: str, data: bytes, *, start: int = 0, piece: int = 1 << 20
) -> AsyncIterator[pb.WriteUploadRequest]:
    """Send bytes as a client does; an empty upload is one empty piece."""
    for at in range(start, max(len(data), start + 1), piece):
        yield pb.WriteUploadRequest(name=name if at == start else "", offset=at, data=data[at : at + piece])


async def archive(
    serve: Any,
    stack: ExitStack,
    folder: Path,
    *,
    settings: Settings = SETTINGS,
    make_store: Callable[[Path], Stores] = lambda folder: Stores(FileTree(folder)),
) -> Archive:
    """Serve the room on a fresh database."""
    from esoffice.business.v1 import documents_pb2

    store = make_store(folder)
    stack.callback(store.close)
    disk = Threads(4, name="documents")
    stack.callback(disk.close)

    def room(database: Database) -> Documents:
        return Documents(database, store, Landing(folder), settings, disk)

    served = await serve((documents_pb2.DESCRIPTOR, room), metadata=definition.metadata)
    return Archive(served, folder, store, settings)


def names(documents: Iterable[pb.Document]) -> list[str]:
    return [one.name for one in documents]
