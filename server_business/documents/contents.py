"""Rows of stored bytes: intended before they are written, settled with whoever refers to them, read, removed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, and_, bindparam, exists, func, not_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mesh.bulk import execute_many
from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition, Unavailable
from server_business.documents.content_store import Parcel
from server_business.documents.tables import CONTENT, UPLOAD, VERSION, ContentState

UNUSED: Final = timedelta(days=1)
"""So long bytes may be unused before they are removed: longer than any call that stores them takes."""
_C = CONTENT.c
_PER_STATEMENT: Final = 500


class ContentDamaged(FailedPrecondition):
    """The stored bytes are not those that were written."""

    reason = "CONTENT_DAMAGED"


def intend(unit: UnitOfWork, parcels: Sequence[Parcel]) -> list[Parcel]:
    """Note that bytes are about to be stored; return those that are not there in full, each once.

    Raises:
        Unavailable: some of them are being removed at this moment.
    """
    wanted = {one.sha256: one for one in parcels}
    insert = (sqlite if unit.connection.dialect.name == "sqlite" else postgresql).insert(CONTENT)
    statement = insert.values(
        state=ContentState.PENDING, store="", locator="", touch_time=unit.now, damage="", lease_token=0
    )
    rows = [{"sha256": sha, "size": wanted[sha].size} for sha in sorted(wanted)]  # in order: two never wait for another
    touched = statement.on_conflict_do_update(index_elements=[_C.sha256], set_={"touch_time": unit.now})
    execute_many(unit.connection, touched, rows)
    missing = []
    for row in of(unit, wanted):
        if row.state == ContentState.LEAVING:
            raise Unavailable("Some of these bytes are just being removed from the store; try again.")
        if row.state == ContentState.PENDING or row.damage:
            missing.append(wanted[row.sha256])
    return missing


def settle(unit: UnitOfWork, stored: Mapping[str, str], *, store: str, verify: timedelta) -> None:
    """Note where bytes were stored; part of the transaction that refers to them.

    Args:
        unit: the transaction.
        stored: locators by SHA-256.
        store: which store has them.
        verify: within which time they are read again.
    """
    if not stored:
        return
    rows = [
        {"the_sha": sha, "the_locator": locator, "the_time": _first_reading(sha, unit.now, verify)}
        for sha, locator in sorted(stored.items())
    ]
    there = update(CONTENT).where(_C.sha256 == bindparam("the_sha")).values(
        state=ContentState.STORED, store=store, damage="", locator=bindparam("the_locator"),
        next_attempt_time=bindparam("the_time", type_=_C.next_attempt_time.type),
    )  # fmt: skip
    execute_many(unit.connection, there, rows)


def _first_reading(sha256: str, now: datetime, verify: timedelta) -> datetime:
    """Spread the first readings, so that what came in one day is not read in one night."""
    return now + verify * (int(sha256[:4], 16) / 0x10000) * 0.9


def of(unit: UnitOfWork, digests: Iterable[str]) -> list[Row[Any]]:
    """Return the rows of these bytes."""
    asked, found = sorted(set(digests)), []
    for start in range(0, len(asked), _PER_STATEMENT):
        query = select(CONTENT).where(_C.sha256.in_(asked[start : start + _PER_STATEMENT]))
        found += unit.connection.execute(query).all()
    return found


def note_reading(unit: UnitOfWork, sha256: str, *, damage: str) -> None:
    """Note what was found when somebody read bytes."""
    unit.connection.execute(update(CONTENT).where(_C.sha256 == sha256).values(damage=damage, verify_time=unit.now))


def used() -> Any:
    """Return the condition that a version refers to the bytes."""
    return exists().where(VERSION.c.sha256 == _C.sha256)


def leave(unit: UnitOfWork, digests: Sequence[str] | None = None) -> list[Row[Any]]:
    """Mark bytes that nothing refers to as LEAVING, and return all that are marked so.

    Args:
        unit: the transaction.
        digests: these at once; None: all that nobody has wanted for a day.
    """
    if digests is None:
        uploaded = exists().where(UPLOAD.c.sha256 == _C.sha256)  # a version may still be made of it
        due = and_(_C.state != ContentState.LEAVING, _C.touch_time < unit.now - UNUSED, not_(uploaded))
    else:
        due = _C.sha256.in_(digests)
    gone = {"state": ContentState.LEAVING, "next_attempt_time": None, "lease_until": None}
    unit.connection.execute(update(CONTENT).where(due, not_(used())).values(gone))
    leaving = select(CONTENT).where(_C.state == ContentState.LEAVING)
    return list(unit.connection.execute(leaving.limit(_PER_STATEMENT)).all())


def counts(unit: UnitOfWork, *, overdue: datetime) -> tuple[int, int, int]:
    """Return how many bytes are stored, how many are damaged, and how many should have been read before `overdue`."""
    stored = _C.state == ContentState.STORED
    late = and_(_C.next_attempt_time < overdue, or_(_C.verify_time.is_(None), _C.verify_time < overdue))
    query = select(
        func.count().filter(stored), func.count().filter(stored, _C.damage != ""), func.count().filter(stored, late)
    )
    total, damaged, unread = unit.connection.execute(query.select_from(CONTENT)).one()
    return total, damaged, unread
