"""The timers: per call one row that says when something is next to be looked at. All queries are by set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from mesh.bulk import Among, ByKeys, insert_many, update_many
from mesh.database import UnitOfWork
from server_es.escalations.rules import Clock, Fired, Progress
from server_es.escalations.tables import escalation_timer
from server_es.servicecalls.rules import Kind
from server_es.servicecalls.tables import servicecall

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_BITS: Final[Mapping[Kind, int]] = {Kind.REACTION: 1, Kind.ARRIVAL: 2, Kind.SOLUTION: 4}
MET: Final = tuple(frozenset(kind for kind, bit in _BITS.items() if bits & bit) for bits in range(8))
_TIMER: Final = escalation_timer.c
_COLUMNS: Final = tuple(column.name for column in _TIMER)
# Of a call what texts may name, and what its log is read by.
_CALL: Final = (
    "number", "title", "description", "address", "system", "component", "contract", "problem_category",
    "responsible_employee", "responsible_team", "receive_time", "state", "service_level", "level_rule",
)  # fmt: skip
_DUE: Final = (
    select(*(column.label(f"timer_{column.name}") for column in _TIMER), *(servicecall.c[name] for name in _CALL))
    .join_from(escalation_timer, servicecall, _TIMER.servicecall == servicecall.c.number)
    .where(_TIMER.due_time <= bindparam("until"))
    .order_by(_TIMER.due_time, _TIMER.servicecall)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_DUE_SINCE: Final = _DUE.where(_TIMER.due_time > bindparam("after"))


def _some(among: Among) -> Select[Any]:
    return select(escalation_timer).where(among(_TIMER.servicecall, "calls")).order_by(_TIMER.servicecall)


_SOME: Final = ByKeys(_some)
_LOCKED: Final = ByKeys(lambda among: _some(among).with_for_update())
_INSERTS: Final[Mapping[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(slots=True, kw_only=True)
class Timer:
    """The timer of a call.

    Attributes:
        servicecall: number of the call.
        due_time: when to look at it next; None: never, as it stands.
        service_level: number of its level.
        clock: as the row says it; `paused` says that its pauses stand in the log only.
        paused: its clock has ever stood.
        progress: what has fired in this cycle.
        held: it waits for the end of a maintenance window.
    """

    servicecall: int
    due_time: datetime | None = None
    service_level: int
    clock: Clock
    paused: bool
    progress: Progress = field(default_factory=Progress)
    held: bool = False


def timer_of(row: Any) -> Timer:
    """Return the timer of a row, its columns in the order of the table."""
    call, due_time, level, state, received, accepted, met_bits, paused, cycle, said, acknowledged, held = row
    fired = {}
    for one in said.split():
        point, count, last = map(int, one.split(":"))
        fired[point] = Fired(count, _EPOCH + last * _MICROSECOND)
    met = MET[met_bits]
    return Timer(
        servicecall=call,
        due_time=due_time,
        service_level=level,
        clock=Clock(
            state=state,
            received=received,
            accepted=accepted,
            met=met,
            closed=Kind.SOLUTION in met,
            cycle=cycle,
        ),
        paused=paused,
        progress=Progress(fired=fired, acknowledged=acknowledged),
        held=held,
    )


def row_of(timer: Timer) -> dict[str, Any]:
    """Return the row of a timer."""
    clock, progress = timer.clock, timer.progress
    return {
        "servicecall": timer.servicecall,
        "due_time": timer.due_time,
        "service_level": timer.service_level,
        "state": clock.state,
        "receive_time": clock.received,
        "accept_time": clock.accepted,
        "met": sum(_BITS[kind] for kind in clock.met),
        "paused": timer.paused,
        "cycle": clock.cycle,
        "fired": _fired(progress),
        "acknowledged": progress.acknowledged,
        "held": timer.held,
    }


def _fired(progress: Progress) -> str:
    return " ".join(
        f"{number}:{fired.count}:{(fired.last - _EPOCH) // _MICROSECOND}" for number, fired in progress.fired.items()
    )


def of(unit: UnitOfWork, calls: Iterable[int], *, lock: bool = False) -> dict[int, Timer]:
    """Return the timers of those of these calls that have one."""
    rows = (_LOCKED if lock else _SOME).run(unit.connection, calls=set(calls))
    return {row.servicecall: timer_of(row) for row in rows.all()}


def rows_of_level(unit: UnitOfWork, level: int, after: int, limit: int) -> list[Any]:
    """Return up to `limit` rows of a level, by number after that call, and keep others from changing them."""
    query = select(escalation_timer).where(_TIMER.service_level == level, _TIMER.servicecall > after)
    return list(unit.connection.execute(query.order_by(_TIMER.servicecall).limit(limit).with_for_update()))


def write(unit: UnitOfWork, timers: Sequence[Timer]) -> None:
    """Write whole timers, new or not."""
    if not timers:
        return
    new = _INSERTS[unit.connection.dialect.name](escalation_timer)
    changed = {name: new.excluded[name] for name in _COLUMNS if name != "servicecall"}
    statement = new.on_conflict_do_update(index_elements=["servicecall"], set_=changed)
    rows = [row_of(timer) for timer in timers]
    unit.connection.execute(statement, rows[0] if len(rows) == 1 else rows)


def create(unit: UnitOfWork, timers: Sequence[Timer]) -> None:
    """Write the timers of calls that were made just now."""
    insert_many(unit.connection, escalation_timer, [row_of(timer) for timer in timers])


def advance(unit: UnitOfWork, timers: Sequence[Timer]) -> None:
    """Write what firing changes of timers that are there already."""
    rows = [
        {"servicecall": one.servicecall, "due_time": one.due_time, "fired": _fired(one.progress), "held": one.held}
        for one in timers
    ]
    update_many(unit.connection, escalation_timer, rows, by=["servicecall"])


def set_due_times(unit: UnitOfWork, due_times: Mapping[int, datetime | None]) -> None:
    """Write when to look at these calls next, and nothing else."""
    rows = [{"servicecall": call, "due_time": due} for call, due in due_times.items()]
    update_many(unit.connection, escalation_timer, rows, by=["servicecall"])


def take_due(unit: UnitOfWork, after: datetime | None, until: datetime, limit: int) -> list[tuple[Any, Timer]]:
    """Return up to `limit` calls to look at and their timers, the longest due first, and keep both until the unit ends.

    Those due after that instant, until this one; without those that somebody is just changing.
    """
    query, since = (_DUE, {}) if after is None else (_DUE_SINCE, {"after": after})
    rows = unit.connection.execute(query, {"until": until, "most": limit, **since}).all()
    own = len(_COLUMNS)
    return [(row, timer_of(row[:own])) for row in rows]


def next_due_time(unit: UnitOfWork, after: datetime | None = None) -> datetime | None:
    """Return when the next timer is due: the longest due one, or the first after an instant."""
    query = select(_TIMER.due_time).where(_TIMER.due_time.is_not(None) if after is None else _TIMER.due_time > after)
    found: datetime | None = unit.connection.execute(query.order_by(_TIMER.due_time).limit(1)).scalar()
    return found
