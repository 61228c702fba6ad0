"""How fast the directory takes records over and recognises senders, through its real door.

python -m benchmarks.directory [postgresql://…]
"""

import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from esoffice.es.v1 import directory_pb2 as pb
from esoffice.es.v1.directory_pb2_grpc import DirectoryServiceStub
from structlog.testing import capture_logs

from mesh.channel import connect
from mesh.clock import ManualClock
from mesh.database import Database
from mesh.permissions import Permissions
from mesh.pipeline import Pipeline
from mesh.server import Server
from mesh.tokens import Caller, Kind
from server_es.directory.service import Directory
from server_es.schema import METADATA
from tests.servers.postgres import Cluster, start, stop

BATCHES, SIZE = 20, 500


class _NoAudit:
    def after(self, call: Any) -> None: ...


def _records(batch: int, *, note: str) -> list[pb.Record]:
    made = []
    for one in range(SIZE // 2):
        number = f"{batch:04}{one:04}"
        address = pb.Address(
            name=f"addresses/{number}", matchcode=f"Kunde {number}", kind="customer", names=["Kunde", "GmbH"],
            mail_addresses=[f"info@k{number}.example"], phones=["+49 40 1"], notes=note,
            postal_address=pb.PostalAddress(street="Deichstraße 12", postal_code="21423", city="Winsen"),
        )  # fmt: skip
        person = pb.ContactPerson(
            name=f"addresses/{number}/contactPersons/1", matchcode="P", family_name="P",
            mail_address=f"p@k{number}.example",
            notes=note,
        )  # fmt: skip
        made += [pb.Record(address=address), pb.Record(contact_person=person)]
    return made


async def _measure(url: str, kind: str) -> None:
    chief = Caller(kind=Kind.PERSON, name="chief", permissions=Permissions(["*"]))
    with (
        Database(url, metadata=METADATA, clock=ManualClock(datetime(2026, 3, 2, tzinfo=UTC))) as database,
        capture_logs(),
    ):
        server = Server(Pipeline(identify=lambda _: chief, audit=_NoAudit()))  # type: ignore[arg-type]
        server.add(pb.DESCRIPTOR, Directory(database, lambda *_: frozenset()))
        METADATA.create_all(database.engine)
        port = await server.start("127.0.0.1:0", None)
        async with connect(f"127.0.0.1:{port}", None) as channel:
            stub = DirectoryServiceStub(channel)
            for label, note in (("created", "a"), ("replaced", "b"), ("unchanged", "b")):
                batches = [pb.BatchUpsertRecordsRequest(records=_records(one, note=note)) for one in range(BATCHES)]
                began = time.perf_counter()
                for batch in batches:
                    await stub.BatchUpsertRecords(batch)
                print(f"{kind}: {BATCHES * SIZE / (time.perf_counter() - began):8.0f} records/s {label}")
            asked = [f"INFO@k{batch:04}{one:04}.example" for batch in range(4) for one in range(125)]
            began = time.perf_counter()
            for _ in range(10):
                await stub.BatchIdentifySenders(pb.BatchIdentifySendersRequest(mail_addresses=asked))
            print(f"{kind}: {10 * len(asked) / (time.perf_counter() - began):8.0f} senders/s recognised")
        await server.drain(timedelta(0))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(f"sqlite:///{Path(folder) / 'directory.db'}", "SQLite    "))
    if len(sys.argv) > 1:
        asyncio.run(_measure(sys.argv[1], "PostgreSQL"))
        return
    own = start(durable=True)
    try:
        cluster = Cluster(own)
        asyncio.run(_measure(cluster.url(cluster.create()), "PostgreSQL"))
    finally:
        stop(own)


if __name__ == "__main__":
    main()
