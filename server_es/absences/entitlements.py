"""The leave employees are entitled to, a row for each of their years (Urlaubsanspruch)."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from esoffice.es.v1 import absences_pb2 as pb
from sqlalchemy import ColumnElement, and_, delete, insert, select, tuple_, update

from mesh import etags, masks
from mesh.database import UnitOfWork
from mesh.errors import AlreadyExists, InvalidArgument, NotFound, Violation
from mesh.pages import page_of
from server_es.absences.names import ENTITLEMENT
from server_es.absences.quantities import date_of, days_of, half_days_of
from server_es.absences.tables import leave_entitlement
from server_es.directory.facts import missing
from server_es.directory.names import EMPLOYEE

Key = tuple[str, int]
Row = Mapping[str, Any]

_C: Final = leave_entitlement.c
_FIELDS: Final = ("days", "carried_days", "carried_until_date", "note")
_KIND: Final = "leave_entitlement"


def message_of(row: Row) -> pb.LeaveEntitlement:
    """Return a stored entitlement as the contract's resource."""
    return pb.LeaveEntitlement(
        name=ENTITLEMENT.build(row["employee"], row["year"]),
        days=days_of(row["half_days"]),
        carried_days=days_of(row["carried_half_days"]),
        carried_until_date=row["carried_until"].isoformat() if row["carried_until"] else "",
        note=row["note"],
        etag=etags.etag(row["revision"], row["update_time"].timestamp()),
    )


def find(unit: UnitOfWork, key: Key, *, lock: bool = False) -> Row | None:
    """Return an entitlement's row; None when there is none."""
    query = select(leave_entitlement).where(_is(key))
    row = unit.connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return None if row is None else dict(row)


def of_year(unit: UnitOfWork, year: int, employees: Collection[str]) -> list[Row]:
    """Return the entitlements of a year, of these employees or of all, ordered by employee."""
    query = select(leave_entitlement).where(_C.year == year).order_by(_C.employee)
    found = query.where(_C.employee.in_(sorted(employees))) if employees else query
    return [dict(row) for row in unit.connection.execute(found).mappings()]


def get(unit: UnitOfWork, request: pb.GetLeaveEntitlementRequest) -> pb.LeaveEntitlement:
    """Return an entitlement, or raise NotFound."""
    return message_of(_existing(unit, request.name))


def page(unit: UnitOfWork, request: pb.ListLeaveEntitlementsRequest) -> pb.ListLeaveEntitlementsResponse:
    """Return a page of entitlements, ordered by employee, then year."""
    page = page_of(request)
    query = select(leave_entitlement).order_by(_C.employee, _C.year).limit(page.size + 1)
    if request.employee:
        query = query.where(_C.employee == EMPLOYEE.parse(request.employee, field="employee")[0])
    if request.year:
        query = query.where(_C.year == request.year)
    if page.after:
        query = query.where(tuple_(_C.employee, _C.year) > tuple_(*page.after))
    rows = [dict(row) for row in unit.connection.execute(query).mappings()]
    return pb.ListLeaveEntitlementsResponse(
        leave_entitlements=[message_of(row) for row in rows[: page.size]],
        next_page_token=page.token(rows, ("employee", "year")),
    )


def create(unit: UnitOfWork, request: pb.CreateLeaveEntitlementRequest) -> pb.LeaveEntitlement:
    """Make an entitlement, or only check it."""
    given = request.leave_entitlement
    key = _key(given.name, field=f"{_KIND}.name")
    employee = EMPLOYEE.build(key[0])
    if missing(unit, [employee]):
        raise InvalidArgument([Violation(f"{_KIND}.name", f"{employee} does not exist")])
    values = _values(given, key)
    if find(unit, key) is not None:
        raise AlreadyExists(f"{given.name} exists already", resource=given.name)
    return put(unit, key, values, None, write=not request.validate_only)


def change(unit: UnitOfWork, request: pb.UpdateLeaveEntitlementRequest) -> pb.LeaveEntitlement:
    """Change an entitlement that is as it was read, or only check the change."""
    given = request.leave_entitlement
    masks.etag_given(given.etag, field=_KIND)
    row = _existing(unit, given.name, field=f"{_KIND}.name", lock=not request.validate_only)
    stored = message_of(row)
    etags.check(given.etag, stored.etag, given.name)
    said = masks.merged(stored, given, request.update_mask, fields=_FIELDS, field=_KIND)
    key = (row["employee"], row["year"])
    return put(unit, key, _values(said, key), row, write=not request.validate_only)


def remove(unit: UnitOfWork, request: pb.DeleteLeaveEntitlementRequest) -> None:
    """Delete an entitlement."""
    row = _existing(unit, request.name, lock=True)
    etags.check(request.etag, message_of(row).etag, request.name)
    unit.connection.execute(delete(leave_entitlement).where(_is((row["employee"], row["year"]))))


def put(unit: UnitOfWork, key: Key, values: Row, old: Row | None, *, write: bool) -> pb.LeaveEntitlement:
    """Make or replace an entitlement and return it; without `write` only return what it would be, without an etag."""
    kept = {"revision": old["revision"] + 1 if old else 1, "update_time": unit.now}
    named = {"employee": key[0], "year": key[1]}
    answer = message_of({**named, **values, **kept})
    if not write:
        answer.ClearField("etag")
    elif old is None:
        unit.connection.execute(insert(leave_entitlement).values(**named, **values, **kept))
    else:
        unit.connection.execute(update(leave_entitlement).where(_is(key)).values(**values, **kept))
    return answer


def _existing(unit: UnitOfWork, name: str, *, field: str = "name", lock: bool = False) -> Row:
    row = find(unit, _key(name, field=field), lock=lock)
    if row is None:
        raise NotFound(f"{name} does not exist", resource=name)
    return row


def _key(name: str, *, field: str) -> Key:
    employee, year = ENTITLEMENT.parse(name, field=field)
    return employee, int(year)


def _values(said: pb.LeaveEntitlement, key: Key) -> dict[str, Any]:
    until = said.carried_until_date
    expires = date_of(until, f"{_KIND}.carried_until_date") if until else None
    if expires is not None and expires.year != key[1]:
        text = f"{expires} is not in {key[1]}, the year of the entitlement"
        raise InvalidArgument([Violation(f"{_KIND}.carried_until_date", text)])
    return {
        "half_days": half_days_of(said.days, f"{_KIND}.days"),
        "carried_half_days": half_days_of(said.carried_days, f"{_KIND}.carried_days"),
        "carried_until": expires,
        "note": said.note,
    }


def _is(key: Key) -> ColumnElement[bool]:
    return and_(_C.employee == key[0], _C.year == key[1])
