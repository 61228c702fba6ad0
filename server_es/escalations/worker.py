"""What runs by itself: the timer that sleeps until something is due, and whoever times many calls anew."""

from datetime import datetime, timedelta
from typing import Final

from mesh.database import Database
from mesh.workers import Turn
from server_es.escalations import timers
from server_es.escalations.engine import AT_ONCE, LATE, Engine
from server_es.escalations.retiming import Retiming
from server_es.escalations.settings import EscalationSettings

LONGEST: Final = timedelta(seconds=5)
"""Without a bell it looks this often: what is due sooner rings."""

_BUSY: Final = timedelta(milliseconds=10)
"""How long it waits for what is in other hands."""
_STRETCH: Final = timedelta(seconds=1)


class Timekeeper:
    """Escalates what is due, and says when to look again.

    Args:
        database: of server_es.
        engine: does it.
        settings: the site's choice.
    """

    def __init__(self, database: Database, engine: Engine, settings: EscalationSettings) -> None:
        self._database = database
        self._engine = engine
        self._settings = settings
        self._allowance = Allowance()

    def turn(self, turn: Turn) -> bool | timedelta:
        """Look until nothing is due, for a second at most; return True for more, else until when there is nothing."""
        now = self._database.clock.now()
        late_at_most = self._allowance.at(now, self._settings.late_per_minute)
        with self._database.reading() as unit:
            earliest = timers.next_due_time(unit)
            looks = earliest is not None and earliest <= unit.now
        if earliest is None or not looks:
            return LONGEST if earliest is None else min(LONGEST, earliest - now)
        if earliest > now - LATE:
            late_at_most = 0  # there is none
        while True:
            with self._database.unit() as unit:
                looked = self._engine.look(unit, late_at_most=late_at_most)
            self._allowance.spend(looked.late)
            if not looked.on_time + looked.late:
                return self._rest()
            if looked.late or turn.stopping.is_set() or self._database.clock.now() - now >= _STRETCH:
                return True

    def _rest(self) -> timedelta:
        """Return how long to wait when nothing could be had: what is due waits for its turn, or is in other hands."""
        now = self._database.clock.now()
        with self._database.reading() as unit:
            earliest = timers.next_due_time(unit)
            upcoming = timers.next_due_time(unit, after=now - LATE)
        pauses = [LONGEST]
        if earliest is not None and earliest <= now - LATE:
            pauses.append(max(_BUSY, self._allowance.next_in(self._settings.late_per_minute)))
        if upcoming is not None:
            pauses.append(upcoming - now if upcoming > now else _BUSY)
        return min(pauses)


class Allowance:
    """How many late ones may fire: so many per minute, and a few at once."""

    def __init__(self) -> None:
        self._left = 0.0
        self._at: datetime | None = None

    def at(self, now: datetime, per_minute: int) -> int:
        """Return how many may fire now."""
        most = min(float(AT_ONCE), max(1.0, per_minute / 60))  # what a second brings
        if self._at is None:
            self._left = most
        else:
            seconds = max(0.0, (now - self._at).total_seconds())
            self._left = min(most, self._left + seconds * per_minute / 60)
        self._at = now
        return int(self._left)

    def spend(self, count: int) -> None:
        self._left -= count

    def next_in(self, per_minute: int) -> timedelta:
        """Return when the next one may fire."""
        return timedelta(seconds=max(0.0, 1 - self._left) * 60 / per_minute)


class Retimer:
    """Times calls anew, batch by batch.

    Args:
        database: of server_es.
        retiming: does it.
    """

    def __init__(self, database: Database, retiming: Retiming) -> None:
        self._database = database
        self._retiming = retiming

    def turn(self, _turn: Turn) -> bool:
        """Do one batch; return whether more is left."""
        with self._database.reading() as unit:
            if not self._retiming.asked(unit):
                return False
        with self._database.unit() as unit:
            return self._retiming.step(unit)
