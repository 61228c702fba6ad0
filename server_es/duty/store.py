"""The queries of the rosters."""

import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from esoffice.es.v1 import duty_pb2 as pb
from sqlalchemy import Table, insert, select, update

from mesh import etags
from mesh.database import UnitOfWork
from mesh.errors import AlreadyExists, FailedPrecondition, NotFound
from mesh.instants import timestamp
from server_es.duty.mapping import employee_id, employees_of
from server_es.duty.names import ROSTER
from server_es.duty.tables import duty_member, duty_roster, duty_roster_version

_PART = 500


class DutyIsPast(FailedPrecondition):
    """What should be changed is over; the past stays as it was."""

    reason = "DUTY_IS_PAST"


# -- rosters and their versions ---------------------------------------------------------------------------------------


def message_of(version: Any, *, etag: bool = True) -> pb.Roster:
    """Return a stored version as the contract's resource."""
    made = pb.Roster.FromString(version.definition)
    made.name, made.version, made.editor = ROSTER.build(version.roster), version.number, version.editor
    made.effective_time.CopyFrom(timestamp(version.effective_time))
    if etag:
        made.etag = etags.etag(version.roster, version.number, version.create_time.timestamp(), version.definition)
    return made


def get(unit: UnitOfWork, name: str, *, lock: bool = False, deleted: bool = False) -> Any:
    """Return a roster's row; with `lock` nobody else changes it until the unit ends.

    Raises:
        NotFound: there is none of this name, or it was deleted and `deleted` ones are not wanted.
    """
    query = select(duty_roster).where(duty_roster.c.id == ROSTER.parse(name)[0])
    row = unit.connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"{name} does not exist", resource=name)
    if row.delete_time is not None and not deleted:
        raise NotFound(f"{name} was deleted", resource=name)
    return row


def page(unit: UnitOfWork, after: str, limit: int) -> list[Any]:
    """Return up to `limit` rosters in the order of their ids, after that one."""
    query = select(duty_roster).where(duty_roster.c.id > after, duty_roster.c.delete_time.is_(None))
    return list(unit.connection.execute(query.order_by(duty_roster.c.id).limit(limit)))


def marks(unit: UnitOfWork, *, employee: str = "") -> list[Any]:
    """Return id and mark of all rosters, or of those in which an employee ever stood, deleted ones too."""
    query = select(duty_roster.c.id, duty_roster.c.mark).order_by(duty_roster.c.id)
    if employee:
        query = query.join(duty_member, duty_member.c.roster == duty_roster.c.id)
        query = query.where(duty_member.c.employee == employee)
    return list(unit.connection.execute(query))


def newest(unit: UnitOfWork, roster: str) -> Any:
    """Return the version of a roster that was saved last."""
    columns = duty_roster_version.c
    query = select(duty_roster_version).where(columns.roster == roster).order_by(columns.number.desc()).limit(1)
    return unit.connection.execute(query).one()


def versions(unit: UnitOfWork, roster: str, *, before: int | None, limit: int) -> list[Any]:
    """Return up to `limit` versions of a roster with a number below `before`, the newest first."""
    columns = duty_roster_version.c
    query = select(duty_roster_version).where(columns.roster == roster).order_by(columns.number.desc()).limit(limit)
    return list(unit.connection.execute(query if before is None else query.where(columns.number < before)))


def create(unit: UnitOfWork, message: pb.Roster, effective: datetime, editor: str) -> pb.Roster:
    """Make a roster and return it as stored. Raises as `check_free`."""
    check_free(unit, message.name)
    (id_,) = ROSTER.parse(message.name)
    now = {"create_time": unit.now, "told_time": unit.now, "next_notice_time": unit.now}
    unit.connection.execute(insert(duty_roster).values(id=id_, mark=_mark(), **now))
    return _append(unit, (id_, 1), message, effective, editor)


def check_free(unit: UnitOfWork, name: str) -> None:
    """Let a name pass that no roster has or had.

    Raises:
        AlreadyExists: it is taken.
    """
    query = select(duty_roster.c.id).where(duty_roster.c.id == ROSTER.parse(name)[0])
    if unit.connection.execute(query).one_or_none() is not None:
        raise AlreadyExists(f"{name} exists already, or did", resource=name)


def append(unit: UnitOfWork, row: Any, message: pb.Roster, effective: datetime, editor: str) -> pb.Roster:
    """Save a new version of a locked roster and return it as stored."""
    touch(unit, row.id)
    number = newest(unit, row.id).number + 1
    return _append(unit, (row.id, number), message, effective, editor)


def _append(unit: UnitOfWork, key: tuple[str, int], message: pb.Roster, effective: datetime, editor: str) -> pb.Roster:
    id_, number = key
    kept = pb.Roster()
    kept.CopyFrom(message)
    for field in ("name", "version", "effective_time", "editor", "etag"):
        kept.ClearField(field)
    values = {
        "roster": id_,
        "number": number,
        "effective_time": effective,
        "definition": kept.SerializeToString(deterministic=True),
        "editor": editor,
        "create_time": unit.now,
    }
    unit.connection.execute(insert(duty_roster_version).values(values))
    enlist(unit, id_, map(employee_id, employees_of(message)))
    return message_of(newest(unit, id_))


