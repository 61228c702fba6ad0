"""Documents, versions, assignments and folders: each function is part of one transaction."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Integer, Row, bindparam, delete, func, insert, select, tuple_, update

from mesh.bulk import among, insert_many, update_many
from mesh.database import UnitOfWork
from mesh.errors import NotFound
from server_business.documents.rules import CheckOut, Facts, VersionState, bounded, words
from server_business.documents.tables import (
    ASSIGNMENT,
    CONTENT,
    DOCUMENT,
    ERASURE,
    EVENT,
    FOLDER,
    HOLD,
    SCAN,
    VERSION,
    WORDS,
)

_WORDS_BYTES: Final = 200_000  # what an index entry takes in PostgreSQL is bounded; said and content share it
_D, _V = DOCUMENT.c, VERSION.c


def name_of(id_: int) -> str:
    return f"documents/{id_}"


# -- documents ---------------------------------------------------------------------------------------------------------


def next_ids(unit: UnitOfWork, count: int) -> list[int]:
    """Take ids before the rows are written."""
    if unit.connection.dialect.name == "sqlite":  # one writer: nobody else counts meanwhile
        last = unit.connection.execute(select(func.coalesce(func.max(_D.id), 0))).scalar_one()
        # The proof of an erasure names the document: its id is not given away again.
        erased = unit.connection.execute(select(func.coalesce(func.max(ERASURE.c.document), 0))).scalar_one()
        return list(range(max(last, erased) + 1, max(last, erased) + 1 + count))
    series = func.generate_series(1, bindparam("count", count, type_=Integer()))
    query = select(func.nextval(func.pg_get_serial_sequence("document", "id"), type_=BigInteger)).select_from(series)
    return sorted(unit.connection.execute(query).scalars())


def add(
    unit: UnitOfWork, documents: Sequence[Mapping[str, Any]], versions: Sequence[Mapping[str, Any]]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Write new documents with their first versions; `documents` have their ids. Return the rows of both."""
    fixed = {
        "latest": 1, "released": None, "create_time": unit.now, "update_time": unit.now, "delete_time": None,
        "changes": 1, "out_owner": None, "out_machine": None, "out_time": None, "out_until": None, "out_base": None,
    }  # fmt: skip
    written = [{**one, **fixed} for one in documents]
    insert_many(unit.connection, DOCUMENT, written)
    first = add_versions(unit, versions)
    rows = [
        {
            "document": one["id"], "said": _said(one, version), "content": "", "number": 0, "problem": "",
            "next_attempt_time": unit.now, "lease_until": None, "lease_token": 0, "lease_owner": None,
        }
        for one, version in zip(documents, versions, strict=True)
    ]  # fmt: skip
    insert_many(unit.connection, WORDS, rows)
    return list(zip(written, first, strict=True))


