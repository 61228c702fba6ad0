"""How much leave is left in a year (Resturlaub), in half days.

What was carried over from the year before is taken first, by absences up to the day on which it expires; what is left
of it then is lost. The year's own leave is never lost within the year.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """What somebody may take in a year.

    Attributes:
        half_days: of the year itself.
        carried: carried over from the year before.
        carried_until: last day on which that can be taken; None: it does not expire.
    """

    half_days: int = 0
    carried: int = 0
    carried_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What an absence takes: `early` of its `half_days` lie on days on which carried leave can still be taken."""

    half_days: int
    early: int
    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How the year stands. `remaining` counts what is approved, `remaining_after_requests` what is asked for too."""

    entitled: int
    carried: int
    expired: int
    approved: int
    requested: int
    remaining: int
    remaining_after_requests: int


def balance(entitlement: Entitlement, taken: Iterable[Taken], on: date) -> Balance:
    """Return how a year stands on a day."""
    everything = list(taken)
    approved = [one for one in everything if one.approved]
    return Balance(
        entitled=entitlement.half_days,
        carried=entitlement.carried,
        expired=_carried_left(entitlement, approved) if _has_expired(entitlement, on) else 0,
        approved=sum(one.half_days for one in approved),
        requested=sum(one.half_days for one in everything if not one.approved),
        remaining=_remaining(entitlement, approved, on),
        remaining_after_requests=_remaining(entitlement, everything, on),
    )


def own_left(entitlement: Entitlement, taken: Iterable[Taken]) -> int:
    """Return what is left of the year's own leave; negative: more is taken than there is, whatever the day."""
    everything = list(taken)
    early = sum(one.early for one in everything)
    late = sum(one.half_days for one in everything) - early
    return entitlement.half_days - late - max(0, early - entitlement.carried)


def carried_over(entitlement: Entitlement, taken: Iterable[Taken], year: int, most: int) -> int:
    """Return what goes into the next year: what is left on the last day, requests counted as taken, at most `most`."""
    return min(most, max(0, _remaining(entitlement, list(taken), date(year, 12, 31))))


def _remaining(entitlement: Entitlement, taken: list[Taken], on: date) -> int:
    carried = 0 if _has_expired(entitlement, on) else _carried_left(entitlement, taken)
    return own_left(entitlement, taken) + carried


def _carried_left(entitlement: Entitlement, taken: list[Taken]) -> int:
    return max(0, entitlement.carried - sum(one.early for one in taken))


def _has_expired(entitlement: Entitlement, on: date) -> bool:
    return entitlement.carried_until is not None and on > entitlement.carried_until
