"""What fires on a call at an instant, in which order, and what is next. Pure: run by the engine and by simulations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from server_es.escalations.recipients import Told
from server_es.escalations.rules import Clock, Due, Point, Progress, next_step, pending
from server_es.service_levels.rules import Level, Meaning, State, States
from server_es.servicecalls.rules import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One firing.

    Attributes:
        due: what fires.
        told: who is told; nobody when nobody can be reached.
        hastened: it fires before its time, because nobody could be reached by the one before.
        new_state: the state the call gets; None: it keeps its own.
    """

    due: Due
    told: tuple[Told, ...]
    hastened: bool = False
    new_state: State | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What follows.

    Attributes:
        links: what fires now, in order.
        clock: of the call afterwards.
        progress: afterwards.
        next_time: when to look again; None: nothing is to come.
        held: a maintenance window holds what is due, until `next_time`.
    """

    links: tuple[Link, ...]
    clock: Clock
    progress: Progress
    next_time: datetime | None
    held: bool = False


def run(
    points: Sequence[Point],
    level: Level,
    states: States,
    clock: Clock,
    progress: Progress,
    *,
    now: datetime,
    told: Callable[[Point], tuple[Told, ...]],
    hold: datetime | None = None,
) -> Outcome:
    """Fire what is due.

    Args:
        points: those that hold for the call.
        level: of the call.
        states: of the site.
        clock: of the call.
        progress: what has fired in this cycle.
        now: the present.
        told: answers who is told when a point fires now.
        hold: until when a maintenance window holds the call; None: it does not.
    """
    links: list[Link] = []
    unreached = False
    waiting = pending(points, clock, level, progress)
    while True:
        hastened = next_step(waiting) if unreached else None
        due = hastened or next(iter(waiting), None)
        if due is None or (hastened is None and due.time > now):
            return Outcome(links=tuple(links), clock=clock, progress=progress, next_time=due.time if due else None)
        if hold is not None:
            return Outcome(links=(), clock=clock, progress=progress, next_time=hold, held=True)
        link = fire(due, clock, states, told=told, hastened=due.time > now)
        links.append(link)
        progress = progress.after(due, now)
        if link.new_state is not None:
            clock = entered(clock, link.new_state)
        if link.new_state is not None or due.point.repeat is not None:
            waiting = pending(points, clock, level, progress)
        else:
            waiting = [one for one in waiting if one is not due]
        unreached = not link.told


def fire(
    due: Due, clock: Clock, states: States, *, told: Callable[[Point], tuple[Told, ...]], hastened: bool = False
) -> Link:
    """Return what happens when a point fires."""
    new = due.point.new_state
    state = None if new is None or new == clock.state else states.standing(new)
    return Link(due=due, told=told(due.point), hastened=hastened, new_state=state)


def entered(clock: Clock, state: State) -> Clock:
    """Return the clock of a call that gets a state."""
    met = clock.met | {Kind.REACTION} if state.meaning >= Meaning.STARTED else clock.met
    return replace(clock, state=state.number, stands=state.clock_stands, met=met)
