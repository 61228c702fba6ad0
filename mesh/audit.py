"""The audit log as a service writes it: changes in the transaction they belong to, refusals within a second.

A change and its entry are saved together or not at all. Entries wait in a table of the service until config_service,
which
keeps the audit log of the site, has them; it knows them by their id, so that a repeat is stored once.
"""

import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import grpc
from esoffice.config.v1 import audit_pb2 as pb
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, delete, insert, select

from mesh import metrics
from mesh.call import CURRENT, READ, Call
from mesh.clock import Clock
from mesh.database import Database, UnitOfWork

Ship = Callable[[Sequence[pb.AuditEntry]], Awaitable[None]]
_REFUSALS = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)
_AT_ONCE = 500


class AuditOutbox:
    """The table `audit_outbox` of one service: entries that config_service does not have yet."""

    def __init__(self, metadata: MetaData) -> None:
        """Add the table to the service's schema."""
        self.table: Final = Table(
            "audit_outbox",
            metadata,
            Column("number", Integer, primary_key=True),
            Column("entry", LargeBinary, nullable=False),
            sqlite_autoincrement=True,
        )
        self._add = insert(self.table)

    def add(self, unit: UnitOfWork, entries: Sequence[pb.AuditEntry]) -> None:
        """Write entries."""
        rows = [{"entry": entry.SerializeToString()} for entry in entries]
        unit.connection.execute(self._add, rows[0] if len(rows) == 1 else rows)

    def oldest(self, unit: UnitOfWork, limit: int) -> dict[int, pb.AuditEntry]:
        """Return the entries that wait longest, by their number."""
        query = select(self.table.c.number, self.table.c.entry).order_by(self.table.c.number).limit(limit)
        return {number: pb.AuditEntry.FromString(entry) for number, entry in unit.connection.execute(query)}

    def remove(self, unit: UnitOfWork, numbers: Sequence[int]) -> None:
        """Delete entries that have arrived."""
        unit.connection.execute(delete(self.table).where(self.table.c.number.in_(numbers)))


class AuditLog:
    """Takes what happens in calls. One per service.

    Args:
        outbox: the service's table.
        clock: tells when a refusal happened.
        most_refusals: how many refusals wait for the next second at most; more are counted and dropped, so that a flood
            of them costs bounded memory.
        refused: called when there is something to `write`.
        saved: called when there is something to `send`. Both may be lost: look now and then all the same.
    """

    def __init__(
        self,
        outbox: AuditOutbox,
        clock: Clock,
        *,
        most_refusals: int = 5000,
        refused: Callable[[], object] = lambda: None,
        saved: Callable[[], object] = lambda: None,
    ) -> None:
        self._refused = refused
        self._saved = saved
        self._outbox = outbox
        self._clock = clock
        self._most = most_refusals
        self._waiting: deque[pb.AuditEntry] = deque()

    def before_commit(self, unit: UnitOfWork) -> None:
        """Write the entry of the current call beside its effect; the `before_commit` of the service's `Database`."""
        call = CURRENT.get()
        if call is None or call.effect == READ or call.audited:
            return
        entry = _entry(call)
        entry.event_time.FromDatetime(unit.now)
        self._outbox.add(unit, [entry])
        unit.after_commit(lambda: self._mark(call))

    def after(self, call: Call) -> None:
        """Take a finished call: a refusal, or a change that touched no database."""
        if call.code is grpc.StatusCode.OK:
            if call.effect == READ or call.audited:
                return
        elif call.effect == READ and call.code not in _REFUSALS:
            return
        if len(self._waiting) >= self._most:
            metrics.AUDIT_LOST.inc()
            return
        entry = _entry(call)
        entry.event_time.FromDatetime(self._clock.now())
        self._waiting.append(entry)
        self._refused()

    async def write(self, database: Database) -> None:
        """Write the waiting refusals into the outbox."""
        entries = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not entries:
            return
        try:
            await database.run(self._outbox.add, entries)
        except BaseException:
            self._waiting.extendleft(reversed(entries))
            raise
        self._saved()

    async def send(self, database: Database, ship: Ship) -> bool:
        """Send what waits longest to config_service; return whether there may be more."""
        waiting = await database.read(self._outbox.oldest, _AT_ONCE)
        if waiting:
            await ship(list(waiting.values()))
            await database.run(self._outbox.remove, list(waiting))
        return len(waiting) == _AT_ONCE

    def _mark(self, call: Call) -> None:
        call.audited = True
        self._saved()


def _entry(call: Call) -> pb.AuditEntry:
    who = call.caller
    return pb.AuditEntry(
        id=str(uuid.uuid4()),
        method=call.method,
        caller=who.name[:255] if who else "",
        caller_kind=who.kind.value if who else "anonymous",
        address=call.address[:64],
        target=call.target[:500],
        request_id=call.request_id[:64],
        trace_id=call.trace_id,
        code=call.code.value[0],
        message=call.message[:2000],
    )
