"""The queries of the servicecalls."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mesh.bulk import ByKeys, insert_many, update_many
from mesh.database import UnitOfWork
from mesh.errors import NotFound
from server_es.servicecalls.names import SERVICECALL
from server_es.servicecalls.tables import number_range, servicecall, servicecall_event

_RANGE: Final = "servicecall"
_CALL: Final = select(servicecall).where(servicecall.c.number == bindparam("number"))
_EVENT: Final = servicecall_event.c
_TIMED: Final = (_EVENT.servicecall, _EVENT.kind, _EVENT.event_time, _EVENT.state)
_LOG: Final = select(*_TIMED).where(_EVENT.servicecall == bindparam("number")).order_by(_EVENT.sequence)
_LOGS: Final = ByKeys(
    lambda among: (
        select(*_TIMED).where(among(_EVENT.servicecall, "numbers")).order_by(_EVENT.servicecall, _EVENT.sequence)
    )
)
_SEVERAL: Final = ByKeys(
    lambda among: select(servicecall).where(among(servicecall.c.number, "numbers")).order_by(servicecall.c.number)
)
_INSERTS: Final[Mapping[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """Something to append to a call's log; `state` and `service_level` where they change."""

    kind: int
    event_time: datetime
    state: int | None = None
    service_level: int | None = None
    text: str = ""


def get(unit: UnitOfWork, number: int, *, lock: bool = False) -> Any:
    """Return a call's row; with `lock` nobody else changes it until the unit ends.

    Raises:
        NotFound: there is none of this number.
    """
    row = unit.connection.execute(_CALL.with_for_update() if lock else _CALL, {"number": number}).one_or_none()
    if row is None:
        name = SERVICECALL.build(number)
        raise NotFound(f"{name} does not exist", resource=name)
    return row


def log(unit: UnitOfWork, number: int) -> Sequence[Any]:
    """Return what a call's times are computed from, in the order in which it happened."""
    return unit.connection.execute(_LOG, {"number": number}).all()


def several(unit: UnitOfWork, numbers: Iterable[int]) -> list[Any]:
    """Return those of these calls that there are, in the order of their numbers."""
    return list(_SEVERAL.run(unit.connection, numbers=set(numbers)))


def logs(unit: UnitOfWork, numbers: Iterable[int]) -> dict[int, list[Any]]:
    """Return the logs of these calls, by number."""
    found: dict[int, list[Any]] = {}
    for row in _LOGS.run(unit.connection, numbers=set(numbers)).all():
        found.setdefault(row.servicecall, []).append(row)
    return found


def page(unit: UnitOfWork, query: Select[Any], limit: int) -> list[Any]:
    return list(unit.connection.execute(query.limit(limit)))


def events(unit: UnitOfWork, number: int, after: int, limit: int) -> list[Any]:
    """Return up to `limit` entries of a call's log after that one."""
    query = select(servicecall_event).where(_EVENT.servicecall == number, _EVENT.sequence > after)
    return list(unit.connection.execute(query.order_by(_EVENT.sequence).limit(limit)))


def open_calls(
    unit: UnitOfWork, levels: Iterable[int], *, after: int = 0, limit: int | None = None, lock: bool = True
) -> list[Any]:
    """Return what the due times of the open calls on these levels are computed from, in order from above `after`.

    With `lock` nobody else changes these calls until the unit ends.
    """
    call = servicecall.c
    condition = call.cached_due_time.is_not(None) & call.service_level.in_(sorted(levels)) & (call.number > after)
    query = select(call.number, call.service_level, call.state, call.meaning, call.level_rule, call.cached_due_time)
    query = query.where(condition).order_by(call.number).limit(limit)
    return list(unit.connection.execute(query.with_for_update() if lock else query))


def take_numbers(unit: UnitOfWork, count: int, *, first: int) -> range:
    """Take `count` numbers of the site's range, rising and never given twice; one statement, however many.

    The range is locked until the unit ends. Numbers of a unit that is rolled back come again.
    """
    new = _INSERTS[unit.connection.dialect.name](number_range).values(name=_RANGE, last=first - 1 + count)
    taken = new.on_conflict_do_update(index_elements=["name"], set_={"last": number_range.c.last + count})
    last: int = unit.connection.execute(taken.returning(number_range.c.last)).scalar_one()
    return range(last - count + 1, last + 1)


def create(unit: UnitOfWork, calls: Sequence[Mapping[str, Any]], first_events: Sequence[Mapping[str, Any]]) -> None:
    """Write new calls and the first entries of their logs."""
    insert_many(unit.connection, servicecall, calls)
    insert_many(unit.connection, servicecall_event, first_events)


def append(unit: UnitOfWork, call: Any, events: Sequence[NewEvent], changes: Mapping[str, Any], *, actor: str) -> None:
    """Append to a call's log and change its row with it. `call` is the row before."""
    rows = [
        {"servicecall": call.number, "sequence": sequence, "record_time": unit.now, "actor": actor, **asdict(event)}
        for sequence, event in enumerate(events, call.last_sequence + 1)
    ]
    insert_many(unit.connection, servicecall_event, rows)
    update_many(unit.connection, servicecall, [{"number": call.number, **changes}], by=["number"])


def set_meaning(unit: UnitOfWork, state: int, meaning: int, *, unknown: datetime | None) -> None:
    """Write what a state means now into the calls in it.

    Args:
        unit: the transaction of the change.
        state: its number.
        meaning: what it means now.
        unknown: cached due time of calls that had none; None: calls in this state have none any more.
    """
    cached = servicecall.c.cached_due_time
    changed = update(servicecall).where(servicecall.c.state == state)
    due_time = None if unknown is None else func.coalesce(cached, literal(unknown, cached.type))
    unit.connection.execute(changed.values(meaning=meaning, cached_due_time=due_time))


def cache_due_times(unit: UnitOfWork, due_times: Mapping[int, datetime | None]) -> None:
    """Write cached due times, by the calls' numbers."""
    rows = [{"number": number, "cached_due_time": time} for number, time in due_times.items()]
    update_many(unit.connection, servicecall, rows, by=["number"])
