"""A process that serves documents until it is killed: `python -m tests.servers.documents FOLDER PORT`.

The database and the bytes lie in the folder. Its workers run too; attachments of mails in the database are taken over.
"""

import asyncio
import uuid
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from esoffice.business.v1 import documents_pb2

from mesh import claims
from mesh.audit import AuditLog
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.permissions import Permissions
from mesh.pipeline import Pipeline
from mesh.predecessors import Predecessors
from mesh.server import Server
from mesh.threads import Threads
from mesh.tokens import Caller, Kind
from mesh.workers import HealthLine, Workers
from server_business.app import definition
from server_business.documents.file_tree import FileTree
from server_business.documents.mail_attachments import MailAttachments
from server_business.documents.memory import keep_large_blocks
from server_business.documents.service import Documents
from server_business.documents.settings import Settings
from server_business.documents.stores import Stores
from server_business.documents.tables import CONTENT, ERASURE, WORDS
from server_business.documents.uploads import Landing
from server_business.documents.worker import Indexing, Scrubber, Tidying
from server_business.documents.writing import Writing
from server_business.schema import LEASES

SETTINGS = Settings(zone=ZoneInfo("Europe/Berlin"))
CHIEF = Caller(kind=Kind.PERSON, name="chief", permissions=Permissions(["*"]))


def opened(folder: Path) -> Database:
    """Open the database; whoever is first makes its tables."""
    database = Database(f"sqlite:///{folder / 'business.db'}", metadata=definition.metadata, clock=SystemClock())
    definition.metadata.create_all(database.engine)
    return database


async def run(folder: str, port: str) -> None:
    """Serve until killed, as the next life of one instance."""
    keep_large_blocks()
    place, name = Path(folder), f"documents-{uuid.uuid4().hex[:12]}"
    tree, landing = Stores(FileTree(place / "documents")), Landing(place / "documents")
    with opened(place) as database, Predecessors(place / "instance", name) as before:
        for queue in (CONTENT, WORDS, ERASURE):
            await database.run(claims.give_back_of, queue, before.dead)
        await database.run(LEASES.give_back_of, before.dead)
        before.forget()
        server = Server(Pipeline(identify=lambda _: CHIEF, audit=AuditLog(definition.outbox, SystemClock())))
        room = Documents(database, tree, landing, SETTINGS, Threads(4, name="documents"))
        server.add(documents_pb2.DESCRIPTOR, room)
        workers = Workers(
            [
                Scrubber(database, tree, SETTINGS, name, HealthLine("documents")).worker(),
                Tidying(database, LEASES, tree, landing, name).worker(),
                Indexing(database, tree, name).worker(),
                MailAttachments(database, LEASES, tree, Writing(SETTINGS)).worker(),
            ],
            clock=SystemClock(), owner=name, database=database, leases=LEASES, first_backoff=timedelta(seconds=0.1),
        )  # fmt: skip
        workers.start()
        await server.start(f"127.0.0.1:{port}", None)
        await asyncio.Event().wait()


if __name__ == "__main__":
    import sys

    asyncio.run(run(*sys.argv[1:]))
