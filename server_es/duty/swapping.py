"""Shifts offered to colleagues, taken and taken back."""

from collections.abc import Sequence
from typing import Any

from esoffice.es.v1 import duty_pb2 as pb
from sqlalchemy import insert, select, update

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, NotFound, PermissionDenied, Violation
from mesh.instants import timestamp
from mesh.pages import page_of
from server_es.directory import facts as directory
from server_es.duty import changes, mapping, store, swaps, wording
from server_es.duty import shifts as duty_shifts
from server_es.duty.announcing import Announcing
from server_es.duty.compiled import Compiled
from server_es.duty.facts import ROSTERS
from server_es.duty.names import OVERRIDE, ROSTER, SWAP
from server_es.duty.reports import Reports
from server_es.duty.rosters import Change, Origin, Override
from server_es.duty.shifts import Watch
from server_es.duty.swaps import State, Swap
from server_es.duty.tables import duty_swap
from server_es.duty.telling import Tell, to
from server_es.duty.wall import DAY, seconds, wall_clock
from server_es.notices.rules import Notice
from server_es.servicecalls.actors import Actor

_AROUND = 15 * DAY


class Swapping:
    """Offers.

    Args:
        reports: says what would be wrong.
        announcing: tells whose shifts a swap moves.
        tell: tells colleagues.
    """

    def __init__(self, reports: Reports, announcing: Announcing, tell: Tell) -> None:
        self._reports = reports
        self._announcing = announcing
        self._tell = tell

    def request(
        self, unit: UnitOfWork, request: pb.RequestDutySwapRequest, actor: Actor, *, for_others: bool
    ) -> pb.DutySwap:
        given = request.swap
        employee = mapping.employee_id(given.employee) or actor.employee
        if not employee:
            raise InvalidArgument([Violation("swap.employee", "is required: you are no employee yourself")])
        if employee != actor.employee and not for_others:
            raise PermissionDenied(
                f"The shifts of employees/{employee} are not yours to offer.", permission="duty.write"
            )
        start = mapping.not_past(given.start_time, unit.now, field="swap.start_time")
        end = mapping.instant(given.end_time, field="swap.end_time")
        mapping.span(start, end, field="swap.end_time")
        changes.check_employees(unit, filter(None, (given.asked,)), field="swap.asked")
        row = store.get(unit, given.roster, lock=True)
        roster = ROSTERS.get(unit, given.roster)
        swaps.check_on_duty(employee, _watches(roster, seconds(start), seconds(end)))
        values = {
            "roster": row.id,
            "employee": employee,
            "start_time": start,
            "end_time": end,
            "reason": given.reason,
            "asked": mapping.employee_id(given.asked) or None,
            "state": int(State.OPEN),
            "creator": actor.name,
            "create_time": unit.now,
        }
        made = unit.connection.execute(insert(duty_swap).values(values).returning(*duty_swap.c)).one()
        asked = [made.asked] if made.asked else sorted(_members(roster, seconds(unit.now)) - {employee})
        subject = f"{_name(unit, employee)} gibt eine Bereitschaft ab: {_span(roster, made)}"
        self._tell(unit, _told(made, asked, subject, given.reason))
        return message(made, unit)

    def take(self, unit: UnitOfWork, request: pb.TakeDutySwapRequest, actor: Actor) -> pb.TakeDutySwapResponse:
        if not actor.employee:
            raise PermissionDenied("Only employees take shifts.", permission="duty.swap")
        found = _row(unit, request.name)
        row = store.get(unit, ROSTER.build(found.roster), lock=not request.validate_only)
        found = _row(unit, request.name)
        swap, now = _swap(found), seconds(unit.now)
        if swap.state is not State.TAKEN or found.taken_by != actor.employee:
            swaps.check_open(swap, now, name=request.name)
            found = self._take(unit, row, found, actor, only_check=request.validate_only)
        around = seconds(found.start_time) - _AROUND, seconds(found.end_time) + _AROUND
        findings = self._reports.of_employee(unit, actor.employee, *around)
        return pb.TakeDutySwapResponse(swap=message(found, unit), findings=findings)

    def _take(self, unit: UnitOfWork, row: Any, found: Any, actor: Actor, *, only_check: bool) -> Any:
        roster, swap, now = ROSTERS.get(unit, ROSTER.build(row.id)), _swap(found), seconds(unit.now)
        start = max(swap.start, now)
        watches = _watches(roster, start, swap.end)
        swaps.check_on_duty(swap.employee, watches)
        away = self._reports.away_in(unit, actor.employee, start, swap.end)
        swaps.check_taker(swap, actor.employee, members=_members(roster, now), watches=watches, away=away)
        if only_check:
            return found
        change = Override(
            start=start,
            end=swap.end,
            change=Change.REPLACE,
            employee=actor.employee,
            replaced=swap.employee,
            origin=Origin.SWAP,
        )
        with self._announcing.change(unit, row, but=(swap.employee, actor.employee)) as notices:
            override = changes.add_override(unit, row.id, change, reason=found.reason, creator=actor.name)
            taken = {"state": int(State.TAKEN), "taken_by": actor.employee, "override": override.id}
            closed = _close(unit, found.id, **taken)
            subject = f"{_name(unit, actor.employee)} übernimmt Ihre Bereitschaft: {_span(roster, closed)}"
            notices.extend(_told(closed, [swap.employee], subject))
        return closed

    def withdraw(self, unit: UnitOfWork, name: str, actor: Actor, *, for_others: bool) -> pb.DutySwap:
        found = _row(unit, name)
        store.get(unit, ROSTER.build(found.roster), lock=True)
        found = _row(unit, name)
        if found.employee != actor.employee and not for_others:
            raise PermissionDenied(f"{name} is not yours to take back.", permission="duty.write")
        swap = _swap(found)
        if swap.state is not State.WITHDRAWN:
            swaps.check_open(swap, seconds(unit.now), name=name)
            found = _close(unit, found.id, state=int(State.WITHDRAWN))
        return message(found, unit)


