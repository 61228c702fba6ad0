"""The life of a call: each verb reads the case, lets the rules decide, and writes what follows."""

from typing import Any, Final

from esoffice.es.v1 import servicecalls_pb2 as pb
from esoffice.es.v1.service_levels_pb2 import LEVEL_RULE_MANUAL

from mesh import etags, masks
from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition, InvalidArgument, Violation
from server_es.directory.subjects import existing_employees, members_of
from server_es.service_levels import names as levels
from server_es.service_levels.rules import Meaning, State
from server_es.service_levels.store import existing_categories
from server_es.servicecalls import answers, logs, rules, transitions
from server_es.servicecalls.actors import Actor
from server_es.servicecalls.cases import Case, Cases
from server_es.servicecalls.events import Accepted, Arrived
from server_es.servicecalls.names import number_of
from server_es.servicecalls.notices import ADDENDUM, NEW, REOPENED
from server_es.servicecalls.rules import Kind
from server_es.servicecalls.settings import ServicecallSettings
from server_es.servicecalls.store import NewEvent
from server_es.servicecalls.transitions import ServicecallNotSolved, TransitionRefused

EDITABLE: Final = (
    "title",
    "description",
    "responsible_employee",
    "responsible_team",
    "problem_category",
    "published",
    "reporter_mail_address",
    "suppress_answers",
)


class MilestoneMet(FailedPrecondition):
    """It happened before; the log keeps the first time."""

    reason = "MILESTONE_MET"


class Life:
    """The verbs. Every one raises NotFound, and a refusal of the rules as it is.

    Args:
        cases: reads and writes calls.
        settings: the site's choice.
    """

    def __init__(self, cases: Cases, settings: ServicecallSettings) -> None:
        self._cases = cases
        self._settings = settings

    def accept(self, unit: UnitOfWork, request: pb.AcceptServicecallRequest, by: Actor) -> pb.Servicecall:
        case = self._editable(unit, request)
        if case.log.first(Accepted) is not None:
            raise _met(case, "acceptance", "was accepted")
        return self._happened(unit, case, request, logs.ACCEPTED, by)

    def record_reaction(self, unit: UnitOfWork, request: pb.RecordReactionRequest, by: Actor) -> pb.Servicecall:
        case = self._editable(unit, request)
        if rules.met_time(case.log, case.site.states, Kind.REACTION) is not None:
            raise _met(case, "reaction", "had its first reaction")
        return self._happened(unit, case, request, logs.REACTED, by)

    def record_arrival(self, unit: UnitOfWork, request: pb.RecordArrivalRequest, by: Actor) -> pb.Servicecall:
        case = self._editable(unit, request)
        if case.log.first(Arrived) is not None:
            raise _met(case, "arrival", "had its technician on site")
        return self._happened(unit, case, request, logs.ARRIVED, by)

    def change_state(self, unit: UnitOfWork, request: pb.ChangeStateRequest, by: Actor) -> pb.Servicecall:
        case = self._open(unit, request)
        transitions.check_editable(case.state)
        wanted = int(levels.STATE.parse(request.state, field="state")[0])
        target = transitions.change_state(case.state, wanted, case.site.states, may_close=True)
        if target.locked:
            verb = "SolveServicecall" if target.meaning is Meaning.SOLVED else "CloseServicecall"
            raise TransitionRefused(f"{target.name} is reached by {verb} only", state=str(target.number))
        time = case.time_of(request, unit.now)
        if case.state.meaning is not Meaning.DRAFT:
            event = NewEvent(kind=logs.STATE_CHANGED, event_time=time, state=target.number, text=request.text)
            return self._cases.close(unit, case, [event], by=by)
        event = NewEvent(kind=logs.RECEIVED, event_time=time, state=target.number, text=request.text)
        return self._cases.close(unit, case, [event], by=by, notice=NEW, receive_time=time)

    def change_level(self, unit: UnitOfWork, request: pb.ChangeServiceLevelRequest, by: Actor) -> pb.Servicecall:
        case = self._open(unit, request)
        transitions.check_editable(case.state)
        level = int(levels.SERVICE_LEVEL.parse(request.service_level, field="service_level")[0])
        if level not in case.site.levels:
            raise InvalidArgument([Violation("service_level", f"{request.service_level} does not exist")])
        time = case.time_of(request, unit.now)
        event = NewEvent(kind=logs.LEVEL_CHANGED, event_time=time, service_level=level, text=request.text)
        return self._cases.close(
            unit, case, [event], by=by, level_rule=int(LEVEL_RULE_MANUAL), level_rule_source=by.name
        )

    def add_addendum(self, unit: UnitOfWork, request: pb.AddAddendumRequest, by: Actor) -> pb.Servicecall:
        case = self._open(unit, request)
        if not case.state.locked:
            raise ServicecallNotSolved(f"the call is {case.state.name}; only a solved call takes an addendum")
        event = NewEvent(kind=logs.ADDENDUM, event_time=case.time_of(request, unit.now), text=request.text)
        return self._cases.close(unit, case, [event], by=by, notice=ADDENDUM)

    def solve(self, unit: UnitOfWork, request: pb.SolveServicecallRequest, by: Actor) -> pb.Servicecall:
        case = self._editable(unit, request)
        return self._finish(unit, case, request, Meaning.SOLVED, by)

    def close(self, unit: UnitOfWork, request: pb.CloseServicecallRequest, by: Actor) -> pb.Servicecall:
        case = self._open(unit, request)
        if case.state.meaning is not Meaning.SOLVED:
            raise TransitionRefused(f"the call is {case.state.name}; only a solved call is closed")
        return self._finish(unit, case, request, Meaning.DONE, by)

    def reopen(self, unit: UnitOfWork, request: pb.ReopenServicecallRequest, by: Actor) -> pb.Servicecall:
        case = self._open(unit, request)
        started = case.site.states.first(Meaning.STARTED).number
        target = transitions.reopen(case.state, started, case.site.states, may_close=by.may_close)
        if by.person:
            solved = rules.met_time(case.log, case.site.states, Kind.SOLUTION)
            transitions.check_reopening(self._settings.reopening, case.state, solved, unit.now)
        time = case.time_of(request, unit.now)
        event = NewEvent(kind=logs.REOPENED, event_time=time, state=target.number, text=request.text)
        return self._cases.close(unit, case, [event], by=by, notice=REOPENED)

    def update(self, unit: UnitOfWork, request: pb.UpdateServicecallRequest, by: Actor) -> pb.Servicecall:
        given = request.servicecall
        masks.etag_given(given.etag, field="servicecall")
        case = self._cases.open(unit, number_of(given.name, field="servicecall.name"))
        stored = answers.servicecall(case.call, case.log, case.site, unit.now)
        etags.check(given.etag, stored.etag, given.name)
        transitions.check_editable(case.state)
        wanted = masks.merged(stored, given, request.update_mask, fields=EDITABLE, field="servicecall")
        changed = [name for name in EDITABLE if getattr(wanted, name) != getattr(stored, name)]
        if not changed:
            return stored
        columns = _columns(unit, wanted, changed)
        time = max(unit.now, case.call.last_event_time)
        event = NewEvent(kind=logs.EDITED, event_time=time, text=", ".join(changed))
        return self._cases.close(unit, case, [event], by=by, **columns)

    def _open(self, unit: UnitOfWork, request: Any) -> Case:
        return self._cases.open(unit, number_of(request.servicecall, field="servicecall"))

    def _editable(self, unit: UnitOfWork, request: Any) -> Case:
        """Open a call that was received and is not locked."""
        case = self._open(unit, request)
        transitions.check_editable(case.state)
        _ = case.log.received  # a draft raises NotReceived
        return case

    def _happened(self, unit: UnitOfWork, case: Case, request: Any, kind: int, by: Actor) -> pb.Servicecall:
        event = NewEvent(kind=kind, event_time=case.time_of(request, unit.now), text=request.text)
        return self._cases.close(unit, case, [event], by=by)

    def _finish(self, unit: UnitOfWork, case: Case, request: Any, meaning: Meaning, by: Actor) -> pb.Servicecall:
        target = _named_or_first(case, request.state, meaning)
        transitions.change_state(case.state, target.number, case.site.states, may_close=meaning is Meaning.DONE)
        time = case.time_of(request, unit.now)
        event = NewEvent(kind=logs.STATE_CHANGED, event_time=time, state=target.number, text=request.text)
        return self._cases.close(unit, case, [event], by=by)


