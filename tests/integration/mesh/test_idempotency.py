import threading
from datetime import timedelta

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessages
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import StringValue
from sqlalchemy import MetaData, func, insert, select

from mesh.clock import ManualClock
from mesh.database import Database, UnitOfWork
from mesh.idempotency import Asked, RequestIdReused
from tests.integration.mesh import processes
from tests.integration.mesh.programs import TABLES, asked, do_once, effect, requests


@pytest.fixture
def metadata() -> MetaData:
    return TABLES


def request_message(request_id: str, content: str) -> Message:
    """A message of a class that is made here, so that the tests of the mesh need no service's contract."""
    file = FileDescriptorProto(name="mesh_test_request.proto", package="mesh_test", syntax="proto3")
    message = file.message_type.add(name="DoRequest")
    for number, name in enumerate(("request_id", "content"), 1):
        message.field.add(name=name, number=number, type=FieldDescriptorProto.TYPE_STRING)
    made: Message = GetMessages([file])["mesh_test.DoRequest"](request_id=request_id, content=content)
    return made


def effects(database: Database) -> int:
    with database.reading() as unit:
        return unit.connection.execute(select(func.count()).select_from(effect)).scalar_one()


def many(unit: UnitOfWork, wanted: list[Asked]) -> list[bytes]:
    def respond(new: list[Asked]) -> list[bytes]:
        unit.connection.execute(insert(effect), [{"text": one.request_id} for one in new])
        return [one.request_id.encode() for one in new]

    return requests.remember_all(unit, wanted, respond)


async def test_a_repeat_gets_the_same_answer_and_has_no_second_effect(database: Database) -> None:
    first = await database.run(do_once, 1)
    again = await database.run(do_once, 1)
    other = await database.run(do_once, 2)
    assert first == again != other
    assert effects(database) == 2


async def test_a_repeat_with_other_content_is_refused(database: Database) -> None:
    await database.run(do_once, 1, "this")
    with pytest.raises(RequestIdReused) as refused:
        await database.run(do_once, 1, "that")
    assert refused.value.reason == "REQUEST_ID_REUSED"
    assert refused.value.metadata == {"request_id": "r1"}


async def test_two_callers_may_choose_the_same_id(database: Database) -> None:
    ours = asked(1)
    theirs = Asked(caller="other", request_id=ours.request_id, method=ours.method, fingerprint=b"different")
    assert await database.run(requests.remember, ours, lambda: b"ours") == b"ours"
    assert await database.run(requests.remember, theirs, lambda: b"theirs") == b"theirs"


async def test_a_failed_request_is_not_remembered(database: Database) -> None:
    def fails() -> bytes:
        raise KeyError

    with pytest.raises(KeyError):
        await database.run(requests.remember, asked(1), fails)
    assert await database.run(requests.remember, asked(1), lambda: b"now") == b"now"


def test_the_same_request_from_four_threads_at_once_has_one_effect(database: Database) -> None:
    answers: list[bytes] = []

    def ask() -> None:
        for number in range(10):
            with database.unit() as unit:
                answers.append(do_once(unit, number))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 40
    assert len(set(answers)) == effects(database) == 10


async def test_a_message_is_answered_once(database: Database) -> None:
    request, other = request_message("r1", "a"), request_message("r1", "b")
    made: list[str] = []

    def respond() -> StringValue:
        made.append("made")
        return StringValue(value="answer")

    def call(unit: UnitOfWork, message: Message) -> StringValue:
        return requests.once(unit, message, respond, answer=StringValue, caller="test")

    assert (await database.run(call, request)).value == (await database.run(call, request)).value == "answer"
    assert len(made) == 1
    with pytest.raises(RequestIdReused):
        await database.run(call, other)


async def test_a_message_without_an_id_is_answered_each_time(database: Database) -> None:
    def call(unit: UnitOfWork) -> StringValue:
        unit.connection.execute(insert(effect).values(text="each"))
        return requests.once(unit, request_message("", "a"), StringValue, answer=StringValue, caller="test")

    await database.run(call)
    await database.run(call)


async def test_five_hundred_calls_are_answered_in_one_unit(database: Database) -> None:
    await database.run(do_once, 7)
    wanted = [asked(number) for number in range(500)]
    answers = await database.run(many, wanted)
    assert answers[8] == b"r8"
    assert answers[7] == await database.run(do_once, 7)
    assert await database.run(many, list(reversed(wanted))) == list(reversed(answers))
    assert effects(database) == 500


async def test_more_calls_than_one_statement_takes_are_answered_too(database: Database) -> None:
    wanted = [asked(number) for number in range(2500)]
    assert await database.run(many, wanted) == await database.run(many, wanted)
    assert effects(database) == 2500


async def test_an_id_twice_in_a_batch_is_asked_once(database: Database) -> None:
    assert await database.run(many, [asked(1), asked(2), asked(1)]) == [b"r1", b"r2", b"r1"]
    with pytest.raises(RequestIdReused):
        await database.run(many, [asked(3), asked(3, "other")])
    assert effects(database) == 2


async def test_a_reused_id_refuses_the_whole_batch(database: Database) -> None:
    await database.run(do_once, 1, "this")
    with pytest.raises(RequestIdReused):
        await database.run(many, [asked(1, "that"), asked(2)])
    assert effects(database) == 1


async def test_answers_are_forgotten_after_a_day(database: Database, clock: ManualClock) -> None:
    await database.run(do_once, 1)
    clock.advance(timedelta(hours=24))
    await database.run(do_once, 2)
    assert await database.run(requests.prune) == 0
    clock.advance(timedelta(microseconds=1))
    assert await database.run(requests.prune) == 1
    await database.run(do_once, 2)
    assert effects(database) == 2
    await database.run(do_once, 1)
    assert effects(database) == 3


@pytest.mark.parametrize(
    ("failpoint", "survives"), [("effect.written", 0), ("database.commit", 0), ("effect.committed", 1)]
)
async def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(
    database: Database, database_url: str, failpoint: str, survives: int
) -> None:
    killed, _ = processes.end(processes.start("effect", database_url, 1, failpoint=failpoint))
    assert killed == -9
    assert effects(database) == survives
    for _ in range(2):
        await database.run(do_once, 1)
    assert effects(database) == 1


def test_the_fingerprint_does_not_depend_on_the_order_of_a_map() -> None:
    one, two = Struct(), Struct()
    one.update({"a": 1, "b": 2})
    two.update({"b": 2, "a": 1})
    assert one.SerializeToString(deterministic=True) == two.SerializeToString(deterministic=True)
