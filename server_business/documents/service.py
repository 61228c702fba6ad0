"""The servicer of documents."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

from esoffice.business.v1 import documents_pb2 as pb
from esoffice.business.v1 import documents_pb2_grpc as grpc_
from google.protobuf.empty_pb2 import Empty

from mesh.batches import answer_each
from mesh.call import actor, caller
from mesh.database import Database, UnitOfWork
from mesh.errors import DomainError, InvalidArgument, NotFound, Violation
from mesh.pages import page_of
from mesh.status import status_of
from mesh.threads import Threads
from mesh.wakeups import Doorbell
from server_business.documents import contents, filing, folders, rules, scans, store, uploads
from server_business.documents.answers import Answers, named
from server_business.documents.content_store import Parcel
from server_business.documents.custody import Custody
from server_business.documents.messages import (
    assignment_message,
    document_id,
    erasure_message,
    event_message,
    upload_id,
    upload_message,
    version_key,
    version_message,
)
from server_business.documents.rules import Facts, ScanPending
from server_business.documents.search import Asked, search
from server_business.documents.settings import Settings
from server_business.documents.stores import Stores
from server_business.documents.tables import ASSIGNMENT
from server_business.documents.transfer import Downloading, Uploading
from server_business.documents.uploads import Landing
from server_business.documents.writing import Stored, Writing, check_digest, version_row
from server_business.schema import REQUESTS

Page = tuple[Sequence[Any], str]


class Documents(grpc_.DocumentServiceServicer):
    """Serves documents.

    Args:
        database: of server_business.
        content_store: where bytes are put.
        landing: where uploads are gathered.
        settings: of the room.
        disk: threads that read and write bytes.
        scan_bell: rung when there is something for the virus scanner.
        web_bell: rung when something else is to be shown to web users.
    """

    def __init__(
        self, database: Database, content_store: Stores, landing: Landing, settings: Settings, disk: Threads,
        *, scan_bell: Doorbell | None = None, web_bell: Doorbell | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._store = content_store
        self._landing = landing
        self._settings = settings
        self._disk = disk
        self._writing = Writing(settings, scan_bell)
        self._answers = Answers(database, self._writing)
        self._custody = Custody(settings, self._writing, content_store, web_bell)
        self._uploading = Uploading(database, landing, disk)
        self._downloading = Downloading(database, content_store, disk, scans=settings.scans)

    # -- documents and versions ---------------------------------------------------------------------------------------

    async def CreateDocument(self, request: pb.CreateDocumentRequest, _context: Any) -> pb.Document:
        return await self._created(request, request)

    async def FileMessage(self, request: pb.FileMessageRequest, _context: Any) -> pb.Document:
        asked = await self._database.read(filing.creation, request, caller())
        return await self._created(request, asked)

    async def BatchCreateDocuments(
        self, request: pb.BatchCreateDocumentsRequest, _context: Any
    ) -> pb.BatchCreateDocumentsResponse:
        parcels = await self._disk.run(_parcels, request)
        stored = await self._put(parcels)
        by, who = actor(), caller().name

        def create(unit: UnitOfWork) -> list[pb.Document | DomainError]:
            def respond(positions: Sequence[int]) -> list[pb.Document | DomainError]:
                self._writing.settle(unit, parcels, stored)
                return self._create_several(unit, [(request.requests[at], parcels[at]) for at in positions], by)

            return answer_each(unit, REQUESTS, request.requests, respond, answer=pb.Document, caller=who,
                               keep=named, recall=partial(self._answers.recalled, unit))  # fmt: skip

        answers = await self._database.run(create)
        return pb.BatchCreateDocumentsResponse(
            results=[
                pb.BatchCreateDocumentsResult(error=status_of(one))
                if isinstance(one, DomainError)
                else pb.BatchCreateDocumentsResult(document=one)
                for one in answers
            ]
        )

    async def GetDocument(self, request: pb.GetDocumentRequest, _context: Any) -> pb.Document:
        def read(unit: UnitOfWork) -> pb.Document:
            row = store.get(unit, document_id(request.name))
            return self._writing.shown(unit, [row], duplicates=True)[0]

        return await self._database.read(read)

    async def SearchDocuments(self, request: pb.SearchDocumentsRequest, _context: Any) -> pb.SearchDocumentsResponse:
        asked = Asked(
            query=request.query, business_case=request.business_case, folder=request.folder, kind=request.kind,
            labels=request.labels, sha256=request.sha256, checked_out_by=request.checked_out_by,
            released_only=request.released_only, deleted=request.deleted, damaged_only=request.damaged_only,
        )  # fmt: skip

        def read(unit: UnitOfWork) -> pb.SearchDocumentsResponse:
            rows, token = _paged(request, partial(search, unit, asked), "id")
            return pb.SearchDocumentsResponse(documents=self._writing.shown(unit, rows), next_page_token=token)

        return await self._database.read(read)

    async def UpdateDocument(self, request: pb.UpdateDocumentRequest, _context: Any) -> pb.Document:
        return await self._database.run(self._writing.update, request, by=actor())

    async def ListDocumentVersions(
        self, request: pb.ListDocumentVersionsRequest, _context: Any
    ) -> pb.ListDocumentVersionsResponse:
        def read(unit: UnitOfWork) -> pb.ListDocumentVersionsResponse:
            id_ = document_id(request.parent, field="parent")
            store.get(unit, id_)
            rows, token = _paged(request, partial(store.versions_of, unit, id_), "number")
            versions = [version_message(row) for row in rows]
            return pb.ListDocumentVersionsResponse(versions=versions, next_page_token=token)

        return await self._database.read(read)

    async def CheckInDocument(self, request: pb.CheckInDocumentRequest, _context: Any) -> pb.Document:
        by = actor()

        def decide(facts: Facts, now: datetime) -> int:
            return rules.check_in(facts, by=by, now=now)

        return await self._written(request, decide, "checked-in", keep_out=request.keep_checked_out)

    async def ReplaceDocument(self, request: pb.ReplaceDocumentRequest, _context: Any) -> pb.Document:
        def decide(facts: Facts, now: datetime) -> int:
            return rules.replace(facts, base=request.base_version, now=now)

        return await self._written(request, decide, "replaced")

    async def RestoreDocumentVersion(self, request: pb.RestoreDocumentVersionRequest, _context: Any) -> pb.Document:
        by, (id_, number) = actor(), version_key(request.name)

        def decide(facts: Facts, now: datetime) -> int:
            return rules.replace(facts, base=request.base_version, now=now)

        def restore(unit: UnitOfWork) -> pb.Document:
            old = store.version(unit, id_, number)
            content = {
                "sha256": old.sha256, "size": old.size, "file_name": old.file_name, "mime_type": old.mime_type,
                "author": by, "comment": request.comment, "origin": request.name,
            }  # fmt: skip
            return self._writing.write(unit, id_, content, decide, kind="restored", detail=request.name)

        return await self._answers.once(request, restore)

    # -- custody ------------------------------------------------------------------------------------------------------

    async def CheckOutDocument(self, request: pb.CheckOutDocumentRequest, _context: Any) -> pb.Document:
        return await self._database.run(self._custody.check_out, request, by=actor())

    async def UndoCheckOut(self, request: pb.UndoCheckOutRequest, _context: Any) -> pb.Document:
        return await self._database.run(self._custody.undo, request, by=actor())

    async def BreakCheckOut(self, request: pb.BreakCheckOutRequest, _context: Any) -> pb.Document:
        return await self._database.run(self._custody.break_, request, by=actor())

    async def ReleaseDocumentVersion(
        self, request: pb.ReleaseDocumentVersionRequest, _context: Any
    ) -> pb.DocumentVersion:
        try:
            return await self._database.run(self._custody.release, request.name, by=actor())
        except ScanPending:
            await self._have_scanned(request.name)
            raise

    async def WithdrawDocumentVersion(
        self, request: pb.WithdrawDocumentVersionRequest, _context: Any
    ) -> pb.DocumentVersion:
        return await self._database.run(self._custody.withdraw, request.name, by=actor())

    async def DeleteDocument(self, request: pb.DeleteDocumentRequest, _context: Any) -> pb.Document:
        return await self._database.run(self._custody.delete, request.name, by=actor())

    async def UndeleteDocument(self, request: pb.UndeleteDocumentRequest, _context: Any) -> pb.Document:
        return await self._database.run(self._custody.undelete, request.name, by=actor())

    async def HoldDocument(self, request: pb.HoldDocumentRequest, _context: Any) -> pb.Document:
        return await self._database.run(self._custody.hold, request, by=actor())

    async def LiftDocumentHold(self, request: pb.LiftDocumentHoldRequest, _context: Any) -> pb.Document:
        return await self._database.run(self._custody.lift, request, by=actor())

    async def EraseDocument(self, request: pb.EraseDocumentRequest, _context: Any) -> pb.DocumentErasure:
        return erasure_message(await self._database.run(self._custody.erase, request, by=actor()))

    async def ListDocumentErasures(
        self, request: pb.ListDocumentErasuresRequest, _context: Any
    ) -> pb.ListDocumentErasuresResponse:
        def read(unit: UnitOfWork) -> pb.ListDocumentErasuresResponse:
            rows, token = _paged(request, partial(store.erasures, unit), "id")
            erasures = [erasure_message(row) for row in rows]
            return pb.ListDocumentErasuresResponse(erasures=erasures, next_page_token=token)

        return await self._database.read(read)

    async def ListDocumentEvents(
        self, request: pb.ListDocumentEventsRequest, _context: Any
    ) -> pb.ListDocumentEventsResponse:
        def read(unit: UnitOfWork) -> pb.ListDocumentEventsResponse:
            id_ = document_id(request.parent, field="parent")
            store.get(unit, id_)
            rows, token = _paged(request, partial(store.events, unit, id_), "id")
            return pb.ListDocumentEventsResponse(events=[event_message(row) for row in rows], next_page_token=token)

        return await self._database.read(read)

    # -- cases and folders --------------------------------------------------------------------------------------------

    async def AssignDocumentVersion(
        self, request: pb.AssignDocumentVersionRequest, _context: Any
    ) -> pb.DocumentAssignment:
        return await self._database.run(self._custody.assign, request, by=actor())

    async def UnassignDocumentVersion(self, request: pb.UnassignDocumentVersionRequest, _context: Any) -> Empty:
        await self._database.run(self._custody.unassign, request, by=actor())
        return Empty()

    async def ListDocumentAssignments(
        self, request: pb.ListDocumentAssignmentsRequest, _context: Any
    ) -> pb.ListDocumentAssignmentsResponse:
        columns, conditions = ASSIGNMENT.c, []
        if request.business_case:
            conditions.append(columns.business_case == request.business_case)
        if request.document:
            conditions.append(columns.document == document_id(request.document, field="document"))
        if request.folder:
            conditions.append(columns.folder == request.folder)

        def read(unit: UnitOfWork) -> pb.ListDocumentAssignmentsResponse:
            rows, token = _paged(request, partial(store.assignments, unit, conditions), "id")
            versions = store.versions(unit, {(row.document, row.number) for row in rows})
            assignments = [assignment_message(row, versions[row.document, row.number]) for row in rows]
            return pb.ListDocumentAssignmentsResponse(assignments=assignments, next_page_token=token)

        return await self._database.read(read)

    async def ListDocumentFolders(
        self, request: pb.ListDocumentFoldersRequest, _context: Any
    ) -> pb.ListDocumentFoldersResponse:
        return await self._database.read(folders.listed, request, self._settings.structures)

    async def CreateDocumentFolder(self, request: pb.CreateDocumentFolderRequest, _context: Any) -> pb.DocumentFolder:
        return await self._database.run(folders.create, request.folder, self._settings.structures)

    async def DeleteDocumentFolder(self, request: pb.DeleteDocumentFolderRequest, _context: Any) -> Empty:
        await self._database.run(folders.remove, request.name)
        return Empty()

    # -- bytes --------------------------------------------------------------------------------------------------------

    async def CreateUpload(self, request: pb.CreateUploadRequest, _context: Any) -> pb.Upload:
        by, keep = actor(), self._settings.upload_keep

        def begin(unit: UnitOfWork) -> pb.Upload:
            made = uploads.begin(unit, owner=by, size=request.size_bytes, expected=request.sha256, keep=keep)
            return upload_message(made)

        who = caller().name
        return await self._database.run(
            lambda unit: REQUESTS.once(unit, request, lambda: begin(unit), answer=pb.Upload, caller=who)
        )

    async def GetUpload(self, request: pb.GetUploadRequest, _context: Any) -> pb.Upload:
        return upload_message(await self._database.read(uploads.get, upload_id(request.name), owner=actor()))

    async def WriteUpload(self, requests: AsyncIterator[pb.WriteUploadRequest], _context: Any) -> pb.Upload:
        return await self._uploading.write(requests, owner=actor())

    async def DownloadDocumentVersion(
        self, request: pb.DownloadDocumentVersionRequest, _context: Any
    ) -> AsyncIterator[pb.DownloadDocumentVersionResponse]:
        try:
            async for message in self._downloading.read(request.name, request.offset):
                yield message
        except ScanPending:
            await self._have_scanned(request.name)
            raise

    async def _have_scanned(self, name: str) -> None:
        """Ask the scanner about a version that somebody wants and nobody asked it about."""

        def ask(unit: UnitOfWork) -> None:
            scans.ask(unit, [store.version(unit, *version_key(name)).sha256])

        await self._database.run(ask)

    # -- how it is written --------------------------------------------------------------------------------------------

    async def _parcel(self, content: pb.DocumentContent) -> Parcel:
        """Return what a version is to be made of."""
        if content.WhichOneof("source") == "upload":
            row = await self._database.read(uploads.get, upload_id(content.upload), owner=actor())
            parcel = self._landing.parcel(row)
        elif content.WhichOneof("source") == "link":
            parcel = await self._disk.run(self._store.linked, content.link)
        else:
            digest = await self._disk.run(sha256, content.data)
            parcel = Parcel(sha256=digest.hexdigest(), size=len(content.data), data=content.data)
        check_digest(content, parcel)
        return parcel

    async def _put(self, parcels: Sequence[Parcel]) -> Stored:
        """Store bytes: first the rows that say so, then the bytes. What refers to them settles the rows."""
        missing = await self._database.run(contents.intend, parcels)
        if not missing:
            return {}
        links = {one.sha256: one.link for one in missing if one.link}
        kept = [one for one in missing if not one.link]
        locators = await self._disk.run(self._store.put, kept)
        return links | {one.sha256: locator for one, locator in zip(kept, locators, strict=True)}

    def _create_several(
        self, unit: UnitOfWork, asked: Sequence[tuple[pb.CreateDocumentRequest, Parcel]], by: str
    ) -> list[pb.Document | DomainError]:
        answers: list[Any] = []
        right = []
        for request, parcel in asked:
            try:
                if request.content.WhichOneof("source") != "data":
                    raise InvalidArgument(
                        [Violation("content.upload", "is not taken in a batch; send the bytes along")]
                    )
                check_digest(request.content, parcel)
                answers.append(None)
                right.append((request, parcel))
            except DomainError as refusal:
                answers.append(refusal)
        made = iter(self._writing.create(unit, right, by=by))
        return [next(made) if one is None else one for one in answers]

    async def _created(
        self, request: pb.CreateDocumentRequest | pb.FileMessageRequest, asked: pb.CreateDocumentRequest
    ) -> pb.Document:
        try:
            parcel = await self._parcel(asked.content)
        except NotFound as refusal:
            return await self._answers.repeated(request, refusal)
        stored = await self._put([parcel])

        def create(unit: UnitOfWork) -> pb.Document:
            self._settle(unit, asked.content, parcel, stored)
            (made,) = self._writing.create(unit, [(asked, parcel)], by=actor())
            if isinstance(made, DomainError):
                raise made
            return self._writing.shown(unit, [store.get(unit, document_id(made.name))], duplicates=True)[0]

        return await self._answers.once(request, create, duplicates=True)

    async def _written(
        self,
        request: pb.CheckInDocumentRequest | pb.ReplaceDocumentRequest,
        decide: Callable[[Facts, datetime], int],
        kind: str,
        *,
        keep_out: bool = False,
    ) -> pb.Document:
        by, id_ = actor(), document_id(request.name)
        await self._database.read(store.get, id_)  # bytes for nothing are not stored
        try:
            parcel = await self._parcel(request.content)
        except NotFound as refusal:
            return await self._answers.repeated(request, refusal)
        content: Mapping[str, Any] = version_row(request.content, parcel, by=by, field="content")
        stored = await self._put([parcel])

        def write(unit: UnitOfWork) -> pb.Document:
            self._settle(unit, request.content, parcel, stored)
            return self._writing.write(unit, id_, content, decide, kind=kind, keep_out=keep_out)

        return await self._answers.once(request, write)

    def _settle(self, unit: UnitOfWork, content: pb.DocumentContent, parcel: Parcel, stored: Stored) -> None:
        self._writing.settle(unit, [parcel], stored)
        if content.WhichOneof("source") == "upload":
            uploads.use_up(unit, upload_id(content.upload))


def _parcels(request: pb.BatchCreateDocumentsRequest) -> list[Parcel]:
    return [
        Parcel(sha256=sha256(data).hexdigest(), size=len(data), data=data)
        for data in (one.content.data for one in request.requests)
    ]


def _paged(request: Any, query: Callable[..., Sequence[Any]], key: str) -> Page:
    """Return one page of rows, the newest first, and the token of the next."""
    page = page_of(request)
    rows = query(before=int(page.after[0]) if page.after else None, limit=page.size + 1)
    more = len(rows) > page.size
    token = page.token_after((getattr(rows[page.size - 1], key),)) if more else ""
    return rows[: page.size], token
