"""Documents as a client handles them (DMS): found, taken out, brought back, sent and fetched, whatever breaks."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
from esoffice.business.v1 import documents_pb2 as pb
from esoffice.business.v1 import documents_pb2_grpc

from esclient.inbox import backoff
from esclient.session import Session

_PIECE = 1 << 20
_PAGE = 1000
_ATTEMPTS = 8

Progress = Callable[[int, int], None]
"""Told how many bytes of how many are done."""


class BrokenOff(Exception):
    """The connection broke again and again; the text is the sentence to show."""


class NotWhatWasSent(Exception):
    """What came over is not what was to come; the text is the sentence to show."""


class Documents:
    """The documents of a session.

    Raises:
        grpc.aio.AioRpcError: refused; its details are a sentence for people, its ErrorInfo a reason for programs.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stub: documents_pb2_grpc.DocumentServiceAsyncStub = documents_pb2_grpc.DocumentServiceStub(
            session.channel
        )

    async def find(self, conditions: pb.SearchDocumentsRequest, *, limit: int) -> list[pb.Document]:
        """Return documents, the newest first."""
        found: list[pb.Document] = []
        request = pb.SearchDocumentsRequest()
        request.CopyFrom(conditions)
        while len(found) < limit:
            request.page_size = min(_PAGE, limit - len(found))
            answer = await self._session.ask(self._stub.SearchDocuments, request)
            found += answer.documents
            request.page_token = answer.next_page_token
            if not request.page_token:
                break
        return found

    async def get(self, number: int) -> pb.Document:
        return await self._session.ask(self._stub.GetDocument, pb.GetDocumentRequest(name=_name(number)))

    async def versions(self, number: int) -> list[pb.DocumentVersion]:
        """Return all versions, the newest first."""
        found: list[pb.DocumentVersion] = []
        request = pb.ListDocumentVersionsRequest(parent=_name(number), page_size=_PAGE)
        while True:
            answer = await self._session.ask(self._stub.ListDocumentVersions, request)
            found += answer.versions
            request.page_token = answer.next_page_token
            if not request.page_token:
                return found

    async def create(
        self, document: pb.Document, content: pb.DocumentContent, places: list[pb.DocumentPlace]
    ) -> pb.Document:
        request = pb.CreateDocumentRequest(
            document=document, content=content, places=places, request_id=str(uuid.uuid4())
        )
        return await self._session.ask(self._stub.CreateDocument, request)

    async def check_out(self, number: int, machine: str) -> pb.Document:
        request = pb.CheckOutDocumentRequest(name=_name(number), machine=machine)
        return await self._session.ask(self._stub.CheckOutDocument, request)

    async def undo(self, number: int) -> pb.Document:
        return await self._session.ask(self._stub.UndoCheckOut, pb.UndoCheckOutRequest(name=_name(number)))

    async def check_in(self, number: int, content: pb.DocumentContent) -> pb.Document:
        request = pb.CheckInDocumentRequest(name=_name(number), content=content, request_id=str(uuid.uuid4()))
        return await self._session.ask(self._stub.CheckInDocument, request)

    # -- bytes --------------------------------------------------------------------------------------------------------

    async def content(
        self, path: Path, *, comment: str = "", resume: str = "", progress: Progress
    ) -> pb.DocumentContent:
        """Bring a file to the server and return what a version can be made of.

        Args:
            path: the file.
            comment: what was changed.
            resume: an upload that was broken off, as `BrokenOff` names it.
            progress: told how far it is.

        Raises:
            OSError: the file cannot be read.
            BrokenOff: the server could not be reached for long.
            NotWhatWasSent: the upload was begun for another file, or the file has changed since.
        """
        size = (await asyncio.to_thread(path.stat)).st_size
        content = pb.DocumentContent(file_name=path.name, comment=comment)
        if size <= _PIECE and not resume:
            content.data = await asyncio.to_thread(path.read_bytes)
            content.sha256 = sha256(content.data).hexdigest()
            progress(size, size)
            return content
        content.upload = await self._upload(path, size, resume, progress)
        return content

    async def _upload(self, path: Path, size: int, name: str, progress: Progress) -> str:
        if not name:
            digest = await asyncio.to_thread(_digest, path)
            begin = pb.CreateUploadRequest(size_bytes=size, sha256=digest, request_id=str(uuid.uuid4()))
            name = (await self._session.ask(self._stub.CreateUpload, begin)).name
        failures = 0
        while True:
            try:
                stands = await self._session.ask(self._stub.GetUpload, pb.GetUploadRequest(name=name))
                # Asked anew each time: of a file that shrinks there would never be enough.
                here = (await asyncio.to_thread(path.stat)).st_size
                if here != stands.size_bytes:
                    raise NotWhatWasSent(
                        f"{path} has {here} bytes, but {name} was begun for {stands.size_bytes}; upload it anew."
                    )
                if stands.complete:
                    progress(size, size)
                    return name
                pieces = _pieces(path, name, stands.received_bytes, size, progress)
                await self._stub.WriteUpload(pieces, metadata=await self._session.metadata())
            except grpc.aio.AioRpcError as error:
                failures = await self._again(error, failures, f"go on with --resume {name}")
            else:
                failures = 0

    async def download(self, version: str, path: Path, *, progress: Progress) -> pb.DocumentVersion:
        """Fetch a version into a file; what an earlier try has left in `NAME.part` is gone on with.

        Raises:
            OSError: the file cannot be written.
            BrokenOff: the server could not be reached for long.
            NotWhatWasSent: the bytes are not those of the version.
        """
        part = path.with_name(path.name + ".part")
        failures = 0
        while True:
            start = part.stat().st_size if part.exists() else 0
            try:
                found = await self._fetch(version, part, start, progress)
                break
            except grpc.aio.AioRpcError as error:
                if start and error.code() is grpc.StatusCode.OUT_OF_RANGE:
                    part.unlink()  # left of a longer version
                    continue
                failures = await self._again(error, failures, f"{part} is gone on with the next time")
        if await asyncio.to_thread(_digest, part) != found.sha256:
            part.unlink()
            raise NotWhatWasSent(f"{path}: the bytes are not those of {version}; fetch it again.")
        part.replace(path)
        return found

    async def _fetch(self, version: str, part: Path, start: int, progress: Progress) -> pb.DocumentVersion:
        request = pb.DownloadDocumentVersionRequest(name=version, offset=start)
        call = self._stub.DownloadDocumentVersion(request, metadata=await self._session.metadata())
        found = pb.DocumentVersion()
        with part.open("ab") as file:
            async for piece in call:
                if piece.HasField("version"):
                    found = piece.version
                file.write(piece.data)
                progress(piece.offset + len(piece.data), found.size_bytes)
        return found

    async def _again(self, error: grpc.aio.AioRpcError, failures: int, hint: str) -> int:
        """Wait before another try. Raises what is no broken connection, and BrokenOff."""
        if error.code() is grpc.StatusCode.UNAUTHENTICATED and not failures:
            self._session.forget_token()
        elif error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise error
        if failures >= _ATTEMPTS:
            raise BrokenOff(f"The connection breaks again and again ({error.details()}); {hint}.") from error
        await asyncio.sleep(backoff(failures + 1))
        return failures + 1


async def _pieces(
    path: Path, name: str, start: int, size: int, progress: Progress
) -> AsyncIterator[pb.WriteUploadRequest]:
    # By itself, so that the server hears of the upload even when all pieces are there and only the end is missing.
    yield pb.WriteUploadRequest(name=name, offset=start)
    with path.open("rb") as file:
        file.seek(start)
        at = start
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield pb.WriteUploadRequest(offset=at, data=piece)
            at += len(piece)
            progress(at, size)


def _digest(path: Path) -> str:
    found: Any = sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return str(found.hexdigest())


def _name(number: int) -> str:
    return f"documents/{number}"
