"""Attachments of imported mails become documents at the servicecall and the contact the mail became.

The mail's row says that they are due, written with its outcome; here they are cut out of the raw mail, stored, and the
documents, their places and the mark in the mail's row are one transaction. The import itself waits for nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from esoffice.business.v1 import documents_pb2 as pb

from mesh import log
from mesh.database import Database, UnitOfWork
from mesh.errors import Conflict, DomainError, InvalidArgument
from mesh.failpoints import failpoint
from mesh.leases import Leases
from mesh.workers import Turn, Worker
from server_business.documents import contents, rules
from server_business.documents.content_store import ContentStore, Parcel
from server_business.documents.writing import Writing
from server_business.mail import store as mails
from server_business.mail.budget import Budget
from server_business.mail.parsing import parse
from server_business.mail.parts import Attachment
from server_business.mail.problems import UnreadableMail
from server_business.mail.tables import Attached

BY: Final = "services/server_business"
KIND: Final = "mail-attachment"
_AT_ONCE: Final = 100
_BYTES: Final = 32 << 20
_LIMIT: Final = timedelta(seconds=60)
_LEASE: Final = timedelta(seconds=90)
_LONGEST_TITLE: Final = 255

Asked = tuple[pb.CreateDocumentRequest, Parcel]


class MailAttachments:
    """Takes over the attachments of all accounts.

    Args:
        database: of server_business.
        leases: its table of leases; of all replicas, one takes over.
        content_store: where bytes are put.
        writing: makes documents.
    """

    def __init__(self, database: Database, leases: Leases, content_store: ContentStore, writing: Writing) -> None:
        self._database = database
        self._leases = leases
        self._store = content_store
        self._writing = writing

    def worker(self) -> Worker:
        return Worker(name="documents.mail", work=self.turn, every=timedelta(seconds=10), limit=_LIMIT, lease=_LEASE)

    def turn(self, turn: Turn) -> bool:
        """Take over what is due; return whether something was done."""
        with self._database.reading() as unit:
            due = mails.to_take_over(unit, limit=_AT_ONCE, size=_BYTES)
        asked: list[Asked] = []
        failed = []
        for mail in due:
            try:
                asked += _requests(mail)
            except UnreadableMail as error:
                log.get("documents").warning("attachments stay in the mail", mail=mail["id"], reason=error.message)
                failed.append(mail["id"])
        if due:
            self._take_over(turn, [mail["id"] for mail in due if mail["id"] not in failed], failed, asked)
        return bool(due)

    def _take_over(self, turn: Turn, read: Sequence[int], failed: Sequence[int], asked: Sequence[Asked]) -> None:
        parcels = [parcel for _, parcel in asked]
        with self._database.unit() as unit:
            missing = contents.intend(unit, parcels)
        failpoint("documents.intended")
        locators = self._store.put(missing) if missing else []
        stored = {one.sha256: locator for one, locator in zip(missing, locators, strict=True)}
        failpoint("documents.put")
        with self._database.unit() as unit:
            if turn.lease is not None:
                self._leases.require(unit, turn.lease)
            self._writing.settle(unit, parcels, stored)
            self._make(unit, asked)
            for ids, became in ((read, Attached.MADE), (failed, Attached.FAILED)):
                if ids and not mails.took_over(unit, ids, became):
                    raise Conflict("another instance has taken these attachments over")
        failpoint("documents.taken_over")

    def _make(self, unit: UnitOfWork, asked: Sequence[Asked]) -> None:
        for one in self._writing.create(unit, asked, by=BY):
            if isinstance(one, DomainError):  # everything asked for was made to fit
                raise one


def _requests(mail: Mapping[str, Any]) -> list[Asked]:
    """Return the documents a mail's attachments become. Raises UnreadableMail."""
    found = parse(mail["raw"], Budget(size=max(mail["size"], 1))).attachments
    places = [pb.DocumentPlace(business_case=case) for case in (mail["servicecall"], mail["contact"]) if case]
    return [
        (
            pb.CreateDocumentRequest(
                document=pb.Document(title=_name(one, number)[:_LONGEST_TITLE], kind=KIND, labels=_labels(mail)),
                content=pb.DocumentContent(
                    file_name=_name(one, number),
                    mime_type=one.content_type[:100],
                    comment=mail["subject"][:1000],
                    origin=f"mails/{mail['id']}/attachments/{number}",
                ),
                places=places,
            ),
            Parcel(sha256=one.sha256, size=len(one.content), data=one.content),
        )
        for number, one in enumerate(found, start=1)
    ]


def _labels(mail: Mapping[str, Any]) -> dict[str, str]:
    return {"sender": mail["sender"]} if mail["sender"] else {}


def _name(one: Attachment, number: int) -> str:
    """Return the attachment's file name, or one of ours when it has none a file can have."""
    try:
        return rules.file_name(one.name, field="file_name")
    except InvalidArgument:
        return f"attachment-{number}"
