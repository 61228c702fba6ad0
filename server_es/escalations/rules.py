"""When is point P of call C due? (Eskalationspunkte.) Computed anew from the call's clock, its level and its calendar.

A point is due when a percentage of a promise is used up, and a delay after that has passed. It fires while the number
of the call's state is below its ceiling, once per cycle; then perhaps again and again until somebody acknowledges.
While the clock stands, and once the call is solved, nothing is due.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter

from server_es.calendars import rules as working_time
from server_es.calendars.timeline import Span, WorkingTimeOutOfRange
from server_es.service_levels.rules import Level
from server_es.servicecalls.events import Accepted, LevelChanged, Log, NotReceived, Reopened
from server_es.servicecalls.rules import Kind, Terms, clock_stands, met_time, pauses, spans

_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """Fires again `every` so often after the last firing, `limit` times at most; in working time, or in real time."""

    every: timedelta
    limit: int
    real: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """An escalation point.

    Attributes:
        number: orders points of the same time and percent.
        event: id of what happens.
        title: for people.
        kind: the promise it measures.
        percent: of the promise; more than 100 is allowed.
        delay: after that; negative working time is before it.
        real: the delay is real time, not working time.
        ceiling: fires while the number of the state is smaller; 0: always.
        new_state: number of the state the call gets; None: it keeps its own.
        repeat: whether and how it fires again.
        after_acknowledgement: fires even when somebody has acknowledged.
    """

    number: int
    event: str
    title: str = ""
    kind: Kind = Kind.SOLUTION
    percent: int
    delay: timedelta = _NOTHING
    real: bool = False
    ceiling: int = 0
    new_state: int | None = None
    repeat: Repeat | None = None
    after_acknowledgement: bool = False


@dataclass(frozen=True, slots=True)
class Fired:
    """How often a point has fired in this cycle, and when it did last."""

    count: int
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What the points of a call are reckoned by.

    Attributes:
        state: number of its state.
        received: when the report came in.
        accepted: from when on the arrival counts; None before.
        met: the promises that are kept.
        pauses: past time that does not count.
        stands: its clock stands now.
        closed: it is solved or done.
        cycle: how often it was reopened or got another level.
    """

    state: int
    received: datetime
    accepted: datetime | None = None
    met: frozenset[Kind] = frozenset()
    pauses: tuple[Span, ...] = ()
    stands: bool = False
    closed: bool = False
    cycle: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What has fired in the present cycle of a call, by the number of the point."""

    fired: Mapping[int, Fired] = field(default_factory=dict)
    acknowledged: bool = False

    def after(self, due: "Due", at: datetime) -> "Progress":
        """Return the progress once a point has fired."""
        return replace(self, fired={**self.fired, due.point.number: Fired(due.round + 1, at)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A point that will fire, or should have: round 0 is the point itself, from 1 on its repetitions."""

    time: datetime
    point: Point
    round: int = 0

    @property
    def order(self) -> tuple[datetime, int, int]:
        return self.time, self.point.percent, self.point.number


_ORDER = attrgetter("order")


def clock_of(log: Log, terms: Terms, state: int, now: datetime) -> Clock | None:
    """Return the clock of a call; None of a draft."""
    try:
        received = log.received
    except NotReceived:
        return None
    met = {kind: met_time(log, terms.states, kind) for kind in Kind}
    closed = met[Kind.SOLUTION] is not None
    found = pauses(log, terms.states, now)
    return Clock(
        state=state,
        received=received,
        accepted=log.first(Accepted),
        met=frozenset(kind for kind, time in met.items() if time is not None),
        pauses=spans(found),
        stands=clock_stands(log, terms.states),
        closed=closed,
        cycle=cycle_of(log),
    )


def cycle_of(log: Log) -> int:
    """Return how often all points were armed again: by a reopening or another service level."""
    return sum(isinstance(event, Reopened | LevelChanged) for event in log.events)


