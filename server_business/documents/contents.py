"""Rows of stored bytes: intended before they are written, settled with whoever refers to them, read, removed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, delete, exists, func, literal_column, not_, or_, select, update

from mesh.bulk import among, insert_many, update_many
from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition, Unavailable
from server_business.documents.content_store import Parcel
from server_business.documents.tables import CONTENT, SCAN, UPLOAD, VERSION, ContentState

LINKED: Final = timedelta(days=1)
"""So often it is looked whether what is linked is still there."""
UNUSED: Final = timedelta(days=1)
"""So long bytes may be unused before they are removed: longer than any call that stores them takes."""
_C = CONTENT.c
AT_ONCE: Final = 500
"""So many unused bytes are looked for at once."""
_LEAVING: Final = "Some of these bytes are just being removed from the store; try again."


class ContentDamaged(FailedPrecondition):
    """The stored bytes are not those that were written."""

    reason = "CONTENT_DAMAGED"


def is_link(locator: str) -> bool:
    """Tell whether bytes are not kept here."""
    return locator.startswith("link:")


def intend(unit: UnitOfWork, parcels: Sequence[Parcel]) -> list[Parcel]:
    """Note that bytes are about to be stored; return those that are not there in full, each once.

    Raises:
        Unavailable: some of them are being removed at this moment.
    """
    wanted = {one.sha256: one for one in parcels}
    # In order, so that two who want the same bytes never wait for each other both.
    fixed = {
        "state": ContentState.PENDING, "locator": "", "touch_time": unit.now, "damage": "",
        "lease_token": 0,
    }  # fmt: skip
    rows = [{"sha256": sha, "size": wanted[sha].size, **fixed} for sha in sorted(wanted)]
    new = {row[0] for row in insert_many(unit.connection, CONTENT, rows, returning=[_C.sha256], passing_over=True)}
    missing = [wanted[sha] for sha in sorted(new)]
    there = wanted.keys() - new
    _touch(unit, there)
    for row in of(unit, there):
        if row.state == ContentState.LEAVING:
            raise Unavailable(_LEAVING)
        one = wanted[row.sha256]
        if row.state == ContentState.PENDING or row.damage or (is_link(row.locator) and not one.link):
            missing.append(one)
    return missing


def settle(unit: UnitOfWork, wanted: Iterable[str], stored: Mapping[str, str], *, verify: timedelta) -> None:
    """Note where bytes were stored; part of the transaction that refers to them.

    Args:
        unit: the transaction.
        wanted: all it refers to, by SHA-256.
        stored: locators of those that were not there before.
        verify: within which time they are read again.

    Raises:
        Unavailable: some of them are being removed at this moment.
    """
    # Touched, so that whoever wants to remove them waits for this transaction and then sees that he must not.
    digests = set(wanted)
    if _touch(unit, digests) < len(digests):
        raise Unavailable(_LEAVING)
    if not stored:
        return
    # Whoever reads the old bytes at this moment loses his claim: what he finds is out of date.
    fixed = {"state": ContentState.STORED, "damage": "", "lease_until": None}
    rows = [
        {
            "sha256": sha,
            "locator": locator,
            "next_attempt_time": _first_reading(sha, unit.now, min(verify, LINKED) if is_link(locator) else verify),
            **fixed,
        }
        for sha, locator in sorted(stored.items())
    ]
    update_many(unit.connection, CONTENT, rows, by=["sha256"])


def _touch(unit: UnitOfWork, digests: Collection[str]) -> int:
    """Note that bytes are wanted; return how many of them are not being removed."""
    these = among(unit.connection, _C.sha256, digests)
    if not digests:
        return 0
    kept = update(CONTENT).where(these, _C.state != ContentState.LEAVING).values(touch_time=unit.now)
    return unit.connection.execute(kept).rowcount


def _first_reading(sha256: str, now: datetime, verify: timedelta) -> datetime:
    """Spread the first readings, so that what came in one day is not read in one night."""
    return now + verify * (int(sha256[:4], 16) / 0x10000) * 0.9


def of(unit: UnitOfWork, digests: Collection[str]) -> list[Row[Any]]:
    """Return the rows of these bytes."""
    if not digests:
        return []
    query = select(CONTENT).where(among(unit.connection, _C.sha256, digests))
    return list(unit.connection.execute(query).all())


def note_reading(unit: UnitOfWork, sha256: str, *, damage: str) -> None:
    """Note what was found when somebody read bytes."""
    unit.connection.execute(update(CONTENT).where(_C.sha256 == sha256).values(damage=damage, verify_time=unit.now))


def used() -> Any:
    """Return the condition that a version refers to the bytes."""
    return exists().where(VERSION.c.sha256 == _C.sha256)


def unused(unit: UnitOfWork, *, untouched_since: datetime) -> list[str]:
    """Return at most `AT_ONCE` bytes that nothing refers to, or that are being removed; not what is in an upload."""
    uploaded = exists().where(UPLOAD.c.sha256 == _C.sha256)
    forgotten = and_(_C.touch_time <= untouched_since, not_(used()), not_(uploaded))
    query = select(_C.sha256).where(or_(_C.state == ContentState.LEAVING, forgotten)).limit(AT_ONCE)
    return list(unit.connection.execute(query).scalars())


def leave(unit: UnitOfWork, *, untouched_since: datetime, digests: Sequence[str]) -> list[Row[Any]]:
    """Mark bytes that nothing refers to as LEAVING, and return what is marked so.

    Args:
        unit: the transaction.
        untouched_since: what somebody wanted later stays: he may be about to refer to it.
        digests: only these.
    """
    these = among(unit.connection, _C.sha256, digests)
    due = (these, _C.state != ContentState.LEAVING, _C.touch_time <= untouched_since, not_(used()))
    gone = {"state": ContentState.LEAVING, "next_attempt_time": None, "lease_until": None}
    unit.connection.execute(update(CONTENT).where(*due).values(gone))
    leaving = select(CONTENT).where(these, _C.state == ContentState.LEAVING)
    return list(unit.connection.execute(leaving).all())


def is_leaving(unit: UnitOfWork, sha256: str) -> bool:
    """Tell whether bytes are still to be removed."""
    query = select(_C.sha256).where(_C.sha256 == sha256, _C.state == ContentState.LEAVING)
    return unit.connection.execute(query).first() is not None


def forget(unit: UnitOfWork, sha256: str) -> None:
    """Delete the row of bytes that were removed, and what the virus scanner said of them."""
    leaving = (_C.sha256 == sha256, _C.state == ContentState.LEAVING)
    unit.connection.execute(delete(SCAN).where(SCAN.c.sha256 == sha256, exists().where(*leaving)))
    unit.connection.execute(delete(CONTENT).where(*leaving))


def count(unit: UnitOfWork) -> int:
    """Return how many bytes are stored; it looks at all of them."""
    stored = select(func.count()).select_from(CONTENT).where(_C.state == ContentState.STORED)
    return unit.connection.execute(stored).scalar_one()


def wrong(unit: UnitOfWork, *, overdue: datetime) -> tuple[int, int]:
    """Return how many bytes are damaged, and how many should have been read before `overdue`."""
    conditions: tuple[ColumnElement[bool], ...] = (literal_column("damage != ''"), _C.next_attempt_time < overdue)
    counted = [select(func.count()).select_from(CONTENT).where(one) for one in conditions]  # each from an index
    damaged, late = (unit.connection.execute(one).scalar_one() for one in counted)
    return damaged, late
