"""Has every content looked at by the virus scanner, and tells a team of what was found."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from mesh import claims, log
from mesh.claims import Claim, ClaimLost
from mesh.database import Database
from mesh.errors import DomainError, Unavailable
from mesh.wakeups import Doorbell
from mesh.workers import HealthLine, Turn, Worker
from server_business.documents import contents, scans
from server_business.documents.clamd import NotScanned, Scanner, ScannerAway
from server_business.documents.content_store import ContentStore, Missing, StoreAway
from server_business.documents.custody import Custody
from server_business.documents.messages import VERSION
from server_business.documents.rules import Verdict
from server_business.documents.tables import SCAN

_AT_ONCE: Final = 20
_LEASE: Final = timedelta(minutes=30)
_LIMIT: Final = timedelta(minutes=15)
_AWAY: Final = timedelta(seconds=30)
_AGAIN: Final = timedelta(hours=1)
_NAMED: Final = 20
_BY: Final = "services/server_business"

Tell = Callable[[str, str, str, str], object]
"""Sends a team an esMessage of this subject and text under a request id; raises a DomainError: try again later."""


class Scanning:
    """Scans what waits.

    Args:
        database: of server_business.
        content_store: has the bytes.
        scanner: looks at them.
        custody: takes releases back.
        tell: tells a team.
        team: that is told.
        owner: of claims, for people to read.
        line: tells administrators what waits and what was found.
    """

    def __init__(
        self, database: Database, content_store: ContentStore, scanner: Scanner, custody: Custody, tell: Tell,
        *, team: str, owner: str, line: HealthLine,
    ) -> None:  # fmt: skip
        self._database = database
        self._store = content_store
        self._scanner = scanner
        self._custody = custody
        self._tell = tell
        self._team = team
        self._owner = owner
        self._line = line
        self._look_again = database.clock.monotonic()

    def worker(self, bell: Doorbell) -> Worker:
        return Worker(name="documents.scan", work=self.turn, every=timedelta(seconds=5), bell=bell, limit=_LIMIT)

    def turn(self, turn: Turn) -> bool:
        """Scan what is due; return whether there may be more."""
        with self._database.unit() as unit:
            due = claims.claim(unit, SCAN, limit=_AT_ONCE, lease=_LEASE, owner=self._owner)
        trouble: DomainError | None = None
        found = False
        for place, claim in enumerate(due):
            if turn.stopping.is_set():
                self._give_back(due[place:], timedelta(0))
                return False
            try:
                found = self._look(claim) or found
            except ClaimLost:
                continue  # it was removed meanwhile
            except ScannerAway as away:
                self._give_back(due[place:], _AWAY, away.message)
                trouble = away
                break
            except DomainError as error:  # one that cannot be read, or nobody to be told, holds up no other
                self._give_back([claim], _AGAIN if isinstance(error, StoreAway) else _AWAY, error.message)
                trouble = error
        more = found or len(due) == _AT_ONCE or (trouble is None and self._old())
        self._say(trouble)
        if trouble is not None:
            raise trouble
        return more

    def _look(self, claim: Claim) -> bool:
        """Scan, or tell of what was found; return whether there is somebody to be told now."""
        if claim.row["verdict"] == Verdict.INFECTED:
            self._told(claim)
            return False
        sha256 = claim.row["sha256"]
        with self._database.reading() as unit:
            stored = contents.of(unit, [sha256])
        try:
            found = self._scanner.scan(self._store.read(sha256, stored[0].locator if stored else ""))
        except (NotScanned, Missing) as problem:
            with self._database.unit() as unit:
                again = unit.now + _AGAIN
                claims.release(unit, SCAN, claim, next_attempt_time=again, detail=str(problem)[:1000])
            return False
        with self._database.unit() as unit:
            if not found:
                claims.confirm(unit, SCAN, claim, verdict=Verdict.CLEAN, detail="", scan_time=unit.now)
                return False
            log.get("documents").error("content is infected", sha256=sha256, threat=found)
            said: dict[str, Any] = {"verdict": Verdict.INFECTED, "detail": found[:1000], "scan_time": unit.now}
            claims.release(unit, SCAN, claim, next_attempt_time=unit.now, **said)
            for one in scans.released(unit, sha256):  # from before it was scanned
                self._custody.withdraw(unit, VERSION.build(one.document, one.number), by=_BY)
        return True

    def _told(self, claim: Claim) -> None:
        sha256, found = claim.row["sha256"], claim.row["detail"]
        with self._database.reading() as unit:
            where = scans.places(unit, sha256)
        named = "\n".join(
            f"{VERSION.build(one.document, one.number)}: {one.title}, {one.file_name}, von {one.author}"
            for one in where[:_NAMED]
        )
        more = f"\nund {len(where) - _NAMED} weitere" if len(where) > _NAMED else ""
        text = f"Der Virenscanner meldet {found}. Der Inhalt wird weder freigegeben noch herausgegeben.\n{named}{more}"
        id_ = str(uuid.uuid5(uuid.NAMESPACE_OID, f"infected/{sha256}"))
        refusal = self._tell(self._team, f"Virus in einem Dokument: {found}"[:200], text, id_)
        if refusal is not None:
            raise Unavailable(f"{self._team} cannot be told of a virus: {refusal}")
        with self._database.unit() as unit:
            claims.confirm(unit, SCAN, claim, told_time=unit.now)

    def _old(self) -> bool:
        if self._database.clock.monotonic() < self._look_again:
            return False
        with self._database.unit() as unit:
            found = scans.ask_for_old(unit)
        if not found:
            self._look_again = self._database.clock.monotonic() + _AGAIN.total_seconds()
        return found > 0

    def _give_back(self, due: list[Claim], pause: timedelta, detail: str = "") -> None:
        with self._database.unit() as unit:
            held = claims.held(unit, SCAN, due)
            for claim in held:
                claims.release(unit, SCAN, claim, next_attempt_time=unit.now + pause)
            if detail:
                scans.note_problem(unit, [claim.row["sha256"] for claim in held], detail)

    def _say(self, trouble: DomainError | None) -> None:
        with self._database.reading() as unit:
            counted = scans.counts(unit)
        waiting, infected = counted.get(Verdict.WAITING, 0), counted.get(Verdict.INFECTED, 0)
        self._line.healthy = trouble is None and not infected
        said = [f"{waiting} contents wait for the virus scan"] + ([f"{infected} are INFECTED"] if infected else [])
        self._line.sentence = "; ".join([*said, *([trouble.message] if trouble else [])])