def listed(unit: UnitOfWork, request: pb.ListDutySwapsRequest) -> pb.ListDutySwapsResponse:
    page, columns = page_of(request), duty_swap.c
    query = select(duty_swap).order_by(columns.id.desc()).limit(page.size + 1)
    if request.roster:
        query = query.where(columns.roster == store.get(unit, request.roster, deleted=True).id)
    if request.open_only:
        query = query.where(columns.state == State.OPEN, columns.end_time > unit.now)
    if page.after:
        query = query.where(columns.id < int(page.after[0]))
    rows = unit.connection.execute(query).all()
    token = page.token([one._mapping for one in rows], ("id",))  # noqa: SLF001 - SQLAlchemy's public name
    return pb.ListDutySwapsResponse(swaps=[message(one, unit) for one in rows[: page.size]], next_page_token=token)


def message(row: Any, unit: UnitOfWork) -> pb.DutySwap:
    state = _swap(row).state_at(seconds(unit.now))
    return pb.DutySwap(
        name=SWAP.build(row.id),
        roster=ROSTER.build(row.roster),
        employee=f"employees/{row.employee}",
        start_time=timestamp(row.start_time),
        end_time=timestamp(row.end_time),
        reason=row.reason,
        asked=f"employees/{row.asked}" if row.asked else "",
        state=pb.DutySwapState.ValueType(state),
        taken_by=f"employees/{row.taken_by}" if row.taken_by else "",
        override=OVERRIDE.build(row.override) if row.override else "",
        creator=row.creator,
        create_time=timestamp(row.create_time),
        close_time=None if row.close_time is None else timestamp(row.close_time),
    )


def _told(swap: Any, employees: Sequence[str], subject: str, text: str = "") -> list[Notice]:
    name = SWAP.build(swap.id)
    cause = f"{name}/{State(swap.state).name.lower()}"
    return to(employees, cause=cause, about=name, subject=subject, text=text)


def _row(unit: UnitOfWork, name: str) -> Any:
    id_ = int(SWAP.parse(name)[0])
    row = unit.connection.execute(select(duty_swap).where(duty_swap.c.id == id_)).one_or_none()
    if row is None:
        raise NotFound(f"{name} does not exist", resource=name)
    return row


def _close(unit: UnitOfWork, id_: int, **values: Any) -> Any:
    changed = update(duty_swap).where(duty_swap.c.id == id_).values(close_time=unit.now, **values)
    return unit.connection.execute(changed.returning(*duty_swap.c)).one()


def _swap(row: Any) -> Swap:
    start, end = seconds(row.start_time), seconds(row.end_time)
    return Swap(employee=row.employee, start=start, end=end, asked=row.asked or "", state=State(row.state))


def _watches(roster: Compiled, start: int, end: int) -> list[Watch]:
    return list(duty_shifts.watches(roster.roster, start, end))


def _members(roster: Compiled, now: int) -> set[str]:
    said = roster.said.at(now)
    return set() if said is None else set(map(mapping.employee_id, mapping.employees_of(said)))


def _name(unit: UnitOfWork, employee: str) -> str:
    return directory.staff(unit).employees[employee].name or employee


def _span(roster: Compiled, row: Any) -> str:
    start, end = seconds(row.start_time), seconds(row.end_time)
    said = roster.said.at(start) or pb.Roster()
    clock = wall_clock(said.time_zone or mapping.ZONE)
    return f"{said.title}, {wording.when(start, 'de', clock)} bis {wording.when(end, 'de', clock)}"
