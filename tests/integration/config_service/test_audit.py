"""The audit log of the site."""

import uuid
from datetime import datetime, timedelta

from esoffice.config.v1 import audit_pb2

from config_service import schema
from mesh.instants import timestamp
from tests.builders.config_service import ADMIN, SERVER_ES, Mesh


def _entry(when: datetime, **more: object) -> audit_pb2.AuditEntry:
    values = {"method": "/a.B/C", "caller": "anna", "caller_kind": "person", "target": "servicecalls/1", **more}
    return audit_pb2.AuditEntry(id=str(uuid.uuid4()), event_time=timestamp(when), **values)


async def _record(mesh: Mesh, *entries: audit_pb2.AuditEntry) -> None:
    await mesh.audit.RecordAuditEntries(audit_pb2.RecordAuditEntriesRequest(entries=entries), metadata=SERVER_ES)


async def _callers(mesh: Mesh, **conditions: object) -> list[str]:
    request = audit_pb2.ListAuditEntriesRequest(**conditions)
    return [one.caller for one in (await mesh.audit.ListAuditEntries(request, metadata=ADMIN)).entries]


async def test_an_entry_that_comes_twice_is_stored_once(mesh: Mesh) -> None:
    entry = _entry(mesh.rooms.clock.now())
    await _record(mesh, entry)
    await _record(mesh, entry, _entry(mesh.rooms.clock.now(), caller="bert"))
    assert await _callers(mesh) == ["bert", "anna"]


async def test_entries_are_found_by_who_what_where_and_when(mesh: Mesh) -> None:
    now = mesh.rooms.clock.now()
    await _record(
        mesh,
        _entry(now - timedelta(days=2), caller="old"),
        _entry(now, caller="refused", code=7, message="no"),
        _entry(now, caller="method", method="/a.B/Other%"),
        _entry(now, caller="target", target="servicecalls/2"),
    )
    assert await _callers(mesh, end_time=timestamp(now)) == ["old"]
    assert "old" not in await _callers(mesh, start_time=timestamp(now))
    assert await _callers(mesh, refused_only=True) == ["refused"]
    assert await _callers(mesh, method="/a.B/Other%") == ["method"]
    assert await _callers(mesh, method="/a.B/%") == []
    assert await _callers(mesh, target="servicecalls/2") == ["target"]
    assert await _callers(mesh, caller="old") == ["old"]
    assert await _callers(mesh, service="server_business") == []


async def test_entries_are_paged_from_the_newest(mesh: Mesh) -> None:
    await _record(mesh, *(_entry(mesh.rooms.clock.now(), caller=f"{number}") for number in range(5)))
    page = await mesh.audit.ListAuditEntries(audit_pb2.ListAuditEntriesRequest(page_size=3), metadata=ADMIN)
    assert [one.caller for one in page.entries] == ["4", "3", "2"]
    assert await _callers(mesh, page_token=page.next_page_token) == ["1", "0"]


async def test_entries_older_than_the_site_wants_are_deleted(mesh: Mesh) -> None:
    now = mesh.rooms.clock.now()
    await _record(mesh, _entry(now - timedelta(days=401), caller="old"), _entry(now, caller="new"))
    await mesh.rooms.database.run(schema.audit.prune, keep=timedelta(days=400))
    assert await _callers(mesh) == ["new"]
