"""The servicer of the directory."""

from typing import Any, TypeVar

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
from server_es.directory.finding import find
from server_es.directory.upserts import ServiceLevels, upsert
from server_es.schema import REQUESTS

Resource = TypeVar("Resource", bound=Message)
Answer = TypeVar("Answer", bound=Message)

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
        self, request: pb.BatchUpsertRecordsRequest, _context: Any
    ) -> pb.BatchUpsertRecordsResponse:
        if request.validate_only:
            return await self._database.run(upsert, request, self._service_levels)
        return await self._database.run(self._upsert, request, caller().name)

    async def DeleteRecord(self, request: pb.DeleteRecordRequest, _context: Any) -> Empty:
        found = named(request.name)
        if found is None:
            raise InvalidArgument([Violation("name", f"'{request.name}' is no name of a record of the directory")])
        await self._database.run(_delete, *found, request)
        return Empty()

    async def BatchIdentifySenders(
        self, request: pb.BatchIdentifySendersRequest, _context: Any
    ) -> pb.BatchIdentifySendersResponse:
        return await self._database.read(_identify, request)

    async def FindAddresses(self, request: pb.FindAddressesRequest, _context: Any) -> pb.FindAddressesResponse:
        return await self._database.read(find, request)

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

    async def _get(self, made: type[Resource], request: Any) -> Resource:
        found: Resource = await self._database.read(_get, records.family_of(made), request.name)
        return found

    async def _list(self, made: type[Message], request: Message, answer: type[Answer]) -> Answer:
        page: Answer = await self._database.read(_list, records.family_of(made), request, answer)
        return page

    async def GetAddress(self, request: pb.GetAddressRequest, _context: Any) -> pb.Address:
        return await self._get(pb.Address, request)

    async def ListAddresses(self, request: pb.ListAddressesRequest, _context: Any) -> pb.ListAddressesResponse:
        return await self._list(pb.Address, request, pb.ListAddressesResponse)

    async def GetContactPerson(self, request: pb.GetContactPersonRequest, _context: Any) -> pb.ContactPerson:
        return await self._get(pb.ContactPerson, request)

    async def ListContactPersons(
        self, request: pb.ListContactPersonsRequest, _context: Any
    ) -> pb.ListContactPersonsResponse:
        return await self._list(pb.ContactPerson, request, pb.ListContactPersonsResponse)

    async def GetSystem(self, request: pb.GetSystemRequest, _context: Any) -> pb.System:
        return await self._get(pb.System, request)

    async def ListSystems(self, request: pb.ListSystemsRequest, _context: Any) -> pb.ListSystemsResponse:
        return await self._list(pb.System, request, pb.ListSystemsResponse)

    async def GetComponent(self, request: pb.GetComponentRequest, _context: Any) -> pb.Component:
        return await self._get(pb.Component, request)

    async def ListComponents(self, request: pb.ListComponentsRequest, _context: Any) -> pb.ListComponentsResponse:
        return await self._list(pb.Component, request, pb.ListComponentsResponse)

    async def GetContract(self, request: pb.GetContractRequest, _context: Any) -> pb.Contract:
        return await self._get(pb.Contract, request)

    async def ListContracts(self, request: pb.ListContractsRequest, _context: Any) -> pb.ListContractsResponse:
        return await self._list(pb.Contract, request, pb.ListContractsResponse)

    async def GetEmployee(self, request: pb.GetEmployeeRequest, _context: Any) -> pb.Employee:
        return await self._get(pb.Employee, request)

    async def ListEmployees(self, request: pb.ListEmployeesRequest, _context: Any) -> pb.ListEmployeesResponse:
        return await self._list(pb.Employee, request, pb.ListEmployeesResponse)

    async def GetTeam(self, request: pb.GetTeamRequest, _context: Any) -> pb.Team:
        return await self._get(pb.Team, request)

    async def ListTeams(self, request: pb.ListTeamsRequest, _context: Any) -> pb.ListTeamsResponse:
        return await self._list(pb.Team, request, pb.ListTeamsResponse)

    async def GetSignificance(self, request: pb.GetSignificanceRequest, _context: Any) -> pb.Significance:
        return await self._get(pb.Significance, request)

    async def ListSignificances(
        self, request: pb.ListSignificancesRequest, _context: Any
    ) -> pb.ListSignificancesResponse:
        return await self._list(pb.Significance, request, pb.ListSignificancesResponse)


def _get(unit: UnitOfWork, family: Family, name: str) -> Any:
    row = store.get(unit, family, family.name.parse(name))
    if row is None:
        raise NotFound(f"{name} does not exist", resource=name)
    return records.message_of(family, row)


def _list(unit: UnitOfWork, family: Family, request: Message, answer: Any) -> Any:
    page = page_of(request)
    after = tuple(str(part) for part in page.after)
    rows = store.page(unit, family, _conditions(request), after, page.size + 1)
    resources = [records.message_of(family, row) for row in rows[: page.size]]
    return answer(**{answer.DESCRIPTOR.fields[0].name: resources}, next_page_token=page.token(rows, family.key))


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
