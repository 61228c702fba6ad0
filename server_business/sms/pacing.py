"""How fast a provider is fed: as fast as it allows, never faster. Pure."""

from dataclasses import dataclass, replace
from typing import Final

_SPREAD: Final = 1.01
"""A window is made this much longer than a provider's: messages are not equally long on their way to it."""
_CATCH_UP: Final = 0.1
"""Seconds that may be caught up: while outcomes are written nothing leaves."""
_REMEMBERED: Final = 1000
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
_DOUBLINGS: Final = 5


@dataclass(frozen=True, slots=True)
class Bucket:
    """Lets parts leave evenly, and in no second more than are allowed.

    Attributes:
        per_second: what the provider allows; 0: any number.
        ready: when the next one may leave, in seconds of a clock that never goes back.
        left: when the last ones left, as many as one window holds.
        throttled: how often in a row the provider said it was too fast.
    """

    per_second: int
    ready: float = 0.0
    left: tuple[float, ...] = ()
    throttled: int = 0

    def wait(self, now: float) -> float:
        """Return how many seconds to wait before the next one leaves."""
        count, seconds = self._window()
        full = bool(count) and len(self.left) == count
        free = self.left[0] + seconds * _SPREAD if full else now
        return max(0.0, self.ready - now, free - now)

    def taken(self, now: float) -> "Bucket":
        """Return the bucket after one has left."""
        count, _ = self._window()
        if not count:
            return self
        ready = max(self.ready, now - _CATCH_UP) + _SPREAD / self.per_second
        return replace(self, ready=ready, left=(*self.left[-count + 1 :], now) if count > 1 else (now,))

    def refused(self, now: float) -> "Bucket":
        """Return the bucket after the provider said it was too fast: each rest is twice as long as the one before."""
        rest = min(_FIRST_PAUSE * 2 ** min(self.throttled, _DOUBLINGS), _LONGEST_PAUSE)
        return replace(self, ready=max(self.ready, now + rest), throttled=self.throttled + 1)

    def accepted(self) -> "Bucket":
        """Return the bucket after the provider took one."""
        return replace(self, throttled=0) if self.throttled else self

    def batch(self, most: int, seconds: float) -> int:
        """Return how many may leave within so many seconds, at least one and `most` at most."""
        return most if not self.per_second else max(1, min(most, int(self.per_second * seconds)))

    def _window(self) -> tuple[int, float]:
        """Return how many may leave within how many seconds: a second, or an even part of it for high rates."""
        pieces = -(-self.per_second // _REMEMBERED) or 1
        return self.per_second // pieces, 1 / pieces
