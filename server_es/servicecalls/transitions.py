"""Which state a servicecall may go to, and who may send it there. Comparisons are numeric: sites insert states."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mesh import errors
from server_es.service_levels.rules import Meaning, State, States

MAX_TITLE_LENGTH = 80
CLOSE_PERMISSION = "servicecalls.close"


class ServicecallLocked(errors.FailedPrecondition):
    """From Solved on a call takes an addendum only."""

    reason = "SERVICECALL_LOCKED"


class ServicecallNotSolved(errors.FailedPrecondition):
    """Only a solved call can be reopened."""

    reason = "SERVICECALL_NOT_SOLVED"


class TransitionRefused(errors.FailedPrecondition):
    """No way leads from the one state to the other."""

    reason = "STATE_NOT_ALLOWED"


class ReopeningNotAllowed(errors.FailedPrecondition):
    """The site does not want this call to be reopened."""

    reason = "REOPENING_NOT_ALLOWED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopening:
    """Which calls people may set to unsolved.

    Attributes:
        solved: solved ones at all.
        done: closed ones as well.
        within: how long after the solution; None: always.
    """

    solved: bool = True
    done: bool = True
    within: timedelta | None = None


class ClosingNotAllowed(errors.PermissionDenied):
    """Closing, and opening what was closed, needs a permission of its own."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permission=CLOSE_PERMISSION)


def title(text: str) -> str:
    """Return a call's title (Matchcode) without surrounding blanks.

    Raises:
        InvalidArgument: it is empty, longer than 80 characters, or has more than one line.
    """
    trimmed = text.strip()
    if not trimmed:
        raise _wrong_title("is empty")
    if len(trimmed) > MAX_TITLE_LENGTH:
        raise _wrong_title(f"has {len(trimmed)} characters; at most {MAX_TITLE_LENGTH} are kept")
    if not trimmed.isprintable():
        raise _wrong_title("has line breaks or control characters; it is one line")
    return trimmed


def change_state(current: State, number: int, states: States, *, may_close: bool) -> State:
    """Return the state a call gets. Solved may still become Done; every other way back is a reopening.

    Raises:
        UnknownState: there is no such state.
        TransitionRefused: it is in this state already, or it would become a draft again.
        ServicecallLocked: it is solved or done, and the new state is not further on.
        ClosingNotAllowed: the new state means Done, and the caller may not close calls.
    """
    target = states.find(number)
    if target.number == current.number:
        raise TransitionRefused(f"the call is already in state {number}", state=str(number))
    if current.locked and target.number < current.number:
        raise ServicecallLocked(f"the call is {current.name}; only an addendum is possible, or set it to unsolved")
    if target.meaning is Meaning.DRAFT and current.meaning is not Meaning.DRAFT:
        raise TransitionRefused("a call that was created does not become a draft again", state=str(number))
    if target.meaning is Meaning.DONE and not may_close:
        raise ClosingNotAllowed(f"closing a call ({target.name}) needs its own permission")
    return target


def reopen(current: State, number: int, states: States, *, may_close: bool) -> State:
    """Return the state a call gets that is set to unsolved, for example after a complaint.

    Raises:
        UnknownState: there is no such state.
        ServicecallNotSolved: the call is not solved.
        TransitionRefused: the new state is a draft, or solved itself.
        ClosingNotAllowed: the call is done, and the caller may not close calls.
    """
    target = states.find(number)
    if not current.locked:
        raise ServicecallNotSolved(f"the call is {current.name}; only a solved call can be set to unsolved")
    if target.locked or target.meaning is Meaning.DRAFT:
        raise TransitionRefused(f"{target.name} is not unsolved", state=str(number))
    if current.meaning is Meaning.DONE and not may_close:
        raise ClosingNotAllowed(f"the call is {current.name}; opening it again needs the permission to close calls")
    return target


def check_reopening(allowed: Reopening, current: State, solved_time: datetime | None, now: datetime) -> None:
    """Let a person reopen a call.

    Raises:
        ReopeningNotAllowed: the site's settings say no; which, stands in the metadata.
    """
    if not allowed.solved:
        raise ReopeningNotAllowed("the site does not allow to reopen calls", setting="reopen_solved")
    if current.meaning is Meaning.DONE and not allowed.done:
        raise ReopeningNotAllowed(
            f"the call is {current.name}; the site allows only solved calls to be reopened", setting="reopen_done"
        )
    if allowed.within is not None and solved_time is not None and now > solved_time + allowed.within:
        text = f"the call was solved more than {allowed.within.days} days ago; make a new one"
        raise ReopeningNotAllowed(text, setting="reopen_within_days")


def check_editable(current: State) -> None:
    """Raise `ServicecallLocked` if the call takes an addendum only."""
    if current.locked:
        raise ServicecallLocked(f"the call is {current.name}; only an addendum is possible")


def _wrong_title(description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument([errors.Violation("title", description)])
