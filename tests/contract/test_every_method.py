"""Whatever is sent to any method of server_es, the answer is right or a refusal of a known kind, never a defect.

The whole service as it runs, and request messages with right, odd and extreme values in every field.
"""

import math
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.channel import connect_blocking
from mesh.clock import SystemClock
from tests.builders.es_house import EsHouse
from tests.integration.conftest import postgres
from tests.servers import es
from tests.servers.postgres import Cluster

__all__ = ["postgres"]

# What the service can say; INTERNAL, UNKNOWN and the like are defects.
TYPED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,  # web documents ask for their own tickets
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAVAILABLE,  # a service that is needed and not there: server_business is not in this test
}
EXAMPLES = 6
NAMES = [
    "employees/100", "employees/999", "teams/1", "teams/none", "addresses/1001", "addresses/9", "systems/A-1",
    "servicecalls/1", "servicecalls/2", "servicecalls/999999999999999999", "serviceLevels/5", "serviceLevels/9",
    "priorities/1", "problemCategories/question", "servicecallStates/10", "calendars/office", "calendars/none",
    "textModules/1", "rosters/1", "messages/1-100", "messages/9-100", "notices/1", "absences/1", "appointments/1",
    "absenceKinds/vacation", "approvalGroups/lead", "contacts/1", "clients/none", "followUps/1", "escalations/1",
    "escalationPoints/1", "escalationEvents/1", "maintenanceWindows/1", "significances/a", "contracts/V-1",
    "addresses/1001/contactPersons/1", "systems/A-1/components/1", "employees/100/notificationPreferences",
    "employees/100/leaveEntitlements/2026",
]  # fmt: skip
TEXTS = [
    "", "x", "Störung", "ü" * 60, "x" * 5000, "\u202e\ufeff", "a\0b", "'; --", "%_", "../..", "😀", " \t\n",
    "2026-03-09",
    "2026-02-30", "08:00", "24:00", "Europe/Berlin", "Mars/Olympus", "<ServCall.ServicecallNr>", "0", "-1",
]  # fmt: skip
INTEGERS = [0, 1, 2, 5, 50, 1000, -1, 2**31 - 1, -(2**31)]
LONG = [*INTEGERS, 2**63 - 1, -(2**63), 253402300799, 253402300800, -62135596801, 1_900_000_000]
NUMBERS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_INT32: st.sampled_from(INTEGERS),
    FieldDescriptor.TYPE_SINT32: st.sampled_from(INTEGERS),
    FieldDescriptor.TYPE_INT64: st.sampled_from(LONG),
    FieldDescriptor.TYPE_UINT32: st.sampled_from([0, 1, 2**32 - 1]),
    FieldDescriptor.TYPE_UINT64: st.sampled_from([0, 1, 2**64 - 1]),
    FieldDescriptor.TYPE_FIXED64: st.sampled_from([0, 1, 2**64 - 1]),
    FieldDescriptor.TYPE_DOUBLE: st.sampled_from([0.0, 0.5, 1.0, -1.0, 1e300, math.inf, math.nan]),
    FieldDescriptor.TYPE_FLOAT: st.sampled_from([0.0, 0.5, -1.0, math.inf, math.nan]),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_ENUM: st.sampled_from([0, 1, 2, 3, 4, 9]),
    FieldDescriptor.TYPE_BYTES: st.sampled_from([b"", b"x", b"\xff" * 100]),
}


def texts(field: FieldDescriptor) -> st.SearchStrategy[str]:
    """Return mostly what the field's rules allow."""
    rules = field.GetOptions().Extensions[validate_pb2.field]
    pattern = rules.string.pattern or rules.repeated.items.string.pattern
    if field.name in ("request_id", "page_token"):
        return st.sampled_from(["", "", "", "x"])
    if not pattern:
        return st.sampled_from(TEXTS)
    fitting = st.from_regex(pattern.replace("\\S", "[a-z]"), fullmatch=True).map(lambda text: text[:300])
    known = st.sampled_from(NAMES)
    return st.one_of(known.filter(lambda name: name.split("/")[0] in pattern) | known, fitting, st.sampled_from(TEXTS))


