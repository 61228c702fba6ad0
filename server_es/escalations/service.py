"""The servicer of the escalations."""

from typing import Any

from esoffice.es.v1 import escalations_pb2 as pb
from esoffice.es.v1 import escalations_pb2_grpc as grpc_
from google.protobuf.empty_pb2 import Empty

from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.pages import page_of
from server_es.catalogues import Catalogue, Entry
from server_es.entries import Entries
from server_es.escalations import names, records
from server_es.escalations.answers import escalation
from server_es.escalations.catalogues import EVENT, MAINTENANCE_WINDOW, POINT
from server_es.escalations.entries import PlanEntries, WindowEntries
from server_es.escalations.notified import ACKNOWLEDGE
from server_es.escalations.outlook import Outlook
from server_es.escalations.telling import Teller
from server_es.escalations.verbs import Verbs
from server_es.messages.actions import Actions, Asked
from server_es.schema import REQUESTS
from server_es.servicecalls.actors import Actor, actor_of
from server_es.servicecalls.names import number_of


class Escalations(grpc_.EscalationServiceServicer):
    """Serves points, events, maintenance windows, and what has escalated.

    Args:
        database: of server_es.
        entries: points and events.
        verbs: what people do.
        outlook: looks ahead.
        teller: knows how far notices are.
    """

    def __init__(
        self, database: Database, *, entries: PlanEntries, verbs: Verbs, outlook: Outlook, teller: Teller
    ) -> None:
        self._database = database
        self._plan = entries
        self._windows = WindowEntries()
        self._verbs = verbs
        self._outlook = outlook
        self._teller = teller

    def offer(self, actions: Actions) -> None:
        """Let popups carry the acknowledgement, for who may acknowledge."""
        actions.register(ACKNOWLEDGE, ACKNOWLEDGE, self._acknowledge_in_popup)

    def _acknowledge_in_popup(self, unit: UnitOfWork, asked: Asked) -> str:
        request = pb.AcknowledgeEscalationsRequest(servicecall=asked.about)
        self._verbs.acknowledge(unit, request, actor_of(asked.who))
        return "Bestätigt; es wird nicht weiter eskaliert."

    async def GetEscalation(self, request: pb.GetEscalationRequest, _context: Any) -> pb.Escalation:
        return await self._database.read(self._one, request)

    async def ListEscalations(self, request: pb.ListEscalationsRequest, _context: Any) -> pb.ListEscalationsResponse:
        return await self._database.read(_page, request)

    async def AcknowledgeEscalations(
        self, request: pb.AcknowledgeEscalationsRequest, _context: Any
    ) -> pb.AcknowledgeEscalationsResponse:
        by, answer = actor_of(caller()), pb.AcknowledgeEscalationsResponse
        return await self._database.run(_once, self._verbs.acknowledge, request, by, answer)

    async def EscalateNow(self, request: pb.EscalateNowRequest, _context: Any) -> pb.Escalation:
        return await self._database.run(_once, self._verbs.now, request, actor_of(caller()), pb.Escalation)

    async def SimulateEscalations(
        self, request: pb.SimulateEscalationsRequest, _context: Any
    ) -> pb.SimulateEscalationsResponse:
        return await self._database.read(self._outlook.simulate, request)

    def _one(self, unit: UnitOfWork, request: pb.GetEscalationRequest) -> pb.Escalation:
        row = records.get(unit, int(names.ESCALATION.parse(request.name)[0]))
        return escalation(row, self._teller.deliveries(unit, request.name))

    # -- the three catalogues of one shape ----------------------------------------------------------------------------

    async def _get(self, entries: Entries, catalogue: Catalogue[Entry], request: Any) -> Entry:
        return await self._database.read(entries.get, catalogue, request.name)

    async def _list(self, entries: Entries, catalogue: Catalogue[Any], request: Any) -> dict[str, Any]:
        return await self._database.read(entries.page, catalogue, request)

    async def _create(self, entries: Entries, catalogue: Catalogue[Entry], request: Any) -> Entry:
        unit = self._database.read if request.validate_only else self._database.run
        return await unit(entries.create, catalogue, request)

    async def _update(self, entries: Entries, catalogue: Catalogue[Entry], request: Any) -> Entry:
        unit = self._database.read if request.validate_only else self._database.run
        return await unit(entries.update, catalogue, request)

    async def _delete(self, entries: Entries, catalogue: Catalogue[Any], request: Any) -> Empty:
        await self._database.run(entries.delete, catalogue, request)
        return Empty()

    async def GetEscalationPoint(self, request: pb.GetEscalationPointRequest, _context: Any) -> pb.EscalationPoint:
        return await self._get(self._plan, POINT, request)

    async def ListEscalationPoints(
        self, request: pb.ListEscalationPointsRequest, _context: Any
    ) -> pb.ListEscalationPointsResponse:
        return pb.ListEscalationPointsResponse(**await self._list(self._plan, POINT, request))

    async def CreateEscalationPoint(
        self, request: pb.CreateEscalationPointRequest, _context: Any
    ) -> pb.EscalationPoint:
        return await self._create(self._plan, POINT, request)

    async def UpdateEscalationPoint(
        self, request: pb.UpdateEscalationPointRequest, _context: Any
    ) -> pb.EscalationPoint:
        return await self._update(self._plan, POINT, request)

    async def DeleteEscalationPoint(self, request: pb.DeleteEscalationPointRequest, _context: Any) -> Empty:
        return await self._delete(self._plan, POINT, request)

    async def GetEscalationEvent(self, request: pb.GetEscalationEventRequest, _context: Any) -> pb.EscalationEvent:
        return await self._get(self._plan, EVENT, request)

    async def ListEscalationEvents(
        self, request: pb.ListEscalationEventsRequest, _context: Any
    ) -> pb.ListEscalationEventsResponse:
        return pb.ListEscalationEventsResponse(**await self._list(self._plan, EVENT, request))

    async def CreateEscalationEvent(
        self, request: pb.CreateEscalationEventRequest, _context: Any
    ) -> pb.EscalationEvent:
        return await self._create(self._plan, EVENT, request)

    async def UpdateEscalationEvent(
        self, request: pb.UpdateEscalationEventRequest, _context: Any
    ) -> pb.EscalationEvent:
        return await self._update(self._plan, EVENT, request)

    async def DeleteEscalationEvent(self, request: pb.DeleteEscalationEventRequest, _context: Any) -> Empty:
        return await self._delete(self._plan, EVENT, request)

    async def GetMaintenanceWindow(
        self, request: pb.GetMaintenanceWindowRequest, _context: Any
    ) -> pb.MaintenanceWindow:
        return await self._get(self._windows, MAINTENANCE_WINDOW, request)

    async def ListMaintenanceWindows(
        self, request: pb.ListMaintenanceWindowsRequest, _context: Any
    ) -> pb.ListMaintenanceWindowsResponse:
        return pb.ListMaintenanceWindowsResponse(**await self._list(self._windows, MAINTENANCE_WINDOW, request))

    async def CreateMaintenanceWindow(
        self, request: pb.CreateMaintenanceWindowRequest, _context: Any
    ) -> pb.MaintenanceWindow:
        return await self._create(self._windows, MAINTENANCE_WINDOW, request)

    async def UpdateMaintenanceWindow(
        self, request: pb.UpdateMaintenanceWindowRequest, _context: Any
    ) -> pb.MaintenanceWindow:
        return await self._update(self._windows, MAINTENANCE_WINDOW, request)

    async def DeleteMaintenanceWindow(self, request: pb.DeleteMaintenanceWindowRequest, _context: Any) -> Empty:
        return await self._delete(self._windows, MAINTENANCE_WINDOW, request)


def _page(unit: UnitOfWork, request: pb.ListEscalationsRequest) -> pb.ListEscalationsResponse:
    page = page_of(request)
    rows = records.page(
        unit,
        servicecall=number_of(request.servicecall, field="servicecall") if request.servicecall else None,
        unacknowledged=request.unacknowledged_only,
        before=int(page.after[0]) if page.after else None,
        limit=page.size + 1,
    )
    token = page.token_after((rows[page.size - 1].id,)) if len(rows) > page.size else ""
    return pb.ListEscalationsResponse(escalations=[escalation(row) for row in rows[: page.size]], next_page_token=token)


def _once(unit: UnitOfWork, verb: Any, request: Any, by: Actor, answer: Any) -> Any:
    return REQUESTS.once(unit, request, lambda: verb(unit, request, by), answer=answer, caller=by.caller)
