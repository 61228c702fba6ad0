"""How fast a provider is fed: as fast as it allows, never faster. Pure."""

from dataclasses import dataclass, replace
from typing import Final

_SHARE: Final = 0.99
"""Of the allowed rate: what is left covers the uneven ways of the network."""
_SLACK: Final = 0.008
"""Seconds by which a late one may be caught up. With the share above no second ever holds more than is allowed."""
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
_DOUBLINGS: Final = 5


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket that holds one token.

    Attributes:
        per_second: what the provider allows; 0: any number.
        ready: when the next one may leave, in seconds of a clock that never goes back.
        throttled: how often in a row the provider said it was too fast.
    """

    per_second: int
    ready: float = 0.0
    throttled: int = 0

    def wait(self, now: float) -> float:
        """Return how many seconds to wait before the next one leaves."""
        return max(0.0, self.ready - now)

    def taken(self, now: float) -> "Bucket":
        """Return the bucket after one has left."""
        if not self.per_second:
            return self
        return replace(self, ready=max(self.ready, now - _SLACK) + 1 / (_SHARE * self.per_second))

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
