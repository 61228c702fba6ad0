"""What the documents do by themselves: read everything again, remove what nobody needs, find the words in the bytes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Row, Table, select

from mesh import claims, log
from mesh.bulk import among
from mesh.claims import Claim, ClaimLost
from mesh.clock import Clock
from mesh.database import Database
from mesh.errors import DomainError, NotFound
from mesh.failpoints import failpoint
from mesh.leases import LeaseLost, Leases
from mesh.workers import HealthLine, Turn, Worker
from server_business.documents import contents, extracting, store, uploads
from server_business.documents.content_store import ContentStore, Missing
from server_business.documents.rules import bounded, words
from server_business.documents.settings import Settings
from server_business.documents.tables import CONTENT, ERASURE, WORDS, ContentState
from server_business.documents.uploads import Landing

_AT_ONCE: Final = 20
_LEASE: Final = timedelta(minutes=30)
_LIMIT: Final = timedelta(minutes=15)
_TIDYING_LEASE: Final = timedelta(minutes=20)
_AGAIN: Final = timedelta(hours=1)
_AWAY: Final = timedelta(minutes=10)
_WORDS_BYTES: Final = 500_000
_STORED: Final = CONTENT.c.state == ContentState.STORED


class _Hourly:
    """Says when to do what looks at every content: at the start, and an hour after it was done."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next = clock.monotonic()

    def is_due(self) -> bool:
        return self._clock.monotonic() >= self._next

    def rest(self) -> None:
        self._next = self._clock.monotonic() + _AGAIN.total_seconds()


class Scrubber:
    """Reads everything that is stored within the settings' time, and compares it with its SHA-256.

    Args:
        database: of server_business.
        content_store: has the bytes.
        settings: of the room.
        owner: of claims, for people to read.
        line: tells administrators what is damaged.
    """

    def __init__(
        self, database: Database, content_store: ContentStore, settings: Settings, owner: str, line: HealthLine
    ) -> None:
        self._database = database
        self._store = content_store
        self._verify = settings.verify
        self._owner = owner
        self._line = line
        self._stored = 0
        self._count_again = _Hourly(database.clock)

    def worker(self) -> Worker:
        return Worker(name="documents.verify", work=self.turn, every=timedelta(seconds=30), limit=_LIMIT)

    def turn(self, turn: Turn) -> bool:
        """Read what is due; return whether there may be more."""
        with self._database.unit() as unit:
            due = claims.claim(unit, CONTENT, limit=_AT_ONCE, lease=_LEASE, owner=self._owner, where=_STORED)
        away: DomainError | None = None
        for place, claim in enumerate(due):
            if turn.stopping.is_set():
                _give_back(self._database, CONTENT, due[place:], timedelta(0))
                return False
            try:
                self._read(claim)
            except ClaimLost:
                continue  # it is being removed, or was written anew meanwhile
            except DomainError as error:  # a store that is away holds up no other
                _give_back(self._database, CONTENT, [claim], _AWAY)
                away = error
        self._say()
        if away is not None:
            raise away
        return len(due) == _AT_ONCE

    def _read(self, claim: Claim) -> None:
        row = claim.row
        damage = self.damage(row["sha256"], row["locator"], row["size"])
        if damage:
            log.get("documents").error("content is damaged", sha256=row["sha256"], damage=damage)
        with self._database.unit() as unit:
            # A tenth before the time is over: what is late by a night is still in time.
            often = damage or contents.is_link(row["locator"])
            pause = min(self._verify, contents.LINKED) if often else self._verify
            again = unit.now + pause * 0.9
            claims.release(unit, CONTENT, claim, next_attempt_time=again, verify_time=unit.now, damage=damage)

    def damage(self, digest: str, locator: str, size: int) -> str:
        """Return what is wrong with bytes; empty: nothing."""
        found, read = sha256(), 0
        try:
            for piece in self._store.read(digest, locator):
                found.update(piece)
                read += len(piece)
        except Missing as error:
            return str(error)
        if read == size and found.hexdigest() == digest:
            return ""
        word = "changed: " if contents.is_link(locator) else ""
        return word + (
            f"it has {read} bytes, not {size}" if read != size else "its bytes are not those that were written"
        )

    def _say(self) -> None:
        with self._database.reading() as unit:
            if self._count_again.is_due():
                self._stored = contents.count(unit)
                self._count_again.rest()
            damaged, late = contents.wrong(unit, overdue=unit.now - self._verify * 0.1)
        self._line.healthy = not damaged and not late
        days = self._verify / timedelta(days=1)
        said = [f"{self._stored} contents, each read within {days:g} d"]
        said += [f"{damaged} DAMAGED: esclient documents list --damaged"] if damaged else []
        said += [f"{late} were not read in time"] if late else []
        self._line.sentence = "; ".join(said)


