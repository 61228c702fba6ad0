"""Verdicts of the virus scan, one for each content: who has none waits."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Row, func, select, update

from mesh.bulk import among, insert_many
from mesh.database import UnitOfWork
from server_business.documents.rules import Verdict, VersionState
from server_business.documents.tables import CONTENT, DOCUMENT, SCAN, VERSION, ContentState

_S: Final = SCAN.c
AT_ONCE: Final = 100
NONE: Final[Mapping[str, Any]] = {"verdict": None, "found": None, "scan_time": None}
"""What is known of a content nobody asked the scanner about."""


def of(unit: UnitOfWork, digests: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """Return by SHA-256 what is known."""
    columns = (_S.sha256, _S.verdict, _S.detail.label("found"), _S.scan_time)
    query = select(*columns).where(among(unit.connection, _S.sha256, digests))
    found = [dict(row) for row in unit.connection.execute(query).mappings()]
    return {row.pop("sha256"): row for row in found}


def ask(unit: UnitOfWork, digests: Collection[str]) -> None:
    """Have contents scanned that have no verdict."""
    fixed = {
        "verdict": Verdict.WAITING, "detail": "", "scan_time": None, "told_time": None, "next_attempt_time": unit.now,
        "lease_until": None, "lease_token": 0, "lease_owner": None,
    }  # fmt: skip
    rows = [{"sha256": one, **fixed} for one in sorted(set(digests))]
    insert_many(unit.connection, SCAN, rows, passing_over=True)


def ask_for_old(unit: UnitOfWork) -> int:
    """Have contents scanned that were there before the scanner was; return how many were found."""
    never = ~select(_S.sha256).where(_S.sha256 == CONTENT.c.sha256).exists()
    query = select(CONTENT.c.sha256).where(CONTENT.c.state == ContentState.STORED, never).limit(AT_ONCE)
    found = list(unit.connection.execute(query).scalars())
    ask(unit, found)
    return len(found)


def note_problem(unit: UnitOfWork, digests: Collection[str], detail: str) -> None:
    """Say why contents wait."""
    waiting = (_S.sha256.in_(digests), _S.verdict == Verdict.WAITING)
    unit.connection.execute(update(SCAN).where(*waiting).values(detail=detail[:1000]))


def places(unit: UnitOfWork, sha256: str) -> list[Row[Any]]:
    """Return the versions that have these bytes, with their documents' titles."""
    joined = VERSION.join(DOCUMENT, DOCUMENT.c.id == VERSION.c.document)
    query = select(VERSION, DOCUMENT.c.title).select_from(joined).where(VERSION.c.sha256 == sha256)
    return list(unit.connection.execute(query.order_by(VERSION.c.document, VERSION.c.number)).all())


def released(unit: UnitOfWork, sha256: str) -> list[Row[Any]]:
    """Return the released versions that have these bytes."""
    return [one for one in places(unit, sha256) if one.state == VersionState.RELEASED]


def counts(unit: UnitOfWork) -> dict[int, int]:
    """Return how many contents wait, and how many are infected."""
    query = select(_S.verdict, func.count()).where(_S.verdict != Verdict.CLEAN).group_by(_S.verdict)
    return {row[0]: row[1] for row in unit.connection.execute(query)}
