"""What happened to a servicecall: the log its times are computed from, always anew."""

from dataclasses import dataclass, field
from datetime import datetime

from mesh import errors
from server_es.calendars.times import utc


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened at `time` (aware; kept in UTC)."""

    time: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", utc(self.time))


class Received(Event):
    """The report came in; from here on the clock runs."""

    __slots__ = ()


class Accepted(Event):
    """Somebody took the call on; from here on the arrival time runs."""

    __slots__ = ()


class FirstReaction(Event):
    """The customer was answered for the first time."""

    __slots__ = ()


class Arrived(Event):
    """The technician is on site."""

    __slots__ = ()


class Addendum(Event):
    """Something was added to the call (Nachtrag); no time changes by it."""

    __slots__ = ()


class LevelChanged(Event):
    """Another service level holds; it counts from receipt on, as if it always had."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Event):
    """The call is in state number `state` from now on."""

    state: int


class Reopened(StateChanged):
    """A solved call was set to unsolved; time it was solved does not count."""

    __slots__ = ()


def happened(given: datetime | None, *, last: datetime, now: datetime) -> datetime:
    """Return when an event happened: as said, or now; not before the event before it, and not in the future.

    Raises:
        InvalidArgument: it did.
    """
    if given is None:
        return max(now, last)
    if given > now:
        raise errors.InvalidArgument([errors.Violation("event_time", f"{given.isoformat()} is in the future")])
    if given < last:
        text = f"{given.isoformat()} is before {last.isoformat()}, when the event before it happened"
        raise errors.InvalidArgument([errors.Violation("event_time", text)])
    return given


class NotReceived(errors.FailedPrecondition):
    """A draft: nobody reported anything yet, so nothing is due."""

    reason = "SERVICECALL_NOT_RECEIVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """All events of a call, kept in order of time; events of the same time stay in the order given."""

    number: int
    events: tuple[Event, ...]
    state_changes: tuple[StateChanged, ...] = field(init=False, repr=False, compare=False)
    states: frozenset[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        events = tuple(sorted(self.events, key=lambda event: event.time))
        object.__setattr__(self, "events", events)
        changes = tuple(event for event in events if isinstance(event, StateChanged))
        object.__setattr__(self, "state_changes", changes)
        object.__setattr__(self, "states", frozenset(change.state for change in changes))

    def first(self, *kinds: type[Event]) -> datetime | None:
        """Return when an event of one of these kinds happened first."""
        return next((event.time for event in self.events if isinstance(event, kinds)), None)

    @property
    def received(self) -> datetime:
        """When the report came in.

        Raises:
            NotReceived: the call is a draft.
        """
        time = self.first(Received)
        if time is None:
            raise NotReceived(f"servicecall {self.number} has not been received", servicecall=str(self.number))
        return time
