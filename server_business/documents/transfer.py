"""Bytes over the wire: uploads that go on where they broke off, downloads that are compared as they leave.

Memory is bounded whatever the size: a piece being received, a few being written. The disk works in threads of its own
while the next piece comes in.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final, TypeVar

from esoffice.business.v1 import documents_pb2 as pb
from sqlalchemy import Row

from mesh.database import Database
from mesh.errors import InvalidArgument, OutOfRange, Violation
from mesh.threads import Threads
from server_business.documents import contents, rules, store, uploads
from server_business.documents.content_store import ContentStore, Missing
from server_business.documents.contents import ContentDamaged
from server_business.documents.messages import upload_id, upload_message, version_key, version_message
from server_business.documents.uploads import ChecksumMismatch, Intake, Landing, UploadOffset

T = TypeVar("T")
_GATHERED: Final = 4 << 20
"""Pieces are handed to the disk when they are so many bytes together."""


class Uploading:
    """Takes in uploads.

    Args:
        database: of server_business.
        landing: where their bytes are gathered.
        disk: threads that write.
    """

    def __init__(self, database: Database, landing: Landing, disk: Threads) -> None:
        self._database = database
        self._landing = landing
        self._disk = disk

    async def write(self, requests: AsyncIterator[pb.WriteUploadRequest], *, owner: str) -> pb.Upload:
        """Take in a stream. What was taken in when it breaks off is kept."""
        first = await anext(requests, None)
        if first is None or not first.name:
            raise InvalidArgument([Violation("name", "is required in the first message")])
        id_ = upload_id(first.name)
        await self._database.read(uploads.get, id_, owner=owner)
        intake = await self._disk.run(self._landing.open, id_)
        try:
            row = await self._database.read(uploads.get, id_, owner=owner)
            if row.sha256:
                _follows(first.offset, len(first.data), row.size, row.size)
                return upload_message(row)
            await self._disk.run(intake.resume, row.received)
            if intake.received != row.received:  # its file is gone or cut
                row = await self._database.run(uploads.note, id_, received=intake.received)
            return upload_message(await self._take(intake, row, first, requests))
        finally:
            await _surely(self._disk.run(intake.close))

    async def _take(
        self, intake: Intake, row: Row[Any], first: pb.WriteUploadRequest, rest: AsyncIterator[pb.WriteUploadRequest]
    ) -> Row[Any]:
        hand = _Hand(self._database, self._disk, intake, row.id)
        expected, request = row.received, first
        try:
            while True:
                data = request.data  # each look at the field copies it
                _follows(request.offset, len(data), expected, row.size)
                expected += len(data)
                await hand.take(data)
                following = await anext(rest, None)  # ends without an error too when the client goes away
                if following is None:
                    break
                request = following
        except BaseException:
            with suppress(Exception):
                await _surely(hand.finish())
            raise
        received = await _surely(hand.finish())
        if expected < row.size:
            return received
        digest = intake.digest()
        if row.expected not in ("", digest):
            await self._database.run(uploads.note, row.id, received=0)
            raise ChecksumMismatch(
                f"uploads/{row.id} has the SHA-256 {digest}, not {row.expected}; it begins anew.", received_bytes="0"
            )
        return await self._database.run(uploads.note, row.id, received=expected, digest=digest)


class _Hand:
    """Writes what is gathered while more is received, and makes it durable now and then."""

    def __init__(self, database: Database, disk: Threads, intake: Intake, id_: str) -> None:
        self._database = database
        self._disk = disk
        self._intake = intake
        self._id = id_
        self._gathered: list[bytes] = []
        self._bytes = 0
        self._writing: asyncio.Task[bool] | None = None
        self._syncing: asyncio.Task[Row[Any]] | None = None

    async def take(self, data: bytes) -> None:
        self._gathered.append(data)
        self._bytes += len(data)
        if self._bytes >= _GATHERED:
            await self._hand_over()

    async def finish(self) -> Row[Any]:
        """Make everything durable and note it."""
        await self._hand_over()
        await self._written()
        if self._syncing is not None:
            await self._syncing
        return await self._sync()

    async def _hand_over(self) -> None:
        pieces, self._gathered, self._bytes = self._gathered, [], 0
        due = await self._written()
        if due and (self._syncing is None or self._syncing.done()):
            if self._syncing is not None:
                await self._syncing  # raises what went wrong
            self._syncing = asyncio.create_task(self._sync())
        if pieces:
            self._writing = asyncio.create_task(self._disk.run(self._intake.take, pieces))

    async def _written(self) -> bool:
        task, self._writing = self._writing, None
        return await task if task is not None else False

    async def _sync(self) -> Row[Any]:
        upto = self._intake.received
        await self._disk.run(self._intake.make_durable, upto)
        return await self._database.run(uploads.note, self._id, received=upto)


async def _surely(work: Coroutine[Any, Any, T]) -> T:
    """Wait for something that must end even when the call is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _follows(offset: int, length: int, expected: int, size: int) -> None:
    """Raises UploadOffset, InvalidArgument."""
    if offset != expected:
        raise UploadOffset(
            f"The piece begins at {offset}, but {expected} bytes are here; ask GetUpload and go on from there.",
            received_bytes=str(expected),
        )
    if expected + length > size:
        raise InvalidArgument([Violation("data", f"goes beyond the {size} bytes that were announced")])


