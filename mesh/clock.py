"""The only place that asks the machine what time it is; rules get `now` as a parameter."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time to objects that live longer than one call."""

    def now(self) -> datetime:
        """Return the current instant, aware and in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go back, for durations and time limits."""

    def wait(self, event: threading.Event, limit: timedelta) -> bool:
        """Wait in a thread until `event` is set (True) or `limit` has passed (False)."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the one place

    def monotonic(self) -> float:
        return time.monotonic()

    def epoch_nanoseconds(self) -> int:
        """Return nanoseconds since 1970, the unit of trace spans."""
        return time.time_ns()

    def wait(self, event: threading.Event, limit: timedelta) -> bool:
        return event.wait(limit.total_seconds())


class ManualClock:
    """A clock that stands still until it is told to go on: tests fast-forward instead of sleeping."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"start {start} has no time zone")
        self._now = start.astimezone(UTC)
        self._moved = threading.Condition()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    def advance(self, by: timedelta) -> datetime:
        """Go on by `by`, wake whoever waits, and return the new now."""
        with self._moved:
            self._now += by
            self._moved.notify_all()
        return self._now

    def wait(self, event: threading.Event, limit: timedelta) -> bool:
        until = self._now + limit
        with self._moved:
            while not event.is_set() and self._now < until:
                self._moved.wait(timeout=0.05)  # an event set elsewhere does not notify this condition
        return event.is_set()
