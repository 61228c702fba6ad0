"""Reads and changes what absences are decided by, in one unit of work; the same for every family of entries."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, select, tuple_, update

from mesh import etags, masks
from mesh.database import UnitOfWork
from mesh.errors import AlreadyExists, InvalidArgument, NotFound
from mesh.pages import page_of
from server_es import references
from server_es.absences import store
from server_es.absences.entries import ENTITLEMENT, GROUP, Entry, Family
from server_es.absences.names import ABSENCE
from server_es.directory.names import EMPLOYEE


def get(unit: UnitOfWork, family: Family[Entry], name: str) -> Entry:
    """Return an entry, or raise NotFound."""
    return family.answer(_existing(unit, family, family.key_of(name)))


def page(unit: UnitOfWork, family: Family[Any], request: Any) -> dict[str, Any]:
    """Return the fields of a list's answer."""
    page = page_of(request)
    columns = [family.table.c[column] for column in family.key]
    query = select(family.table).order_by(*columns).limit(page.size + 1)
    if family is ENTITLEMENT:
        if request.employee:
            query = query.where(columns[0] == EMPLOYEE.parse(request.employee, field="employee")[0])
        if request.year:
            query = query.where(columns[1] == request.year)
    if page.after:
        query = query.where(tuple_(*columns) > tuple_(*page.after))
    rows = [dict(row) for row in unit.connection.execute(query).mappings()]
    answers = [family.answer(row) for row in rows[: page.size]]
    return {family.plural: answers, "next_page_token": page.token(rows, family.key)}


def create(unit: UnitOfWork, family: Family[Entry], request: Any) -> Entry:
    """Make an entry."""
    given = getattr(request, family.kind)
    key = family.key_of(given.name, field=f"{family.kind}.name")
    row = _checked_row(unit, family, given)
    if unit.connection.execute(select(family.table).where(_is(family, key))).one_or_none() is not None:
        raise AlreadyExists(f"{given.name} exists already", resource=given.name)
    unit.connection.execute(insert(family.table).values(**key, **row, revision=1, update_time=unit.now))
    _derive(unit, family, key, row)
    return get(unit, family, given.name)


def change(unit: UnitOfWork, family: Family[Entry], request: Any) -> Entry:
    """Change an entry that is as it was read."""
    given = getattr(request, family.kind)
    key = family.key_of(given.name, field=f"{family.kind}.name")
    masks.etag_given(given.etag, field=family.kind)
    old = _existing(unit, family, key, lock=True)
    stored: Any = family.answer(old)
    etags.check(given.etag, stored.etag, given.name)
    message = masks.merged(stored, given, request.update_mask, fields=family.fields, field=family.kind)
    row = _checked_row(unit, family, message)
    put(unit, family, key, row, revision=old["revision"] + 1)
    return get(unit, family, given.name)


def put(
    unit: UnitOfWork, family: Family[Any], key: Mapping[str, Any], row: Mapping[str, Any], *, revision: int
) -> None:
    """Write the changed columns of an entry that is there."""
    changed = update(family.table).where(_is(family, key))
    unit.connection.execute(changed.values(**row, revision=revision, update_time=unit.now))
    _derive(unit, family, key, row)


def remove(unit: UnitOfWork, family: Family[Any], request: Any) -> None:
    """Delete an entry that nothing refers to."""
    key = family.key_of(request.name)
    row = _existing(unit, family, key, lock=True)
    answer: Any = family.answer(row)
    etags.check(request.etag, answer.etag, request.name)
    references.check_unused(unit, family.table, key, request.name)
    if family is GROUP and (number := store.has_open_decisions(unit, key["id"])) is not None:
        by = ABSENCE.build(number)
        raise references.StillInUse(f"{request.name} cannot be deleted: it has still to decide on {by}.", by=by)
    unit.connection.execute(delete(family.table).where(_is(family, key)))


def _existing(unit: UnitOfWork, family: Family[Any], key: Mapping[str, Any], *, lock: bool = False) -> dict[str, Any]:
    query = select(family.table).where(_is(family, key))
    row = unit.connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        name = family.name_of(key)
        raise NotFound(f"{name} does not exist", resource=name)
    return dict(row)


def _checked_row(unit: UnitOfWork, family: Family[Any], entry: Any) -> dict[str, Any]:
    wrong = list(family.violations(unit, entry))
    if wrong:
        raise InvalidArgument(wrong)
    return family.row_of(entry)


def _derive(unit: UnitOfWork, family: Family[Any], key: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    derived = family.derived
    if derived is None:
        return
    unit.connection.execute(delete(derived.table).where(derived.table.c[derived.owner] == key["id"]))
    rows = derived.rows(key["id"], row)
    if rows:
        unit.connection.execute(insert(derived.table), rows)


def _is(family: Family[Any], key: Mapping[str, Any]) -> ColumnElement[bool]:
    return and_(*(family.table.c[column] == key[column] for column in family.key))