class Downloading:
    """Sends the bytes of versions.

    Args:
        database: of server_business.
        store: has the bytes.
        disk: threads that read.
        scans: whether there is a virus scanner.
    """

    def __init__(self, database: Database, store: ContentStore, disk: Threads, *, scans: bool) -> None:
        self._database = database
        self._store = store
        self._disk = disk
        self._scans = scans

    async def read(self, name: str, offset: int) -> AsyncIterator[pb.DownloadDocumentVersionResponse]:
        """Yield a version's bytes from an offset on."""
        version = await self._database.read(store.version, *version_key(name))
        if offset > version.size:
            raise OutOfRange(f"{name} has {version.size} bytes.", oldest="0", newest=str(version.size))
        rules.harmless(name, version.verdict, version.found, scans=self._scans)
        if version.damage:
            raise ContentDamaged(f"{name} is damaged: {version.damage}.", resource=name)
        (content,) = await self._database.read(contents.of, [version.sha256])
        pieces = self._store.read(version.sha256, content.locator, offset)
        message = pb.DownloadDocumentVersionResponse(version=version_message(version), offset=offset)
        digest, whole = sha256(), offset == 0
        ahead = asyncio.ensure_future(self._disk.run(_next, pieces, digest))
        try:
            while True:
                piece = await ahead
                if piece is None:
                    break
                ahead = asyncio.ensure_future(self._disk.run(_next, pieces, digest))
                message.data = piece
                yield message
                offset += len(piece)
                message = pb.DownloadDocumentVersionResponse(offset=offset)
            if message.HasField("version"):
                yield message
        except Missing as error:
            raise await self._damaged(name, version.sha256, str(error)) from error
        finally:
            await asyncio.wait([ahead])  # a thread works on it
            await _surely(self._disk.run(_close, pieces))
        if offset != version.size or (whole and digest.hexdigest() != version.sha256):
            raise await self._damaged(name, version.sha256, "the bytes are not those that were written")

    async def _damaged(self, name: str, digest: str, damage: str) -> ContentDamaged:
        await self._database.run(contents.note_reading, digest, damage=damage)
        return ContentDamaged(f"{name} is damaged: {damage}.", resource=name)


def _next(pieces: Iterator[bytes], digest: Any) -> bytes | None:
    piece = next(pieces, None)
    if piece is not None:
        digest.update(piece)
    return piece


def _close(pieces: Any) -> None:
    pieces.close()
