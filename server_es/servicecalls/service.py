"""The servicer of the servicecalls."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from esoffice.es.v1 import servicecalls_pb2 as pb
from esoffice.es.v1 import servicecalls_pb2_grpc as grpc_

from mesh import status
from mesh.batches import answer_each
from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import DomainError
from server_es.messages.address import Messages
from server_es.schema import REQUESTS
from server_es.service_levels.site import Sites
from server_es.servicecalls.actors import Actor, actor_of
from server_es.servicecalls.cases import Cases
from server_es.servicecalls.contacts import CallContacts
from server_es.servicecalls.creation import Creation
from server_es.servicecalls.life import Life
from server_es.servicecalls.lists import Reading
from server_es.servicecalls.notices import Absences, Notices
from server_es.servicecalls.observers import Observer
from server_es.servicecalls.settings import ServicecallSettings
from server_es.servicecalls.states import CallStates

Asked = TypeVar("Asked")
Verb = Callable[[UnitOfWork, Asked, Actor], pb.Servicecall]


class Servicecalls(grpc_.ServicecallServiceServicer):
    """Serves calls and their clocks.

    Args:
        database: of server_es.
        sites: the catalogues in memory, one for the process.
        messages: the inboxes.
        absent: who is away.
        settings: the site's choice.
        observers: follow every call, in the transaction of what happened to it.
    """

    def __init__(
        self,
        database: Database,
        *,
        sites: Sites,
        messages: Messages,
        absent: Absences,
        settings: ServicecallSettings | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        chosen = self.settings = settings or ServicecallSettings()
        notices = self.notices = Notices(messages, absent, active=chosen.notify_responsible)
        cases = self.cases = Cases(sites, notices, observers)
        """For rooms that change calls in ways of their own."""
        self._database = database
        self._creation = Creation(sites, notices, chosen, observers)
        self._life = Life(cases, chosen)
        self._reading = Reading(sites, chosen.site_zone)
        self.contacts = CallContacts(cases)
        """For the room of contacts."""
        self.states = CallStates(cases)
        """For the room of escalations."""

    async def GetServicecall(self, request: pb.GetServicecallRequest, _context: Any) -> pb.Servicecall:
        return await self._database.read(self._reading.get, request.name)

    async def BatchGetServicecalls(
        self, request: pb.BatchGetServicecallsRequest, _context: Any
    ) -> pb.BatchGetServicecallsResponse:
        return await self._database.read(self._reading.several, request)

    async def ListServicecalls(self, request: pb.ListServicecallsRequest, _context: Any) -> pb.ListServicecallsResponse:
        return await self._database.read(self._reading.page, request)

    async def ListServicecallEvents(
        self, request: pb.ListServicecallEventsRequest, _context: Any
    ) -> pb.ListServicecallEventsResponse:
        return await self._database.read(self._reading.events, request)

    async def ExplainDueTimes(self, request: pb.ExplainDueTimesRequest, _context: Any) -> pb.ExplainDueTimesResponse:
        return await self._database.read(self._reading.explain, request)

    async def CreateServicecall(self, request: pb.CreateServicecallRequest, _context: Any) -> pb.Servicecall:
        (made,) = await self._database.run(self._create, [request], actor_of(caller()))
        if isinstance(made, DomainError):
            raise made
        return made

    async def BatchCreateServicecalls(
        self, request: pb.BatchCreateServicecallsRequest, _context: Any
    ) -> pb.BatchCreateServicecallsResponse:
        made = await self._database.run(
            self._create, request.requests, actor_of(caller()), names_only=request.names_only
        )
        return pb.BatchCreateServicecallsResponse(results=[_result(one) for one in made])

    async def UpdateServicecall(self, request: pb.UpdateServicecallRequest, _context: Any) -> pb.Servicecall:
        return await self._once(self._life.update, request)

    async def AcceptServicecall(self, request: pb.AcceptServicecallRequest, _context: Any) -> pb.Servicecall:
        return await self._once(self._life.accept, request)

    async def RecordReaction(self, request: pb.RecordReactionRequest, _context: Any) -> pb.Servicecall:
        return await self._once(self._life.record_reaction, request)

    async def RecordArrival(self, request: pb.RecordArrivalRequest, _context: Any) -> pb.Servicecall:
        return await self._once(self._life.record_arrival, request)

    async def ChangeState(self, request: pb.ChangeStateRequest, _context: Any) -> pb.Servicecall:
        return await self._once(self._life.change_state, request)

    async def ChangeServiceLevel(self, request: pb.ChangeServiceLevelRequest, _context: Any) -> pb.Servicecall:
        return await self._once(self._life.change_level, request)

    async def AddAddendum(self, request: pb.AddAddendumRequest, _context: Any) -> pb.Servicecall:
        return await self._once(self._life.add_addendum, request)

    async def SolveServicecall(self, request: pb.SolveServicecallRequest, _context: Any) -> pb.Servicecall:
        return await self._once(self._life.solve, request)

    async def CloseServicecall(self, request: pb.CloseServicecallRequest, _context: Any) -> pb.Servicecall:
        return await self._once(self._life.close, request)

    async def ReopenServicecall(self, request: pb.ReopenServicecallRequest, _context: Any) -> pb.Servicecall:
        return await self._once(self._life.reopen, request)

    async def _once(self, verb: Verb[Any], request: Any) -> pb.Servicecall:
        return await self._database.run(_remembered, verb, request, actor_of(caller()))

    def _create(
        self, unit: UnitOfWork, requests: Sequence[pb.CreateServicecallRequest], by: Actor, *, names_only: bool = False
    ) -> list[pb.Servicecall | DomainError]:
        def create(positions: Sequence[int]) -> list[pb.Servicecall | DomainError]:
            return self._creation.create(unit, [requests[at] for at in positions], by, names_only=names_only)

        return answer_each(
            unit,
            REQUESTS,
            requests,
            create,
            answer=pb.Servicecall,
            caller=by.caller,
        )


def _remembered(unit: UnitOfWork, verb: Verb[Any], request: Any, by: Actor) -> pb.Servicecall:
    return REQUESTS.once(unit, request, lambda: verb(unit, request, by), answer=pb.Servicecall, caller=by.caller)


def _result(made: pb.Servicecall | DomainError) -> pb.ServicecallResult:
    if isinstance(made, DomainError):
        return pb.ServicecallResult(status=status.status_of(made))
    return pb.ServicecallResult(servicecall=made)
