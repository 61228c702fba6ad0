"""What happens if nobody touches this call: runs the chain from instant to instant. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from server_es.escalations import chain, rules
from server_es.escalations.chain import Link
from server_es.escalations.recipients import Told
from server_es.escalations.rules import Clock, Point, Progress, Window
from server_es.service_levels.rules import Level, States
from server_es.servicecalls.rules import Kind, Milestone


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The call that is looked ahead of.

    Attributes:
        points: those that hold for it.
        level: its level.
        states: of the site.
        clock: its clock.
        progress: what has fired.
        milestones: its promises as they stand.
        address: number of its address.
        system: number of its system; None if it has none.
    """

    points: Sequence[Point]
    level: Level
    states: States
    clock: Clock
    progress: Progress
    milestones: Sequence[Milestone]
    address: str
    system: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that would happen: a milestone becomes due, or a point fires (`link`)."""

    time: datetime
    kind: Kind
    link: Link | None = None
    used_percent: int | None = None
    held: bool = False


Tell = Callable[[Point, datetime], tuple[Told, ...]]


def simulate(
    subject: Subject, now: datetime, *, tell: Tell, windows: Iterable[Window] = (), limit: int = 200
) -> tuple[Step, ...]:
    """Return what happens, in the order of time, at most `limit` steps.

    Args:
        subject: the call.
        now: from when on.
        tell: answers who is told when a point fires at an instant.
        windows: maintenance windows.
        limit: how many steps at most.
    """
    windows = list(windows)
    steps = [
        Step(time=one.due_time, kind=one.kind, used_percent=100)
        for one in subject.milestones
        if one.due_time is not None and one.due_time >= now and one.met_time is None and not one.paused
    ]
    clock, progress = subject.clock, subject.progress
    waiting = rules.pending(subject.points, clock, subject.level, progress)
    at = max(waiting[0].time, now) if waiting else None
    held = False
    while at is not None and len(steps) <= limit:
        outcome = chain.run(
            subject.points,
            subject.level,
            subject.states,
            clock,
            progress,
            now=at,
            told=lambda point, at=at: tell(point, at),  # type: ignore[misc]
            hold=rules.held_until(windows, subject.address, subject.system, at),
        )
        steps += [_step(link, at, clock, subject.level, held=held) for link in outcome.links]
        clock, progress, held = outcome.clock, outcome.progress, outcome.held
        at = None if outcome.next_time is None else max(outcome.next_time, at)
    return tuple(sorted(steps, key=lambda step: step.time)[:limit])


def _step(link: Link, at: datetime, clock: Clock, level: Level, *, held: bool) -> Step:
    kind = link.due.point.kind
    return Step(time=at, kind=kind, link=link, used_percent=rules.used_percent(kind, clock, level, at), held=held)


def silence(subject: Subject) -> Mapping[str, str]:
    """Say in German and English why nothing escalates; empty when something does."""
    if subject.clock.closed:
        return {"de": "Der Servicecall ist gelöst.", "en": "The call is solved."}
    if subject.clock.stands:
        return {
            "de": "Die Uhr steht: Solange der Status bleibt, eskaliert nichts.",
            "en": "The clock stands: nothing escalates while the call is in its state.",
        }
    if not subject.points:
        return {"de": "Für diesen Servicelevel gibt es keine Eskalationspunkte.", "en": "Its level has no points."}
    if subject.progress.acknowledged:
        return {"de": "Die Eskalation ist quittiert.", "en": "Somebody has acknowledged."}
    return {"de": "Es steht kein Eskalationspunkt mehr aus.", "en": "No escalation point is left."}
