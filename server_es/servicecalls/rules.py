"""When is this call due? Reaction, arrival and solution (Servicecall-Zeiten), computed anew from the call's log.

Nothing is kept as a running counter: after a reopening, another level, a holiday more or another calendar the same
functions give the right answer. While the clock stands, the due time is the one that holds if work went on `now`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from server_es.calendars import rules as working_time
from server_es.calendars.timeline import Span
from server_es.calendars.times import utc
from server_es.service_levels.rules import Level, LevelRule, Meaning, State, States
from server_es.servicecalls.events import Accepted, Arrived, FirstReaction, Log

_NOTHING = timedelta(0)
_MINUTE = timedelta(minutes=1)


class Kind(StrEnum):
    """What was promised: a first reaction, the technician on site, the solution."""

    REACTION = "reaction"
    ARRIVAL = "arrival"
    SOLUTION = "solution"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for a call: its level, the rule that chose it, and the site's states."""

    level: Level
    states: States
    rule: LevelRule = LevelRule.DEFAULT

    def promised(self, kind: Kind) -> timedelta | None:
        """Return the working time of a milestone, None if the level promises none."""
        promised: timedelta | None = getattr(self.level, kind.value)
        return promised


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Time that does not count: in a state that stops the clock, or solved until the call was reopened."""

    span: Span
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """One promise and how it stands.

    `start_time` and `due_time` are None as long as its clock has not started (arrival before acceptance). `worked` is
    the working time used until `met_time`, or until now. `late` compares instants: met, or open, after `due_time`.
    """

    kind: Kind
    promised: timedelta
    start_time: datetime | None
    due_time: datetime | None
    met_time: datetime | None
    worked: timedelta
    paused: bool
    late: bool

    @property
    def minutes_over(self) -> int:
        """Full minutes of working time over (positive) or under (negative) the promise."""
        return int((self.worked - self.promised) / _MINUTE)


def milestones(log: Log, terms: Terms, now: datetime) -> tuple[Milestone, ...]:
    """Return the milestones the level promises, in the order reaction, arrival, solution.

    Raises:
        NotReceived: the call is a draft.
    """
    found = (milestone(log, terms, kind, now) for kind in Kind)
    return tuple(one for one in found if one is not None)


def milestone(log: Log, terms: Terms, kind: Kind, now: datetime) -> Milestone | None:
    """Return how one promise stands, None if the level does not make it."""
    promised, start = terms.promised(kind), started(log, terms, kind)
    if promised is None:
        return None
    met = met_time(log, terms.states, kind)
    if start is None:
        return Milestone(
            kind=kind,
            promised=promised,
            start_time=None,
            due_time=None,
            met_time=met,
            worked=_NOTHING,
            paused=False,
            late=False,
        )
    until = met or utc(now)
    standing = spans(pauses(log, terms.states, until))
    due = working_time.due(terms.level.calendar, start, promised, standing)
    return Milestone(
        kind=kind,
        promised=promised,
        start_time=start,
        due_time=due,
        met_time=met,
        worked=max(_NOTHING, working_time.elapsed(terms.level.calendar, start, until, standing)),
        paused=met is None and clock_stands(log, terms.states),
        late=until > due,
    )


def next_due_time(log: Log, terms: Terms, now: datetime) -> datetime | None:
    """Return the earliest due time among `milestones` that is neither met nor paused.

    Raises:
        NotReceived: the call is a draft.
    """
    if clock_stands(log, terms.states):
        return None
    standing = spans(pauses(log, terms.states, utc(now)))
    due = [
        working_time.due(terms.level.calendar, start, promised, standing)
        for kind in Kind
        if (promised := terms.promised(kind)) is not None
        and (start := started(log, terms, kind)) is not None
        and met_time(log, terms.states, kind) is None
    ]
    return min(due, default=None)


def percent_time(log: Log, terms: Terms, percent: int, now: datetime) -> datetime | None:
    """Return when `percent` of the agreed solution time is used up, None without one. More than 100 is allowed."""
    start, promised = started(log, terms, Kind.SOLUTION), terms.level.solution
    if promised is None or start is None:
        return None
    until = met_time(log, terms.states, Kind.SOLUTION) or utc(now)
    standing = spans(pauses(log, terms.states, until))
    return working_time.due(terms.level.calendar, start, promised * percent / 100, standing)


def started(log: Log, terms: Terms, kind: Kind) -> datetime | None:
    """Return from when a milestone counts: arrival from acceptance, the others from receipt, "accept until" applied."""
    if kind is Kind.ARRIVAL:
        return log.first(Accepted)
    return working_time.received(terms.level.calendar, log.received)


def met_time(log: Log, states: States, kind: Kind) -> datetime | None:
    """Return when a promise was kept, None if it is open.

    A reaction is whatever shows that somebody took care: a first reaction, acceptance, arrival, or work begun. A call
    solved from afar needs no arrival. Reopening opens the solution again.
    """
    solved = _solved_time(log, states)
    if kind is Kind.SOLUTION:
        return solved
    if kind is Kind.ARRIVAL:
        return log.first(Arrived) or solved
    reactions = [
        log.first(FirstReaction, Accepted, Arrived),
        next((one.time for one in log.state_changes if states.standing(one.state).meaning >= Meaning.STARTED), None),
    ]
    return min((time for time in reactions if time is not None), default=None)


def clock_stands(log: Log, states: States) -> bool:
    """Say whether the call is in a state that stops the clock."""
    changes = log.state_changes
    return bool(changes) and _counts_not(states.standing(changes[-1].state))


def pauses(log: Log, states: States, until: datetime) -> tuple[Pause, ...]:
    """Return the pauses up to `until`, in order; one that is still going on ends there."""
    changes = log.state_changes
    if not any(_counts_not(states.standing(state)) for state in log.states):
        return ()
    ends = [change.time for change in changes[1:]] + [until]
    found = (
        Pause(span=Span(change.time, min(end, until)), state=states.standing(change.state))
        for change, end in zip(changes, ends, strict=True)
    )
    return tuple(one for one in found if _counts_not(one.state) and one.span.start < one.span.end)


def spans(found: Iterable[Pause]) -> tuple[Span, ...]:
    return tuple(one.span for one in found)


def _counts_not(state: State) -> bool:
    return state.clock_stands or state.locked


def _solved_time(log: Log, states: States) -> datetime | None:
    solved = None
    locked = {state for state in log.states if states.standing(state).locked}
    if not locked:
        return None
    for change in log.state_changes:
        if change.state not in locked:
            solved = None
        elif solved is None:
            solved = change.time
    return solved


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """A call and what holds for it before and after a change of a calendar, a level or the states."""

    log: Log
    before: Terms
    after: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A due time that a change would move. `shift` is in elapsed time; None if there was or will be no due time."""

    servicecall: int
    kind: Kind
    old_due_time: datetime | None
    new_due_time: datetime | None
    shift: timedelta | None
    met: bool


def preview(calls: Iterable[Affected], now: datetime) -> tuple[Move, ...]:
    """Return which due times would move and by how much; those that stay are left out."""
    return tuple(move for call in calls for move in _moves(call, now))


def _moves(call: Affected, now: datetime) -> Iterator[Move]:
    for kind in Kind:
        before, after = (milestone(call.log, terms, kind, now) for terms in (call.before, call.after))
        old, new = (None if one is None else one.due_time for one in (before, after))
        if old != new:
            yield Move(
                servicecall=call.log.number,
                kind=kind,
                old_due_time=old,
                new_due_time=new,
                shift=None if old is None or new is None else new - old,
                met=met_time(call.log, call.after.states, kind) is not None,
            )
