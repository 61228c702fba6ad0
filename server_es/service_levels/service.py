"""The servicer of service levels, priorities, problem categories and states."""

from typing import Any

from esoffice.es.v1 import service_levels_pb2 as pb
from esoffice.es.v1 import service_levels_pb2_grpc as grpc_
from google.protobuf.empty_pb2 import Empty

from mesh.database import Database
from server_es.catalogues import Catalogue, Entry
from server_es.service_levels.catalogues import PRIORITY, PROBLEM_CATEGORY, SERVICE_LEVEL, STATE
from server_es.service_levels.due_times import LevelDueTimes
from server_es.service_levels.entries import Entries
from server_es.service_levels.selection import Selection
from server_es.service_levels.site import Sites


class ServiceLevels(grpc_.ServiceLevelServiceServicer):
    """Serves the catalogues calls are measured by, and the rules that choose a level.

    Args:
        database: of server_es.
        sites: the catalogues in memory, one for the process.
        due_times: knows the calls that are measured by them.
    """

    def __init__(self, database: Database, sites: Sites, due_times: LevelDueTimes) -> None:
        self._database = database
        self._entries = Entries(sites.compiled, due_times)
        self._selection = Selection(sites, due_times)

    async def ListLevelAssignments(
        self, request: pb.ListLevelAssignmentsRequest, _context: Any
    ) -> pb.ListLevelAssignmentsResponse:
        return await self._database.read(self._selection.assignments, request)

    async def SetLevelAssignment(self, request: pb.SetLevelAssignmentRequest, _context: Any) -> pb.LevelAssignment:
        return await self._database.run(self._selection.assign, request)

    async def GetDefaults(self, _request: pb.GetDefaultsRequest, _context: Any) -> pb.ServicecallDefaults:
        return await self._database.read(self._selection.defaults)

    async def SetDefaults(self, request: pb.SetDefaultsRequest, _context: Any) -> pb.ServicecallDefaults:
        return await self._database.run(self._selection.set_defaults, request)

    async def SelectServiceLevel(
        self, request: pb.SelectServiceLevelRequest, _context: Any
    ) -> pb.SelectServiceLevelResponse:
        return await self._database.read(self._selection.select, request)

    async def PreviewServiceLevelUpdate(
        self, request: pb.PreviewServiceLevelUpdateRequest, _context: Any
    ) -> pb.PreviewServiceLevelUpdateResponse:
        return await self._database.read(self._selection.preview, request)

    # -- the four catalogues of one shape -----------------------------------------------------------------------------

    async def _get(self, catalogue: Catalogue[Entry], request: Any) -> Entry:
        return await self._database.read(self._entries.get, catalogue, request.name)

    async def _page(self, catalogue: Catalogue[Any], request: Any) -> dict[str, Any]:
        return await self._database.read(self._entries.page, catalogue, request)

    async def _create(self, catalogue: Catalogue[Entry], request: Any) -> Entry:
        unit = self._database.read if request.validate_only else self._database.run
        return await unit(self._entries.create, catalogue, request)

    async def _update(self, catalogue: Catalogue[Entry], request: Any) -> Entry:
        unit = self._database.read if request.validate_only else self._database.run
        return await unit(self._entries.update, catalogue, request)

    async def _delete(self, catalogue: Catalogue[Any], request: Any) -> Empty:
        await self._database.run(self._entries.delete, catalogue, request)
        return Empty()

    async def GetServiceLevel(self, request: pb.GetServiceLevelRequest, _context: Any) -> pb.ServiceLevel:
        return await self._get(SERVICE_LEVEL, request)

    async def ListServiceLevels(
        self, request: pb.ListServiceLevelsRequest, _context: Any
    ) -> pb.ListServiceLevelsResponse:
        return pb.ListServiceLevelsResponse(**await self._page(SERVICE_LEVEL, request))

    async def CreateServiceLevel(self, request: pb.CreateServiceLevelRequest, _context: Any) -> pb.ServiceLevel:
        return await self._create(SERVICE_LEVEL, request)

    async def UpdateServiceLevel(self, request: pb.UpdateServiceLevelRequest, _context: Any) -> pb.ServiceLevel:
        return await self._update(SERVICE_LEVEL, request)

    async def DeleteServiceLevel(self, request: pb.DeleteServiceLevelRequest, _context: Any) -> Empty:
        return await self._delete(SERVICE_LEVEL, request)

    async def GetPriority(self, request: pb.GetPriorityRequest, _context: Any) -> pb.Priority:
        return await self._get(PRIORITY, request)

    async def ListPriorities(self, request: pb.ListPrioritiesRequest, _context: Any) -> pb.ListPrioritiesResponse:
        return pb.ListPrioritiesResponse(**await self._page(PRIORITY, request))

    async def CreatePriority(self, request: pb.CreatePriorityRequest, _context: Any) -> pb.Priority:
        return await self._create(PRIORITY, request)

    async def UpdatePriority(self, request: pb.UpdatePriorityRequest, _context: Any) -> pb.Priority:
        return await self._update(PRIORITY, request)

    async def DeletePriority(self, request: pb.DeletePriorityRequest, _context: Any) -> Empty:
        return await self._delete(PRIORITY, request)

    async def GetProblemCategory(self, request: pb.GetProblemCategoryRequest, _context: Any) -> pb.ProblemCategory:
        return await self._get(PROBLEM_CATEGORY, request)

    async def ListProblemCategories(
        self, request: pb.ListProblemCategoriesRequest, _context: Any
    ) -> pb.ListProblemCategoriesResponse:
        return pb.ListProblemCategoriesResponse(**await self._page(PROBLEM_CATEGORY, request))

    async def CreateProblemCategory(
        self, request: pb.CreateProblemCategoryRequest, _context: Any
    ) -> pb.ProblemCategory:
        return await self._create(PROBLEM_CATEGORY, request)

    async def UpdateProblemCategory(
        self, request: pb.UpdateProblemCategoryRequest, _context: Any
    ) -> pb.ProblemCategory:
        return await self._update(PROBLEM_CATEGORY, request)

    async def DeleteProblemCategory(self, request: pb.DeleteProblemCategoryRequest, _context: Any) -> Empty:
        return await self._delete(PROBLEM_CATEGORY, request)

    async def GetServicecallState(self, request: pb.GetServicecallStateRequest, _context: Any) -> pb.ServicecallState:
        return await self._get(STATE, request)

    async def ListServicecallStates(
        self, request: pb.ListServicecallStatesRequest, _context: Any
    ) -> pb.ListServicecallStatesResponse:
        return pb.ListServicecallStatesResponse(**await self._page(STATE, request))

    async def CreateServicecallState(
        self, request: pb.CreateServicecallStateRequest, _context: Any
    ) -> pb.ServicecallState:
        return await self._create(STATE, request)

    async def UpdateServicecallState(
        self, request: pb.UpdateServicecallStateRequest, _context: Any
    ) -> pb.ServicecallState:
        return await self._update(STATE, request)

    async def DeleteServicecallState(self, request: pb.DeleteServicecallStateRequest, _context: Any) -> Empty:
        return await self._delete(STATE, request)