@st.composite
def filled(draw: st.DrawFn, kind: type[Message], depth: int = 0) -> Message:
    """Fill some fields of a message."""
    made: Any = kind()
    for field in made.DESCRIPTOR.fields:
        if depth > 3 or not draw(st.integers(0, 2)):
            continue
        if field.containing_oneof is not None and made.WhichOneof(field.containing_oneof.name):
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        if field.message_type is not None:
            inner = GetMessageClass(field.message_type)
            if field.is_repeated:
                getattr(made, field.name).extend(draw(st.lists(filled(inner, depth + 1), max_size=2)))
            else:
                getattr(made, field.name).CopyFrom(draw(filled(inner, depth + 1)))
            continue
        values = texts(field) if field.type == FieldDescriptor.TYPE_STRING else NUMBERS[field.type]
        if field.is_repeated:
            getattr(made, field.name).extend(draw(st.lists(values, max_size=3)))
        else:
            setattr(made, field.name, draw(values))
    return made


def methods() -> list[MethodDescriptor]:
    """Return every method server_es serves."""
    contracts = {one for name, one in sys.modules.items() if re.fullmatch(r"esoffice\.es\.v1\.\w+_pb2", name)}
    files = sorted((one.DESCRIPTOR for one in contracts), key=lambda one: one.name)
    return [one for file in files for service in file.services_by_name.values() for one in service.methods]


Asked = dict[str, list[Message]]


@pytest.fixture(scope="module")
def requests() -> Asked:
    """Make all requests before anything runs beside: hypothesis owns `random` while it draws."""
    made: Asked = {}
    for method in methods():
        drawn = made[method.full_name] = []

        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(filled(GetMessageClass(method.input_type)).map(drawn.append))
        def draw(_: None) -> None:
            pass

        draw()
    return made


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def channel(
    requests: Asked, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[grpc.Channel]:
    assert requests
    folder: Path = tmp_path_factory.mktemp("every")
    certs = es.make_certificates(folder)
    with ExitStack() as stack:
        url = f"sqlite:///{folder / 'es.db'}"
        if request.param == "postgresql":
            cluster: Cluster = request.getfixturevalue("postgres")
            url = cluster.url(cluster.create())
        database = stack.enter_context(es.opened(url, SystemClock()))
        doors = stack.enter_context(es.serving_in_a_thread(certs, database))
        wire = stack.enter_context(connect_blocking(f"127.0.0.1:{doors.chief}", None))
        EsHouse(database, wire).furnish()
        yield wire


@pytest.mark.parametrize(
    "method", [pytest.param(one, id=f"{one.containing_service.name}.{one.name}") for one in methods()]
)
def test_no_request_meets_a_defect(channel: grpc.Channel, requests: Asked, method: MethodDescriptor) -> None:
    kind, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    path = f"/{method.containing_service.full_name}/{method.name}"
    make = channel.unary_stream if method.server_streaming else channel.unary_unary
    call: Any = make(path, request_serializer=kind.SerializeToString, response_deserializer=answer.FromString)
    wrong = []
    for request in requests[method.full_name]:
        try:
            if method.server_streaming:
                stream = call(request, timeout=10)
                next(stream)
                stream.cancel()
            else:
                call(request, timeout=10)
        except grpc.RpcError as error:
            refused: Any = error
            if refused.code() not in TYPED:
                wrong.append(f"{refused.code().name}: {refused.details()} for {kind.DESCRIPTOR.name} {{ {request} }}")
    assert wrong == []


def test_every_contract_of_the_service_is_asked() -> None:
    served = {one.containing_service.name for one in methods()}
    assert {"ServicecallService", "EscalationService", "AbsenceService", "DutyService", "ClientService"} <= served
