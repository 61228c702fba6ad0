"""What has to escalate when, reckoned beside server_es: every call's log, the points, and the working time by minutes.

The driver tells what was answered and what fired, in the order in which it happened; who breaks a law raises `Broken`.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tests.simulation.company import INTERRUPTED, SOLVED, STARTED, Company, Point
from tests.simulation.worktime import AlwaysOpen, WorkTime
from tests.simulation.world import Told, World

LATE = timedelta(minutes=1)
_MARGIN = timedelta(days=9)


class Broken(AssertionError):
    """A law does not hold."""


class Due(NamedTuple):
    time: datetime
    percent: int
    number: int
    round: int


@dataclass
class Window:
    """Calls of an address or a system are held."""

    name: str
    start: datetime
    end: datetime
    address: str
    system: str

    def holds(self, call: "Call") -> bool:
        return self.address in ("", call.address) and self.system in ("", call.system)


@dataclass
class Call:
    """A call as its reporter and the staff know it.

    Attributes:
        last: when the last event of its log happened.
        changes: when it got which state.
        fired: by point, how often in this cycle, and when last.
        events: kinds of what is in its log.
        timer: since when something waits to be looked at, or when something is next; None: nothing is to come.
        held: a maintenance window holds it until `timer`.
        vague: when it was timed anew is not known, because of a crash in the middle of it.
    """

    number: int
    title: str
    level: int
    address: str
    system: str
    employee: str
    team: str
    received: datetime
    last: datetime
    state: int
    changes: list[tuple[datetime, int]]
    accepted: datetime | None = None
    reacted: bool = False
    arrived: bool = False
    cycle: int = 0
    acknowledged: bool = False
    forwardings: int = 0
    fired: dict[int, tuple[int, datetime]] = field(default_factory=dict)
    events: list[str] = field(default_factory=lambda: ["RECEIVED"])
    timer: datetime | None = None
    held: bool = False
    vague: bool = False

    @property
    def closed(self) -> bool:
        return self.state >= SOLVED

    def met(self, kind: str) -> bool:
        if kind == "solution":
            return self.closed
        return self.reacted if kind == "reaction" else self.arrived or self.closed

    def pauses(self) -> list[tuple[datetime, datetime]]:
        found = []
        for (start, state), (end, _) in zip(self.changes, self.changes[1:], strict=False):
            if (state == INTERRUPTED or state >= SOLVED) and start < end:
                found.append((start, end))
        return found

    def enter(self, state: int, at: datetime, event: str) -> None:
        self.happened(event, at)
        self.state = state
        self.changes.append((at, state))
        self.reacted = self.reacted or state >= STARTED

    def happened(self, event: str, at: datetime) -> None:
        self.events.append(event)
        self.last = at

    def rearm(self) -> None:
        self.cycle += 1
        self.fired.clear()
        self.acknowledged = False


class Deadlines:
    """The escalations of all calls.

    Args:
        company: what was promised; changed by the driver when a change was answered.
        world: people.
        days: how long the run may last.
    """

    def __init__(self, company: Company, world: World, days: int) -> None:
        self._company, self._world = company, world
        self._begin = company.start.replace(hour=0, minute=0) - _MARGIN
        self._days = days + 40
        self._times: dict[str, WorkTime | AlwaysOpen] = {"": AlwaysOpen()}
        self.calls: dict[int, Call] = {}
        self.windows: dict[str, Window] = {}
        self._queue: list[tuple[datetime, int]] = []
        self._stale: set[int] = set()
        self._overdue: dict[int, datetime] = {}
        self._behind_since: tuple[datetime, int] | None = None
        self.expected: dict[str, Told] = {}
        """Who has to be told, by cause."""
        self.count = 0
        self.late = 0

    # -- what was answered ---------------------------------------------------------------------------------------------

    def created(self, call: Call, at: datetime) -> None:
        self.calls[call.number] = call
        self.changed(call, at)

    def changed(self, call: Call, at: datetime) -> None:
        """Something happened to a call: what waits goes on waiting, what is due only now waits from now on."""
        first = self._first(call)
        call.held = False
        waits = at if call.timer is None else min(at, call.timer)
        self._set(call, None if first is None else max(first, waits))

    def calendar_changed(self, id_: str) -> None:
        self._times.pop(id_, None)
        self._stale |= {one.number for one in self._company.levels.values() if one.hours == id_}

    def points_changed(self, *points: Point) -> None:
        self._stale |= {one.number for one in self._company.levels.values() for point in points if _names(point, one)}

    def levels_changed(self, number: int) -> None:
        self._stale.add(number)

    def retimed(self, at: datetime) -> None:
        """Whoever times calls anew has nothing left to do."""
        for call in self.calls.values() if self._stale else ():
            if call.level not in self._stale or call.closed or call.held:
                continue
            if call.timer is None or call.timer > at:
                first = self._first(call)
                self._set(call, None if first is None else max(first, at))
        self._stale.clear()

    def crashed(self) -> None:
        self._behind_since = None
        for call in self.calls.values() if self._stale else ():
            call.vague = call.vague or call.level in self._stale

    def window_changed(self, old: Window, at: datetime) -> None:
        """A window ends at another time: whoever is held is looked at again."""
        for call in self.calls.values():
            if call.held and call.timer is not None and call.timer > at and old.holds(call):
                self._set(call, at)

    # -- what fired ----------------------------------------------------------------------------------------------------

    def fired(self, rows: Iterable[Any], now: datetime) -> None:
        """Judge what one look of the engine has written, in its order."""
        unreached: set[int] = set()
        found: dict[int, tuple[datetime | None, bool]] = {}
        """How each call was found by this look: since when it waited, and whether it was held."""
        for row in rows:
            if not row.actor:
                call = self.calls[row.servicecall]
                found.setdefault(call.number, (call.timer, call.held))
                self._fired(call, row, now, unreached, found[call.number])
                self.count += 1
                self.late += row.late

    def _fired(
        self, call: Call, row: Any, now: datetime, unreached: set[int], before: tuple[datetime | None, bool]
    ) -> None:
        what = f"point {row.point} round {row.round} of call {call.number} at {now:%m-%d %H:%M:%S}"
        waiting = self._pending(call)
        expected = next((one for one in waiting if one.round == 0), None) if call.number in unreached else None
        if expected is None:
            expected = next(iter(waiting), None)
            if expected is not None and expected.time > now:
                raise Broken(f"{what} fired early, it is due at {expected.time}: {call}")
        if expected is None:
            raise Broken(f"{what} fired, and nothing is left to fire: {call}")
        key = (call.cycle, expected.number, expected.round, expected.time)
        if (row.cycle, row.point, row.round, row.due_time) != key:
            got = (row.cycle, row.point, row.round, row.due_time)
            raise Broken(f"{what} fired as {got}, expected is {key}: {call}")
        if self.held_until(call, now) is not None:
            raise Broken(f"{what} fired in a maintenance window: {call}")
        hastened = expected.time > now
        waited, held = before
        late = not hastened and waited is not None and waited <= now - LATE
        if row.hastened != hastened or (row.late != late and not call.vague) or row.held != held:
            said = {"late": (row.late, late), "held": (row.held, held), "hastened": (row.hastened, hastened)}
            raise Broken(f"{what} is marked wrongly (is, should be): {said}: {call}")
        point = self._company.points[row.point]
        told = self._world.escalated_to(self._company.events[point.event], call.employee, call.team, now)
        unreached.discard(call.number)
        if not told:
            unreached.add(call.number)
            told = self._world.fallback(now)
        self.expected[f"escalations/{row.id}"] = told
        self.count_fired(call, expected.number, now)
        if point.new_state and point.new_state != call.state:
            call.enter(point.new_state, max(now, call.last), "STATE_CHANGED")
        self._looked_at(call)

    def count_fired(self, call: Call, point: int, at: datetime) -> None:
        call.fired[point] = (call.fired.get(point, (0, at))[0] + 1, at)

    # -- when everything that could be done now has been done ----------------------------------------------------------

    def settled(self, now: datetime) -> None:
        """Nothing may be due now but what a window holds, and late ones that wait for their turn."""
        late = list(self._overdue)
        self._overdue.clear()
        while self._queue and self._queue[0][0] <= now:
            at, number = heapq.heappop(self._queue)
            if self.calls[number].timer == at:
                late.append(number)
        for number in dict.fromkeys(late):
            self._settled(self.calls[number], now)
        per_minute = 600
        if not self._overdue:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = now, len(self._overdue)
        else:
            since, most = self._behind_since
            self._behind_since = since, max(most, len(self._overdue))
            if now - since > 2 * LATE + timedelta(minutes=2 * most / per_minute):
                raise Broken(f"{len(self._overdue)} late ones of {most} still wait after {now - since}")

    def _settled(self, call: Call, now: datetime) -> None:
        if call.timer is None or call.timer > now:
            return
        first = self._first(call)
        until = None
        if first is not None and first <= now:
            until = self.held_until(call, now)
            if until is None:
                if call.timer > now - LATE and not call.vague:
                    raise Broken(f"call {call.number} was due at {first} and has not escalated at {now}: {call}")
                self._overdue[call.number] = call.timer
                return
        call.held = until is not None
        self._set(call, until or first)

    def held_until(self, call: Call, at: datetime) -> datetime | None:
        until = at
        for one in sorted(self.windows.values(), key=lambda window: window.start):
            if one.holds(call) and one.start <= until < one.end:
                until = one.end
        return None if until == at else until

    # -- the reckoning -------------------------------------------------------------------------------------------------

    def points_of(self, call: Call) -> list[Point]:
        level = self._company.levels[call.level]
        return [one for one in self._company.points.values() if one.holds(level)]

    def _first(self, call: Call) -> datetime | None:
        return next((one.time for one in self._pending(call)), None)

    def _pending(self, call: Call) -> list[Due]:
        if call.closed or call.state == INTERRUPTED:
            return []
        return sorted(self._dues(call))

    def _dues(self, call: Call) -> Iterator[Due]:
        level = self._company.levels[call.level]
        time, pauses = self._time(level.hours), call.pauses()
        for point in self._company.points.values():
            promised = level.promised(point.kind)
            if not point.holds(level) or promised is None or call.met(point.kind):
                continue
            if point.ceiling and call.state >= point.ceiling:
                continue
            count, last = call.fired.get(point.number, (0, call.received))
            if count == 0:
                if call.acknowledged and not point.always:
                    continue
                start = call.accepted if point.kind == "arrival" else time.received(call.received)
                if start is None:
                    continue
                working = promised * point.percent / 100 + (timedelta(0) if point.real else point.delay)
                due = time.due(start, working, pauses)
                if due is not None and point.real:
                    due += point.delay
            elif point.repeat is not None and count <= point.limit and not call.acknowledged:
                due = last + point.repeat if point.repeat_real else time.due(last, point.repeat, pauses)
            else:
                continue
            if due is not None:
                yield Due(due, point.percent, point.number, count)

    def _time(self, id_: str) -> WorkTime | AlwaysOpen:
        if id_ not in self._times:
            self._times[id_] = WorkTime(self._company.hours[id_], self._begin, self._days)
        return self._times[id_]

    def _looked_at(self, call: Call) -> None:
        """The engine has looked: what is left is in the future."""
        call.held = call.vague = False
        self._set(call, self._first(call))

    def _set(self, call: Call, timer: datetime | None) -> None:
        call.timer = timer
        if timer is not None:
            heapq.heappush(self._queue, (timer, call.number))


def _names(point: Point, level: Any) -> bool:
    return bool(point.level == level.number or point.priority == level.priority)
