"""Writes documents and versions: what the service is asked for and what workers take over, in one transaction each."""

import mimetypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final

from esoffice.business.v1 import documents_pb2 as pb
from sqlalchemy import Row

from mesh import etags
from mesh.database import UnitOfWork
from mesh.errors import DomainError
from mesh.masks import etag_given, merged
from mesh.wakeups import Doorbell
from server_business.documents import contents, rules, scans, store
from server_business.documents.content_store import Parcel
from server_business.documents.messages import document_etag, document_id, document_message
from server_business.documents.rules import Duplicate, Facts
from server_business.documents.settings import Settings
from server_business.documents.uploads import ChecksumMismatch

_CHANGEABLE: Final = ("title", "folder", "kind", "labels")
_SHOWN_DUPLICATES: Final = 10

Stored = Mapping[str, str]
"""Locators of bytes that were stored for a call and are not settled yet, by SHA-256."""


class Writing:
    """Writes for one service.

    Args:
        settings: of the room.
        scan_bell: rung when there is something for the virus scanner.
    """

    def __init__(self, settings: Settings, scan_bell: Doorbell | None = None) -> None:
        self._settings = settings
        self._scan_bell = scan_bell

    def settle(self, unit: UnitOfWork, parcels: Sequence[Parcel], stored: Stored) -> None:
        """Let this transaction refer to bytes. Raises Unavailable."""
        wanted = [one.sha256 for one in parcels]
        contents.settle(unit, wanted, stored, verify=self._settings.verify)
        if self._settings.scans:
            scans.ask(unit, wanted)
            if self._scan_bell is not None:
                self._scan_bell.ring_after(unit)

    def shown(self, unit: UnitOfWork, rows: Sequence[Row[Any]], *, duplicates: bool = False) -> list[pb.Document]:
        """Return documents as the contract shows them."""
        newest = store.versions(unit, [(row.id, row.latest) for row in rows])
        held = store.holds(unit, [row.id for row in rows])
        same: Mapping[str, list[int]] = {}
        if duplicates:
            same = store.same_bytes(unit, {one.sha256 for one in newest.values()})
        return [
            document_message(
                row,
                newest[row.id, row.latest],
                now=unit.now,
                holds=held.get(row.id, ()),
                retain_time=self._settings.retained_until(row),
                duplicates=[one for one in same.get(newest[row.id, row.latest].sha256, ()) if one != row.id][
                    :_SHOWN_DUPLICATES
                ],
            )
            for row in rows
        ]

    def one(self, unit: UnitOfWork, id_: int) -> pb.Document:
        return self.shown(unit, [store.get(unit, id_)])[0]

    # -- new documents ------------------------------------------------------------------------------------------------

    def create(
        self, unit: UnitOfWork, asked: Sequence[tuple[pb.CreateDocumentRequest, Parcel]], *, by: str
    ) -> list[pb.Document | DomainError]:
        """Make documents of bytes that are settled in this transaction; return each, or why it is refused."""
        named = {one.document.folder for one, _ in asked} | {place.folder for one, _ in asked for place in one.places}
        free = store.free_cases(unit, named)
        same = store.same_bytes(unit, {parcel.sha256 for one, parcel in asked if one.refuse_duplicate})
        answers: list[DomainError | None] = []
        documents: list[dict[str, Any]] = []
        versions: list[dict[str, Any]] = []
        places: list[list[dict[str, Any]]] = []
        for request, parcel in asked:
            try:
                row, places_of_one = self._checked(request, parcel, free, same)
            except DomainError as refusal:
                answers.append(refusal)
                continue
            answers.append(None)
            documents.append({**row, "creator": by})
            versions.append(version_row(request.content, parcel, by=by, field="content"))
            places.append(places_of_one)
        ids = store.next_ids(unit, len(documents))
        for id_, row, version, given in zip(ids, documents, versions, places, strict=True):
            row["id"] = id_
            version |= {"document": id_, "number": 1}
            for place in given:
                place |= {"document": id_, "number": 1, "creator": by}
        made: Iterator[pb.Document] = iter(())
        if documents:
            made = self._shown_new(unit, store.add(unit, documents, versions))
            store.note(unit, ids, "created", actor=by, number=1)
            store.assign(unit, [place for given in places for place in given])
        return [next(made) if one is None else one for one in answers]

    def _shown_new(
        self, unit: UnitOfWork, rows: Sequence[tuple[dict[str, Any], dict[str, Any]]]
    ) -> Iterator[pb.Document]:
        """Return what was just written as the contract shows it, without reading it again: half of a batch's work."""
        digests = {version["sha256"] for _, version in rows}
        stored = {one.sha256: one for one in contents.of(unit, digests)}
        scanned = scans.of(unit, digests)
        for document, version in rows:
            content = stored[version["sha256"]]
            health = {"damage": content.damage, "verify_time": content.verify_time, "locator": content.locator}
            latest = SimpleNamespace(**version, **health, **scanned.get(content.sha256, scans.NONE))
            row = SimpleNamespace(**document)
            until = self._settings.retained_until(row)
            yield document_message(row, latest, now=unit.now, retain_time=until)

    def _checked(
        self,
        request: pb.CreateDocumentRequest,
        parcel: Parcel,
        free: Mapping[str, str],
        same: Mapping[str, list[int]],
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the row of a document and those of its assignments, or raise why it is refused."""
        if request.refuse_duplicate and same.get(parcel.sha256):
            first = store.name_of(same[parcel.sha256][0])
            raise Duplicate(f"{first} has the same bytes.", resource=first)
        document = request.document
        row = {
            "title": document.title,
            "folder": self._place(document.folder, "", free, field="document.folder"),
            "kind": document.kind,
            "labels": dict(document.labels),
        }
        rules.file_name(request.content.file_name, field="content.file_name")
        cases: dict[str, dict[str, Any]] = {}
        for at, place in enumerate(request.places):
            folder = self._place(place.folder, place.business_case, free, field=f"places[{at}].folder")
            cases[place.business_case] = {"business_case": place.business_case, "folder": folder}
        return row, list(cases.values())

    def _place(self, folder: str, business_case: str, free: Mapping[str, str], *, field: str) -> str:
        return rules.place(folder, business_case, self._settings.structures, free, field=field)

    # -- later versions -----------------------------------------------------------------------------------------------

    def write(
        self,
        unit: UnitOfWork,
        id_: int,
        content: Mapping[str, Any],
        decide: Callable[[Facts, datetime], int],
        *,
        kind: str,
        detail: str = "",
        keep_out: bool = False,
    ) -> pb.Document:
        """Write the next version of a document. Raises what `decide` raises.

        Args:
            unit: the transaction.
            id_: of the document.
            content: the version's columns but its key.
            decide: returns its number, or refuses.
            kind: of the event.
            detail: of the event.
            keep_out: whether a check-out goes on; otherwise it ends.
        """
        row = store.get(unit, id_, lock=True)
        number = decide(store.facts(row), unit.now)
        store.add_versions(unit, [{**content, "document": id_, "number": number}])
        changed = store.change(unit, id_, latest=number, **({"out_base": number} if keep_out else store.out(None)))
        store.say(unit, changed, content, content_changed=True)
        store.note(unit, [id_], kind, actor=content["author"], number=number, detail=detail)
        return self.shown(unit, [changed])[0]

    def update(self, unit: UnitOfWork, request: pb.UpdateDocumentRequest, *, by: str) -> pb.Document:
        """Change what a document is called and where it lies. Raises Retained: it must be kept longer."""
        id_ = document_id(request.document.name, field="document.name")
        etag_given(request.document.etag, field="document")
        row = store.get(unit, id_, lock=True)
        rules.present(store.facts(row))
        etags.check(request.document.etag, document_etag(row), store.name_of(id_))
        stored = pb.Document(title=row.title, folder=row.folder, kind=row.kind, labels=row.labels)
        wanted = merged(stored, request.document, request.update_mask, fields=_CHANGEABLE, field="document")
        # Otherwise whoever may write could first change the kind and then have erased what the law wants kept.
        rules.still_kept(
            store.facts(row),
            until=self._settings.retained_until(row),
            changed=self._settings.retained_until(row, kind=wanted.kind),
            now=unit.now,
        )
        free = store.free_cases(unit, [wanted.folder])
        changed = store.change(
            unit,
            id_,
            title=wanted.title,
            folder=self._place(wanted.folder, "", free, field="document.folder"),
            kind=wanted.kind,
            labels=dict(wanted.labels),
        )
        latest = store.version(unit, id_, changed.latest)
        store.say(unit, changed, latest._mapping, content_changed=False)  # noqa: SLF001 - SQLAlchemy's public name
        store.note(unit, [id_], "updated", actor=by, detail=", ".join(request.update_mask.paths))
        return self.shown(unit, [changed])[0]

    def place_of(self, unit: UnitOfWork, place: pb.DocumentPlace) -> dict[str, Any]:
        """Return the columns of an assignment's place."""
        free = store.free_cases(unit, [place.folder])
        folder = self._place(place.folder, place.business_case, free, field="place.folder")
        return {"business_case": place.business_case, "folder": folder}


def version_row(content: pb.DocumentContent, parcel: Parcel, *, by: str, field: str) -> dict[str, Any]:
    """Return a version's columns but its key. Raises InvalidArgument."""
    file_name = rules.file_name(content.file_name, field=f"{field}.file_name")
    return {
        "sha256": parcel.sha256,
        "size": parcel.size,
        "file_name": file_name,
        "mime_type": content.mime_type or mimetypes.guess_type(file_name)[0] or "application/octet-stream",
        "author": by,
        "comment": content.comment,
        "origin": content.origin or content.link[:255],
    }


def check_digest(content: pb.DocumentContent, parcel: Parcel) -> None:
    """Raises ChecksumMismatch: the bytes are not those the client meant."""
    if content.sha256 not in ("", parcel.sha256):
        raise ChecksumMismatch(f"The bytes have the SHA-256 {parcel.sha256}, not {content.sha256}.")
