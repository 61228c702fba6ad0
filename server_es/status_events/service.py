"""The servicer of the status-change events."""

from typing import Any

from esoffice.es.v1 import status_events_pb2 as pb
from esoffice.es.v1 import status_events_pb2_grpc as grpc_
from google.protobuf.empty_pb2 import Empty

from mesh.database import Database
from server_es.status_events.catalogue import STATUS_EVENT, Entries


class StatusEvents(grpc_.StatusEventServiceServicer):
    """Serves the events.

    Args:
        database: of server_es.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries = Entries()

    async def GetStatusEvent(self, request: pb.GetStatusEventRequest, _context: Any) -> pb.StatusEvent:
        return await self._database.read(self._entries.get, STATUS_EVENT, request.name)

    async def ListStatusEvents(self, request: pb.ListStatusEventsRequest, _context: Any) -> pb.ListStatusEventsResponse:
        return pb.ListStatusEventsResponse(**await self._database.read(self._entries.page, STATUS_EVENT, request))

    async def CreateStatusEvent(self, request: pb.CreateStatusEventRequest, _context: Any) -> pb.StatusEvent:
        unit = self._database.read if request.validate_only else self._database.run
        return await unit(self._entries.create, STATUS_EVENT, request)

    async def UpdateStatusEvent(self, request: pb.UpdateStatusEventRequest, _context: Any) -> pb.StatusEvent:
        unit = self._database.read if request.validate_only else self._database.run
        return await unit(self._entries.update, STATUS_EVENT, request)

    async def DeleteStatusEvent(self, request: pb.DeleteStatusEventRequest, _context: Any) -> Empty:
        await self._database.run(self._entries.delete, STATUS_EVENT, request)
        return Empty()
