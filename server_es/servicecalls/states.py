"""What an escalation does to a call: another state, as far as the rules allow it."""

from typing import Final

from mesh.database import UnitOfWork
from server_es.servicecalls import logs, transitions
from server_es.servicecalls.actors import Actor
from server_es.servicecalls.cases import Cases
from server_es.servicecalls.store import NewEvent

SERVICE: Final = Actor(name="services/server_es")


class CallStates:
    """The room of servicecalls, as the room of escalations sees it.

    Args:
        cases: reads and writes calls.
    """

    def __init__(self, cases: Cases) -> None:
        self._cases = cases

    def set_state(self, unit: UnitOfWork, servicecall: int, state: int, *, text: str, by: Actor = SERVICE) -> bool:
        """Give a call a state; return whether it has it now and had not before. A locked call keeps its own."""
        case = self._cases.open(unit, servicecall)
        if case.state.locked or case.state.number == state:
            return False
        transitions.change_state(case.state, state, case.site.states, may_close=False)
        time = max(unit.now, case.call.last_event_time)
        event = NewEvent(kind=logs.STATE_CHANGED, event_time=time, state=state, text=text)
        self._cases.close(unit, case, [event], by=by)
        return True
