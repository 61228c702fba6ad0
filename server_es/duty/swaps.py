"""Shifts handed over from one to another (Dienstabgabe): who may ask, and who may take. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum

from mesh.errors import FailedPrecondition
from server_es.duty.shifts import Watch


class State(IntEnum):
    """Where a swap stands; the numbers of the contract."""

    OPEN = 1
    TAKEN = 2
    WITHDRAWN = 3
    EXPIRED = 4


class SwapNotOpen(FailedPrecondition):
    """Somebody has taken the shift, it was withdrawn, or it is over."""

    reason = "DUTY_SWAP_NOT_OPEN"


class SwapNotPossible(FailedPrecondition):
    """Who asks is not on duty then, or who takes cannot be."""

    reason = "DUTY_SWAP_NOT_POSSIBLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A shift somebody wants to hand over.

    Attributes:
        employee: who is on duty.
        start: inclusive.
        end: exclusive.
        asked: the only one who may take it; empty for everybody in the roster.
        state: as stored.
    """

    employee: str
    start: int
    end: int
    asked: str = ""
    state: State = State.OPEN

    def state_at(self, now: int) -> State:
        """Return where it stands: an open one whose time is over cannot be taken any more."""
        return State.EXPIRED if self.state is State.OPEN and now >= self.end else self.state


def check_open(swap: Swap, now: int, *, name: str) -> None:
    """Insist that a swap can still be taken or withdrawn.

    Raises:
        SwapNotOpen: it cannot.
    """
    state = swap.state_at(now)
    if state is not State.OPEN:
        raise SwapNotOpen(f"{name} is not open any more: {state.name.lower()}.", state=state.name)


def check_on_duty(employee: str, watches: Iterable[Watch]) -> None:
    """Insist that somebody is on duty all the time.

    Raises:
        SwapNotPossible: he is not.
    """
    if not all(employee in {one.employee for one in watch.crew} for watch in watches):
        text = f"employees/{employee} is not on duty in all of this time; name a time within one of his shifts"
        raise SwapNotPossible(text)


def check_taker(swap: Swap, taker: str, *, members: Collection[str], watches: Iterable[Watch], away: str) -> None:
    """Insist that somebody may take a shift.

    Args:
        swap: what is handed over.
        taker: personnel number.
        members: who stands in the roster.
        watches: who is on duty in that time.
        away: why the taker is away in that time; empty when he is there.

    Raises:
        SwapNotPossible: he may not.
    """
    named = f"employees/{taker}"
    if taker == swap.employee:
        raise SwapNotPossible(f"{named} cannot take his own shift; withdraw the request instead.")
    if swap.asked and taker != swap.asked:
        raise SwapNotPossible(f"Only employees/{swap.asked} was asked to take this shift.")
    if taker not in members:
        raise SwapNotPossible(f"{named} does not stand in the roster; an override can put him on duty.")
    if away:
        raise SwapNotPossible(f"{named} is away in this time: {away}.")
    if any(taker in {one.employee for one in watch.crew} for watch in watches):
        raise SwapNotPossible(f"{named} is on duty himself in this time.")
