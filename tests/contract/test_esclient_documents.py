"""`esclient documents`: through the real door, with a real sign-in; sent and fetched over connections that break."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest
from esoffice.business.v1 import documents_pb2 as pb
from sqlalchemy import select

from esclient.documents import Documents as Client
from esclient.documents import NotWhatWasSent
from esclient.door import open_channel
from esclient.session import Session
from esclient.sign_in import password_sign_in
from mesh.clock import ManualClock, SystemClock
from mesh.database import Database
from mesh.errors import Unavailable
from mesh.threads import Threads
from server_business.app import definition
from server_business.documents import uploads
from server_business.documents.file_tree import FileTree
from server_business.documents.service import Documents
from server_business.documents.stores import Stores
from server_business.documents.tables import UPLOAD
from server_business.documents.uploads import Landing
from tests.builders.documents import SETTINGS
from tests.builders.front_door import FrontDoor, front_door
from tests.builders.identity import PASSWORD
from tests.builders.office import BERLIN
from tests.contract.test_esclient_calls import Esclient

MONDAY = datetime(2033, 3, 7, 9, 0, tzinfo=BERLIN)


class Breaking(Documents):
    """Breaks off after each piece, `left` times."""

    left = 0

    async def WriteUpload(self, requests: Any, context: Any) -> pb.Upload:
        if not self.left:
            return await super().WriteUpload(requests, context)
        self.left -= 1

        async def one() -> AsyncIterator[pb.WriteUploadRequest]:
            yield await anext(requests)  # which upload it is
            yield await anext(requests)

        await super().WriteUpload(one(), context)
        raise Unavailable("broken off")

    async def DownloadDocumentVersion(self, request: Any, context: Any) -> Any:
        async for message in super().DownloadDocumentVersion(request, context):
            yield message
            if self.left:
                self.left -= 1
                raise Unavailable("broken off")


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Breaking]:
    with ExitStack() as stack:
        clock = ManualClock(MONDAY)
        url = f"sqlite:///{tmp_path / 'business.db'}"
        database = stack.enter_context(Database(url, metadata=definition.metadata, clock=clock))
        definition.metadata.create_all(database.engine)
        disk = Threads(2, name="documents")
        stack.callback(disk.close)
        folder = tmp_path / "documents"
        yield Breaking(database, Stores(FileTree(folder)), Landing(folder), SETTINGS, disk)


@pytest.fixture
async def door(room: Breaking, tmp_path: Path) -> AsyncIterator[FrontDoor]:
    async with front_door(tmp_path, MONDAY, beside=[(pb.DESCRIPTOR, room)]) as served:
        yield served


@pytest.fixture
def esclient(door: FrontDoor, tmp_path: Path) -> Esclient:
    return Esclient(door, tmp_path)


@pytest.fixture
async def connected(door: FrontDoor) -> AsyncIterator[Client]:
    channel = open_channel(door.address, door.ca)
    session = Session(channel, password_sign_in(channel, "eva", PASSWORD), SystemClock())
    yield Client(session)
    await session.close()


async def test_a_document_goes_out_and_comes_back(esclient: Esclient, tmp_path: Path) -> None:
    plan, copy = tmp_path / "Plan.txt", tmp_path / "copy.txt"
    plan.write_bytes(b"Heizung EG")
    made = await esclient("documents", "upload", str(plan), "--case", "servicecalls/4711", "--label", "order=A-17")
    assert (made.code, made.out) == (0, "documents/1: made\n")
    out = await esclient("documents", "check-out", "1", "--machine", "PC-7", "--to", str(copy), user="tom")
    assert (out.code, copy.read_bytes()) == (0, b"Heizung EG")
    other = await esclient("documents", "check-out", "1", "--machine", "PC-8")
    assert (other.code, "users/tom has documents/1 checked out on PC-7" in other.err) == (1, True)
    plan.write_bytes(b"Heizung EG und OG")
    back = await esclient("documents", "check-in", "1", str(plan), "-m", "OG dazu", user="tom")
    assert (back.code, back.out) == (0, "documents/1: version 2 checked in\n")
    shown = await esclient("documents", "show", "1")
    assert "order: A-17" in shown.out
    assert [line.split()[0] for line in shown.out.splitlines()[-2:]] == ["2", "1"]
    found = await esclient("documents", "search", "plan", "a-17")
    assert found.out.splitlines()[1].split()[:4] == ["1", "2", "Plan.txt", "Plan.txt"]


async def test_wrong_usage_says_what_would_be_right(esclient: Esclient, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"x")
    wrong = await esclient("documents", "upload", str(file), "--label", "order")
    assert (wrong.code, "name=value" in wrong.err) == (2, True)
    missing = await esclient("documents", "download", "7")
    assert (missing.code, "documents/7 does not exist" in missing.err) == (1, True)


async def test_what_breaks_off_is_gone_on_with(connected: Client, room: Breaking, tmp_path: Path) -> None:
    data = os.urandom(3_500_000)
    file, copy = tmp_path / "big.bin", tmp_path / "copy.bin"
    file.write_bytes(data)
    told: list[int] = []
    room.left = 2
    content = await connected.content(file, progress=lambda done, _: told.append(done))
    assert (content.upload.startswith("uploads/"), told[-1], room.left) == (True, len(data), 0)
    made = await connected.create(pb.Document(title="groß"), content, [])
    room.left = 2
    told.clear()
    await connected.download(made.latest.name, copy, progress=lambda done, _: told.append(done))
    assert (copy.read_bytes() == data, room.left, told) == (True, 0, sorted(set(told)))
    with pytest.raises(grpc.aio.AioRpcError):
        await connected.download("documents/1/versions/9", copy, progress=lambda *_: None)


async def test_an_upload_whose_end_alone_is_missing_is_finished(
    connected: Client, room: Breaking, tmp_path: Path
) -> None:
    data = os.urandom(1_500_000)
    file = tmp_path / "big.bin"
    file.write_bytes(data)
    await connected.content(file, progress=lambda *_: None)
    with room._database.unit() as unit:
        (id_,) = unit.connection.execute(select(UPLOAD.c.id)).scalars()
        uploads.note(unit, id_, received=len(data))  # as a server leaves it that ends just now
    async with asyncio.timeout(10):
        content = await connected.content(file, resume=f"uploads/{id_}", progress=lambda *_: None)
    made = await connected.create(pb.Document(title="groß"), content, [])
    assert made.latest.sha256 == sha256(data).hexdigest()
    file.write_bytes(data[:-1])
    with room._database.unit() as unit:
        other = uploads.begin(unit, owner="users/eva", size=len(data), expected="", keep=timedelta(days=1)).id
    async with asyncio.timeout(10):
        with pytest.raises(NotWhatWasSent, match=r"1499999 bytes, but .* for 1500000"):
            await connected.content(file, resume=f"uploads/{other}", progress=lambda *_: None)


async def test_what_is_left_of_a_longer_version_is_fetched_anew(connected: Client, tmp_path: Path) -> None:
    file, copy = tmp_path / "a.txt", tmp_path / "copy.txt"
    file.write_bytes(b"kurz")
    made = await connected.create(
        pb.Document(title="kurz"), await connected.content(file, progress=lambda *_: None), []
    )
    (tmp_path / "copy.txt.part").write_bytes(b"viel laenger")
    async with asyncio.timeout(10):
        await connected.download(made.latest.name, copy, progress=lambda *_: None)
    assert copy.read_bytes() == b"kurz"
