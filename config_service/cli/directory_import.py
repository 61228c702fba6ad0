"""Sends records to the directory in batches and tells what became of each."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from esoffice.es.v1 import directory_pb2 as pb
from google.protobuf.json_format import MessageToDict
from google.rpc import error_details_pb2

from config_service.cli.directory_files import KINDS, Line, Rejected

if TYPE_CHECKING:
    from esoffice.es.v1.directory_pb2_grpc import DirectoryServiceAsyncStub

BATCH: Final = 500
_BATCH_BYTES: Final = 4 * 1024 * 1024  # well below what a server takes in one message


@dataclass(slots=True)
class Report:
    """What became of a file's records.

    Attributes:
        outcomes: how many were created, updated, unchanged.
        rejected: those that were refused, in the order they were met.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)


class Import:
    """One run of the import.

    Args:
        stub: of the directory.
        dry_run: checks only. Then a record may refer to another one of the import that has passed.
    """

    def __init__(self, stub: "DirectoryServiceAsyncStub", *, dry_run: bool) -> None:
        self._stub = stub
        self._dry_run = dry_run
        self._passed: set[str] = set()
        self.report = Report()

    async def run(self, lines: Iterable[Line], done: Callable[[int], None]) -> None:
        """Send the records, those first that others refer to; `done` hears how many more are through.

        Raises:
            grpc.aio.AioRpcError: the server refused a whole batch or does not answer; the batches before it are saved.
        """
        rank = {kind: number for number, kind in enumerate(KINDS)}
        for batch in _batches(sorted(lines, key=lambda line: rank[line.kind])):
            request = pb.BatchUpsertRecordsRequest(records=[line.record for line in batch], validate_only=self._dry_run)
            answer = await self._stub.BatchUpsertRecords(request)
            for line, result in zip(batch, answer.results, strict=True):
                self._take(line, result)
            done(len(batch))

    def _take(self, line: Line, result: pb.RecordResult) -> None:
        if result.HasField("record"):
            outcome = pb.UpsertOutcome.Name(result.upsert_outcome).removeprefix("UPSERT_OUTCOME_").lower()
        elif self._dry_run and self._only_lacks_what_would_be_there(result):
            outcome = "created"
        else:
            self.report.rejected += _reasons(line, result)
            return
        self.report.outcomes[outcome] += 1
        self._passed.add(line.name)

    def _only_lacks_what_would_be_there(self, result: pb.RecordResult) -> bool:
        reason = error_details_pb2.ErrorInfo()
        if not (result.status.details and result.status.details[0].Unpack(reason)):
            return False
        missing = reason.metadata.get("missing", "").split()
        return reason.metadata.get("only") == "missing" and self._passed.issuperset(missing)


async def export(stub: "DirectoryServiceAsyncStub") -> AsyncIterator[dict[str, Any]]:
    """Yield every record as the object of a JSON line, in an order in which `Import` takes them."""
    lists: Sequence[tuple[str, Any, Any]] = (
        ("significance", stub.ListSignificances, pb.ListSignificancesRequest()),
        ("employee", stub.ListEmployees, pb.ListEmployeesRequest()),
        ("team", stub.ListTeams, pb.ListTeamsRequest()),
        ("address", stub.ListAddresses, pb.ListAddressesRequest()),
        ("contact_person", stub.ListContactPersons, pb.ListContactPersonsRequest(parent="addresses/-")),
        ("system", stub.ListSystems, pb.ListSystemsRequest()),
        ("component", stub.ListComponents, pb.ListComponentsRequest(parent="systems/-")),
        ("contract", stub.ListContracts, pb.ListContractsRequest()),
    )
    for kind, method, request in lists:
        request.page_size = 1000
        while True:
            page = await method(request)
            for resource in getattr(page, page.DESCRIPTOR.fields[0].name):
                resource.ClearField("etag")
                if kind == "employee":
                    resource.ClearField("teams")  # they follow from the teams
                yield {"type": kind, **MessageToDict(resource, preserving_proto_field_name=True)}
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for line in lines:
        weight = line.record.ByteSize()
        if batch and (len(batch) == BATCH or size + weight > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += weight
    if batch:
        yield batch


def _reasons(line: Line, result: pb.RecordResult) -> Iterator[Rejected]:
    """One entry for each wrong field; one without a field when it is the record as a whole."""
    bad = error_details_pb2.BadRequest()
    found = next((True for detail in result.status.details if detail.Unpack(bad)), False)
    if not found:
        yield Rejected(file=line.file, number=line.number, field="", reason=result.status.message)
    for violation in bad.field_violations:
        yield Rejected(file=line.file, number=line.number, field=violation.field, reason=violation.description)
