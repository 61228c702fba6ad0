"""The servicer of the visits."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from esoffice.es.v1 import visits_pb2 as pb
from esoffice.es.v1 import visits_pb2_grpc as grpc_
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import InvalidArgument, Violation
from mesh.etags import check, etag
from mesh.instants import instant, timestamp
from mesh.pages import page_of
from server_es.directory.names import EMPLOYEE
from server_es.directory.subjects import existing_employees
from server_es.notices.rules import Notice, Recipient
from server_es.schema import REQUESTS
from server_es.servicecalls import logs
from server_es.servicecalls import store as calls
from server_es.servicecalls.actors import Actor, actor_of
from server_es.servicecalls.cases import Case, Cases
from server_es.servicecalls.names import SERVICECALL, number_of
from server_es.servicecalls.store import NewEvent
from server_es.servicecalls.transitions import check_editable
from server_es.visits import calendars, rules, store
from server_es.visits.names import VISIT
from server_es.visits.rules import Span

_SUBJECT: Final = "Einsatz {what}: {when}, Servicecall {number} {title}"
_SUBJECT_AT_MOST: Final = 200


class Tell(Protocol):
    """The notices, as this room needs them."""

    def tell(self, unit: UnitOfWork, notices: Sequence[Notice]) -> None:
        """Tell people in the transaction of what they are told about."""


class Visits(grpc_.VisitServiceServicer):
    """Plans visits.

    Args:
        database: of server_es.
        cases: reads and writes calls.
        notices: tell those who go.
        zone: in which the log and the notices say when.
    """

    def __init__(self, database: Database, cases: Cases, notices: Tell, zone: str = "Europe/Berlin") -> None:
        self._database = database
        self._cases = cases
        self._notices = notices
        self._zone = zone

    async def PlanVisit(self, request: pb.PlanVisitRequest, _context: Any) -> pb.Visit:
        return await self._database.run(self._once, self._plan, request, actor_of(caller()))

    async def MoveVisit(self, request: pb.MoveVisitRequest, _context: Any) -> pb.Visit:
        return await self._database.run(self._once, self._move, request, actor_of(caller()))

    async def CancelVisit(self, request: pb.CancelVisitRequest, _context: Any) -> pb.Visit:
        return await self._database.run(self._once, self._cancel, request, actor_of(caller()))

    async def ListVisits(self, request: pb.ListVisitsRequest, _context: Any) -> pb.ListVisitsResponse:
        return await self._database.read(_page, request)

    def _once(self, unit: UnitOfWork, work: Any, request: Any, by: Actor) -> pb.Visit:
        return REQUESTS.once(unit, request, lambda: work(unit, request, by), answer=pb.Visit, caller=by.caller)

    def _plan(self, unit: UnitOfWork, request: pb.PlanVisitRequest, by: Actor) -> pb.Visit:
        case = self._cases.open(unit, number_of(request.servicecall, field="servicecall"))
        check_editable(case.state)
        span, employees = _span(request), _numbers(request.employees)
        rules.check(span, employees, existing_employees(unit, employees), unit.now)
        row = {
            "start_time": span.start,
            "end_time": span.end,
            "employees": list(employees),
            "text": request.text,
            "location": request.location,
            "actor": by.name,
        }
        return self._done(unit, case, store.create(unit, case.call.number, row), rules.PLANNED, by)

    def _move(self, unit: UnitOfWork, request: pb.MoveVisitRequest, by: Actor) -> pb.Visit:
        case, old = self._open(unit, request)
        check_editable(case.state)
        span, employees = _span(request), _numbers(request.employees) or tuple(old.employees)
        rules.check(span, employees, existing_employees(unit, employees), unit.now)
        row = {"start_time": span.start, "end_time": span.end, "employees": list(employees), "actor": by.name}
        return self._done(unit, case, store.change(unit, old, row), rules.MOVED, by, tuple(old.employees))

    def _cancel(self, unit: UnitOfWork, request: pb.CancelVisitRequest, by: Actor) -> pb.Visit:
        case, old = self._open(unit, request)
        new = store.change(unit, old, {"cancelled": True, "actor": by.name})
        return self._done(unit, case, new, rules.CANCELLED, by, tuple(old.employees))

    def _open(self, unit: UnitOfWork, request: pb.MoveVisitRequest | pb.CancelVisitRequest) -> tuple[Case, Any]:
        """Lock the call of a visit, and let what was cancelled or changed meanwhile be."""
        servicecall, number = map(int, VISIT.parse(request.name))
        case = self._cases.open(unit, servicecall)
        row = store.get(unit, servicecall, number)
        rules.check_stands(request.name, cancelled=row.cancelled)
        check(request.etag, _etag(row), request.name)
        return case, row

    def _done(  # noqa: PLR0917
        self, unit: UnitOfWork, case: Case, visit: Any, what: str, by: Actor, before: tuple[str, ...] = ()
    ) -> pb.Visit:
        """Let calendars, log and people know."""
        call = case.call
        calendars.follow(unit, visit, rules.title(call.number, call.title), self._zone, before)
        when = Span(visit.start_time, visit.end_time).text(self._zone)
        going = ", ".join(EMPLOYEE.build(one) for one in visit.employees)
        text = f"Einsatz {visit.number} {what}: {when}, {going}"
        event = NewEvent(kind=logs.VISIT, event_time=max(unit.now, call.last_event_time), text=text)
        self._cases.close(unit, case, [event], by=by)
        made = _message(visit)
        news = rules.news(what, before, tuple(visit.employees))
        subjects = {
            one: _SUBJECT.format(what=said, when=when, number=call.number, title=call.title)[:_SUBJECT_AT_MOST]
            for one, said in sorted(news.items())
        }
        self._notices.tell(unit, [_notice(one, visit, made, subject, by) for one, subject in subjects.items()])
        return made


def _notice(employee: str, visit: Any, made: pb.Visit, subject: str, by: Actor) -> Notice:
    return Notice(
        cause=f"{made.name}@{visit.revision}",
        about=SERVICECALL.build(visit.servicecall),
        recipient=Recipient(employee=employee),
        subject=subject,
        text="\n".join(one for one in (visit.location, visit.text) if one),
        by=by.employee,
        sender=by.name,
    )


def _span(request: pb.PlanVisitRequest | pb.MoveVisitRequest) -> Span:
    return Span(_instant(request.start_time, "start_time"), _instant(request.end_time, "end_time"))


def _instant(said: Timestamp, field: str) -> datetime:
    try:
        return instant(said)
    except (ValueError, OverflowError):
        raise InvalidArgument([Violation(field, "is no instant between the years 1 and 9999")]) from None


def _numbers(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(EMPLOYEE.parse(one, field="employees")[0] for one in names))


def _etag(row: Any) -> str:
    return etag(row.servicecall, row.number, row.revision)


def _page(unit: UnitOfWork, request: pb.ListVisitsRequest) -> pb.ListVisitsResponse:
    page = page_of(request)
    number = number_of(request.servicecall, field="servicecall")
    calls.get(unit, number)  # raises NotFound
    rows = store.page(unit, number, int(page.after[0]) if page.after else 0, page.size + 1)
    token = page.token([row._mapping for row in rows], ("number",))  # noqa: SLF001 - SQLAlchemy's public name
    return pb.ListVisitsResponse(visits=[_message(row) for row in rows[: page.size]], next_page_token=token)


def _message(row: Any) -> pb.Visit:
    return pb.Visit(
        name=VISIT.build(row.servicecall, row.number),
        start_time=timestamp(row.start_time),
        end_time=timestamp(row.end_time),
        employees=[EMPLOYEE.build(one) for one in row.employees],
        text=row.text,
        location=row.location,
        cancelled=row.cancelled,
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        actor=row.actor,
        etag=_etag(row),
    )
