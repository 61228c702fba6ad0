"""Finds documents by words and by what is known of them; the same on SQLite (FTS5) and PostgreSQL (tsvector)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, select, text

from mesh.database import UnitOfWork
from server_business.documents.rules import words
from server_business.documents.tables import ASSIGNMENT, CONTENT, DOCUMENT, TEXT_VECTOR, VERSION, WORDS

_D = DOCUMENT.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What documents must be like; what is empty does not count."""

    query: str = ""
    business_case: str = ""
    folder: str = ""
    kind: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""
    checked_out_by: str = ""
    released_only: bool = False
    deleted: bool = False
    damaged_only: bool = False


def search(unit: UnitOfWork, asked: Asked, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """Return documents, the newest first, from below the id `before`."""
    conditions: list[ColumnElement[bool]] = [_D.delete_time.is_not(None) if asked.deleted else _D.delete_time.is_(None)]
    if before is not None:
        conditions.append(_D.id < before)
    found = words(asked.query)
    if found:
        conditions.append(_D.id.in_(_matching(unit, found)))
    elif asked.query.strip():
        return []  # nothing but marks: no word is like that
    conditions += _facts(asked, unit.now)
    query = select(DOCUMENT).where(*conditions).order_by(_D.id.desc()).limit(limit)
    return unit.connection.execute(query).all()


def _facts(asked: Asked, now: datetime) -> Iterator[ColumnElement[bool]]:
    if asked.business_case:
        here = (ASSIGNMENT.c.document == _D.id) & (ASSIGNMENT.c.business_case == asked.business_case)
        if asked.folder:
            here &= ASSIGNMENT.c.folder == asked.folder
        yield exists().where(here)
    elif asked.folder:
        yield _D.folder == asked.folder
    if asked.kind:
        yield _D.kind == asked.kind
    yield from (_D.labels[name].as_string() == value for name, value in sorted(asked.labels.items()))
    if asked.sha256:
        yield exists().where(VERSION.c.document == _D.id, VERSION.c.sha256 == asked.sha256)
    if asked.checked_out_by:
        yield and_(_D.out_owner == asked.checked_out_by, _D.out_until > now)
    if asked.released_only:
        yield _D.released.is_not(None)
    if asked.damaged_only:
        damaged = VERSION.join(CONTENT, CONTENT.c.sha256 == VERSION.c.sha256)
        hurt = select(VERSION.c.document).select_from(damaged).where(CONTENT.c.damage != "")
        yield _D.id.in_(hurt)


def _matching(unit: UnitOfWork, found: Sequence[str]) -> Any:
    """Return the query for documents that hold words which begin so, every one of them."""
    if unit.connection.dialect.name == "sqlite":
        said = " ".join(f'"{word}"*' for word in found)
        return text("SELECT rowid FROM document_words_fts WHERE document_words_fts MATCH :said").bindparams(said=said)
    said = " & ".join(f"'{word}':*" for word in found)  # words hold letters and digits only
    return select(WORDS.c.document).where(text(f"{TEXT_VECTOR} @@ to_tsquery('simple', :said)").bindparams(said=said))
