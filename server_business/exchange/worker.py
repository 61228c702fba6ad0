"""What runs by itself: each mailbox in turn, at once when there is news of it.

News is a hint and nothing more: every mailbox is looked at at regular intervals all the same.
"""

import threading
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final

from mesh import log
from mesh.database import Database, UnitOfWork
from mesh.leases import Lease, Leases
from mesh.wakeups import Doorbell
from mesh.workers import HealthLine, Turn, Worker
from server_business.exchange import store
from server_business.exchange.calendar import Away, Calendar, Departed
from server_business.exchange.engine import Report
from server_business.exchange.mailboxes import Desk, Mailbox
from server_business.exchange.rules import NEVER, Place

_LIMIT: Final = timedelta(minutes=10)
_SHOWN: Final = 10
_LEASE: Final = timedelta(minutes=11)
_LOG_KEPT: Final = timedelta(days=90)
_PRUNED_AT_ONCE: Final = 10_000


class Board:
    """One health line for all mailboxes: how many there are, and which are not well.

    Args:
        line: tells administrators.
        mailboxes: all there are.
    """

    def __init__(self, line: HealthLine, mailboxes: Collection[Mailbox]) -> None:
        self._line = line
        self._count = len(mailboxes)
        self._warnings = {one.address: one.warning for one in mailboxes if one.warning}
        self._problems: dict[str, str] = {}
        self._lock = threading.Lock()
        self._show()

    def say(self, address: str, problem: str) -> None:
        """Note how a mailbox is; an empty problem: well."""
        with self._lock:
            self._problems[address] = problem
            self._show()

    def _show(self) -> None:
        wrong = {address: said for address, said in {**self._warnings, **self._problems}.items() if said}
        self._line.healthy = not wrong
        shown = "; ".join(f"{address}: {said}" for address, said in sorted(wrong.items())[:_SHOWN])
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        said = f"{self._count} mailboxes in sync" if self._count else "is off"
        self._line.sentence = f"{said}; {shown}{more}"[:2000] if wrong else said


class Sync:
    """Keeps one mailbox in sync.

    Args:
        desk: puts together what works on it.
        leases: of server_business; of all replicas, one works on a mailbox.
        mailbox: which.
        bell: rings when there is news of it.
        board: says how it is.
    """

    def __init__(self, desk: Desk, leases: Leases, mailbox: Mailbox, bell: Doorbell, board: Board) -> None:
        self._board = board
        self._desk = desk
        self._leases = leases
        self._mailbox = mailbox
        self._bell = bell
        self._lease: Lease | None = None
        self._sides: Mapping[Place, Calendar] | None = None
        self._rests_until = NEVER

    def worker(self) -> Worker:
        """Return the worker for the runtime."""
        name = f"exchange.{self._mailbox.employee}"
        return Worker(name=name, work=self.turn, every=self._mailbox.poll, bell=self._bell, limit=_LIMIT, lease=_LEASE)

    def turn(self, turn: Turn) -> timedelta | None:
        """Run a round; when a side is away, say how long it wants to be left alone."""
        self._lease = turn.lease
        clock = self._desk.database.clock
        if clock.now() < self._rests_until:
            return self._rests_until - clock.now()
        try:
            if self._sides is None:
                self._sides = self._desk.sides(self._mailbox)
            book = self._desk.book(self._mailbox, self._require)
            report = self._desk.engine(self._mailbox, book, self._sides).round()
        except Away as error:
            # Asked again soon and evenly: the runtime's pauses grow to minutes, for which people would wait.
            self._sides = None
            log.get("exchange").warning("a side is away", employee=self._mailbox.employee, reason=error.message)
            self._note(healthy=False, status=error.message)
            self._rests_until = clock.now() + (error.retry_after or timedelta())
            return error.retry_after
        except Departed as error:
            self._sides = None
            self._note(healthy=False, status=f"{error}; nothing is changed or deleted for that")
            return None
        except Exception as error:
            self._sides = None
            self._note(healthy=False, status=f"failed ({type(error).__name__}); the log has the detail")
            raise
        for id_, reason in report.unreadable.items():
            log.get("exchange").warning("unreadable", employee=self._mailbox.employee, item=id_, reason=reason)
        self._note(healthy=not report.questions, status=_sentence(report))
        return None

    def _note(self, *, healthy: bool, status: str) -> None:
        self._board.say(self._mailbox.address, "" if healthy else status)
        with self._desk.database.unit() as unit:
            self._require(unit)
            store.note_state(unit, self._mailbox.employee, healthy=healthy, status=status)

    def _require(self, unit: UnitOfWork) -> None:
        if self._lease is not None:
            self._leases.require(unit, self._lease)


def pruner(database: Database) -> Worker:
    """Return the worker that forgets old lines of the log, those of mailboxes that are gone too."""

    def prune(_: Turn) -> bool:
        with database.unit() as unit:
            return store.prune_log(unit, unit.now - _LOG_KEPT, limit=_PRUNED_AT_ONCE) == _PRUNED_AT_ONCE

    return Worker(name="exchange_log.prune", work=prune, every=timedelta(hours=1))


def _sentence(report: Report) -> str:
    said = f"{report.taken} changes taken in, {len(report.acts)} written"
    if report.refused:
        said += f", {report.refused} refused"
    if report.unreadable:
        said += f", {len(report.unreadable)} cannot be read"
    for one in report.questions:
        what = f"{one.deletions} deletions wait" if one.deletions else "it is empty and would be filled again"
        said += f"; {one.place.name}: {what}, of {one.linked} items: an administrator has to say (ReleaseBrake)"
    return said
