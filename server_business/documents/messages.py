"""Rows as the contract shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from esoffice.business.v1 import documents_pb2 as pb
from sqlalchemy import Row

from mesh.etags import etag
from mesh.instants import timestamp
from mesh.names import NamePattern
from server_business.documents.contents import is_link
from server_business.documents.rules import FixedFolder

DOCUMENT: Final = NamePattern("documents/{document}", numeric=True)
VERSION: Final = NamePattern("documents/{document}/versions/{version}", numeric=True)
FOLDER: Final = NamePattern("documentFolders/{folder}", numeric=True)
_UPLOAD: Final = "uploads/"


def document_id(name: str, *, field: str = "name") -> int:
    return int(DOCUMENT.parse(name, field=field)[0])


def version_key(name: str) -> tuple[int, int]:
    document, number = VERSION.parse(name)
    return int(document), int(number)


def document_message(
    row: Any,
    latest: Any,
    *,
    now: datetime,
    holds: Sequence[Row[Any]] = (),
    retain_time: datetime | None = None,
    duplicates: Sequence[int] = (),
) -> pb.Document:
    name = DOCUMENT.build(row.id)
    message = pb.Document(
        name=name,
        title=row.title,
        folder=row.folder,
        kind=row.kind,
        labels=row.labels,
        latest=version_message(latest),
        released=VERSION.build(row.id, row.released) if row.released else "",
        create_time=timestamp(row.create_time),
        creator=row.creator,
        update_time=timestamp(row.update_time),
        holds=[
            pb.DocumentHold(id=one.id, reason=one.reason, creator=one.creator, create_time=timestamp(one.create_time))
            for one in holds
        ],
        duplicates=[DOCUMENT.build(one) for one in duplicates],
        etag=document_etag(row),
    )
    if row.out_owner is not None and row.out_until > now:
        message.check_out.owner, message.check_out.machine = row.out_owner, row.out_machine
        message.check_out.check_out_time.CopyFrom(timestamp(row.out_time))
        message.check_out.expire_time.CopyFrom(timestamp(row.out_until))
        message.check_out.base_version = row.out_base
    if row.delete_time is not None:
        message.delete_time.CopyFrom(timestamp(row.delete_time))
    if retain_time is not None:
        message.retain_time.CopyFrom(timestamp(retain_time))
    return message


def document_etag(row: Any) -> str:
    return etag(row.id, row.changes)


def version_message(row: Any) -> pb.DocumentVersion:
    message = pb.DocumentVersion(
        name=VERSION.build(row.document, row.number),
        file_name=row.file_name,
        mime_type=row.mime_type,
        size_bytes=row.size,
        sha256=row.sha256,
        author=row.author,
        create_time=timestamp(row.create_time),
        comment=row.comment,
        origin=row.origin,
        state=pb.DocumentVersionState.ValueType(row.state),
        health=pb.CONTENT_HEALTH_DAMAGED if row.damage else pb.CONTENT_HEALTH_SOUND,
        health_detail=row.damage,
        link=row.locator.removeprefix("link:") if is_link(row.locator) else "",
    )
    if row.verdict is not None:
        message.scan = pb.ContentScan.ValueType(row.verdict)
        message.scan_detail = row.found
        if row.scan_time is not None:
            message.scan_time.CopyFrom(timestamp(row.scan_time))
    if row.verify_time is not None:
        message.verify_time.CopyFrom(timestamp(row.verify_time))
    return message


def assignment_message(row: Row[Any], version: Row[Any]) -> pb.DocumentAssignment:
    return pb.DocumentAssignment(
        version=VERSION.build(row.document, row.number),
        business_case=row.business_case,
        folder=row.folder,
        creator=row.creator,
        create_time=timestamp(row.create_time),
        title=row.title,
        content=version_message(version),
    )


def fixed_folder_message(folder: FixedFolder, business_case: str, count: int) -> pb.DocumentFolder:
    return pb.DocumentFolder(
        name=folder.name, title=folder.title, parent=folder.parent, business_case=business_case,
        kind=pb.DOCUMENT_FOLDER_KIND_FIXED, document_count=count,
    )  # fmt: skip


def free_folder_message(row: Row[Any], count: int) -> pb.DocumentFolder:
    return pb.DocumentFolder(
        name=FOLDER.build(row.id), title=row.title, parent=row.parent, business_case=row.business_case,
        kind=pb.DOCUMENT_FOLDER_KIND_FREE, document_count=count,
    )  # fmt: skip


def erasure_message(row: Row[Any]) -> pb.DocumentErasure:
    message = pb.DocumentErasure(
        name=f"documentErasures/{row.id}",
        document=DOCUMENT.build(row.document),
        sha256=row.sha256,
        shared_count=row.shared_count,
        reason=row.reason,
        actor=row.actor,
        erase_time=timestamp(row.erase_time),
        state=pb.ERASURE_STATE_RUNNING if row.done_time is None else pb.ERASURE_STATE_DONE,
    )
    if row.done_time is not None:
        message.done_time.CopyFrom(timestamp(row.done_time))
    return message


def event_message(row: Row[Any]) -> pb.DocumentEvent:
    return pb.DocumentEvent(
        event_time=timestamp(row.event_time), actor=row.actor, kind=row.kind, version=row.number, detail=row.detail
    )


def upload_id(name: str) -> str:
    return name.removeprefix(_UPLOAD)


def upload_message(row: Row[Any]) -> pb.Upload:
    return pb.Upload(
        name=_UPLOAD + row.id,
        received_bytes=row.received,
        size_bytes=row.size,
        complete=bool(row.sha256),
        sha256=row.sha256,
        expire_time=timestamp(row.expire_time),
    )
