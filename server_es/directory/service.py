"""The servicer of the directory."""

from typing import Any

from esoffice.es.v1 import directory_pb2 as pb
from esoffice.es.v1 import directory_pb2_grpc as grpc_
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from mesh import etags
from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import FailedPrecondition, InvalidArgument, NotFound, Violation
from mesh.names import WILDCARD
from mesh.pages import page_of
from server_es.directory import records, senders, store
from server_es.directory.families import FAMILIES, Family, named
from server_es.directory.upserts import ServiceLevels, upsert
from server_es.schema import REQUESTS

_CANDIDATES = 100
_PAGING = frozenset({"page_size", "page_token"})


class StillInUse(FailedPrecondition):
    """Something refers to what should be deleted."""

    reason = "STILL_IN_USE"


class Directory(grpc_.DirectoryServiceServicer):
    """Serves addresses, systems, contracts, employees, teams.

    Args:
        database: of server_es.
        service_levels: says which service levels there are.
    """

    def __init__(self, database: Database, service_levels: ServiceLevels) -> None:
        self._database = database
        self._service_levels = service_levels

    async def BatchUpsertRecords(
        self, request: pb.BatchUpsertRecordsRequest, context: Any
    ) -> pb.BatchUpsertRecordsResponse:
        if request.validate_only:
            return await self._database.run(upsert, request, self._service_levels)
        return await self._database.run(self._upsert, request, caller().name)

    async def DeleteRecord(self, request: pb.DeleteRecordRequest, context: Any) -> Empty:
        found = named(request.name)
        if found is None:
            raise InvalidArgument([Violation("name", f"'{request.name}' is no name of a record of the directory")])
        await self._database.run(_delete, *found, request)
        return Empty()

    async def BatchIdentifySenders(
        self, request: pb.BatchIdentifySendersRequest, context: Any
    ) -> pb.BatchIdentifySendersResponse:
        return await self._database.read(_identify, request)

    def _upsert(
        self, unit: UnitOfWork, request: pb.BatchUpsertRecordsRequest, who: str
    ) -> pb.BatchUpsertRecordsResponse:
        return REQUESTS.once(
            unit,
            request,
            lambda: upsert(unit, request, self._service_levels),
            answer=pb.BatchUpsertRecordsResponse,
            caller=who,
        )

    async def _get(self, kind: str, request: Any) -> Any:
        return await self._database.read(_get, FAMILIES[kind], request.name)

    async def _list(self, kind: str, request: Message, answer: Any, field: str) -> Any:
        return await self._database.read(_list, FAMILIES[kind], request, answer, field)

    async def GetAddress(self, request: pb.GetAddressRequest, context: Any) -> pb.Address:
        found: pb.Address = await self._get("address", request)
        return found

    async def ListAddresses(self, request: pb.ListAddressesRequest, context: Any) -> pb.ListAddressesResponse:
        page: pb.ListAddressesResponse = await self._list("address", request, pb.ListAddressesResponse, "addresses")
        return page

    async def GetContactPerson(self, request: pb.GetContactPersonRequest, context: Any) -> pb.ContactPerson:
        found: pb.ContactPerson = await self._get("contact_person", request)
        return found

    async def ListContactPersons(
        self, request: pb.ListContactPersonsRequest, context: Any
    ) -> pb.ListContactPersonsResponse:
        page: pb.ListContactPersonsResponse = await self._list(
            "contact_person", request, pb.ListContactPersonsResponse, "contact_persons"
        )
        return page

    async def GetSystem(self, request: pb.GetSystemRequest, context: Any) -> pb.System:
        found: pb.System = await self._get("system", request)
        return found

    async def ListSystems(self, request: pb.ListSystemsRequest, context: Any) -> pb.ListSystemsResponse:
        page: pb.ListSystemsResponse = await self._list("system", request, pb.ListSystemsResponse, "systems")
        return page

    async def GetComponent(self, request: pb.GetComponentRequest, context: Any) -> pb.Component:
        found: pb.Component = await self._get("component", request)
        return found

    async def ListComponents(self, request: pb.ListComponentsRequest, context: Any) -> pb.ListComponentsResponse:
        page: pb.ListComponentsResponse = await self._list(
            "component", request, pb.ListComponentsResponse, "components"
        )
        return page

    async def GetContract(self, request: pb.GetContractRequest, context: Any) -> pb.Contract:
        found: pb.Contract = await self._get("contract", request)
        return found

    async def ListContracts(self, request: pb.ListContractsRequest, context: Any) -> pb.ListContractsResponse:
        page: pb.ListContractsResponse = await self._list("contract", request, pb.ListContractsResponse, "contracts")
        return page

    async def GetEmployee(self, request: pb.GetEmployeeRequest, context: Any) -> pb.Employee:
        found: pb.Employee = await self._get("employee", request)
        return found

    async def ListEmployees(self, request: pb.ListEmployeesRequest, context: Any) -> pb.ListEmployeesResponse:
        page: pb.ListEmployeesResponse = await self._list("employee", request, pb.ListEmployeesResponse, "employees")
        return page

    async def GetTeam(self, request: pb.GetTeamRequest, context: Any) -> pb.Team:
        found: pb.Team = await self._get("team", request)
        return found

    async def ListTeams(self, request: pb.ListTeamsRequest, context: Any) -> pb.ListTeamsResponse:
        page: pb.ListTeamsResponse = await self._list("team", request, pb.ListTeamsResponse, "teams")
        return page

    async def GetSignificance(self, request: pb.GetSignificanceRequest, context: Any) -> pb.Significance:
        found: pb.Significance = await self._get("significance", request)
        return found

    async def ListSignificances(
        self, request: pb.ListSignificancesRequest, context: Any
    ) -> pb.ListSignificancesResponse:
        page: pb.ListSignificancesResponse = await self._list(
            "significance", request, pb.ListSignificancesResponse, "significances"
        )
        return page


