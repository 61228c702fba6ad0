"""Escalations that are acknowledged by an answer to their short message (Quittieren per SMS)."""

import re
import threading
from datetime import timedelta

import grpc
import pytest
from esoffice.es.v1 import escalations_pb2 as pb

from mesh.workers import Turn
from server_es.app import definition
from server_es.notices.worker import Delivery
from tests.builders import directory as build
from tests.builders.escalations import ES_MESSAGE, SMS, Escalating, open_escalating
from tests.builders.office import berlin, request_id
from tests.contract.conftest import Serve, person, refused, service
from tests.fakes.post import FakePost

ANNA, OTHER = "+491701111111", "+491702222222"


@pytest.fixture
async def house(serve: Serve) -> Escalating:
    """A call that has escalated to two numbers; what left lies in `post`."""
    house = await open_escalating(serve)
    await house.event(
        "sms", channels=[SMS, ES_MESSAGE], notify_by_forwarding=False,
        recipients=[pb.EscalationRecipient(mobile=ANNA), pb.EscalationRecipient(mobile=OTHER)],
    )  # fmt: skip
    await house.point(1, 50, event="escalationEvents/sms")
    await house.point(2, 75, event="escalationEvents/sms")
    await house.office.call()
    house.go_to(berlin("2026-03-02 13:00"))
    return house


def sent(house: Escalating) -> dict[str, str]:
    """Let what waits leave; return the texts by number."""
    post = FakePost()
    Delivery(house.database, house.rooms.messages, post, house.rooms.notices, "test").turn(Turn(threading.Event()))
    return {one.address: one.text for one in post.letters.values()}


def code_in(text: str) -> str:
    found = re.search("mit (Q[0-9A-Z]{4}) antworten", text)
    assert found
    return found[1]


async def test_who_answers_with_the_code_stops_the_chain_under_his_name(house: Escalating) -> None:
    texts = sent(house)
    code = code_in(texts[ANNA])
    assert texts[ANNA].splitlines()[:2] == ["50 % Call 1", f"Quittieren: mit {code} antworten."]
    assert code_in(texts[OTHER]) == code
    await house.office.directory.BatchUpsertRecords(build.upsert(build.employee("101", mobile=ANNA)))
    house.office.served.caller = service("server_business", *definition.allows["server_business"])
    asked = pb.AcknowledgeEscalationsRequest(code=code.lower(), phone_number=ANNA, request_id=request_id())
    answer = await house.stub.AcknowledgeEscalations(asked)
    again = await house.stub.AcknowledgeEscalations(asked)
    assert answer == again
    assert [one.acknowledger for one in answer.escalations] == ["employees/101"]
    house.go_to(berlin("2026-03-03 17:00"))
    house.office.served.caller = service("server_es", "escalations.read")
    assert [one.point for one in await house.escalations()] == ["escalationPoints/1"]


async def test_a_number_nobody_knows_acknowledges_for_the_service(house: Escalating) -> None:
    code = code_in(sent(house)[OTHER])
    house.office.served.caller = service("server_business", *definition.allows["server_business"])
    answer = await house.stub.AcknowledgeEscalations(pb.AcknowledgeEscalationsRequest(code=code, phone_number=OTHER))
    assert [one.acknowledger for one in answer.escalations] == ["services/server_business"]


async def test_a_person_who_enters_somebodys_answer_stands_for_it_himself(house: Escalating) -> None:
    code = code_in(sent(house)[ANNA])
    await house.office.directory.BatchUpsertRecords(build.upsert(build.employee("101", mobile=ANNA)))
    house.office.served.caller = person("escalations.acknowledge", name="eva", employee="100")
    answer = await house.stub.AcknowledgeEscalations(pb.AcknowledgeEscalationsRequest(code=code, phone_number=ANNA))
    assert [one.acknowledger for one in answer.escalations] == ["employees/100"]


@pytest.mark.parametrize(("code", "number", "days"), [("Q2222", ANNA, 0), ("", "+491703333333", 0), ("", ANNA, 8)])
async def test_another_code_another_number_or_one_too_old_is_not_found(
    house: Escalating, code: str, number: str, days: int
) -> None:
    code = code or code_in(sent(house)[ANNA])
    house.office.clock.advance(timedelta(days=days))
    error = await refused(
        house.stub.AcknowledgeEscalations(pb.AcknowledgeEscalationsRequest(code=code, phone_number=number))
    )
    assert (error.code(), error.details()) == (
        grpc.StatusCode.NOT_FOUND, f"No short message with the code {code} went to {number}.",
    )  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [{}, {"code": "Q2222"}, {"phone_number": ANNA}, {"servicecall": "servicecalls/1", "code": "Q2222"}],
)
async def test_a_call_or_a_code_with_its_number_is_needed(house: Escalating, said: dict[str, str]) -> None:
    error = await refused(house.stub.AcknowledgeEscalations(pb.AcknowledgeEscalationsRequest(**said)))
    assert "name a servicecall, or a code with its phone_number" in str(error.details())
