"""What changes a roster for a time: overrides and plans, made, cancelled and listed."""

from collections.abc import Iterable
from typing import Any

from esoffice.es.v1 import duty_pb2 as pb
from sqlalchemy import Table

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, Violation
from mesh.instants import timestamp
from mesh.names import NamePattern
from mesh.pages import page_of
from server_es.directory import facts as directory
from server_es.duty import mapping, store
from server_es.duty.announcing import Announcing
from server_es.duty.names import OVERRIDE, PLAN, ROSTER
from server_es.duty.rosters import Override, Plan
from server_es.duty.tables import duty_override, duty_plan
from server_es.duty.wall import moment, seconds
from server_es.servicecalls.actors import Actor


def check_employees(unit: UnitOfWork, names: Iterable[str], *, field: str) -> None:
    """Insist that employees exist; they cannot be deleted before the unit ends.

    Raises:
        InvalidArgument: with everybody who does not.
    """
    named = list(dict.fromkeys(names))
    gone = directory.missing(unit, named)
    if gone:
        raise InvalidArgument(Violation(field, f"{one} does not exist") for one in named if one in gone)


class Changes:
    """Overrides and plans, made and cancelled.

    Args:
        announcing: tells whose shifts they move.
    """

    def __init__(self, announcing: Announcing) -> None:
        self._announcing = announcing

    def create_override(self, unit: UnitOfWork, request: pb.CreateDutyOverrideRequest, actor: Actor) -> pb.DutyOverride:
        given = request.override
        row = store.get(unit, given.roster, lock=not request.validate_only)
        checked = checked_override(unit, given)
        if request.validate_only:
            return given
        with self._announcing.change(unit, row, but=[actor.employee]):
            made = add_override(unit, row.id, checked, reason=given.reason, creator=actor.name)
        return override_message(made)

    def cancel_override(self, unit: UnitOfWork, name: str, actor: Actor) -> pb.DutyOverride:
        return override_message(self._cancel(unit, duty_override, OVERRIDE, name, actor))

    def create_plan(self, unit: UnitOfWork, request: pb.CreateDutyPlanRequest, actor: Actor) -> pb.DutyPlan:
        given = request.plan
        row = store.get(unit, given.roster, lock=not request.validate_only)
        checked = checked_plan(unit, given)
        if request.validate_only:
            return given
        values = {
            "title": given.title,
            "start_time": moment(checked.start),
            "end_time": moment(checked.end),
            "shifts": pb.DutyPlan(shifts=given.shifts).SerializeToString(deterministic=True),
            "creator": actor.name,
        }
        with self._announcing.change(unit, row, but=[actor.employee]):
            store.enlist(unit, row.id, (one for shift in checked.shifts for one in shift.employees))
            made = store.add(unit, duty_plan, row.id, values)
        return plan_message(made)

    def cancel_plan(self, unit: UnitOfWork, name: str, actor: Actor) -> pb.DutyPlan:
        return plan_message(self._cancel(unit, duty_plan, PLAN, name, actor))

    def _cancel(self, unit: UnitOfWork, table: Table, pattern: NamePattern, name: str, actor: Actor) -> Any:
        id_ = int(pattern.parse(name)[0])
        found = store.one_of(unit, table, id_, name)
        row = store.get(unit, ROSTER.build(found.roster), lock=True)
        with self._announcing.change(unit, row, but=[actor.employee]):
            return store.cancel(unit, table, id_, name)


# -- overrides --------------------------------------------------------------------------------------------------------


def checked_override(unit: UnitOfWork, given: pb.DutyOverride) -> Override:
    """Return an override that may be saved.

    Raises:
        InvalidArgument: with what is wrong.
    """
    mapping.check_override(given)
    from_then = given.start_time if given.HasField("start_time") else None
    start = mapping.not_past(from_then, unit.now, field="override.start_time")
    end = mapping.instant(given.end_time, field="override.end_time")
    mapping.span(start, end, field="override.end_time")
    check_employees(unit, filter(None, (given.employee, given.replaced)), field="override")
    return mapping.override_of(given, start, end)


def add_override(unit: UnitOfWork, roster: str, override: Override, *, reason: str, creator: str) -> Any:
    """Save an override of a locked roster and return its row."""
    store.enlist(unit, roster, filter(None, (override.employee, override.replaced)))
    values = {
        "change": int(override.change),
        "origin": int(override.origin),
        "employee": override.employee or None,
        "replaced": override.replaced or None,
        "start_time": moment(override.start),
        "end_time": moment(override.end),
        "reason": reason,
        "creator": creator,
    }
    return store.add(unit, duty_override, roster, values)


def list_overrides(unit: UnitOfWork, request: pb.ListDutyOverridesRequest) -> pb.ListDutyOverridesResponse:
    rows, token = _page(unit, duty_override, request)
    return pb.ListDutyOverridesResponse(overrides=map(override_message, rows), next_page_token=token)


def override_message(row: Any) -> pb.DutyOverride:
    return pb.DutyOverride(
        name=OVERRIDE.build(row.id),
        roster=ROSTER.build(row.roster),
        change=pb.DutyChange.ValueType(row.change),
        employee=f"employees/{row.employee}" if row.employee else "",
        replaced=f"employees/{row.replaced}" if row.replaced else "",
        start_time=timestamp(row.start_time),
        end_time=timestamp(row.end_time),
        reason=row.reason,
        cancel_time=None if row.cancel_time is None else timestamp(row.cancel_time),
        creator=row.creator,
        create_time=timestamp(row.create_time),
    )


# -- plans ------------------------------------------------------------------------------------------------------------


def checked_plan(unit: UnitOfWork, given: pb.DutyPlan) -> Plan:
    """Return a plan that may be saved.

    Raises:
        InvalidArgument: with what is wrong.
    """
    from_then = given.start_time if given.HasField("start_time") else None
    start = mapping.not_past(from_then, unit.now, field="plan.start_time")
    end = mapping.instant(given.end_time, field="plan.end_time")
    mapping.span(start, end, field="plan.end_time")
    mapping.check_plan(given, start, end)
    check_employees(unit, (one for shift in given.shifts for one in shift.employees), field="plan")
    shifts = mapping.planned_shifts(given)
    return Plan(start=seconds(start), end=seconds(end), title=given.title, shifts=shifts)


def list_plans(unit: UnitOfWork, request: pb.ListDutyPlansRequest) -> pb.ListDutyPlansResponse:
    rows, token = _page(unit, duty_plan, request)
    return pb.ListDutyPlansResponse(plans=map(plan_message, rows), next_page_token=token)


def plan_message(row: Any) -> pb.DutyPlan:
    return pb.DutyPlan(
        name=PLAN.build(row.id),
        roster=ROSTER.build(row.roster),
        title=row.title,
        start_time=timestamp(row.start_time),
        end_time=timestamp(row.end_time),
        shifts=pb.DutyPlan.FromString(row.shifts).shifts,
        cancel_time=None if row.cancel_time is None else timestamp(row.cancel_time),
        creator=row.creator,
        create_time=timestamp(row.create_time),
    )


def _page(unit: UnitOfWork, table: Table, request: Any) -> tuple[list[Any], str]:
    roster = store.get(unit, request.roster, deleted=True).id
    page = page_of(request)
    before = int(page.after[0]) if page.after else None
    rows = store.newest_of(unit, table, roster, before=before, limit=page.size + 1)
    token = page.token([row._mapping for row in rows], ("id",))  # noqa: SLF001 - SQLAlchemy's public name
    return rows[: page.size], token
