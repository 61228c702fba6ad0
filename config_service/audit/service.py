"""Keeps the audit log of the site (Protokoll der Änderungen)."""

from typing import Any

from esoffice.config.v1 import audit_pb2 as pb

from config_service.audit.store import AuditStore, entry_message
from mesh.call import caller
from mesh.database import Database, UnitOfWork


class AuditServicer:
    """Serves `AuditService`.

    Args:
        database: of config_service.
        store: the entries.
    """

    def __init__(self, database: Database, *, store: AuditStore) -> None:
        self._database = database
        self._store = store

    async def RecordAuditEntries(
        self, request: pb.RecordAuditEntriesRequest, _context: Any
    ) -> pb.RecordAuditEntriesResponse:
        await self._database.run(self._store.record, caller().name, request.entries)
        return pb.RecordAuditEntriesResponse()

    async def ListAuditEntries(self, request: pb.ListAuditEntriesRequest, _context: Any) -> pb.ListAuditEntriesResponse:
        return await self._database.read(self._list, request)

    def _list(self, unit: UnitOfWork, request: pb.ListAuditEntriesRequest) -> pb.ListAuditEntriesResponse:
        size = request.page_size or 50
        rows = self._store.page(unit, request, limit=size + 1)
        more = str(rows[size - 1].number) if len(rows) > size else ""
        return pb.ListAuditEntriesResponse(entries=[entry_message(row) for row in rows[:size]], next_page_token=more)
