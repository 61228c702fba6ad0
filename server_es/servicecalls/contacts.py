"""What a contact on a call does to it: an addendum when it is solved, a reopening when that is wanted."""

from collections.abc import Collection, Mapping

from mesh.call import caller
from mesh.database import UnitOfWork
from mesh.errors import PermissionDenied
from server_es.contacts.rules import NewContact
from server_es.service_levels.rules import Meaning
from server_es.servicecalls import lists, logs, transitions
from server_es.servicecalls.actors import actor_of
from server_es.servicecalls.cases import Cases
from server_es.servicecalls.notices import ADDENDUM, REOPENED
from server_es.servicecalls.store import NewEvent

_TEXT_AT_MOST = 4000
_REOPEN = "servicecalls.reopen"


class CallContacts:
    """The room of servicecalls, as the room of contacts sees it.

    Args:
        cases: reads and writes calls.
    """

    def __init__(self, cases: Cases) -> None:
        self._cases = cases

    def addresses_of_calls(self, unit: UnitOfWork, servicecalls: Collection[int]) -> Mapping[int, str]:
        """Return the number of the address of each of these calls; without those that do not exist."""
        return lists.addresses_of(unit, sorted(servicecalls))

    def on_call_contact(self, unit: UnitOfWork, servicecall: int, contact: NewContact, *, reopen: bool) -> bool:
        """Note that a contact is written on a call; return whether it is an addendum.

        Raises:
            PermissionDenied: the caller may not reopen it; raised before anything is written.
        """
        case = self._cases.open(unit, servicecall)
        if not case.state.locked:
            return False
        by = actor_of(caller())
        text = f"{contact.subject}\n{contact.text}".strip()[:_TEXT_AT_MOST]
        # A mail that was written before the call was solved, and read after it, comes after it in the log.
        time = max(case.call.last_event_time, min(contact.happened_time, unit.now))
        if not reopen:
            event = NewEvent(kind=logs.ADDENDUM, event_time=time, text=text)
            self._cases.close(unit, case, [event], by=by, notice=ADDENDUM)
            return True
        if not caller().may(_REOPEN):
            raise PermissionDenied(f"{by.name} lacks the permission {_REOPEN}", permission=_REOPEN)
        started = case.site.states.first(Meaning.STARTED).number
        target = transitions.reopen(case.state, started, case.site.states, may_close=by.may_close)
        event = NewEvent(kind=logs.REOPENED, event_time=time, state=target.number, text=text)
        self._cases.close(unit, case, [event], by=by, notice=REOPENED)
        return False
