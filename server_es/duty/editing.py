"""Rosters made, changed and ended."""

from typing import Final

from esoffice.es.v1 import duty_pb2 as pb

from mesh import etags, masks
from mesh.database import UnitOfWork
from server_es.duty import changes, mapping, store
from server_es.duty.announcing import Announcing
from server_es.servicecalls.actors import Actor

_FIELDS: Final = (
    "title",
    "time_zone",
    "layers",
    "qualifications",
    "coverage",
    "holidays",
    "rest_duration",
    "notice_lead_duration",
    "night",
)


class Editing:
    """The editor of rosters.

    Args:
        announcing: tells whose shifts a change moves.
    """

    def __init__(self, announcing: Announcing) -> None:
        self._announcing = announcing

    def create(self, unit: UnitOfWork, request: pb.CreateRosterRequest, actor: Actor) -> pb.Roster:
        given = request.roster
        mapping.check_roster(given)
        from_then = request.effective_time if request.HasField("effective_time") else None
        effective = mapping.not_past(from_then, unit.now, field="effective_time")
        changes.check_employees(unit, mapping.employees_of(given), field="roster")
        if request.validate_only:
            store.check_free(unit, given.name)
            return given
        made = store.create(unit, given, effective, actor.name)
        self._announcing.made(unit, given.name, but=[actor.employee])
        return made

    def update(self, unit: UnitOfWork, request: pb.UpdateRosterRequest, actor: Actor) -> pb.Roster:
        given = request.roster
        masks.etag_given(given.etag, field="roster")
        row = store.get(unit, given.name, lock=not request.validate_only)
        stored = store.message_of(store.newest(unit, row.id))
        etags.check(given.etag, stored.etag, given.name)
        message = masks.merged(stored, given, request.update_mask, fields=_FIELDS, field="roster")
        mapping.check_roster(message)
        from_then = request.effective_time if request.HasField("effective_time") else None
        effective = mapping.not_past(from_then, unit.now, field="effective_time")
        changes.check_employees(unit, mapping.employees_of(message), field="roster")
        if request.validate_only:
            return message
        with self._announcing.change(unit, row, but=[actor.employee]):
            return store.append(unit, row, message, effective, actor.name)

    def delete(self, unit: UnitOfWork, request: pb.DeleteRosterRequest, actor: Actor) -> None:
        row = store.get(unit, request.name, lock=True)
        etags.check(request.etag, store.message_of(store.newest(unit, row.id)).etag, request.name)
        with self._announcing.change(unit, row, but=[actor.employee]):
            store.delete(unit, row)


def get(unit: UnitOfWork, request: pb.GetRosterRequest) -> pb.Roster:
    return store.message_of(store.newest(unit, store.get(unit, request.name).id))
