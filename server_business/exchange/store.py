"""The book of a mailbox in the database, and what administrators read of it."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mesh.database import Database, UnitOfWork
from server_business.exchange.engine import Marks, Question
from server_business.exchange.items import Kind
from server_business.exchange.rules import Act, Link, Note, Place, Side, Verb
from server_business.exchange.tables import link, log, mailbox

_PART: Final = 500
_BLANK: Final[dict[str, list[Any]]] = {"tokens": [], "questions": [], "allowed": [], "restored": []}
Fence = Callable[[UnitOfWork], None]


def _free(_: UnitOfWork) -> None:
    """Nobody else works on it."""


class SqlBook:
    """What is kept of one mailbox.

    Args:
        database: of server_business.
        employee: personnel number.
        fence: called in every transaction that writes; raises when somebody else has taken over.
    """

    def __init__(self, database: Database, employee: str, fence: Fence = _free) -> None:
        self._database = database
        self._employee = employee
        self._fence = fence
        self._read = Marks()

    def marks(self) -> Marks:
        with self._reading() as unit:
            self._read = marks_of(unit, self._employee)
        return self._read

    def by_id(self, kind: Kind, place: Place, ids: Collection[str]) -> Iterable[Link]:
        column = link.c.erp_id if place is Place.ERP else link.c.exchange_id
        return self._among(kind, column, ids)

    def by_uid(self, kind: Kind, uids: Collection[str]) -> Iterable[Link]:
        return self._among(kind, link.c.uid, uids)

    def there(self, kind: Kind, place: Place) -> Iterable[Link]:
        return [one for one in self._all(link.c.kind == kind) if one.side(place).seen is not None]

    def due(self, kind: Kind) -> Iterable[Link]:
        return self._all(link.c.kind == kind, link.c.due)

    def count(self, kind: Kind) -> int:
        query = select(func.count()).where(link.c.employee == self._employee, link.c.kind == kind, link.c.linked)
        with self._reading() as unit:
            return int(unit.connection.execute(query).scalar_one())

    def all(self) -> list[tuple[Link, bool]]:
        """Return all links and whether they are due."""
        query = select(link).where(link.c.employee == self._employee).order_by(link.c.id)
        with self._reading() as unit:
            return [(link_of(row), row.due) for row in unit.connection.execute(query)]

    def save(
        self,
        links: Sequence[tuple[Link, bool]],
        *,
        forgotten: Sequence[Link] = (),
        notes: Sequence[Note] = (),
        marks: Marks | None = None,
    ) -> None:
        with self._database.unit() as unit:
            self._fence(unit)
            dialect: Any = sqlite if unit.connection.dialect.name == "sqlite" else postgresql
            rows = [_row(self._employee, one, due=due) for one, due in links]
            for start in range(0, len(rows), _PART):
                made = dialect.insert(link).values(rows[start : start + _PART])
                changed = {name: made.excluded[name] for name in rows[0] if name not in ("employee", "kind", "uid")}
                keys = [link.c.employee, link.c.kind, link.c.uid]
                unit.connection.execute(made.on_conflict_do_update(index_elements=keys, set_=changed))
            for one in forgotten:
                mine = (link.c.employee == self._employee) & (link.c.kind == one.kind) & (link.c.uid == one.uid)
                unit.connection.execute(delete(link).where(mine))
            if notes:
                add_notes(unit, self._employee, notes)
            if marks is not None:
                put_marks(unit, self._employee, self._with_answers(unit, marks))

    def _with_answers(self, unit: UnitOfWork, wanted: Marks) -> Marks:
        """Keep what an administrator has answered since the marks were read."""
        now = marks_of(unit, self._employee)
        if replace(now, tokens={}) == replace(self._read, tokens={}):
            return wanted
        return replace(now, tokens=wanted.tokens)

    def _among(self, kind: Kind, column: Any, values: Collection[str]) -> list[Link]:
        wanted = sorted(set(values))
        parts = [wanted[start : start + _PART] for start in range(0, len(wanted), _PART)]
        return [one for part in parts for one in self._all(link.c.kind == kind, column.in_(part))]

    def _all(self, *conditions: Any) -> list[Link]:
        query = select(link).where(link.c.employee == self._employee, *conditions).order_by(link.c.id)
        with self._reading() as unit:
            return [link_of(row) for row in unit.connection.execute(query)]

    def _reading(self) -> AbstractContextManager[UnitOfWork]:
        return self._database.reading()


# -- rows -------------------------------------------------------------------------------------------------------------


def link_of(row: Row[Any]) -> Link:
    """Return a stored link."""
    return Link(
        uid=row.uid,
        kind=Kind(row.kind),
        origin=Place(row.origin),
        erp=_side(row.erp_id, row.erp),
        exchange=_side(row.exchange_id, row.exchange),
        detached=row.detached,
        intention=_act(row.intention),
        problem=row.problem,
    )


def _row(employee: str, one: Link, *, due: bool) -> dict[str, Any]:
    act = one.intention
    return {
        "employee": employee,
        "kind": one.kind,
        "uid": one.uid,
        "origin": one.origin,
        "erp_id": one.erp.id,
        "exchange_id": one.exchange.id,
        "erp": _side_row(one.erp),
        "exchange": _side_row(one.exchange),
        "detached": one.detached,
        "intention": None if act is None else {"place": act.place, "verb": act.verb, "changes": dict(act.changes)},
        "problem": one.problem,
        "linked": one.linked,
        "due": due,
    }


def _side(id_: str, said: dict[str, Any]) -> Side:
    return Side(
        id=id_,
        version=said["version"],
        modified=datetime.fromisoformat(said["modified"]),
        base=said["base"],
        seen=said["base"] if said["seen"] == "base" else said["seen"],
        conference=said["conference"],
        fixed=said["fixed"],
    )


def _side_row(side: Side) -> dict[str, Any]:
    base = None if side.base is None else dict(side.base)
    seen = None if side.seen is None else dict(side.seen)
    return {
        "version": side.version,
        "modified": side.modified.isoformat(),
        "base": base,
        # Most items are as agreed: that is not written twice.
        "seen": "base" if seen is not None and seen == base else seen,
        "conference": side.conference,
        "fixed": side.fixed,
    }


def _act(said: dict[str, Any] | None) -> Act | None:
    if said is None:
        return None
    return Act(place=Place(said["place"]), verb=Verb(said["verb"]), changes=said["changes"])


# -- a mailbox --------------------------------------------------------------------------------------------------------


def marks_of(unit: UnitOfWork, employee: str) -> Marks:
    """Return how far a mailbox is."""
    query = select(mailbox.c.marks).where(mailbox.c.employee == employee)
    said = unit.connection.execute(query).scalar() or _BLANK
    return Marks(
        tokens={(Place(place), Kind(kind)): token for place, kind, token in said["tokens"]},
        questions=tuple(
            Question(place=Place(place), kind=Kind(kind), deletions=deletions, linked=linked)
            for place, kind, deletions, linked in said["questions"]
        ),
        allowed={(Place(place), Kind(kind)): count for place, kind, count in said["allowed"]},
        restored=frozenset((Place(place), Kind(kind)) for place, kind in said["restored"]),
    )


def put_marks(unit: UnitOfWork, employee: str, marks: Marks) -> None:
    """Write how far a mailbox is."""
    said = {
        "tokens": [[place, kind, token] for (place, kind), token in marks.tokens.items()],
        "questions": [[one.place, one.kind, one.deletions, one.linked] for one in marks.questions],
        "allowed": [[place, kind, count] for (place, kind), count in marks.allowed.items()],
        "restored": sorted([place, kind] for place, kind in marks.restored),
    }
    _put(unit, employee, marks=said)


def note_state(unit: UnitOfWork, employee: str, *, healthy: bool, status: str) -> None:
    """Write how a round went."""
    success = {"success_time": unit.now} if healthy else {}
    _put(unit, employee, healthy=healthy, status=status[:2000], **success)


def _put(unit: UnitOfWork, employee: str, **values: Any) -> None:
    changed = update(mailbox).where(mailbox.c.employee == employee).values(**values)
    if unit.connection.execute(changed).rowcount:
        return
    blank = {"marks": _BLANK, "healthy": True, "status": ""}
    unit.connection.execute(insert(mailbox).values({**blank, "employee": employee, **values}))


def add_notes(unit: UnitOfWork, employee: str, notes: Sequence[Note]) -> None:
    """Write lines of the log."""
    rows = [
        {
            "employee": employee,
            "time": unit.now,
            "event": one.event,
            "place": one.place,
            "kind": one.kind,
            "uid": one.uid,
            "field": one.field[:100],
            "overruled": one.overruled[:500],
        }
        for one in notes
    ]
    unit.connection.execute(insert(log), rows)


def prune_log(unit: UnitOfWork, before: datetime, *, limit: int) -> int:
    """Forget lines of all mailboxes from before an instant; return how many of the `limit` oldest were."""
    oldest = select(log.c.id).order_by(log.c.id).limit(limit)  # in the order of their times: the rest is not looked at
    return unit.connection.execute(delete(log).where(log.c.id.in_(oldest), log.c.time < before)).rowcount


def state(unit: UnitOfWork, employee: str) -> Row[Any] | None:
    """Return the row of a mailbox; None before its first round."""
    return unit.connection.execute(select(mailbox).where(mailbox.c.employee == employee)).one_or_none()


def counts(unit: UnitOfWork, employee: str) -> tuple[int, int]:
    """Return how many items both sides have, and with how many something is to be done."""
    mine = select(func.count()).where(link.c.employee == employee)
    linked = unit.connection.execute(mine.where(link.c.linked)).scalar_one()
    return linked, unit.connection.execute(mine.where(link.c.due)).scalar_one()


def mappings(unit: UnitOfWork, employee: str, *, only_waiting: bool, after: int, limit: int) -> Sequence[Row[Any]]:
    """Return rows of links in their order, after that one."""
    query = select(link).where(link.c.employee == employee, link.c.id > after)
    if only_waiting:
        query = query.where(link.c.due | (link.c.problem != ""))
    return unit.connection.execute(query.order_by(link.c.id).limit(limit)).all()


def log_lines(unit: UnitOfWork, employee: str, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """Return lines of the log, the newest first, from below that one."""
    query = select(log).where(log.c.employee == employee)
    if before is not None:
        query = query.where(log.c.id < before)
    return unit.connection.execute(query.order_by(log.c.id.desc()).limit(limit)).all()
