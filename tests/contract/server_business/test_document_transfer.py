"""Bytes of documents over the real door: uploads that go on where they broke off, downloads, what the disk does."""

import asyncio
import os
import resource
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import grpc
import pytest
from esoffice.business.v1 import documents_pb2 as pb
from sqlalchemy import select

from mesh.clock import ManualClock
from mesh.leases import Lease, LeaseLost
from mesh.workers import Turn
from server_business.documents import contents
from server_business.documents.content_store import StoreAway
from server_business.documents.tables import CONTENT
from server_business.documents.worker import _Round
from server_business.schema import LEASES
from tests.builders.documents import Archive, archive, creation, pieces
from tests.contract.conftest import Serve, person, refused
from tests.contract.server_business.test_documents import REQUEST, reason, why

MIB = 1 << 20


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as one:
        yield one


@pytest.fixture
async def room(serve: Serve, stack: ExitStack, tmp_path: Path) -> Archive:
    return await archive(serve, stack, tmp_path / "documents")


async def begun(room: Archive, data: bytes, **said: object) -> pb.Upload:
    return await room.stub.CreateUpload(pb.CreateUploadRequest(size_bytes=len(data), **said))  # type: ignore[arg-type]


async def state(room: Archive, upload: pb.Upload) -> pb.Upload:
    return await room.stub.GetUpload(pb.GetUploadRequest(name=upload.name))


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, 5 * MIB + 3])
async def test_what_was_uploaded_comes_back(room: Archive, size: int) -> None:
    data = os.urandom(size)
    done = await room.upload(data)
    assert (done.complete, done.received_bytes, done.sha256) == (True, size, sha256(data).hexdigest())
    made = await room.create(upload=done.name, file_name="plan.pdf")
    assert (made.latest.size_bytes, made.latest.mime_type) == (size, "application/pdf")
    assert await room.download(made.latest.name) == data
    assert await room.download(made.latest.name, size // 2) == data[size // 2 :]
    assert await why(room.create(upload=done.name, title="Kopie")) == "NOT_FOUND"  # an upload serves once


async def test_a_broken_upload_goes_on_where_it_stood(room: Archive) -> None:
    data = os.urandom(6 * MIB)
    upload = await begun(room, data)

    async def half() -> AsyncIterator[pb.WriteUploadRequest]:
        async for one in pieces(upload.name, data[: 3 * MIB]):
            yield one
        await asyncio.Event().wait()

    call = room.stub.WriteUpload(half())
    await asyncio.sleep(0.3)
    call.cancel()
    until = asyncio.get_running_loop().time() + 10
    while (stands := await state(room, upload)).received_bytes < 3 * MIB:
        assert asyncio.get_running_loop().time() < until, stands
        await asyncio.sleep(0.02)
    assert not stands.complete
    assert await why(room.create(upload=upload.name)) == "UPLOAD_INCOMPLETE"
    wrong = room.stub.WriteUpload(pieces(upload.name, data, start=MIB))
    assert await why(wrong) == "UPLOAD_OFFSET"
    done = await room.stub.WriteUpload(pieces(upload.name, data, start=stands.received_bytes))
    assert done.sha256 == sha256(data).hexdigest()
    repeated = await room.stub.WriteUpload(pieces(upload.name, b"", start=len(data)))
    assert repeated == done


async def test_two_calls_never_write_one_upload(room: Archive) -> None:
    data = os.urandom(2 * MIB)
    upload = await begun(room, data)
    more = asyncio.Event()

    async def slowly() -> AsyncIterator[pb.WriteUploadRequest]:
        yield pb.WriteUploadRequest(name=upload.name, data=data[:MIB])
        await more.wait()
        yield pb.WriteUploadRequest(offset=MIB, data=data[MIB:])

    first = asyncio.ensure_future(room.stub.WriteUpload(slowly()))
    await asyncio.sleep(0.3)
    assert await why(room.stub.WriteUpload(pieces(upload.name, data))) == "UPLOAD_BUSY"
    more.set()
    assert (await first).complete


async def test_wrong_pieces_are_refused_and_nothing_is_lost(room: Archive) -> None:
    data = b"0123456789"
    upload = await begun(room, data)

    async def gap() -> AsyncIterator[pb.WriteUploadRequest]:
        yield pb.WriteUploadRequest(name=upload.name, data=data[:4])
        yield pb.WriteUploadRequest(offset=6, data=data[6:])

    gone_wrong = await refused(room.stub.WriteUpload(gap()))
    assert (gone_wrong.code(), reason(gone_wrong)) == (grpc.StatusCode.ABORTED, "UPLOAD_OFFSET")
    assert (await state(room, upload)).received_bytes == 4
    beyond = room.stub.WriteUpload(pieces(upload.name, data + b"x", start=4))
    assert await why(beyond) == "INVALID_ARGUMENT"
    nameless = room.stub.WriteUpload(pieces("", data))
    assert await why(nameless) == "INVALID_ARGUMENT"
    room.served.caller = person("documents.write", name="tom")
    assert (await refused(state(room, upload))).code() is grpc.StatusCode.NOT_FOUND
    room.served.caller = person("documents.read", name="tom")
    assert (await refused(room.stub.WriteUpload(pieces(upload.name, data)))).code() is grpc.StatusCode.PERMISSION_DENIED


async def test_bytes_that_were_changed_on_the_way_begin_anew(room: Archive) -> None:
    data = os.urandom(1000)
    upload = await begun(room, data, sha256=sha256(data).hexdigest())
    assert await why(room.stub.WriteUpload(pieces(upload.name, b"\0" + data[1:]))) == "CHECKSUM_MISMATCH"
    assert (await state(room, upload)).received_bytes == 0
    assert (await room.stub.WriteUpload(pieces(upload.name, data))).complete


async def test_an_upload_nobody_finished_is_thrown_away(room: Archive, clock: ManualClock) -> None:
    upload = await room.upload(b"vergessen")
    clock.advance(timedelta(days=2))
    room.work(room.tidying.turn)
    assert (await refused(state(room, upload))).code() is grpc.StatusCode.NOT_FOUND
    assert list((room.folder / "uploads").iterdir()) == []


async def test_a_conflict_loses_no_upload(room: Archive, clock: ManualClock) -> None:
    made = await room.create(b"eins")
    upload = await room.upload(b"zwei")
    content = pb.DocumentContent(upload=upload.name, file_name="a.txt")
    stale = pb.ReplaceDocumentRequest(name=made.name, content=content, base_version=7)
    assert await why(room.stub.ReplaceDocument(stale)) == "VERSION_CONFLICT"
    clock.advance(timedelta(hours=25))  # longer than unused bytes are kept
    room.work(room.tidying.turn)
    stale.base_version = 1
    replaced = await room.stub.ReplaceDocument(stale)
    assert await room.download(replaced.latest.name) == b"zwei"


async def test_bytes_nobody_refers_to_are_removed(room: Archive, clock: ManualClock) -> None:
    assert await why(room.create(b"abgelehnt", file_name="a/b")) == "INVALID_ARGUMENT"
    made = await room.create(b"bleibt")
    assert room.object(b"abgelehnt").exists()
    clock.advance(timedelta(hours=25))
    room.work(room.tidying.turn)
    assert not room.object(b"abgelehnt").exists()
    assert await room.download(made.latest.name) == b"bleibt"


async def test_a_slow_tidying_removes_nothing_that_came_back(
    room: Archive, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await why(room.create(b"eins", file_name="a/b"))
    await why(room.create(b"zwei", file_name="a/b"))
    clock.advance(timedelta(hours=25))

    def lease() -> Lease:
        with room.database.unit() as unit:
            held = LEASES.acquire(unit, "documents.tidy", owner="me", lease=timedelta(minutes=20))
        assert held is not None
        return held

    slow, remove = Turn(threading.Event(), lease()), room.store.remove

    def hang(sha256: str, locator: str) -> None:
        monkeypatch.setattr(room.store, "remove", remove)
        remove(sha256, locator)
        room.tidying.turn(Turn(threading.Event(), lease()))

    monkeypatch.setattr(room.store, "remove", hang)
    with pytest.raises(LeaseLost):
        room.tidying.turn(slow)
    with room.database.reading() as unit:
        assert not unit.connection.execute(select(CONTENT.c.sha256)).all()


async def test_tidying_ends_when_the_service_does_and_before_its_lease(
    room: Archive, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for data in (b"eins", b"zwei", b"drei"):
        await why(room.create(data, file_name="a/b"))
    clock.advance(timedelta(hours=25))
    stopping, remove = threading.Event(), room.store.remove
    stopping.set()
    room.tidying.turn(Turn(stopping))
    assert sum(room.object(data).exists() for data in (b"eins", b"zwei", b"drei")) == 3

    def slowly(sha256: str, locator: str) -> None:
        remove(sha256, locator)
        clock.advance(timedelta(minutes=15))

    monkeypatch.setattr(room.store, "remove", slowly)
    room.tidying.turn(Turn(threading.Event()))
    assert sum(room.object(data).exists() for data in (b"eins", b"zwei", b"drei")) == 2


async def test_one_content_that_cannot_be_removed_holds_up_no_other(
    room: Archive, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for data in (b"eins", b"zwei"):
        await why(room.create(data, file_name="a/b"))
    for data in (b"drei", b"vier"):
        name = (await room.create(data)).name
        await room.stub.DeleteDocument(pb.DeleteDocumentRequest(name=name))
    clock.advance(timedelta(hours=25))
    for number in (1, 2):
        await room.stub.EraseDocument(pb.EraseDocumentRequest(name=f"documents/{number}", reason="Antrag"))
    away, remove = {sha256(data).hexdigest() for data in (b"eins", b"drei")}, room.store.remove

    def fail(digest: str, locator: str) -> None:
        if digest in away:
            raise StoreAway("weg")
        remove(digest, locator)

    monkeypatch.setattr(room.store, "remove", fail)
    with pytest.raises(StoreAway):
        room.tidying.turn(Turn(threading.Event()))
    assert [room.object(data).exists() for data in (b"eins", b"zwei", b"drei", b"vier")] == [True, False, True, False]
    away.clear()
    clock.advance(timedelta(minutes=10))
    room.work(room.tidying.turn)
    assert [room.object(data).exists() for data in (b"eins", b"drei")] == [False, False]
    proofs = (await room.stub.ListDocumentErasures(pb.ListDocumentErasuresRequest())).erasures
    assert [one.state for one in proofs] == [pb.ERASURE_STATE_DONE] * 2


async def test_a_used_upload_leaves_no_copy_and_its_repeat_is_answered(room: Archive, clock: ManualClock) -> None:
    await room.create(b"eins", "steht schon da")
    upload = await room.upload(b"eins")
    made = await room.create(upload=upload.name, request_id=REQUEST)
    assert await room.create(upload=upload.name, request_id=REQUEST) == made
    second = await room.upload(b"zwei")
    content = pb.DocumentContent(upload=second.name, file_name="a.txt")
    replace = pb.ReplaceDocumentRequest(name=made.name, content=content, base_version=1)
    replace.request_id = REQUEST.replace("6", "7")
    replaced = await room.stub.ReplaceDocument(replace)
    assert await room.stub.ReplaceDocument(replace) == replaced
    for name in ("documents/1", made.name):
        await room.stub.DeleteDocument(pb.DeleteDocumentRequest(name=name))
        await room.stub.EraseDocument(pb.EraseDocumentRequest(name=name, reason="Antrag"))
    clock.advance(timedelta(hours=2))
    room.tidying._erasures(_Round(Turn(threading.Event()), clock))  # the uploads are still there
    proofs = (await room.stub.ListDocumentErasures(pb.ListDocumentErasuresRequest())).erasures
    assert [one.state for one in proofs] == [pb.ERASURE_STATE_RUNNING] * 2
    clock.advance(timedelta(hours=2))
    room.work(room.tidying.turn)
    assert list(room.folder.glob("uploads/*")) + list(room.folder.glob("objects/*/*")) == []
    proofs = (await room.stub.ListDocumentErasures(pb.ListDocumentErasuresRequest())).erasures
    assert [one.state for one in proofs] == [pb.ERASURE_STATE_DONE] * 2


async def test_all_contents_are_looked_at_every_hour_only_and_some_at_once(
    room: Archive, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "AT_ONCE", 1)
    for data in (b"eins", b"zwei", b"drei"):
        await why(room.create(data, file_name="a/b"))
    clock.advance(timedelta(hours=25))
    room.work(room.tidying.turn)
    assert list(room.folder.glob("objects/*/*")) == []
    looked = []
    for name in ("unused", "count"):
        monkeypatch.setattr(contents, name, partial(_noting, looked, getattr(contents, name)))
    for minutes in (0, 59, 1, 59):
        clock.advance(timedelta(minutes=minutes))
        room.work(room.tidying.turn)
        room.work(room.scrubber.turn)
        room.work(room.scrubber.turn)
        looked.append(str(minutes))
    # The line is written for the first time here, the tidying has just looked.
    assert looked == ["count", "0", "59", "unused", "count", "1", "59"]


def _noting(looked: list[str], call: Callable[..., object], *args: object, **said: object) -> object:
    looked.append(call.__name__)
    return call(*args, **said)


async def test_every_flipped_bit_is_found_in_time_and_mended_by_the_same_bytes(
    room: Archive, clock: ManualClock
) -> None:
    kept = [os.urandom(2000) for _ in range(40)]
    requests = [creation(one, f"Nr. {at}") for at, one in enumerate(kept)]
    await room.stub.BatchCreateDocuments(pb.BatchCreateDocumentsRequest(requests=requests))
    flip(room.object(kept[3]), 0, 1)
    flip(room.object(kept[17]), 1999, 128)
    room.object(kept[20]).unlink()
    room.object(kept[25]).write_bytes(b"")
    clock.advance(timedelta(days=30))
    room.work(room.scrubber.turn)
    found = await room.stub.SearchDocuments(pb.SearchDocumentsRequest(damaged_only=True))
    assert sorted(int(one.title[4:]) for one in found.documents) == [3, 17, 20, 25]
    assert {one.latest.health for one in found.documents} == {pb.CONTENT_HEALTH_DAMAGED}
    assert (room.line.healthy, "4 DAMAGED" in room.line.sentence) == (False, True)
    assert await why(download(room, "documents/4/versions/1")) == "CONTENT_DAMAGED"
    mended = await room.create(kept[3], "wieder da")
    assert await room.download("documents/4/versions/1") == kept[3] == await room.download(mended.latest.name)
    for at in (17, 20, 25):
        room.object(kept[at]).write_bytes(kept[at])  # from a backup
    clock.advance(timedelta(days=1))
    room.work(room.scrubber.turn)
    assert (room.line.healthy, room.line.sentence) == (True, "40 contents, each read within 30 d")


async def test_a_download_says_at_its_end_that_the_bytes_are_damaged(room: Archive) -> None:
    data = os.urandom(3 * MIB)
    made = await room.create(upload=(await room.upload(data)).name)
    flip(room.object(data), 2 * MIB, 4)
    assert await why(download(room, made.latest.name)) == "CONTENT_DAMAGED"
    assert (await room.get(made.name)).latest.health_detail == "the bytes are not those that were written"
    behind = await refused(download(room, made.latest.name, 3 * MIB + 1))
    assert behind.code() is grpc.StatusCode.OUT_OF_RANGE


async def test_a_full_disk_is_a_sentence_and_what_is_there_stays(room: Archive) -> None:
    made = await room.create(b"eins")
    upload = await begun(room, bytes(3 * MIB))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = max(path.stat().st_size for path in room.folder.parent.glob("*.db*"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 2 * MIB, hard))  # writing more fails with EFBIG, as ENOSPC would
    try:
        full = await refused(room.stub.WriteUpload(pieces(upload.name, bytes(3 * MIB))))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (full.code(), reason(full)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
    stands = (await state(room, upload)).received_bytes
    assert (await room.stub.WriteUpload(pieces(upload.name, bytes(3 * MIB), start=stands))).complete
    assert await room.download(made.latest.name) == b"eins"


async def download(room: Archive, version: str, offset: int = 0) -> bytes:
    return await room.download(version, offset)


def flip(path: Path, at: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)
