"""The servicer of the absences."""

from collections.abc import Callable
from typing import Any

from esoffice.es.v1 import absences_pb2 as pb
from esoffice.es.v1 import absences_pb2_grpc as grpc_
from google.protobuf.empty_pb2 import Empty

from mesh.call import caller
from mesh.database import Database, UnitOfWork
from server_es.absences import entitlements, working_times
from server_es.absences.askers import Asker, asker_of
from server_es.absences.asking import Asking
from server_es.absences.catalogue import GROUP, KIND, STRESS_PERIOD, Entries
from server_es.absences.deciding import Deciding
from server_es.absences.leave import Leave
from server_es.absences.reading import Reading
from server_es.absences.settings import AbsenceSettings
from server_es.absences.surroundings import Shifts
from server_es.absences.telling import APPROVE, REJECT, Telling
from server_es.absences.working_times import WorkingTimes
from server_es.calendars.compiled import Compiled
from server_es.catalogues import Catalogue, Entry
from server_es.messages.actions import Actions, Asked
from server_es.notices.telling import Notices
from server_es.schema import REQUESTS

Verb = Callable[[UnitOfWork, Any, Asker], pb.Absence]


class Absences(grpc_.AbsenceServiceServicer):
    """Serves requests for absence and what they are decided by.

    Args:
        database: of server_es.
        compiled: calendars ready to reckon with.
        notices: the one way in which somebody is told.
        settings: the site's choice; a live change is written into it.
        site_zone: zone in which a team's days are told.
        shifts: the room of duty rosters, if there is one.
    """

    def __init__(
        self,
        database: Database,
        *,
        compiled: Compiled,
        notices: Notices,
        settings: AbsenceSettings,
        site_zone: str = "Europe/Berlin",
        shifts: Shifts | None = None,
    ) -> None:
        times, telling = WorkingTimes(compiled, settings), Telling(notices)
        leave = self._leave = Leave(times)
        self._database = database
        self._entries = Entries()
        self._asking = Asking(working_times=times, leave=leave, telling=telling, settings=settings, shifts=shifts)
        self._deciding = Deciding(working_times=times, leave=leave, telling=telling, settings=settings)
        self._reading = Reading(working_times=times, leave=leave, settings=settings, shifts=shifts, site_zone=site_zone)

    def offer(self, actions: Actions) -> None:
        """Let popups carry the decision."""
        actions.register(APPROVE, "absences.request", self._approve_in_popup)
        actions.register(REJECT, "absences.request", self._reject_in_popup)

    def _approve_in_popup(self, unit: UnitOfWork, asked: Asked) -> str:
        request = pb.ApproveAbsenceRequest(name=asked.about, etag=asked.etag, comment=asked.text)
        after = self._deciding.approve(unit, request, asker_of(asked.who))
        return "Genehmigt." if after.state == pb.ABSENCE_STATE_APPROVED else "Genehmigt; andere entscheiden noch."

    def _reject_in_popup(self, unit: UnitOfWork, asked: Asked) -> str:
        request = pb.RejectAbsenceRequest(name=asked.about, etag=asked.etag, comment=asked.text)
        self._deciding.reject(unit, request, asker_of(asked.who))
        return "Abgelehnt."

    async def RequestAbsence(self, request: pb.RequestAbsenceRequest, _context: Any) -> pb.Absence:
        return await self._once(lambda unit, asked, by: self._asking.request(unit, asked.absence, by), request)

    async def UpdateAbsence(self, request: pb.UpdateAbsenceRequest, _context: Any) -> pb.Absence:
        return await self._database.run(self._asking.change, request, asker_of(caller()))

    async def ApproveAbsence(self, request: pb.ApproveAbsenceRequest, _context: Any) -> pb.Absence:
        return await self._once(self._deciding.approve, request)

    async def RejectAbsence(self, request: pb.RejectAbsenceRequest, _context: Any) -> pb.Absence:
        return await self._once(self._deciding.reject, request)

    async def WithdrawAbsence(self, request: pb.WithdrawAbsenceRequest, _context: Any) -> pb.Absence:
        return await self._once(self._deciding.withdraw, request)

    async def RevokeAbsence(self, request: pb.RevokeAbsenceRequest, _context: Any) -> pb.Absence:
        return await self._once(self._deciding.revoke, request)

    async def DeleteAbsence(self, request: pb.DeleteAbsenceRequest, _context: Any) -> Empty:
        await self._database.run(self._asking.remove, request, asker_of(caller()))
        return Empty()

    async def GetAbsence(self, request: pb.GetAbsenceRequest, _context: Any) -> pb.Absence:
        return await self._database.read(self._reading.get, request.name, asker_of(caller()))

    async def ListAbsences(self, request: pb.ListAbsencesRequest, _context: Any) -> pb.ListAbsencesResponse:
        return await self._database.read(self._reading.page, request, asker_of(caller()))

    async def PreviewAbsence(self, request: pb.PreviewAbsenceRequest, _context: Any) -> pb.PreviewAbsenceResponse:
        return await self._database.read(self._reading.preview, request.absence, asker_of(caller()))

    async def GetLeaveBalance(self, request: pb.GetLeaveBalanceRequest, _context: Any) -> pb.LeaveBalance:
        return await self._database.read(self._reading.balance, request, asker_of(caller()))

    async def GetTeamView(self, request: pb.GetTeamViewRequest, _context: Any) -> pb.TeamView:
        return await self._database.read(self._reading.team, request, asker_of(caller()))

    async def CarryLeaveOver(self, request: pb.CarryLeaveOverRequest, _context: Any) -> pb.CarryLeaveOverResponse:
        unit = self._database.read if request.validate_only else self._database.run
        return await unit(self._leave.carry_over, request)

    async def ListWorkingTimes(self, request: pb.ListWorkingTimesRequest, _context: Any) -> pb.ListWorkingTimesResponse:
        return await self._database.read(working_times.page, request)

    async def SetWorkingTime(self, request: pb.SetWorkingTimeRequest, _context: Any) -> pb.WorkingTime:
        return await self._database.run(working_times.assign, request)

    async def _once(self, verb: Verb, request: Any) -> pb.Absence:
        return await self._database.run(_remembered, verb, request, asker_of(caller()))

    # -- leave entitlements -------------------------------------------------------------------------------------------

    async def GetLeaveEntitlement(self, request: pb.GetLeaveEntitlementRequest, _context: Any) -> pb.LeaveEntitlement:
        return await self._database.read(entitlements.get, request)

    async def ListLeaveEntitlements(
        self, request: pb.ListLeaveEntitlementsRequest, _context: Any
    ) -> pb.ListLeaveEntitlementsResponse:
        return await self._database.read(entitlements.page, request)

    async def CreateLeaveEntitlement(
        self, request: pb.CreateLeaveEntitlementRequest, _context: Any
    ) -> pb.LeaveEntitlement:
        return await self._database.run(entitlements.create, request)

    async def UpdateLeaveEntitlement(
        self, request: pb.UpdateLeaveEntitlementRequest, _context: Any
    ) -> pb.LeaveEntitlement:
        return await self._database.run(entitlements.change, request)

    async def DeleteLeaveEntitlement(self, request: pb.DeleteLeaveEntitlementRequest, _context: Any) -> Empty:
        await self._database.run(entitlements.remove, request)
        return Empty()

    # -- the three catalogues of one shape ----------------------------------------------------------------------------

    async def _get(self, catalogue: Catalogue[Entry], request: Any) -> Entry:
        return await self._database.read(self._entries.get, catalogue, request.name)

    async def _page(self, catalogue: Catalogue[Any], request: Any) -> dict[str, Any]:
        return await self._database.read(self._entries.page, catalogue, request)

    async def _create(self, catalogue: Catalogue[Entry], request: Any) -> Entry:
        return await self._database.run(self._entries.create, catalogue, request)  # references are locked

    async def _update(self, catalogue: Catalogue[Entry], request: Any) -> Entry:
        return await self._database.run(self._entries.update, catalogue, request)

    async def _delete(self, catalogue: Catalogue[Any], request: Any) -> Empty:
        await self._database.run(self._entries.delete, catalogue, request)
        return Empty()

    async def GetAbsenceKind(self, request: pb.GetAbsenceKindRequest, _context: Any) -> pb.AbsenceKind:
        return await self._get(KIND, request)

    async def ListAbsenceKinds(self, request: pb.ListAbsenceKindsRequest, _context: Any) -> pb.ListAbsenceKindsResponse:
        return pb.ListAbsenceKindsResponse(**await self._page(KIND, request))

    async def CreateAbsenceKind(self, request: pb.CreateAbsenceKindRequest, _context: Any) -> pb.AbsenceKind:
        return await self._create(KIND, request)

    async def UpdateAbsenceKind(self, request: pb.UpdateAbsenceKindRequest, _context: Any) -> pb.AbsenceKind:
        return await self._update(KIND, request)

    async def DeleteAbsenceKind(self, request: pb.DeleteAbsenceKindRequest, _context: Any) -> Empty:
        return await self._delete(KIND, request)

    async def GetApprovalGroup(self, request: pb.GetApprovalGroupRequest, _context: Any) -> pb.ApprovalGroup:
        return await self._get(GROUP, request)

    async def ListApprovalGroups(
        self, request: pb.ListApprovalGroupsRequest, _context: Any
    ) -> pb.ListApprovalGroupsResponse:
        return pb.ListApprovalGroupsResponse(**await self._page(GROUP, request))

    async def CreateApprovalGroup(self, request: pb.CreateApprovalGroupRequest, _context: Any) -> pb.ApprovalGroup:
        return await self._create(GROUP, request)

    async def UpdateApprovalGroup(self, request: pb.UpdateApprovalGroupRequest, _context: Any) -> pb.ApprovalGroup:
        return await self._update(GROUP, request)

    async def DeleteApprovalGroup(self, request: pb.DeleteApprovalGroupRequest, _context: Any) -> Empty:
        return await self._delete(GROUP, request)

    async def GetStressPeriod(self, request: pb.GetStressPeriodRequest, _context: Any) -> pb.StressPeriod:
        return await self._get(STRESS_PERIOD, request)

    async def ListStressPeriods(
        self, request: pb.ListStressPeriodsRequest, _context: Any
    ) -> pb.ListStressPeriodsResponse:
        return pb.ListStressPeriodsResponse(**await self._page(STRESS_PERIOD, request))

    async def CreateStressPeriod(self, request: pb.CreateStressPeriodRequest, _context: Any) -> pb.StressPeriod:
        return await self._create(STRESS_PERIOD, request)

    async def UpdateStressPeriod(self, request: pb.UpdateStressPeriodRequest, _context: Any) -> pb.StressPeriod:
        return await self._update(STRESS_PERIOD, request)

    async def DeleteStressPeriod(self, request: pb.DeleteStressPeriodRequest, _context: Any) -> Empty:
        return await self._delete(STRESS_PERIOD, request)


def _remembered(unit: UnitOfWork, verb: Verb, request: Any, by: Asker) -> pb.Absence:
    return REQUESTS.once(unit, request, lambda: verb(unit, request, by), answer=pb.Absence, caller=by.caller)
