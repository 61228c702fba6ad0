"""Rosters (Bereitschaftspläne), compiled: who is on duty at an instant. Pure, in whole seconds since 1970.

What is asked ten thousand times a second is answered by bisection and arithmetic; nothing is walked. What was in force
at an instant is decided by what had been said until then: versions take effect from an instant on and are never
rewritten.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from typing import Any, Final, NamedTuple, TypeVar

from server_es.duty.rotations import Group, Rotation, Stretch
from server_es.duty.steps import Steps, active
from server_es.duty.wall import WallClock

T = TypeVar("T")


class Origin(IntEnum):
    """Why somebody is on duty; the numbers of the contract."""

    LAYER = 1
    PLAN = 2
    OVERRIDE = 3
    SWAP = 4


class OnDuty(NamedTuple):
    """Somebody who is on duty.

    Attributes:
        employee: personnel number.
        origin: why.
        title: of the layer or plan; empty for overrides.
    """

    employee: str
    origin: Origin
    title: str


Crew = tuple[OnDuty, ...]
NOBODY: Final[Crew] = ()


class Change(IntEnum):
    """What an override does; the numbers of the contract."""

    ADD = 1
    REMOVE = 2
    REPLACE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A change for a time (Vertretung). Those saved later are applied after those saved before.

    Attributes:
        start: inclusive.
        end: exclusive.
        change: what it does.
        employee: who is added, or takes the place of `replaced`; empty for REMOVE.
        replaced: who is removed or replaced; empty for ADD.
        origin: OVERRIDE or SWAP.
    """

    start: int
    end: int
    change: Change
    employee: str = ""
    replaced: str = ""
    origin: Origin = Origin.OVERRIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedShift:
    """A fixed shift of a plan. Start inclusive, end exclusive."""

    start: int
    end: int
    employees: Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan that replaces all layers for a time (Weihnachtsplan); one saved later wins over one saved before.

    Attributes:
        start: inclusive.
        end: exclusive.
        title: for people.
        shifts: who is on duty; between them nobody is.
    """

    start: int
    end: int
    title: str = ""
    shifts: tuple[PlannedShift, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One rotation of a roster. Where several have somebody, the one with the lowest rank decides.

    Attributes:
        title: for people.
        rank: 1 comes first.
        rotation: who follows whom.
    """

    title: str = ""
    rank: int = 1
    rotation: Rotation


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a roster said from an instant on, until a version saved later took effect.

    Attributes:
        effective: when it took effect.
        zone: IANA time zone of its wall clock.
        layers: its rotations.
    """

    effective: int
    zone: str
    layers: tuple[Layer, ...]


class _CompiledLayer:
    """A layer with its clock, and the crew of each of its groups made once."""

    __slots__ = ("clock", "crews", "rotation", "title")

    def __init__(self, layer: Layer, clock: WallClock) -> None:
        self.clock = clock
        self.rotation = layer.rotation
        self.title = layer.title
        self.crews = [tuple(OnDuty(one, Origin.LAYER, layer.title) for one in group) for group in layer.rotation.groups]

    def at(self, instant: int, wall: int | None) -> Crew:
        if wall is not None:
            turn = self.rotation.turn_at(wall)
            return NOBODY if turn is None else self.crews[turn % len(self.crews)]
        turns = self.rotation.turns_near(self.clock, instant)
        return _together(self.crews[turn % len(self.crews)] for turn in turns)

    def changes(self, start: int, end: int) -> Iterable[int]:
        first, last = self.clock.first, self.clock.last
        for one in self.stretches(start, end):
            yield first(one.start)
            yield last(one.end)

    def stretches(self, start: int, end: int) -> list[Stretch]:
        return self.rotation.stretches(self.clock.wall(start), self.clock.wall(end), around=self.clock.around)


class _CompiledVersion:
    __slots__ = ("clock", "layers")

    def __init__(self, version: Version, clock: WallClock) -> None:
        self.clock = clock
        self.layers = [_CompiledLayer(one, clock) for one in sorted(version.layers, key=lambda one: one.rank)]


class Section(NamedTuple):
    """A part of a time.

    Attributes:
        start: inclusive.
        end: exclusive.
        layers: which decide.
        offset: wall clock minus instant, the same in all of it; None: turns are not all that decides.
        overrides: with their times; they only change who is on duty, never which layer decides.
    """

    start: int
    end: int
    layers: Sequence[_CompiledLayer]
    offset: int | None
    overrides: Sequence[tuple[int, int, tuple[Override, ...]]]

    def crews(self, found: list[tuple[int, int, Crew]]) -> None:
        """Append who is on duty from its start to its end, without a gap."""
        assert self.offset is not None
        if len(self.overrides) <= 1 and not any(active for _, _, active in self.overrides):
            _layered(self.layers, 0, self, self.offset, found)
            return
        plain: list[tuple[int, int, Crew]] = []
        _layered(self.layers, 0, self, self.offset, plain)
        place, (_, until, overrides) = 0, self.overrides[0]
        for start, end, crew in plain:
            since = start
            while until < end:
                found.append((since, until, _replaced(crew, overrides)))
                since, place = until, place + 1
                _, until, overrides = self.overrides[place]
            found.append((since, end, _replaced(crew, overrides)))


class Roster:
    """A roster, ready to be asked.

    Args:
        versions: what was saved, in the order in which it was saved.
        overrides: likewise; those that were cancelled end when they were.
        plans: likewise.
        end: when the roster was deleted; None while it is in use.
        clock: makes the wall clock of a zone.
    """

    def __init__(
        self,
        versions: Sequence[Version],
        overrides: Sequence[Override] = (),
        plans: Sequence[Plan] = (),
        *,
        end: int | None = None,
        clock: Callable[[str], WallClock],
    ) -> None:
        said = [(one.effective, _CompiledVersion(one, clock(one.zone))) for one in versions]
        self._versions = in_force(said, end)
        self._overrides = active(overrides)
        self._removing = active(one for one in overrides if one.change is Change.REMOVE)
        self._plans = _planned(plans)

    def levels(self, instant: int) -> list[Crew]:
        """Return who is on duty by the layer that decides, then by those behind it; without empty ones."""
        planned = self._plans.at(instant)
        version = self._versions.at(instant)
        if version is None:
            return []
        if planned is not None:
            levels = [planned] if planned else []
        else:
            wall = version.clock.plain_wall(instant)
            levels = [crew for layer in version.layers if (crew := layer.at(instant, wall))]
        for override in self._overrides.at(instant):
            levels = _overridden(levels, override)
        return levels

    def at(self, instant: int) -> Crew:
        """Return who is on duty."""
        version = self._versions.at(instant)
        if version is None:
            return NOBODY
        if self._plans.at(instant) is None and not self._overrides.at(instant):
            wall = version.clock.plain_wall(instant)
            for layer in version.layers:
                if crew := layer.at(instant, wall):
                    return crew
            return NOBODY
        levels = self.levels(instant)
        return levels[0] if levels else NOBODY

    def changes(self, start: int, end: int) -> list[int]:
        """Return the instants after `start` and before `end` at which others may be on duty, ascending."""
        found = {*self._overrides.changes(start, end), *self._plans.changes(start, end)}
        for begins, ends, version in self._versions.between(start, end):
            found.add(begins)
            if version is not None:
                changes = chain.from_iterable(layer.changes(begins, ends) for layer in version.layers)
                found.update(one for one in changes if begins < one < ends)
        found.discard(start)
        return sorted(found)

    def sections(self, start: int, end: int) -> Iterator["Section"]:
        """Return the parts of a time in which nothing but turns decides, and those that have to be asked about."""
        for begins, ends, version in self._versions.between(start, end):
            if version is None:
                yield Section(begins, ends, (), 0, ())
                continue
            for since, until, offset in version.clock.steady(begins, ends):
                for first, last, plan in self._plans.between(since, until):
                    if offset is None or plan is not None:
                        yield Section(first, last, version.layers, None, ())
                        continue
                    changes = self._overrides.between(first, last)
                    removes = any(self._removing.at(one) for one, _, _ in changes)
                    yield Section(first, last, version.layers, None if removes else offset, changes)

    def empty_turns(self, start: int, end: int) -> list[tuple[int, int, str]]:
        """Return the turns of layers that nobody has taken, as start, end and the layer's title; ordered by start."""
        found = []
        for begins, ends, version in self._versions.between(start, end):
            for layer in version.layers if version else ():
                for one in layer.stretches(begins, ends):
                    since, until = max(layer.clock.first(one.start), begins), min(layer.clock.last(one.end), ends)
                    if since < until and not layer.rotation.group(one.turn):
                        found.append((since, until, layer.title))
        return sorted(found)


