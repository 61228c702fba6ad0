"""The servicer of on-call duty."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from esoffice.es.v1 import duty_pb2 as pb
from esoffice.es.v1 import duty_pb2_grpc as grpc_
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.idempotency import RequestLog
from server_es.duty import asking, changes, editing, export, feeds, swapping
from server_es.duty.announcing import Announcing
from server_es.duty.changes import Changes
from server_es.duty.editing import Editing
from server_es.duty.reports import Absences, Reports
from server_es.duty.swapping import Swapping
from server_es.duty.telling import Tell
from server_es.servicecalls.actors import Actor, actor_of

Answer = TypeVar("Answer", bound=Message)


class Duty(grpc_.DutyServiceServicer):
    """Serves rosters.

    Args:
        database: of server_es.
        requests: remembers what was answered under a request id.
        absences: knows who is away.
        tell: tells colleagues.
    """

    def __init__(self, database: Database, requests: RequestLog, *, absences: Absences, tell: Tell) -> None:
        self._database = database
        self._requests = requests
        announcing = Announcing(tell)
        self._editing = Editing(announcing)
        self._changes = Changes(announcing)
        self._reports = Reports(absences)
        self._swapping = Swapping(self._reports, announcing, tell)

    # -- rosters ------------------------------------------------------------------------------------------------------

    async def GetRoster(self, request: pb.GetRosterRequest, _context: Any) -> pb.Roster:
        return await self._database.read(editing.get, request)

    async def ListRosters(self, request: pb.ListRostersRequest, _context: Any) -> pb.ListRostersResponse:
        return await self._database.read(asking.rosters, request)

    async def ListRosterVersions(
        self, request: pb.ListRosterVersionsRequest, _context: Any
    ) -> pb.ListRosterVersionsResponse:
        return await self._database.read(asking.versions, request)

    async def CreateRoster(self, request: pb.CreateRosterRequest, _context: Any) -> pb.Roster:
        work = self._database.read if request.validate_only else self._database.run
        return await work(self._editing.create, request, actor_of(caller()))

    async def UpdateRoster(self, request: pb.UpdateRosterRequest, _context: Any) -> pb.Roster:
        work = self._database.read if request.validate_only else self._database.run
        return await work(self._editing.update, request, actor_of(caller()))

    async def DeleteRoster(self, request: pb.DeleteRosterRequest, _context: Any) -> Empty:
        await self._database.run(self._editing.delete, request, actor_of(caller()))
        return Empty()

    # -- asking -------------------------------------------------------------------------------------------------------

    async def WhoIsOnDuty(self, request: pb.WhoIsOnDutyRequest, _context: Any) -> pb.WhoIsOnDutyResponse:
        return await self._database.read(asking.who, request)

    async def ListShifts(self, request: pb.ListShiftsRequest, _context: Any) -> pb.ListShiftsResponse:
        return await self._database.read(asking.shifts, request, caller().employee)

    # -- overrides and plans ------------------------------------------------------------------------------------------

    async def CreateDutyOverride(self, request: pb.CreateDutyOverrideRequest, _context: Any) -> pb.DutyOverride:
        return await self._change(request, self._changes.create_override, pb.DutyOverride)

    async def CancelDutyOverride(self, request: pb.CancelDutyOverrideRequest, _context: Any) -> pb.DutyOverride:
        return await self._database.run(self._changes.cancel_override, request.name, actor_of(caller()))

    async def ListDutyOverrides(
        self, request: pb.ListDutyOverridesRequest, _context: Any
    ) -> pb.ListDutyOverridesResponse:
        return await self._database.read(changes.list_overrides, request)

    async def CreateDutyPlan(self, request: pb.CreateDutyPlanRequest, _context: Any) -> pb.DutyPlan:
        return await self._change(request, self._changes.create_plan, pb.DutyPlan)

    async def CancelDutyPlan(self, request: pb.CancelDutyPlanRequest, _context: Any) -> pb.DutyPlan:
        return await self._database.run(self._changes.cancel_plan, request.name, actor_of(caller()))

    async def ListDutyPlans(self, request: pb.ListDutyPlansRequest, _context: Any) -> pb.ListDutyPlansResponse:
        return await self._database.read(changes.list_plans, request)

    # -- swaps --------------------------------------------------------------------------------------------------------

    async def RequestDutySwap(self, request: pb.RequestDutySwapRequest, _context: Any) -> pb.DutySwap:
        do = partial(self._swapping.request, for_others=_plans())
        return await self._once(request, do, pb.DutySwap)

    async def TakeDutySwap(self, request: pb.TakeDutySwapRequest, _context: Any) -> pb.TakeDutySwapResponse:
        return await self._change(request, self._swapping.take, pb.TakeDutySwapResponse)

    async def WithdrawDutySwap(self, request: pb.WithdrawDutySwapRequest, _context: Any) -> pb.DutySwap:
        do = partial(self._swapping.withdraw, for_others=_plans())
        return await self._database.run(do, request.name, actor_of(caller()))

    async def ListDutySwaps(self, request: pb.ListDutySwapsRequest, _context: Any) -> pb.ListDutySwapsResponse:
        return await self._database.read(swapping.listed, request)

    # -- what is wrong, and what is paid ------------------------------------------------------------------------------

    async def PreviewRoster(self, request: pb.PreviewRosterRequest, _context: Any) -> pb.PreviewRosterResponse:
        return await self._database.read(self._reports.preview, request)

    async def GetDutyReport(self, request: pb.GetDutyReportRequest, _context: Any) -> pb.GetDutyReportResponse:
        return await self._database.read(self._reports.report, request)

    async def ExportStandbyHours(
        self, request: pb.ExportStandbyHoursRequest, _context: Any
    ) -> pb.ExportStandbyHoursResponse:
        return await self._database.read(export.export, request)

    # -- feeds --------------------------------------------------------------------------------------------------------

    async def CreateDutyFeed(self, request: pb.CreateDutyFeedRequest, _context: Any) -> pb.DutyFeed:
        do = partial(feeds.create, for_others=_plans())
        return await self._database.run(do, request, actor_of(caller()))

    async def RevokeDutyFeed(self, request: pb.RevokeDutyFeedRequest, _context: Any) -> pb.DutyFeed:
        do = partial(feeds.revoke, for_others=_plans())
        return await self._database.run(do, request.name, actor_of(caller()))

    async def ListDutyFeeds(self, request: pb.ListDutyFeedsRequest, _context: Any) -> pb.ListDutyFeedsResponse:
        do = partial(feeds.listed, for_others=_plans())
        return await self._database.read(do, request, actor_of(caller()))

    async def GetDutyFeed(self, request: pb.GetDutyFeedRequest, _context: Any) -> HttpBody:
        return await self._database.read(feeds.read, request)

    # -- once ---------------------------------------------------------------------------------------------------------

    async def _change(
        self, request: Any, do: Callable[[UnitOfWork, Any, Actor], Answer], answer: type[Answer]
    ) -> Answer:
        """Do what is asked as `_once`; only check it where that is all that is wanted."""
        if request.validate_only:
            return await self._database.read(do, request, actor_of(caller()))
        return await self._once(request, do, answer)

    async def _once(self, request: Any, do: Callable[[UnitOfWork, Any, Actor], Answer], answer: type[Answer]) -> Answer:
        """Do what is asked, once for each request id."""
        actor = actor_of(caller())

        def once(unit: UnitOfWork) -> Answer:
            return self._requests.once(
                unit, request, lambda: do(unit, request, actor), answer=answer, caller=actor.caller
            )

        return await self._database.run(once)


def _plans() -> bool:
    """Say whether the caller plans for others."""
    return caller().may("duty.write")
