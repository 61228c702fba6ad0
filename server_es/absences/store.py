"""The queries of the absences. Who changes one locks its row first, then the row of its employee."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, delete, insert, select, update

from mesh import etags
from mesh.database import UnitOfWork
from mesh.errors import NotFound
from server_es.absences.names import ABSENCE
from server_es.absences.rules import IN_FORCE, Group, Verdict
from server_es.absences.spans import Span
from server_es.absences.tables import absence, absence_decision, absence_informed, absence_kind, approval_group
from server_es.directory.tables import employee

Row = Mapping[str, Any]

_A: Final = absence.c
_D: Final = absence_decision.c
_I: Final = absence_informed.c
_OPEN: Final = {"verdict": Verdict.OPEN, "decided_by": "", "stands_in_for": "", "decide_time": None, "comment": ""}


def etag_of(row: Any) -> str:
    """Return the etag of an absence: what is asked for, then everything.

    A decision looks at the first part only, so that the groups do not make each other's popups stale.
    """
    return f"{etags.etag(row.id, row.content_revision)}.{etags.etag(row.id, row.revision, row.update_time.timestamp())}"


def content_of(etag: str) -> str:
    """Return the part of an etag that says what is asked for."""
    return etag.partition(".")[0]


def span_of(row: Any) -> Span:
    return Span(row.start_slot, row.end_slot)


def get(unit: UnitOfWork, number: int, *, lock: bool = False) -> Any:
    """Return an absence's row; with `lock` nobody else changes it until the unit ends.

    Raises:
        NotFound: there is none of this number.
    """
    query = select(absence).where(_A.id == number)
    row = unit.connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        name = ABSENCE.build(number)
        raise NotFound(f"{name} does not exist", resource=name)
    return row


def lock_employees(unit: UnitOfWork, numbers: Collection[str]) -> None:
    """Let nobody else ask for, or approve, absences of these employees until the unit ends."""
    query = select(employee.c.personnel_number).where(employee.c.personnel_number.in_(sorted(numbers)))
    ordered = query.order_by(employee.c.personnel_number)
    unit.connection.execute(ordered.with_for_update(key_share=True)).all()


def overlapping(unit: UnitOfWork, number: str, span: Span, *, but: int) -> Any:
    """Return another absence in force of the employee at the same time; None when there is none."""
    query = select(absence).where(
        _A.employee == number, _A.start_slot < span.end, _A.end_slot > span.start, _A.state.in_(IN_FORCE), _A.id != but
    )
    return unit.connection.execute(query.order_by(_A.start_slot).limit(1)).one_or_none()


def in_force(unit: UnitOfWork, numbers: Collection[str], span: Span) -> list[Any]:
    """Return the absences in force of these employees of which a part lies in the span, ordered by start."""
    query = select(absence).where(
        _A.employee.in_(sorted(numbers)), _A.start_slot < span.end, _A.end_slot > span.start, _A.state.in_(IN_FORCE)
    )
    return list(unit.connection.execute(query.order_by(_A.start_slot, _A.employee, _A.id)))


def taking_leave(unit: UnitOfWork, numbers: Collection[str], year: Span) -> list[Any]:
    """Return the absences in force that take leave and whose last day lies in the year, of these employees."""
    kind = absence_kind.c
    query = (
        select(absence)
        .join(absence_kind, kind.id == _A.kind)
        .where(
            kind.takes_leave,
            _A.employee.in_(sorted(numbers)),
            _A.end_slot > year.start,
            _A.end_slot <= year.end,
            _A.state.in_(IN_FORCE),
        )
    )
    return list(unit.connection.execute(query.order_by(_A.employee, _A.start_slot)))


def page(unit: UnitOfWork, conditions: Iterable[ColumnElement[bool]], after: int, limit: int) -> list[Any]:
    """Return up to `limit` absences, the newest first, older than that one."""
    query: Select[Any] = select(absence).where(*conditions).order_by(_A.id.desc()).limit(limit)
    return list(unit.connection.execute(query.where(_A.id < after) if after else query))


def decisions_of(unit: UnitOfWork, numbers: Collection[int]) -> dict[int, list[Any]]:
    """Return what the groups have said, by absence, ordered by group."""
    query = select(absence_decision).where(_D.absence.in_(sorted(numbers))).order_by(_D.absence, _D.approval_group)
    return _by_absence(unit.connection.execute(query)) if numbers else {}


def informed_of(unit: UnitOfWork, numbers: Collection[int]) -> dict[int, list[str]]:
    """Return who is informed, by absence."""
    query = select(absence_informed).where(_I.absence.in_(sorted(numbers))).order_by(_I.absence, _I.employee)
    found = _by_absence(unit.connection.execute(query)) if numbers else {}
    return {number: [row.employee for row in rows] for number, rows in found.items()}


def waits_for(unit: UnitOfWork, group: str) -> int | None:
    """Return the number of an absence in force on which the group has still to decide; None when there is none."""
    query = (
        select(_A.id)
        .join(absence_decision, _D.absence == _A.id)
        .where(_D.approval_group == group, _D.verdict == Verdict.OPEN, _A.state.in_(IN_FORCE))
    )
    return unit.connection.execute(query.limit(1)).scalar_one_or_none()


def create(unit: UnitOfWork, values: Row, groups: Sequence[Group], informed: Collection[str]) -> int:
    """Write a request with what has to be decided; return its number."""
    kept = {"content_revision": 1, "revision": 1, "create_time": unit.now, "update_time": unit.now}
    number: int = unit.connection.execute(insert(absence).values(**values, **kept).returning(_A.id)).scalar_one()
    _open(unit, number, groups)
    inform(unit, number, informed)
    return number


def reopen(unit: UnitOfWork, number: int, groups: Sequence[Group]) -> None:
    """Forget what was decided: the groups that apply now decide from the beginning."""
    unit.connection.execute(delete(absence_decision).where(_D.absence == number))
    _open(unit, number, groups)


def inform(unit: UnitOfWork, number: int, informed: Collection[str]) -> None:
    """Replace who is informed."""
    unit.connection.execute(delete(absence_informed).where(_I.absence == number))
    if informed:
        rows = [{"absence": number, "employee": one} for one in sorted(informed)]
        unit.connection.execute(insert(absence_informed), rows)


def change(unit: UnitOfWork, row: Any, values: Row, *, content: bool = False) -> None:
    """Write changed columns of a locked absence; `content`: they change what is asked for."""
    unit.connection.execute(
        update(absence)
        .where(_A.id == row.id)
        .values(
            **values,
            revision=row.revision + 1,
            content_revision=row.content_revision + content,
            update_time=unit.now,
        )
    )


def decide(unit: UnitOfWork, number: int, group: str, values: Row) -> None:
    """Write what a group has said."""
    said = update(absence_decision).where(_D.absence == number, _D.approval_group == group)
    unit.connection.execute(said.values(**values, decide_time=unit.now))


def remove(unit: UnitOfWork, number: int) -> None:
    """Delete a request with all that belongs to it."""
    unit.connection.execute(delete(absence).where(_A.id == number))


def _open(unit: UnitOfWork, number: int, groups: Sequence[Group]) -> None:
    """Let groups decide; they stay until the unit ends, and those that have gone meanwhile are left out."""
    id_ = approval_group.c.id
    kept = (
        select(id_).where(id_.in_([one.id for one in groups])).order_by(id_).with_for_update(read=True, key_share=True)
    )
    there = set(unit.connection.execute(kept).scalars())
    rows = [
        {"absence": number, "approval_group": one.id, "title": one.title, **_OPEN} for one in groups if one.id in there
    ]
    unit.connection.execute(insert(absence_decision), rows)


def _by_absence(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row.absence, []).append(row)
    return found
