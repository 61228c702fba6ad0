"""Who fetched what: gathered in memory, written into the site's audit log within a second."""

import uuid
from collections import deque
from typing import Final

from esoffice.config.v1 import audit_pb2

from mesh import metrics
from mesh.clock import Clock
from mesh.database import Database
from mesh.workers import Turn
from server_es.schema import OUTBOX
from server_es.web_documents import rules
from server_es.web_documents.rules import Place
from server_es.web_documents.tickets import Admitted

METHOD: Final = "GET /documents"
# A viewer fetches a PDF in dozens of ranges: for so long they are one fetch.
_SAME_SECONDS: Final = 60.0
_MOST: Final = 20_000


class Fetches:
    """Takes every document that was handed out.

    Args:
        clock: the machine's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: deque[audit_pb2.AuditEntry] = deque()
        self._last: dict[tuple[str, Place], float] = {}

    def note(self, admitted: Admitted, at: Place, address: str) -> None:
        """Note a fetch; one of the same document with the same ticket a moment ago stands for it."""
        key, now = (admitted.ticket, at), self._clock.monotonic()
        before = self._last.get(key)
        if before is not None and now - before < _SAME_SECONDS:
            return
        if len(self._waiting) >= _MOST:
            metrics.AUDIT_LOST.inc()
            return
        if len(self._last) >= _MOST:
            self._last.clear()
        self._last[key] = now
        entry = audit_pb2.AuditEntry(
            id=str(uuid.uuid4()), method=METHOD, caller=admitted.visitor.person[:255],
            caller_kind="person" if admitted.visitor.staff else "customer",
            address=address[:64], target=rules.uri(at)[:500],
        )  # fmt: skip
        entry.event_time.FromDatetime(self._clock.now())
        self._waiting.append(entry)

    def write(self, database: Database, _turn: Turn) -> None:
        """Write what waits into the audit log's outbox."""
        entries = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not entries:
            return
        try:
            with database.unit() as unit:
                OUTBOX.add(unit, entries)
        except BaseException:
            self._waiting.extendleft(reversed(entries))
            raise