class _Round:
    """A turn that ends in time, while its lease is still its own, and in which one failure holds up nothing else.

    Attributes:
        turn: the worker's.
        failed: what went wrong last.
    """

    def __init__(self, turn: Turn, clock: Clock) -> None:
        self.turn = turn
        self._clock = clock
        self._end = clock.monotonic() + _LIMIT.total_seconds()
        self.failed: DomainError | None = None

    def over(self) -> bool:
        return self.turn.stopping.is_set() or self._clock.monotonic() >= self._end


class Tidying:
    """Removes uploads nobody finished, bytes nobody refers to, and sees to it that erased bytes are gone.

    Args:
        database: of server_business.
        leases: its table of leases; of all replicas, one tidies.
        content_store: has the bytes.
        landing: has the uploads.
        owner: of claims, for people to read.
    """

    def __init__(
        self, database: Database, leases: Leases, content_store: ContentStore, landing: Landing, owner: str
    ) -> None:
        self._database = database
        self._leases = leases
        self._store = content_store
        self._landing = landing
        self._owner = owner
        self._look_again = _Hourly(database.clock)

    def worker(self) -> Worker:
        # Of all replicas one: a second, slower one would remove bytes that came back after the first had let them go.
        return Worker(
            name="documents.tidy", work=self.turn, every=timedelta(minutes=1), limit=_LIMIT, lease=_TIDYING_LEASE
        )

    def turn(self, turn: Turn) -> bool:
        """Do what is due; return whether there may be more."""
        round_ = _Round(turn, self._database.clock)
        more = self._uploads()
        if self._look_again.is_due():
            more = self._unused(round_) or more
        more = self._erasures(round_) or more
        if round_.failed is not None:
            raise round_.failed
        return more

    def _uploads(self) -> bool:
        with self._database.reading() as unit:
            over = uploads.expired(unit, _AT_ONCE)
        for id_ in over:
            self._landing.remove(id_)
        if over:
            with self._database.unit() as unit:
                uploads.forget(unit, over)
        return len(over) == _AT_ONCE

    def _unused(self, round_: _Round) -> bool:
        """Remove bytes nobody refers to; return whether there may be more."""
        with self._database.reading() as unit:  # it takes long, and nobody may have to wait for it to write
            digests = contents.unused(unit, untouched_since=unit.now - contents.UNUSED)
        with self._database.unit() as unit:
            leaving = contents.leave(unit, untouched_since=unit.now - contents.UNUSED, digests=digests)
        gone = 0
        for row in leaving:
            if round_.over():
                return False
            try:
                gone += self._remove(round_, row)
            except LeaseLost:
                raise
            except DomainError as error:
                round_.failed = error
        more = gone > 0 and len(digests) == contents.AT_ONCE
        if not more and round_.failed is None:
            self._look_again.rest()
        return more

    def _remove(self, round_: _Round, row: Row[Any]) -> bool:
        """Remove bytes, and their row if they are gone; return whether they are."""
        if not self._still_leaving(round_, row.sha256):
            return False
        self._store.remove(row.sha256, row.locator)
        failpoint("documents.removed")
        if self._store.forgets(row.locator) and self._store.has(row.sha256, row.locator):
            return False
        with self._database.unit() as unit:
            contents.forget(unit, row.sha256)
        return True

    def _still_leaving(self, round_: _Round, sha256: str) -> bool:
        """Tell whether bytes may be removed: another instance may have done so, and somebody stored them anew."""
        with self._database.unit() as unit:
            if round_.turn.lease is not None:
                self._leases.require(unit, round_.turn.lease)
            return contents.is_leaving(unit, sha256)

    def _erasures(self, round_: _Round) -> bool:
        with self._database.unit() as unit:
            due = claims.claim(unit, ERASURE, limit=_AT_ONCE, lease=_LEASE, owner=self._owner)
        for place, claim in enumerate(due):
            if round_.over():
                _give_back(self._database, ERASURE, due[place:], timedelta(0))
                return False
            try:
                self._erase(round_, claim)
            except LeaseLost:
                raise
            except ClaimLost:
                continue  # somebody else sees to it
            except DomainError as error:
                _give_back(self._database, ERASURE, [claim], _AWAY)
                round_.failed = error
        return len(due) == _AT_ONCE

    def _erase(self, round_: _Round, claim: Claim) -> None:
        row = claim.row
        with self._database.unit() as unit:
            # Who wanted the same bytes after the erasure may be about to refer to them; an hour later he is not.
            since: datetime = max(row["erase_time"], unit.now - _AGAIN)
            leaving = contents.leave(unit, untouched_since=since, digests=row["sha256"])
        for one in leaving:
            if round_.over():
                _give_back(self._database, ERASURE, [claim], timedelta(0))
                return
            self._remove(round_, one)
        with self._database.unit() as unit:
            left = {one.sha256 for one in contents.of(unit, row["sha256"])}
            shared = set(unit.connection.execute(select(CONTENT.c.sha256).where(
                among(unit.connection, CONTENT.c.sha256, left), contents.used())).scalars())  # fmt: skip
            if left == shared and not uploads.are_left(unit, row["sha256"]):
                claims.confirm(unit, ERASURE, claim, done_time=unit.now, shared_count=len(shared))
            else:
                claims.release(unit, ERASURE, claim, next_attempt_time=unit.now + _AGAIN)