def _get(unit: UnitOfWork, family: Family, name: str) -> Any:
    row = store.get(unit, family, family.name.parse(name))
    if row is None:
        raise NotFound(f"{name} does not exist", resource=name)
    return records.message_of(family, row)


def _list(unit: UnitOfWork, family: Family, request: Message, answer: Any, field: str) -> Any:
    page = page_of(request)
    after = tuple(str(part) for part in page.after)
    rows = store.page(unit, family, _conditions(request), after, page.size + 1)
    resources = [records.message_of(family, row) for row in rows[: page.size]]
    return answer(**{field: resources}, next_page_token=page.token(rows, family.key))


def _conditions(request: Message) -> dict[str, Any]:
    """Return the fields that are set, resource names as numbers; `parent` with the wildcard is no condition."""
    conditions = {}
    for descriptor, value in request.ListFields():
        name = descriptor.name
        if name == "parent":
            number = value.rpartition("/")[2]
            if number != WILDCARD:
                conditions[name] = number
        elif name in records.REFERRED:
            conditions[name] = records.REFERRED[name].parse(value, field=name)[0]
        elif name not in _PAGING:
            conditions[name] = value
    return conditions


def _identify(unit: UnitOfWork, request: pb.BatchIdentifySendersRequest) -> pb.BatchIdentifySendersResponse:
    spellings = [senders.normalised(one) for one in request.mail_addresses]
    owners = store.owners(unit, {one for one in spellings if one}, request.kinds)
    return pb.BatchIdentifySendersResponse(
        senders=[
            _sender(asked, senders.identify(owners.get(spelling, ())))
            for asked, spelling in zip(request.mail_addresses, spellings, strict=True)
        ]
    )


def _sender(asked: str, found: senders.Sender) -> pb.IdentifiedSender:
    addresses = [records.name_of(FAMILIES["address"], (number,)) for number in found.addresses[:_CANDIDATES]]
    if not addresses:
        return pb.IdentifiedSender(mail_address=asked, match=pb.SENDER_MATCH_NONE)
    if len(addresses) > 1:
        return pb.IdentifiedSender(mail_address=asked, match=pb.SENDER_MATCH_SEVERAL, candidates=addresses)
    one = pb.IdentifiedSender(mail_address=asked, match=pb.SENDER_MATCH_ONE, address=addresses[0])
    if found.contact_person:
        one.contact_person = records.name_of(FAMILIES["contact_person"], (found.addresses[0], found.contact_person))
    return one


def _delete(unit: UnitOfWork, family: Family, key: tuple[str, ...], request: pb.DeleteRecordRequest) -> None:
    row = store.existing(unit, family, [key]).get(key)
    if row is None:
        raise NotFound(f"{request.name} does not exist", resource=request.name)
    etags.check(request.etag, store.etag_of(row), request.name)
    by = store.referrer(unit, family, key)
    if by is not None:
        raise StillInUse(f"{request.name} cannot be deleted: {by} refers to it", by=by)
    store.remove(unit, family, key)