def delete(unit: UnitOfWork, row: Any) -> None:
    """End a locked roster."""
    touch(unit, row.id, delete_time=unit.now.replace(microsecond=0))


def touch(unit: UnitOfWork, roster: str, **values: Any) -> None:
    """Say that a roster, or what changes it, is another one than before."""
    changed = update(duty_roster).where(duty_roster.c.id == roster)
    unit.connection.execute(changed.values(mark=_mark(), **values))


def due(unit: UnitOfWork, *, limit: int) -> list[Any]:
    """Return rosters of which something is to be told, locked; those that others look at are passed over."""
    columns = duty_roster.c
    query = select(duty_roster).where(columns.next_notice_time <= unit.now, columns.delete_time.is_(None))
    query = query.order_by(columns.next_notice_time).limit(limit).with_for_update(skip_locked=True)
    return list(unit.connection.execute(query))


def noted(unit: UnitOfWork, name: str, *, told: datetime, following: datetime) -> None:
    """Note through when handoffs of a roster were told, and when something has to be told next."""
    changed = update(duty_roster).where(duty_roster.c.id == ROSTER.parse(name)[0])
    unit.connection.execute(changed.values(told_time=told, next_notice_time=following))


def enlist(unit: UnitOfWork, roster: str, employees: Iterable[str]) -> None:
    """Remember who stands in a roster."""
    known = select(duty_member.c.employee).where(duty_member.c.roster == roster)
    new = set(employees) - set(unit.connection.execute(known).scalars())
    if new:
        unit.connection.execute(insert(duty_member), [{"roster": roster, "employee": one} for one in sorted(new)])


def _mark() -> int:
    return secrets.randbits(62)


# -- what is compiled -------------------------------------------------------------------------------------------------


def rows_of(unit: UnitOfWork, table: Table, rosters: Sequence[str]) -> dict[str, list[Any]]:
    """Return the rows of these rosters in the order in which they were saved."""
    found: dict[str, list[Any]] = {one: [] for one in rosters}
    order = table.c.number if table is duty_roster_version else table.c.id
    for start in range(0, len(rosters), _PART):
        part = rosters[start : start + _PART]
        query = select(table).where(table.c.roster.in_(part)).order_by(order)
        for row in unit.connection.execute(query):
            found[row.roster].append(row)
    return found


def deletions(unit: UnitOfWork, rosters: Collection[str]) -> dict[str, datetime]:
    """Return when rosters were deleted; those in use are missing."""
    columns = duty_roster.c
    query = select(columns.id, columns.delete_time).where(columns.delete_time.is_not(None))
    return {row.id: row.delete_time for row in unit.connection.execute(query) if row.id in rosters}


# -- overrides and plans ----------------------------------------------------------------------------------------------


def add(unit: UnitOfWork, table: Table, roster: str, values: dict[str, Any]) -> Any:
    """Save an override or a plan of a locked roster and return its row."""
    touch(unit, roster)
    said = insert(table).values(roster=roster, create_time=unit.now, **values).returning(*table.c)
    return unit.connection.execute(said).one()


def one_of(unit: UnitOfWork, table: Table, id_: int, name: str) -> Any:
    """Return an override or a plan.

    Raises:
        NotFound: there is none of this name.
    """
    row = unit.connection.execute(select(table).where(table.c.id == id_)).one_or_none()
    if row is None:
        raise NotFound(f"{name} does not exist", resource=name)
    return row


def cancel(unit: UnitOfWork, table: Table, id_: int, name: str) -> Any:
    """End an override or a plan of a locked roster and return its row; one that was cancelled before stays as it is.

    Raises:
        NotFound: there is none of this name.
        DutyIsPast: it is over.
    """
    row = one_of(unit, table, id_, name)
    if row.cancel_time is not None:
        return row
    now = unit.now.replace(microsecond=0)
    if row.end_time <= now:
        raise DutyIsPast(f"{name} is over since {row.end_time:%Y-%m-%d %H:%M} UTC; the past stays as it was.")
    touch(unit, row.roster)
    unit.connection.execute(update(table).where(table.c.id == id_).values(cancel_time=now))
    return one_of(unit, table, id_, name)


def ends(row: Any) -> datetime:
    """Return until when an override or a plan holds."""
    end: datetime = row.end_time if row.cancel_time is None else min(row.end_time, row.cancel_time)
    return end


def newest_of(unit: UnitOfWork, table: Table, roster: str, *, before: int | None, limit: int) -> list[Any]:
    """Return up to `limit` overrides or plans of a roster with an id below `before`, the newest first."""
    query = select(table).where(table.c.roster == roster).order_by(table.c.id.desc()).limit(limit)
    return list(unit.connection.execute(query if before is None else query.where(table.c.id < before)))
