"""The servicer of the forwardings."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Final, Protocol

from esoffice.es.v1 import forwarding_pb2 as pb
from esoffice.es.v1 import forwarding_pb2_grpc as grpc_

from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.failpoints import failpoint
from mesh.pages import page_of
from server_es.calendars import mapping
from server_es.directory.subjects import existing_employees, members_of
from server_es.forwarding import rules, store
from server_es.forwarding.names import FORWARDING
from server_es.forwarding.rules import Staff, Target
from server_es.notices.rules import Notice, Recipient
from server_es.schema import REQUESTS
from server_es.service_levels.rules import Meaning
from server_es.servicecalls import logs
from server_es.servicecalls import store as calls
from server_es.servicecalls.actors import Actor, actor_of
from server_es.servicecalls.cases import Cases
from server_es.servicecalls.names import SERVICECALL, number_of
from server_es.servicecalls.store import NewEvent

SUBJECT: Final = "Servicecall {number} weitergeleitet: {title}"


class Tell(Protocol):
    """The notices, as this room needs them."""

    def tell(self, unit: UnitOfWork, notices: Sequence[Notice]) -> None:
        """Tell people in the transaction of what they are told about."""


class Forwardings(grpc_.ForwardingServiceServicer):
    """Forwards calls.

    Args:
        database: of server_es.
        cases: reads and writes calls.
        notices: tell those who take over.
        created_too: whether calls that were created but not started may be forwarded; may be set while it runs.
    """

    def __init__(self, database: Database, cases: Cases, notices: Tell, *, created_too: bool = False) -> None:
        self._database = database
        self._cases = cases
        self._notices = notices
        self.created_too = created_too

    async def ForwardServicecall(self, request: pb.ForwardServicecallRequest, _context: Any) -> pb.Forwarding:
        return await self._database.run(self._once, request, actor_of(caller()))

    async def ListForwardings(self, request: pb.ListForwardingsRequest, _context: Any) -> pb.ListForwardingsResponse:
        return await self._database.read(_page, request)

    def _once(self, unit: UnitOfWork, request: pb.ForwardServicecallRequest, by: Actor) -> pb.Forwarding:
        return REQUESTS.once(
            unit, request, lambda: self._forward(unit, request, by), answer=pb.Forwarding, caller=by.caller
        )

    def _forward(self, unit: UnitOfWork, request: pb.ForwardServicecallRequest, by: Actor) -> pb.Forwarding:
        case = self._cases.open(unit, number_of(request.servicecall, field="servicecall"))
        target = Target(team=request.team.rpartition("/")[2], employee=request.employee.rpartition("/")[2])
        takers = rules.forward(case.state, target, _staff(unit, target), created_too=self.created_too)
        before = store.current(unit, case.call.number)
        text = request.text
        if request.carry_text:
            text = rules.carried(None if before is None else before.text, text)
        row = {
            "servicecall": case.call.number,
            "number": 1 if before is None else before.number + 1,
            "create_time": unit.now,
            "actor": by.name,
            "team": target.team,
            "employee": target.employee,
            "text": text,
            "sequence": case.call.last_sequence + 1,
        }
        state = case.site.states.first(Meaning.FORWARDED).number
        time = max(unit.now, case.call.last_event_time)
        event = NewEvent(kind=logs.FORWARDED, event_time=time, state=state, text=request.text)
        self._cases.close(
            unit,
            case,
            [event],
            by=by,
            responsible_team=target.team or None,
            responsible_employee=target.employee or None,
        )
        store.append(unit, row)
        forwarding = _message(SimpleNamespace(**row))
        failpoint("forwarding.written")
        self._notices.tell(unit, [_notice(one, forwarding, case.call, by) for one in takers])
        return forwarding


def _notice(employee: str, forwarding: pb.Forwarding, call: Any, by: Actor) -> Notice:
    return Notice(
        cause=forwarding.name,
        about=SERVICECALL.build(call.number),
        recipient=Recipient(employee=employee),
        subject=SUBJECT.format(number=call.number, title=call.title),
        text=forwarding.text,
        by=by.employee,
        sender=by.name,
    )


def _staff(unit: UnitOfWork, target: Target) -> Staff:
    teams = members_of(unit, {target.team}) if target.team else {}
    employees = existing_employees(unit, {target.employee}) if target.employee else set()
    return Staff(teams=teams, employees=frozenset(employees))


def _page(unit: UnitOfWork, request: pb.ListForwardingsRequest) -> pb.ListForwardingsResponse:
    page = page_of(request)
    number = number_of(request.servicecall, field="servicecall")
    calls.get(unit, number)  # raises NotFound
    rows = store.page(unit, number, int(page.after[0]) if page.after else None, page.size + 1)
    token = page.token([row._mapping for row in rows], ("number",))  # noqa: SLF001 - SQLAlchemy's public name
    return pb.ListForwardingsResponse(forwardings=[_message(row) for row in rows[: page.size]], next_page_token=token)


def _message(row: Any) -> pb.Forwarding:
    return pb.Forwarding(
        name=FORWARDING.build(row.servicecall, row.number),
        create_time=mapping.timestamp(row.create_time),
        actor=row.actor,
        team=f"teams/{row.team}" if row.team else "",
        employee=f"employees/{row.employee}" if row.employee else "",
        text=row.text,
        sequence=row.sequence,
    )
