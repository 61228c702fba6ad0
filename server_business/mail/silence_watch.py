"""Says that nothing has arrived in an account for long: as the health of a module, and once to its team.

Needs no lease: every replica looks and says how it is; the message is a row before it is sent, and its request id is
that row's, so that two replicas send it once.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import or_, select, update

from mesh import log
from mesh.database import Database
from mesh.failpoints import failpoint
from mesh.workers import HealthLine, Turn, Worker
from server_business.mail.accounts import Account
from server_business.mail.es_server import EsServer, EsServerAway
from server_business.mail.tables import MAIL_ACCOUNT

_C: Final = MAIL_ACCOUNT.c
_EVERY: Final = timedelta(seconds=30)


class SilenceWatch:
    """Watches one account.

    Args:
        database: of server_business.
        es: server_es.
        account: the settings, with a `silence`.
        line: how the account is, for administrators.
    """

    def __init__(self, database: Database, es: EsServer, account: Account, line: HealthLine) -> None:
        self._database = database
        self._es = es
        self._account = account
        self._line = line
        line.sentence = "nothing is missed yet"

    def worker(self) -> Worker:
        return Worker(name=f"mail.{self._account.name}.silence", work=self.turn, every=_EVERY)

    def turn(self, _: Turn | None = None) -> None:
        """Look, say how it is, and tell the team if it does not know."""
        silence = self._account.silence
        assert silence is not None
        with self._database.reading() as unit:
            now = unit.now
            row = unit.connection.execute(select(MAIL_ACCOUNT).where(_C.account == self._account.name)).one_or_none()
        since: datetime | None = row.last_mail_time if row else None
        # A mailbox that cannot be read says so itself; that nothing arrives from it is no news.
        if row is None or since is None or not row.healthy:
            return
        quiet = silence.broken(since, now)
        self._line.healthy = quiet is None
        self._line.sentence = f"the newest mail came at {since:%Y-%m-%d %H:%M} UTC"
        if quiet is None or not self._account.open_mail_team:
            return
        if row.silence_of != since:
            self._begin(since)
        self._tell(since, quiet)

    def _begin(self, since: datetime) -> None:
        another = or_(_C.silence_of.is_(None), _C.silence_of != since)
        begun = update(MAIL_ACCOUNT).where(_C.account == self._account.name, another)
        with self._database.unit() as unit:
            unit.connection.execute(begun.values(silence_of=since, silence_request_id=str(uuid4()), silence_told=False))
        failpoint("mail.silence_begun")

    def _tell(self, since: datetime, quiet: timedelta) -> None:
        mine = (_C.account == self._account.name, _C.silence_of == since)
        with self._database.reading() as unit:
            columns = select(_C.silence_request_id, _C.silence_told).where(*mine)
            begun = unit.connection.execute(columns).one_or_none()
        if begun is None or begun.silence_told:
            return
        minutes = int(quiet.total_seconds() // 60)
        try:
            refusal = self._es.tell(
                self._account.open_mail_team,
                subject=f"Seit {minutes} Minuten keine E-Mail in {self._account.name}",
                text=f"Die letzte kam um {since:%d.%m.%Y %H:%M} UTC. Konto: {self._account.location}",
                about="",
                request_id=begun.silence_request_id,
            )
        except EsServerAway as error:
            log.get("mail").warning("silence is told later", account=self._account.name, reason=error.message)
            return
        failpoint("mail.silence_told")
        if refusal is not None and refusal.later:
            return
        with self._database.unit() as unit:
            unit.connection.execute(update(MAIL_ACCOUNT).where(*mine).values(silence_told=True))
