"""Answers about rosters: lists, who is on duty, shifts."""

from esoffice.es.v1 import duty_pb2 as pb

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, NotFound, Violation
from mesh.instants import timestamp
from mesh.pages import page_of
from server_es.directory import facts as directory
from server_es.duty import mapping, store
from server_es.duty import shifts as duty_shifts
from server_es.duty.facts import ROSTERS
from server_es.duty.facts import who as called
from server_es.duty.wall import moment, seconds


def rosters(unit: UnitOfWork, request: pb.ListRostersRequest) -> pb.ListRostersResponse:
    page = page_of(request)
    rows = store.page(unit, str(page.after[0]) if page.after else "", page.size + 1)
    found = [store.message_of(store.newest(unit, row.id)) for row in rows[: page.size]]
    token = page.token([row._mapping for row in rows], ("id",))  # noqa: SLF001 - SQLAlchemy's public name
    return pb.ListRostersResponse(rosters=found, next_page_token=token)


def versions(unit: UnitOfWork, request: pb.ListRosterVersionsRequest) -> pb.ListRosterVersionsResponse:
    row = store.get(unit, request.roster, deleted=True)
    page = page_of(request)
    before = int(page.after[0]) if page.after else None
    rows = store.versions(unit, row.id, before=before, limit=page.size + 1)
    token = page.token([one._mapping for one in rows], ("number",))  # noqa: SLF001 - SQLAlchemy's public name
    found = [store.message_of(one, etag=False) for one in rows[: page.size]]
    return pb.ListRosterVersionsResponse(versions=found, next_page_token=token)


def who(unit: UnitOfWork, request: pb.WhoIsOnDutyRequest) -> pb.WhoIsOnDutyResponse:
    at = mapping.instant(request.time, field="time") if request.HasField("time") else unit.now.replace(microsecond=0)
    roster = ROSTERS.get(unit, request.roster)
    found = mapping.on_duty(called(unit, roster, at, request.system))
    answer = pb.WhoIsOnDutyResponse(
        on_duty=[one for one in found if one.level == 1],
        behind=[one for one in found if one.level > 1],
        time=timestamp(at),
    )
    changes = duty_shifts.next_change(roster.roster, seconds(at))
    if changes is not None:
        then = moment(changes)
        answer.next_change_time.CopyFrom(timestamp(then))
        following = mapping.on_duty(called(unit, roster, then, request.system))
        answer.next.extend(one for one in following if one.level == 1)
    return answer


def shifts(unit: UnitOfWork, request: pb.ListShiftsRequest, own: str) -> pb.ListShiftsResponse:
    """Return shifts; `own` is the personnel number of the caller, empty when he has none."""
    start = mapping.instant(request.start_time, field="start_time")
    end = mapping.instant(request.end_time, field="end_time")
    mapping.span(start, end, field="end_time")
    if request.own and not own:
        raise InvalidArgument([Violation("own", "you are no employee; name one in employee")])
    employee = own if request.own else mapping.employee_id(request.employee)
    if request.employee and not request.own and directory.missing(unit, [request.employee], keep=False):
        raise NotFound(f"{request.employee} does not exist", resource=request.employee)
    if request.roster:
        found = [ROSTERS.get(unit, request.roster)]
    else:
        found = ROSTERS.several(unit, store.marks(unit, employee=employee))
    return pb.ListShiftsResponse(
        shifts=[
            mapping.shift(one, roster.name)
            for roster in found
            for one in duty_shifts.shifts(roster.roster, seconds(start), seconds(end))
            if not employee or one.on_duty.employee == employee
        ]
    )
