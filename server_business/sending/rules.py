"""What becomes of something that is sent, after each attempt (Sendestatus)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from mesh.errors import FailedPrecondition

FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(minutes=30)


class State(IntEnum):
    """The numbers are those of the contract's `SendState`."""

    QUEUED = 1
    SENDING = 2
    SENT = 3
    FAILED = 4
    IN_DOUBT = 5
    CANCELLED = 6
    EXPIRED = 7


RETRIED: Final = frozenset({State.FAILED, State.IN_DOUBT, State.CANCELLED, State.EXPIRED})
CANCELLED: Final = frozenset({State.QUEUED, State.IN_DOUBT})


class Answer(IntEnum):
    """What the other side said."""

    TAKEN = 1
    REFUSED = 2
    """For good."""
    LATER = 3
    """Not now; it has not got it."""
    NONE = 4
    """It may have got it: the connection was lost after everything was handed over."""


class SendStateNotAllowed(FailedPrecondition):
    """What is asked for is not possible in this state."""

    reason = "SEND_STATE_NOT_ALLOWED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        answer: of the other side.
        reason: in its words.
        reference: how it names what it has taken.
        refused: those of several recipients that it refused.
    """

    answer: Answer
    reason: str = ""
    reference: str = ""
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What follows: a state, and when the next attempt begins if there is one."""

    state: State
    next_attempt_time: datetime | None = None


def after(answer: Answer, *, attempts: int, now: datetime, give_up: datetime) -> Step:
    """Return what follows an attempt.

    Args:
        answer: of the other side.
        attempts: how many there were, this one included.
        now: when it ended.
        give_up: from when on it is not tried any more.
    """
    if answer is Answer.TAKEN:
        return Step(State.SENT)
    if answer is Answer.REFUSED:
        return Step(State.FAILED)
    if answer is Answer.NONE:
        return Step(State.IN_DOUBT)
    again = now + min(FIRST_PAUSE * 2 ** min(attempts - 1, 16), LONGEST_PAUSE)
    if now >= give_up:
        return Step(State.EXPIRED)
    return Step(State.QUEUED, min(again, give_up))  # at the very end once more, to end in a named state


def found(state: State, *, now: datetime, give_up: datetime) -> Step | None:
    """Return what becomes of a row that a worker finds due, if that is decided without an attempt.

    A row that is found in the middle of being handed over was left there by a worker that died: nobody knows how far it
    came.
    """
    if state is State.SENDING:
        return Step(State.IN_DOUBT)
    if now >= give_up:
        return Step(State.EXPIRED)
    return None


def check_retry(state: State, name: str) -> None:
    """Raises SendStateNotAllowed: it cannot be sent once more."""
    if state not in RETRIED:
        raise SendStateNotAllowed(
            f"{name} is {_word(state)}; only what failed, expired, was cancelled or is in doubt is sent again.",
            state=state.name,
        )


def check_cancel(state: State, name: str) -> None:
    """Raises SendStateNotAllowed: it cannot be called off."""
    if state not in CANCELLED:
        raise SendStateNotAllowed(
            f"{name} is {_word(state)}; only what is queued or in doubt can be called off.",
            state=state.name,
        )


def _word(state: State) -> str:
    return state.name.lower().replace("_", " ")
