"""What the reception does by itself: for each account one worker at the mailbox and one at the desk.

Each has a thread and a lease of its own. A mailbox that is broken waits longer each time, and neither its own desk nor
another account notices.
"""

from datetime import timedelta
from typing import Final

from mesh import log
from mesh.database import Database, UnitOfWork
from mesh.leases import Lease, Leases
from mesh.wakeups import Doorbell
from mesh.workers import Turn, Worker
from server_business.mail.accounts import Account
from server_business.mail.announcing import Announcer
from server_business.mail.automatic import OwnMarks
from server_business.mail.desk import Desk
from server_business.mail.es_server import EsServer, EsServerAway
from server_business.mail.inbox import Inbox

_LIMIT: Final = timedelta(seconds=30)
_LEASE: Final = timedelta(seconds=35)
_RETRY: Final = timedelta(seconds=2)
_DESK_LOOKS: Final = timedelta(seconds=10)  # should the bell ever be lost


class Reception:
    """The two workers of one account.

    Args:
        database: of server_business.
        leases: its table of leases; of all replicas, one works on an account.
        es: server_es.
        account: the settings.
        own: how our own mails are recognised.
        arrived: rings when mails wait to be decided.
        decided: rings when mails wait to be filed away.
        retry: how soon is asked again while server_es is away.
    """

    def __init__(
        self,
        database: Database,
        leases: Leases,
        es: EsServer,
        account: Account,
        own: OwnMarks,
        *,
        arrived: Doorbell,
        decided: Doorbell,
        retry: timedelta = _RETRY,
    ) -> None:
        self._retry = retry
        self._account = account
        self._arrived = arrived
        self._decided = decided
        self._at_the_box, self._at_the_desk = _Post(leases), _Post(leases)
        self.inbox = Inbox(database, account, own, fence=self._at_the_box.require, stored=arrived.ring)
        self.desk = Desk(database, es, account, self._at_the_desk.require)
        self.announcer = Announcer(database, es, account, self._at_the_desk.require)

    def workers(self) -> tuple[Worker, Worker]:
        """Return them for the runtime."""
        name = f"mail.{self._account.name}"
        return (
            Worker(
                name=f"{name}.inbox",
                work=self._look,
                every=self._account.poll,
                bell=self._decided,
                limit=_LIMIT,
                lease=_LEASE,
            ),
            Worker(
                name=f"{name}.desk",
                work=self._decide,
                every=_DESK_LOOKS,
                bell=self._arrived,
                limit=_LIMIT,
                lease=_LEASE,
            ),
        )

    def _look(self, turn: Turn) -> bool:
        self._at_the_box.lease = turn.lease
        return self.inbox.turn(turn.stopping)

    def _decide(self, turn: Turn) -> bool | timedelta:
        self._at_the_desk.lease = turn.lease
        try:
            more = self.desk.turn()
            if more:
                self._decided.ring()
            told = self.announcer.turn()
        except EsServerAway as error:
            # Asked again soon and evenly: the runtime's pauses grow to minutes, which customers would wait for nothing.
            log.get("mail").warning("mails wait", account=self._account.name, reason=error.message)
            return self._retry
        return (more or told) and not turn.stopping.is_set()


class _Post:
    """The lease a worker holds this turn."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self.lease: Lease | None = None

    def require(self, unit: UnitOfWork) -> None:
        if self.lease is not None:
            self._leases.require(unit, self.lease)
