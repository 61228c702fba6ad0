"""Entries of the audit log. Never changed; deleted only when they are older than the site wants to keep them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from esoffice.config.v1 import audit_pb2 as pb
from sqlalchemy import Column, Index, Integer, MetaData, Row, String, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from mesh.columns import UtcDateTime
from mesh.database import UnitOfWork
from mesh.instants import instant

_TEXTS = ("method", "caller", "caller_kind", "address", "target", "request_id", "trace_id", "message")


class AuditStore:
    """The table `audit_entry`."""

    def __init__(self, metadata: MetaData) -> None:
        """Add the table to the schema of config_service."""
        self.table: Final = Table(
            "audit_entry",
            metadata,
            Column("number", Integer, primary_key=True),
            Column("id", String(64), nullable=False, unique=True),
            Column("event_time", UtcDateTime(), nullable=False),
            Column("service", String(40), nullable=False),
            Column("method", String(255), nullable=False),
            Column("caller", String(255), nullable=False),
            Column("caller_kind", String(20), nullable=False),
            Column("address", String(64), nullable=False),
            Column("target", String(500), nullable=False),
            Column("request_id", String(64), nullable=False),
            Column("trace_id", String(64), nullable=False),
            Column("code", Integer, nullable=False),
            Column("message", String(2000), nullable=False),
            Index(None, "event_time"),
            Index(None, "caller"),
            Index(None, "target"),
            sqlite_autoincrement=True,
        )

    def record(self, unit: UnitOfWork, service: str, entries: Sequence[pb.AuditEntry]) -> None:
        """Write entries of a service; those that are known by their id are passed over."""
        make = sqlite.insert if unit.connection.dialect.name == "sqlite" else postgresql.insert
        rows = [
            {
                "id": entry.id,
                "event_time": instant(entry.event_time),
                "service": service,
                "code": entry.code,
                **{name: getattr(entry, name) for name in _TEXTS},
            }
            for entry in entries
        ]
        unit.connection.execute(make(self.table).on_conflict_do_nothing(), rows)

    def page(self, unit: UnitOfWork, request: pb.ListAuditEntriesRequest, *, limit: int) -> list[Row[Any]]:
        """Return the rows that meet the request's conditions, the newest first."""
        columns = self.table.c
        query = select(self.table).order_by(columns.number.desc()).limit(limit)
        if request.page_token:
            query = query.where(columns.number < int(request.page_token))
        if request.HasField("start_time"):
            query = query.where(columns.event_time >= instant(request.start_time))
        if request.HasField("end_time"):
            query = query.where(columns.event_time < instant(request.end_time))
        for name in ("caller", "service", "target"):
            if getattr(request, name):
                query = query.where(columns[name] == getattr(request, name))
        if request.method:
            query = query.where(columns.method.startswith(request.method, autoescape=True))
        if request.refused_only:
            query = query.where(columns.code != 0)
        return list(unit.connection.execute(query))

    def prune(self, unit: UnitOfWork, *, keep: timedelta) -> int:
        """Delete entries older than `keep` and return how many."""
        return unit.connection.execute(delete(self.table).where(self.table.c.event_time < unit.now - keep)).rowcount


def entry_message(row: Row[Any]) -> pb.AuditEntry:
    """Return a row as the contract shows it."""
    entry = pb.AuditEntry(
        id=row.id, service=row.service, code=row.code, **{name: getattr(row, name) for name in _TEXTS}
    )
    entry.event_time.FromDatetime(row.event_time)
    return entry