def in_force(said: Iterable[tuple[int, T]], end: int | None = None) -> Steps[T | None]:
    """Return what is in force when, of what was said to hold from an instant on, in the order in which it was said.

    Each ends what was to hold from its instant on; what held before stays as it was. From `end` on nothing holds.
    """
    kept: list[tuple[int, T | None]] = []
    for at, value in [*said, *([] if end is None else [(end, None)])]:
        while kept and kept[-1][0] >= at:
            kept.pop()
        kept.append((at, value))
    return Steps(None, kept)


def _planned(plans: Sequence[Plan]) -> Steps[Crew | None]:
    """None: no plan is in force. An empty crew: one is, and nobody is on duty."""
    in_force = active(plans)
    crews = {id(plan): active(plan.shifts) for plan in plans}
    steps: list[tuple[int, Crew | None]] = []
    for start, end, holding in in_force.spans():
        if not holding:
            steps.append((start, None))
            continue
        plan = holding[-1]
        for begins, _, shifts in crews[id(plan)].between(start, end):
            crew = (tuple(OnDuty(one, Origin.PLAN, plan.title) for one in shift.employees) for shift in shifts)
            steps.append((begins, _together(crew)))
    return Steps(None, steps)


def _layered(
    layers: Sequence[_CompiledLayer], at: int, span: Sequence[Any], offset: int, found: list[tuple[int, int, Crew]]
) -> None:
    """Append who is on duty by the layer at a place; where it has nobody, those behind it decide."""
    cursor, end = span[0], span[1]
    if at == len(layers):
        found.append((cursor, end, NOBODY))
        return
    crews, count = layers[at].crews, len(layers[at].crews)
    for opens, closes, turn in layers[at].rotation.stretches(cursor + offset, end + offset, around=0):
        crew = crews[turn % count]
        since, until = max(opens - offset, cursor), min(closes - offset, end)
        if since >= until or not crew:
            continue
        if since > cursor:
            _layered(layers, at + 1, (cursor, since), offset, found)
        found.append((since, until, crew))
        cursor = until
    if cursor < end:
        _layered(layers, at + 1, (cursor, end), offset, found)


def _replaced(crew: Crew, overrides: Sequence[Override]) -> Crew:
    if not overrides:
        return crew
    levels = [crew] if crew else []
    for one in overrides:
        levels = _overridden(levels, one)
    return levels[0] if levels else NOBODY


def _overridden(levels: list[Crew], override: Override) -> list[Crew]:
    taken = OnDuty(override.employee, override.origin, "")
    if override.change is Change.ADD:
        first = levels[0] if levels else NOBODY
        return [_together([first, (taken,)]), *levels[1:]]
    put = (taken,) if override.change is Change.REPLACE else ()
    changed = []
    for crew in levels:
        parts = (put if one.employee == override.replaced else (one,) for one in crew)
        if kept := _together(parts):
            changed.append(kept)
    return changed


def _together(crews: Iterable[Crew]) -> Crew:
    """Return everybody once, in order."""
    seen: dict[str, OnDuty] = {}
    for crew in crews:
        for one in crew:
            seen.setdefault(one.employee, one)
    return tuple(seen.values())