class Indexing:
    """Finds the words in the newest versions.

    Args:
        database: of server_business.
        content_store: has the bytes.
        owner: of claims, for people to read.
    """

    def __init__(self, database: Database, content_store: ContentStore, owner: str) -> None:
        self._database = database
        self._store = content_store
        self._owner = owner

    def worker(self) -> Worker:
        return Worker(name="documents.words", work=self.turn, every=timedelta(seconds=5), limit=_LIMIT)

    def turn(self, turn: Turn) -> bool:
        """Read what is new; return whether there may be more."""
        with self._database.unit() as unit:
            due = claims.claim(unit, WORDS, limit=_AT_ONCE, lease=_LEASE, owner=self._owner)
        away: DomainError | None = None
        read: list[tuple[Claim, dict[str, Any]]] = []
        for claim in due:
            if turn.stopping.is_set():
                break  # the leases of the others are given back when the next process starts
            try:
                read.append((claim, self._read(claim)))
            except NotFound:
                continue  # it was erased meanwhile
            except DomainError as error:  # a store that is away holds up no other
                _give_back(self._database, WORDS, [claim], _AWAY)
                away = error
        if read:
            self._note(read)
        if away is not None:
            raise away
        return len(due) == _AT_ONCE and not turn.stopping.is_set()

    def _read(self, claim: Claim) -> dict[str, Any]:
        """Return what is to be noted of the newest version. Raises NotFound, StoreAway."""
        with self._database.reading() as unit:
            document = store.get(unit, claim.key[0])
            version = store.version(unit, document.id, document.latest)
            (content,) = contents.of(unit, [version.sha256])
        found, problem = "", ""
        if extracting.is_read(version.mime_type, version.size):
            try:
                data = self._bytes(version, content.locator)
                found = bounded(words(extracting.text_of(data, version.mime_type)), _WORDS_BYTES)
            except (Missing, extracting.Unreadable) as error:
                problem = str(error)
        return {"content": found, "number": version.number, "problem": problem[:1000]}

    def _note(self, read: Sequence[tuple[Claim, dict[str, Any]]]) -> None:
        """Write the words of many in one transaction: it waits once for the disk."""
        noted = {claim.key: values for claim, values in read}
        with self._database.unit() as unit:
            newest = {row.id: row.latest for row in store.several(unit, [key[0] for key in noted], lock=True)}
            for claim in claims.held(unit, WORDS, [claim for claim, _ in read]):
                values = noted[claim.key]
                if newest.get(claim.key[0]) == values["number"]:
                    claims.confirm(unit, WORDS, claim, **values)
                else:  # a version came meanwhile
                    claims.release(unit, WORDS, claim, next_attempt_time=unit.now)

    def _bytes(self, version: Row[Any], locator: str) -> bytes:
        """Return the bytes of a version. Raises Unreadable: there are more by now than anybody made room for."""
        data = bytearray()
        for piece in self._store.read(version.sha256, locator):
            data += piece
            if len(data) > version.size:
                raise extracting.Unreadable(f"it has more than its {version.size} bytes")
        return bytes(data)


def _give_back(database: Database, table: Table, due: Sequence[Claim], pause: timedelta) -> None:
    with database.unit() as unit:
        for claim in claims.held(unit, table, due):
            claims.release(unit, table, claim, next_attempt_time=unit.now + pause)
