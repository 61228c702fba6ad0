"""Whatever is sent, the answer is right or a typed refusal: every method, with odd values in every field."""

import random
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import absences_pb2 as pb
from esoffice.es.v1 import appointments_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tests.builders.absences import EVA, LEA, MAX, Absentees, open_absences
from tests.contract.conftest import Serve

ROUNDS = 40
TYPED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.PERMISSION_DENIED,
}
EMPLOYEES = ["employees/101", "employees/102", "employees/200", "employees/999"]
TEXTS = {
    "name": [
        *("absences/1", "absences/2", "absences/999999999999999999", "absenceKinds/vacation", "absenceKinds/none"),
        *("approvalGroups/lead", "approvalGroups/none", "stressPeriods/a", "employees/101/leaveEntitlements/2026"),
        *("employees/101/leaveEntitlements/2199", "employees/999/leaveEntitlements/2026", "appointments/1"),
    ],
    "employee": EMPLOYEES,
    "employees": EMPLOYEES,
    "informed": EMPLOYEES,
    "members": EMPLOYEES,
    "team": ["teams/service", "teams/none"],
    "teams": ["teams/service", "teams/none"],
    "kind": ["absenceKinds/vacation", "absenceKinds/training", "absenceKinds/none"],
    "calendar": ["", "calendars/office", "calendars/none"],
    "approval_group": ["", "approvalGroups/lead", "approvalGroups/none"],
}
DATES = ["2026-03-09", "2026-03-13", "2026-02-30", "0000-00-00", "9999-12-31", "2190-12-31", "2000-01-01", "2027-03-01"]
ODD = ["", "x", "ü" * 50, "x" * 2001, "\u202e\ufeff", "'; --", "%_", "../..", "employees/", "2026-3-9"]
NUMBERS = {
    FieldDescriptor.TYPE_INT32: [0, 1, -1, 50, 2026, 2189, 2190, 2**31 - 1, -(2**31)],
    FieldDescriptor.TYPE_INT64: [0, 1, -1, 253402300799, 253402300800, -62135596801, 2**63 - 1],
    FieldDescriptor.TYPE_DOUBLE: [0, 0.5, 0.25, 1, -1, 366, 1e300, float("nan"), float("inf")],
    FieldDescriptor.TYPE_ENUM: [0, 1, 2, 3, 4, 5, 9],
    FieldDescriptor.TYPE_BOOL: [False, True],
}


def filled(chance: random.Random, message: Message, etag: str, depth: int = 0) -> Message:
    """Fill most fields of a message with right, wrong and odd values."""
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.3 or depth > 3:
            continue
        inner: Any = getattr(message, field.name)
        if field.message_type is not None:
            for _ in range(chance.randrange(3) if field.is_repeated else 1):
                filled(chance, inner.add() if field.is_repeated else inner, etag, depth + 1)
            if not field.is_repeated:
                inner.SetInParent()
        elif field.is_repeated:
            inner.extend(value(chance, field, etag) for _ in range(chance.randrange(3)))
        else:
            setattr(message, field.name, value(chance, field, etag))
    return message


def value(chance: random.Random, field: FieldDescriptor, etag: str) -> Any:
    if field.type != FieldDescriptor.TYPE_STRING:
        return chance.choice(NUMBERS[field.type])
    if field.name in ("request_id", "page_token"):
        return chance.choice(["", "", "", "x"])
    if field.name == "etag":
        return chance.choice([etag, "", "old"])
    right = DATES if "date" in field.name else TEXTS.get(field.name, ["Titel"])
    return chance.choice(right if chance.random() < 0.9 else ODD)


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def here(serve: Serve) -> Absentees:
    made = await open_absences(serve)
    await made.request(EVA)
    await made.approved(MAX, "2026-05-04")
    return made


async def test_every_method_answers_or_refuses_by_a_typed_error(here: Absentees) -> None:
    chance, outcomes, wrong = random.Random(17), set[grpc.StatusCode](), list[str]()
    doors = [
        (pb.DESCRIPTOR.services_by_name["AbsenceService"], here.stub),
        (appointments_pb2.DESCRIPTOR.services_by_name["AppointmentService"], here.appointments),
    ]
    asked = (await here.by(EVA).ListAbsences(pb.ListAbsencesRequest())).absences[0]
    for method, stub in ((one, stub) for service, stub in doors for one in list(service.methods) * ROUNDS):
        request = filled(chance, GetMessageClass(method.input_type)(), asked.etag)
        chance.choice([here.chief, here.chief, lambda: here.by(EVA), lambda: here.by(LEA)])()
        try:
            await getattr(stub, method.name)(request)
            outcomes.add(grpc.StatusCode.OK)
        except grpc.aio.AioRpcError as error:
            outcomes.add(error.code())
            if error.code() not in TYPED:
                wrong.append(f"{method.name} {request}: {error.details()}")
    assert wrong == []
    assert grpc.StatusCode.OK in outcomes
    assert len(outcomes) >= 5
