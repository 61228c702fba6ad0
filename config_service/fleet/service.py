"""Knows the running instances of the services (Dienststatus, Status der Module)."""

from datetime import timedelta
from typing import Any

from esoffice.config.v1 import fleet_pb2 as pb

from config_service.fleet.endpoints import Endpoints
from config_service.fleet.store import InstanceStore, endpoint_of
from config_service.settings.store import RevisionStore
from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import InvalidArgument, Violation
from mesh.wakeups import Doorbell

_LEASE_SECONDS = 15


class FleetServicer:
    """Serves `FleetService`.

    Args:
        database: of config_service.
        store: the instances.
        revisions: tells an instance which revision is the newest.
        endpoints: looks again after each report of something new, so that a new instance is called within moments.
        changed: rings then, for the other replicas.
    """

    def __init__(
        self,
        database: Database,
        *,
        store: InstanceStore,
        revisions: RevisionStore,
        endpoints: Endpoints,
        changed: Doorbell | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._revisions = revisions
        self._endpoints = endpoints
        self._changed = changed

    async def ReportStatus(self, request: pb.ReportStatusRequest, _context: Any) -> pb.ReportStatusResponse:
        return await self.report(caller().name, request)

    async def report(self, service: str, request: pb.ReportStatusRequest) -> pb.ReportStatusResponse:
        """Take a report of an instance of `service`; config_service reports itself this way."""
        answer = await self._database.run(self._report, service, request)
        if self._endpoints.lack(endpoint_of(service, request.instance)):
            await self._endpoints.look()
            if self._changed is not None:
                self._changed.ring_others()
        return answer

    async def ListInstances(self, request: pb.ListInstancesRequest, _context: Any) -> pb.ListInstancesResponse:
        return await self._database.read(self._list, request)

    def _report(self, unit: UnitOfWork, service: str, request: pb.ReportStatusRequest) -> pb.ReportStatusResponse:
        instance = pb.Instance()
        instance.CopyFrom(request.instance)
        instance.service = service
        self._store.report(unit, instance, lease=timedelta(seconds=request.lease_seconds or _LEASE_SECONDS))
        return pb.ReportStatusResponse(newest_revision=self._revisions.kept(unit)[1])

    def _list(self, unit: UnitOfWork, request: pb.ListInstancesRequest) -> pb.ListInstancesResponse:
        size = request.page_size or 50
        found = self._store.page(unit, service=request.service, after=_place(request.page_token), limit=size + 1)
        more = f"{found[size - 1].service}/{found[size - 1].name}" if len(found) > size else ""
        return pb.ListInstancesResponse(instances=found[:size], next_page_token=more)


def _place(token: str) -> tuple[str, str] | None:
    if not token:
        return None
    service, slash, name = token.partition("/")
    if not slash:
        raise InvalidArgument([Violation("page_token", "is none that an answer of ListInstances held")])
    return service, name
