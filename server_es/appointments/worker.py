"""Tells whoever keeps calendars in sync which of them have changed, by whomever.

It looks at the numbers of changes once a second: one small table, and no writer has to think of it. A hint: what is not
told, because nobody could be reached or the service began anew, is found by the regular looks of the sync.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import grpc

from mesh import log
from mesh.database import Database
from mesh.workers import Turn, Worker
from server_es.appointments import store

_EVERY: Final = timedelta(seconds=1)
_AT_ONCE: Final = 1000


class News:
    """Notices changes of calendars.

    Args:
        database: of server_es.
        tell: told the employees whose calendars have changed, at most 1,000.
    """

    def __init__(self, database: Database, tell: Callable[[Sequence[str]], object]) -> None:
        self._database = database
        self._tell = tell
        self._seen: Mapping[str, int] | None = None

    def worker(self) -> Worker:
        """Return the worker for the runtime."""
        return Worker(name="appointments.news", work=self.turn, every=_EVERY)

    def turn(self, _turn: Turn) -> None:
        """Look once; what was there at first is no news."""
        with self._database.reading() as unit:
            there = store.revisions(unit)
        before, self._seen = self._seen, there
        if before is None:
            return
        changed = sorted(employee for employee, revision in there.items() if before.get(employee) != revision)
        for start in range(0, len(changed), _AT_ONCE):
            try:
                self._tell([f"employees/{one}" for one in changed[start : start + _AT_ONCE]])
            except (grpc.RpcError, TimeoutError, RuntimeError) as error:
                log.get("appointments").info("changes of calendars are not told", reason=str(error)[:300])