def point_time(point: Point, clock: Clock, level: Level) -> datetime | None:
    """Return when a point is due on a call whose clock goes on, whether or not it may fire then.

    None: the level does not make the promise, its clock has not started, or the calendar never gets there.
    """
    working = working_of(point, level)
    start = clock.accepted if point.kind is Kind.ARRIVAL else clock.received
    if working is None or start is None:
        return None
    calendar = level.calendar
    try:
        if point.kind is not Kind.ARRIVAL:
            start = working_time.received(calendar, start)
        due = working_time.due(calendar, start, working, clock.pauses)
    except WorkingTimeOutOfRange:
        return None
    return due + point.delay if point.real else due


def working_of(point: Point, level: Level) -> timedelta | None:
    """Return after how much working time a point is due, its real delay apart; None if the promise is not made."""
    promised: timedelta | None = getattr(level, point.kind)
    if promised is None:
        return None
    working = promised * point.percent / 100
    return working if point.real else max(_NOTHING, working + point.delay)


def foremost(points: Iterable[Point], level: Level, state: int, met: frozenset[Kind]) -> tuple[Point, ...]:
    """Return the points one of which is the first of every call in this state of which nothing has fired.

    Of those that count one promise in working time only the earliest can be; a real delay makes each its own.
    """
    earliest: dict[Kind, tuple[timedelta, Point]] = {}
    others = []
    for point in points:
        working = working_of(point, level)
        if working is None or point.kind in met or (point.ceiling and state >= point.ceiling):
            continue
        if point.real:
            others.append(point)
        elif point.kind not in earliest or working < earliest[point.kind][0]:
            earliest[point.kind] = working, point
    return (*(point for _, point in earliest.values()), *others)


def repeat_time(repeat: Repeat, last: datetime, clock: Clock, level: Level) -> datetime | None:
    """Return when a point that fired last at `last` is due again."""
    if repeat.real:
        return last + repeat.every
    try:
        return working_time.due(level.calendar, last, repeat.every, clock.pauses)
    except WorkingTimeOutOfRange:
        return None


def pending(points: Iterable[Point], clock: Clock, level: Level, progress: Progress) -> list[Due]:
    """Return what is still to fire on a call as it is now, the next first; several at once in percent order."""
    if clock.stands or clock.closed:
        return []
    return sorted(_pending(points, clock, level, progress), key=_ORDER)


def _pending(points: Iterable[Point], clock: Clock, level: Level, progress: Progress) -> Iterator[Due]:
    for point in points:
        if point.kind in clock.met or (point.ceiling and clock.state >= point.ceiling):
            continue
        fired = progress.fired.get(point.number)
        if fired is None:
            if progress.acknowledged and not point.after_acknowledgement:
                continue
            time = point_time(point, clock, level)
            if time is not None:
                yield Due(time=time, point=point)
        elif point.repeat and fired.count <= point.repeat.limit and not progress.acknowledged:
            time = repeat_time(point.repeat, fired.last, clock, level)
            if time is not None:
                yield Due(time=time, point=point, round=fired.count)


def next_step(waiting: Sequence[Due]) -> Due | None:
    """Return which point fires at once when nobody could be reached by the one before: the next that has not fired."""
    return next((due for due in waiting if due.round == 0), None)


def used_percent(kind: Kind, clock: Clock, level: Level, at: datetime) -> int | None:
    """Return how many percent of a promise are used up at an instant; None if there is no such promise."""
    promised: timedelta | None = getattr(level, kind)
    start = clock.accepted if kind is Kind.ARRIVAL else working_time.received(level.calendar, clock.received)
    if promised is None or start is None:
        return None
    return int(working_time.elapsed(level.calendar, start, max(at, start), clock.pauses) * 100 / promised)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Time in which calls of an address, of a system, or of a system at that address are held."""

    span: Span
    address: str | None = None
    system: str | None = None

    def holds(self, address: str, system: str | None) -> bool:
        """Tell whether it concerns a call of this address and system."""
        return self.address in (None, address) and self.system in (None, system)


def held_until(windows: Iterable[Window], address: str, system: str | None, at: datetime) -> datetime | None:
    """Return when what is due at an instant may fire, None if at once. Windows that touch or overlap hold on."""
    until = at
    for window in sorted(windows, key=lambda one: one.span):
        if window.holds(address, system) and window.span.start <= until < window.span.end:
            until = window.span.end
    return None if until == at else until
