"""Who has a document, who may see it, to whom it was given, how long it stays: everything but its bytes."""

from typing import Any

from esoffice.business.v1 import documents_pb2 as pb
from sqlalchemy import Row, delete
from sqlalchemy.dialects import postgresql, sqlite

from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition, NotFound
from mesh.wakeups import Doorbell
from server_business.documents import publications, rules, store
from server_business.documents.content_store import ContentStore
from server_business.documents.messages import (
    assignment_message,
    document_id,
    version_key,
    version_message,
)
from server_business.documents.rules import VersionState
from server_business.documents.settings import Settings
from server_business.documents.tables import ASSIGNMENT, HOLD
from server_business.documents.writing import Writing


class Custody:
    """Each function is part of one transaction; `by` is who asks for it.

    Args:
        settings: of the room.
        writing: shows documents.
        content_store: has the bytes.
        web_bell: rung when something else is to be shown to web users.
    """

    def __init__(
        self, settings: Settings, writing: Writing, content_store: ContentStore, web_bell: Doorbell | None = None
    ) -> None:
        self._web_bell = web_bell
        self._store = content_store
        self._settings = settings
        self._writing = writing

    # -- check-out ----------------------------------------------------------------------------------------------------

    def check_out(self, unit: UnitOfWork, request: pb.CheckOutDocumentRequest, *, by: str) -> pb.Document:
        row = store.get(unit, document_id(request.name), lock=True)
        given = request.HasField("keep_duration")
        keep = request.keep_duration.ToTimedelta() if given else self._settings.check_out
        out = rules.check_out(store.facts(row), by=by, machine=request.machine, keep=keep, now=unit.now)
        store.note(unit, [row.id], "checked-out", actor=by, number=row.latest, detail=f"on {request.machine}")
        return self._changed(unit, row.id, **store.out(out))

    def undo(self, unit: UnitOfWork, request: pb.UndoCheckOutRequest, *, by: str) -> pb.Document:
        row = store.get(unit, document_id(request.name), lock=True)
        rules.own_check_out(store.facts(row), by=by, now=unit.now)
        store.note(unit, [row.id], "check-out-undone", actor=by)
        return self._changed(unit, row.id, **store.out(None))

    def break_(self, unit: UnitOfWork, request: pb.BreakCheckOutRequest, *, by: str) -> pb.Document:
        row = store.get(unit, document_id(request.name), lock=True)
        held = rules.any_check_out(store.facts(row), now=unit.now)
        detail = f"taken from {held.owner} on {held.machine}: {request.reason}"
        store.note(unit, [row.id], "check-out-broken", actor=by, detail=detail)
        return self._changed(unit, row.id, **store.out(None))

    # -- release ------------------------------------------------------------------------------------------------------

    def release(self, unit: UnitOfWork, name: str, *, by: str) -> pb.DocumentVersion:
        id_, number = version_key(name)
        row = store.get(unit, id_, lock=True)
        rules.present(store.facts(row))
        version = store.version(unit, id_, number)
        if row.released != number:
            rules.harmless(name, version.verdict, version.found, scans=self._settings.scans)
            if row.released is not None:
                store.set_state(unit, id_, row.released, VersionState.WITHDRAWN)
            store.set_state(unit, id_, number, VersionState.RELEASED)
            store.change(unit, id_, released=number)
            store.note(unit, [id_], "released", actor=by, number=number)
            self._follow(unit, id_)
            version = store.version(unit, id_, number)
        return version_message(version)

    def withdraw(self, unit: UnitOfWork, name: str, *, by: str) -> pb.DocumentVersion:
        id_, number = version_key(name)
        row = store.get(unit, id_, lock=True)
        if row.released == number:
            store.set_state(unit, id_, number, VersionState.WITHDRAWN)
            store.change(unit, id_, released=None)
            store.note(unit, [id_], "withdrawn", actor=by, number=number)
            self._follow(unit, id_)
        return version_message(store.version(unit, id_, number))

    # -- business cases -----------------------------------------------------------------------------------------------

    def assign(self, unit: UnitOfWork, request: pb.AssignDocumentVersionRequest, *, by: str) -> pb.DocumentAssignment:
        id_, number = version_key(request.name)
        rules.present(store.facts(store.get(unit, id_, lock=True)))
        version = store.version(unit, id_, number)
        place = self._writing.place_of(unit, request.place)
        store.assign(unit, [{**place, "document": id_, "number": number, "creator": by}])
        store.note(unit, [id_], "assigned", actor=by, number=number, detail=place["business_case"])
        self._follow(unit, id_)
        columns = ASSIGNMENT.c
        same = (columns.document == id_, columns.number == number, columns.business_case == place["business_case"])
        (made,) = store.assignments(unit, same, before=None, limit=1)
        return assignment_message(made, version)

    def unassign(self, unit: UnitOfWork, request: pb.UnassignDocumentVersionRequest, *, by: str) -> None:
        id_, number = version_key(request.name)
        rules.present(store.facts(store.get(unit, id_, lock=True)))
        if not store.unassign(unit, id_, number, request.business_case):
            raise NotFound(
                f"{request.name} is not assigned to {request.business_case}.", resource=request.business_case
            )
        store.note(unit, [id_], "unassigned", actor=by, number=number, detail=request.business_case)
        self._follow(unit, id_)

    # -- bin, holds, erasure ------------------------------------------------------------------------------------------

    def delete(self, unit: UnitOfWork, name: str, *, by: str) -> pb.Document:
        row = store.get(unit, document_id(name), lock=True)
        if row.delete_time is not None:
            return self._writing.one(unit, row.id)
        rules.deletable(store.facts(row), by=by, now=unit.now)
        store.note(unit, [row.id], "deleted", actor=by)
        changed = self._changed(unit, row.id, delete_time=unit.now, **store.out(None))
        self._follow(unit, row.id)
        return changed

    def undelete(self, unit: UnitOfWork, name: str, *, by: str) -> pb.Document:
        row = store.get(unit, document_id(name), lock=True)
        if row.delete_time is None:
            return self._writing.one(unit, row.id)
        store.note(unit, [row.id], "undeleted", actor=by)
        changed = self._changed(unit, row.id, delete_time=None)
        self._follow(unit, row.id)
        return changed

    def hold(self, unit: UnitOfWork, request: pb.HoldDocumentRequest, *, by: str) -> pb.Document:
        """Set a hold; one of this name that is there stays as it is."""
        row = store.get(unit, document_id(request.name), lock=True)
        inserted = (sqlite if unit.connection.dialect.name == "sqlite" else postgresql).insert(HOLD)
        values = {
            "document": row.id, "id": request.hold_id, "reason": request.reason, "creator": by, "create_time": unit.now
        }  # fmt: skip
        unit.connection.execute(inserted.values(values).on_conflict_do_nothing())
        store.note(unit, [row.id], "held", actor=by, detail=f"{request.hold_id}: {request.reason}")
        return self._changed(unit, row.id)

    def lift(self, unit: UnitOfWork, request: pb.LiftDocumentHoldRequest, *, by: str) -> pb.Document:
        row = store.get(unit, document_id(request.name), lock=True)
        same = (HOLD.c.document == row.id) & (HOLD.c.id == request.hold_id)
        if not unit.connection.execute(delete(HOLD).where(same)).rowcount:
            raise NotFound(f"{request.name} has no hold '{request.hold_id}'.", resource=request.name)
        store.note(unit, [row.id], "hold-lifted", actor=by, detail=f"{request.hold_id}: {request.reason}")
        return self._changed(unit, row.id)

    def erase(self, unit: UnitOfWork, request: pb.EraseDocumentRequest, *, by: str) -> Row[Any]:
        row = store.get(unit, document_id(request.name), lock=True)
        held = [one.id for one in store.holds(unit, [row.id]).get(row.id, ())]
        rules.erasable(store.facts(row), until=self._settings.retained_until(row), holds=held, now=unit.now)
        kept = [one for one in store.contents_of(unit, row.id) if not self._store.forgets(one.locator)]
        if kept:
            raise FailedPrecondition(
                f"The store of {request.name} keeps every version for ever: erase {kept[0].locator} there first.",
                resource=request.name,
            )
        return store.erase(unit, row.id, reason=request.reason, actor=by)

    def _follow(self, unit: UnitOfWork, id_: int) -> None:
        if publications.follow(unit, id_) and self._web_bell is not None:
            self._web_bell.ring_after(unit)

    def _changed(self, unit: UnitOfWork, id_: int, **values: Any) -> pb.Document:
        return self._writing.shown(unit, [store.change(unit, id_, **values)])[0]
