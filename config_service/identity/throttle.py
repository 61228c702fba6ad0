"""How long somebody has to wait after failed sign-ins.

Failures are counted three ways: for a user from one address (someone guesses, or has forgotten), for an address
(someone tries one password on many users) and for a user from anywhere (many machines guess one password). The last
one waits only
briefly: otherwise anybody could lock a colleague out by signing in wrongly under their name.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


class Count(Enum):
    """By what failures are counted."""

    USER_AND_ADDRESS = "user and address"
    ADDRESS = "address"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How one count slows sign-ins down.

    Args:
        free: so many failures have no consequence.
        first: to wait after the next one; doubles with each further one.
        longest: it never gets longer than this.
        forgotten: after so long without a failure counting starts anew.
    """

    free: int
    first: timedelta
    longest: timedelta
    forgotten: timedelta


LIMITS = {
    Count.USER_AND_ADDRESS: Limit(
        free=3, first=timedelta(seconds=2), longest=timedelta(minutes=15), forgotten=timedelta(hours=24)
    ),
    Count.ADDRESS: Limit(
        free=20, first=timedelta(seconds=2), longest=timedelta(minutes=15), forgotten=timedelta(hours=1)
    ),
    Count.USER: Limit(free=20, first=timedelta(seconds=1), longest=timedelta(seconds=30), forgotten=timedelta(hours=1)),
}


@dataclass(frozen=True, slots=True)
class Failures:
    """What one count remembers: how many failures in a row, and when the last one was."""

    number: int
    last_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a sign-in is tried.

    Args:
        allowed: if not, the password is not even looked at.
        retry_time: from when on it is tried; `now` if it is allowed.
        because: the count that asks for the longest wait; None if it is allowed.
    """

    allowed: bool
    retry_time: datetime
    because: Count | None = None


def decide(facts: dict[Count, Failures], now: datetime, limits: dict[Count, Limit] = LIMITS) -> Decision:
    """Decide whether a sign-in may be tried now.

    Args:
        facts: the failures so far; a count without failures is left out.
        now: the instant of the attempt.
        limits: for each count.
    """
    waits = [
        (failures.last_time + wait(failures.number, limits[count]), count.value) for count, failures in facts.items()
    ]
    retry_time, because = max(waits, default=(now, ""))
    if retry_time <= now:
        return Decision(allowed=True, retry_time=now)
    return Decision(allowed=False, retry_time=retry_time, because=Count(because))


def after_failure(
    facts: dict[Count, Failures], now: datetime, limits: dict[Count, Limit] = LIMITS
) -> dict[Count, Failures]:
    """Return all three counts as they are after one more failure."""
    return {
        count: Failures(1 if count not in facts or _is_over(facts[count], now, limit) else facts[count].number + 1, now)
        for count, limit in limits.items()
    }


def after_success(facts: dict[Count, Failures], before: dict[Count, Failures]) -> dict[Count, Failures]:
    """Return the counts to keep after a sign-in that was counted as a failure until its password was checked.

    The address stays, or one good account would hide the guessing; only the attempt itself is taken back.

    Args:
        facts: the counts now, with failures of others meanwhile.
        before: the counts before the attempt.
    """
    address, earlier = facts.get(Count.ADDRESS), before.get(Count.ADDRESS)
    if address is None or address.number <= 1:
        return {}
    if earlier is not None and earlier.number == address.number - 1:
        return {Count.ADDRESS: earlier}
    return {Count.ADDRESS: Failures(address.number - 1, address.last_time)}


def wait(number: int, limit: Limit) -> timedelta:
    """Return how long to wait after that many failures in a row."""
    beyond = number - limit.free
    if beyond <= 0:
        return timedelta()
    doublings = min(beyond - 1, 32)  # 2 ** 32 seconds are longer than any limit, and more would overflow
    return min(limit.first * (1 << doublings), limit.longest)


def _is_over(failures: Failures, now: datetime, limit: Limit) -> bool:
    return now - failures.last_time >= limit.forgotten
