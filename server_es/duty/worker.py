"""Tells of handoffs when they are due: each roster's row says when its next one is."""

from datetime import timedelta
from typing import Final

from mesh.database import Database
from mesh.failpoints import failpoint
from mesh.workers import Turn, Worker
from server_es.duty import store
from server_es.duty.announcing import Announcing

_AT_ONCE: Final = 50
_EVERY: Final = timedelta(seconds=5)


class Handover:
    """The worker's turns.

    Args:
        database: of server_es.
        announcing: tells.
    """

    def __init__(self, database: Database, announcing: Announcing) -> None:
        self._database = database
        self._announcing = announcing

    def turn(self, _: Turn) -> bool:
        """Tell what is due; True when there may be more. What is told and that it was is one transaction."""
        with self._database.unit() as unit:
            rows = store.due(unit, limit=_AT_ONCE)
            self._announcing.tell_due(unit, rows)
            failpoint("duty.told")
        return len(rows) == _AT_ONCE

    def worker(self) -> Worker:
        return Worker(name="duty.handoffs", work=self.turn, every=_EVERY)