def _named_or_first(case: Case, name: str, meaning: Meaning) -> State:
    if not name:
        return case.site.states.first(meaning)
    target = case.site.states.find(int(levels.STATE.parse(name, field="state")[0]))
    if target.meaning is not meaning:
        raise TransitionRefused(f"{name} does not mean {meaning.name}", state=str(target.number))
    return target


def _met(case: Case, milestone: str, what: str) -> MilestoneMet:
    return MilestoneMet(f"servicecalls/{case.call.number} {what} before; the first time counts.", milestone=milestone)


def _columns(unit: UnitOfWork, wanted: pb.Servicecall, changed: list[str]) -> dict[str, Any]:
    """Return the columns of the fields that change.

    Raises:
        InvalidArgument: they are wrong, or name something that does not exist; every violation at once.
    """
    columns: dict[str, Any] = {}
    wrong = []
    there = {
        "responsible_employee": existing_employees,
        "responsible_team": members_of,
        "problem_category": existing_categories,
    }
    for name in changed:
        value = getattr(wanted, name)
        if name in there:
            value = value.rpartition("/")[2] or None
            if value and value not in there[name](unit, {value}):
                wrong.append(Violation(f"servicecall.{name}", f"{getattr(wanted, name)} does not exist"))
        elif name == "title":
            try:
                value = transitions.title(value)
            except InvalidArgument as error:
                wrong += [Violation(f"servicecall.{one.field}", one.description) for one in error.violations]
            columns["search"] = value.casefold()
        elif name == "description" and "\0" in value:
            wrong.append(Violation("servicecall.description", "contains the character NUL"))
        columns[name] = value
    if wrong:
        raise InvalidArgument(wrong)
    return columns