def add_versions(unit: UnitOfWork, versions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Write versions and return their rows."""
    fixed = {"create_time": unit.now, "state": VersionState.DRAFT}
    written = [{**one, **fixed} for one in versions]
    insert_many(unit.connection, VERSION, written)
    return written


def say(unit: UnitOfWork, document: Row[Any], version: Mapping[Any, Any], *, content_changed: bool) -> None:
    """Note the words of a document anew; those in its bytes follow if they changed."""
    values: dict[str, Any] = {"said": _said(document._mapping, version)}  # noqa: SLF001 - SQLAlchemy's public name
    if content_changed:
        values["next_attempt_time"] = unit.now
    unit.connection.execute(update(WORDS).where(WORDS.c.document == document.id).values(values))


def _said(document: Mapping[Any, Any], version: Mapping[Any, Any]) -> str:
    labels = [one for pair in sorted(document["labels"].items()) for one in pair]
    said = words(document["title"], document["kind"], version["file_name"], version["comment"], *labels)
    return bounded(said, _WORDS_BYTES)


def get(unit: UnitOfWork, id_: int, *, lock: bool = False) -> Row[Any]:
    """Return a document. Raises NotFound."""
    query = select(DOCUMENT).where(_D.id == id_)
    row = unit.connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"{name_of(id_)} does not exist.", resource=name_of(id_))
    return row


def several(unit: UnitOfWork, ids: Collection[int], *, lock: bool = False) -> Sequence[Row[Any]]:
    query = select(DOCUMENT).where(among(unit.connection, _D.id, ids)).order_by(_D.id)
    return unit.connection.execute(query.with_for_update() if lock else query).all()


def facts(row: Row[Any]) -> Facts:
    out = None
    if row.out_owner is not None:
        out = CheckOut(
            owner=row.out_owner, machine=row.out_machine, since=row.out_time, until=row.out_until, base=row.out_base
        )
    return Facts(name=name_of(row.id), latest=row.latest, out=out, deleted=row.delete_time is not None)


def change(unit: UnitOfWork, id_: int, **values: Any) -> Row[Any]:
    """Change a document and return it."""
    counted = {"changes": _D.changes + 1, "update_time": unit.now, **values}
    return unit.connection.execute(update(DOCUMENT).where(_D.id == id_).values(counted).returning(DOCUMENT)).one()


def out(check_out: CheckOut | None) -> dict[str, Any]:
    """Return the columns of a check-out."""
    if check_out is None:
        return {"out_owner": None, "out_machine": None, "out_time": None, "out_until": None, "out_base": None}
    return {
        "out_owner": check_out.owner, "out_machine": check_out.machine, "out_time": check_out.since,
        "out_until": check_out.until, "out_base": check_out.base,
    }  # fmt: skip


def note(
    unit: UnitOfWork, documents: Iterable[int], kind: str, *, actor: str, number: int = 0, detail: str = ""
) -> None:
    """Write into the history."""
    fixed = {"event_time": unit.now, "actor": actor, "kind": kind, "number": number, "detail": detail}
    insert_many(unit.connection, EVENT, [{"document": id_, **fixed} for id_ in documents])


def events(unit: UnitOfWork, id_: int, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    query = select(EVENT).where(EVENT.c.document == id_).order_by(EVENT.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(EVENT.c.id < before)
    return unit.connection.execute(query).all()


# -- versions ----------------------------------------------------------------------------------------------------------

_WITH_CONTENT = (
    *VERSION.c, CONTENT.c.damage, CONTENT.c.verify_time, CONTENT.c.locator,
    SCAN.c.verdict, SCAN.c.detail.label("found"), SCAN.c.scan_time,
)  # fmt: skip
_JOINED = VERSION.join(CONTENT, CONTENT.c.sha256 == _V.sha256).outerjoin(SCAN, SCAN.c.sha256 == _V.sha256)


def version(unit: UnitOfWork, document: int, number: int) -> Row[Any]:
    """Return a version with how its bytes are. Raises NotFound."""
    found = versions(unit, [(document, number)])
    if not found:
        name = f"{name_of(document)}/versions/{number}"
        raise NotFound(f"{name} does not exist.", resource=name)
    return found[document, number]


def versions(unit: UnitOfWork, keys: Collection[tuple[int, int]]) -> dict[tuple[int, int], Row[Any]]:
    """Return versions by document and number."""
    if not keys:
        return {}
    query = select(*_WITH_CONTENT).select_from(_JOINED).where(tuple_(_V.document, _V.number).in_(sorted(keys)))
    return {(row.document, row.number): row for row in unit.connection.execute(query)}


def versions_of(unit: UnitOfWork, document: int, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """Return the versions of a document, the newest first."""
    query = select(*_WITH_CONTENT).select_from(_JOINED).where(_V.document == document)
    if before is not None:
        query = query.where(_V.number < before)
    return unit.connection.execute(query.order_by(_V.number.desc()).limit(limit)).all()


def contents_of(unit: UnitOfWork, document: int) -> Sequence[Row[Any]]:
    """Return the rows of the bytes of a document."""
    query = select(CONTENT).where(CONTENT.c.sha256.in_(select(_V.sha256).where(_V.document == document)))
    return unit.connection.execute(query).all()


def set_state(unit: UnitOfWork, document: int, number: int, state: VersionState) -> None:
    same = (_V.document == document) & (_V.number == number)
    unit.connection.execute(update(VERSION).where(same).values(state=state))


def same_bytes(unit: UnitOfWork, digests: Collection[str]) -> dict[str, list[int]]:
    """Return by SHA-256 the documents whose newest version has these bytes, the oldest first; not those in the bin."""
    newest = DOCUMENT.join(VERSION, (_V.document == _D.id) & (_V.number == _D.latest))
    query = (
        select(_V.sha256, _D.id)
        .select_from(newest)
        .where(among(unit.connection, _V.sha256, digests), _D.delete_time.is_(None))
    )
    found: dict[str, list[int]] = defaultdict(list)
    for sha256, id_ in unit.connection.execute(query.order_by(_D.id)) if digests else ():
        found[sha256].append(id_)
    return found


# -- assignments and folders -------------------------------------------------------------------------------------------


def assign(unit: UnitOfWork, rows: Sequence[Mapping[str, Any]]) -> None:
    """Give cases versions; one that has it gets it into the folder named now."""
    key, connection = ("business_case", "document", "number"), unit.connection
    insert_many(connection, ASSIGNMENT, [{**one, "create_time": unit.now} for one in rows], passing_over=True)
    update_many(connection, ASSIGNMENT, [{name: one[name] for name in ("folder", *key)} for one in rows], by=key)


def assignments(
    unit: UnitOfWork, conditions: Sequence[ColumnElement[bool]], *, before: int | None, limit: int
) -> Sequence[Any]:
    """Return assignments with the titles of their documents, the newest first."""
    columns = ASSIGNMENT.c
    joined = ASSIGNMENT.join(DOCUMENT, _D.id == columns.document)
    query = select(*columns, _D.title).select_from(joined).where(*conditions)
    if before is not None:
        query = query.where(columns.id < before)
    return unit.connection.execute(query.order_by(columns.id.desc()).limit(limit)).all()


def unassign(unit: UnitOfWork, document: int, number: int, business_case: str) -> bool:
    columns = ASSIGNMENT.c
    same = (columns.document == document) & (columns.number == number) & (columns.business_case == business_case)
    return unit.connection.execute(delete(ASSIGNMENT).where(same)).rowcount > 0


def free_folders(unit: UnitOfWork, business_cases: Collection[str]) -> list[Row[Any]]:
    """Return the free folders of cases, the older first, so that parents stand before what lies in them."""
    query = select(FOLDER).where(FOLDER.c.business_case.in_(business_cases)).order_by(FOLDER.c.id)
    return list(unit.connection.execute(query).all())


def free_cases(unit: UnitOfWork, names: Collection[str]) -> dict[str, str]:
    """Return by name which case a free folder belongs to."""
    ids = [int(name.rpartition("/")[2]) for name in names if name.rpartition("/")[2].isdecimal()]
    query = select(FOLDER.c.id, FOLDER.c.business_case).where(FOLDER.c.id.in_(ids))
    return {f"documentFolders/{id_}": case for id_, case in unit.connection.execute(query)} if ids else {}


def folder_counts(unit: UnitOfWork, business_case: str) -> dict[str, int]:
    """Return how much lies in each folder of a case, or of the site."""
    if business_case:
        counted, where = ASSIGNMENT.c.folder, ASSIGNMENT.c.business_case == business_case
    else:
        counted, where = _D.folder, _D.delete_time.is_(None)
    query = select(counted, func.count()).where(where).group_by(counted)
    return {row[0]: row[1] for row in unit.connection.execute(query)}


def folder_in_use(unit: UnitOfWork, name: str) -> bool:
    """Tell whether anything lies in a folder, in the bin or not."""
    queries = (
        select(_D.id).where(_D.folder == name),
        select(ASSIGNMENT.c.id).where(ASSIGNMENT.c.folder == name),
        select(FOLDER.c.id).where(FOLDER.c.parent == name),
    )
    return any(unit.connection.execute(query.limit(1)).first() is not None for query in queries)


# -- keeping and erasing -----------------------------------------------------------------------------------------------


def holds(unit: UnitOfWork, documents: Collection[int]) -> dict[int, list[Row[Any]]]:
    """Return what forbids to erase documents."""
    query = select(HOLD).where(among(unit.connection, HOLD.c.document, documents)).order_by(HOLD.c.document, HOLD.c.id)
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in unit.connection.execute(query) if documents else ():
        found[row.document].append(row)
    return found


def erase(unit: UnitOfWork, id_: int, *, reason: str, actor: str) -> Row[Any]:
    """Erase every row of a document and leave the proof, whose job it is to see the bytes gone."""
    digests = sorted(set(unit.connection.execute(select(_V.sha256).where(_V.document == id_)).scalars()))
    for table in (ASSIGNMENT, EVENT, WORDS, VERSION):
        unit.connection.execute(delete(table).where(table.c.document == id_))
    unit.connection.execute(delete(DOCUMENT).where(_D.id == id_))
    shared = select(func.count(_V.sha256.distinct())).where(_V.sha256.in_(digests))
    proof = {
        "document": id_, "sha256": digests, "shared_count": unit.connection.execute(shared).scalar_one(),
        "reason": reason, "actor": actor, "erase_time": unit.now, "done_time": None, "next_attempt_time": unit.now,
    }  # fmt: skip
    return unit.connection.execute(insert(ERASURE).values(proof).returning(ERASURE)).one()


def erasures(unit: UnitOfWork, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    query = select(ERASURE).order_by(ERASURE.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(ERASURE.c.id < before)
    return unit.connection.execute(query).all()
