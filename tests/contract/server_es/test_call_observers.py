"""Other rooms follow calls: told of every call that is made or changed, in the transaction of what happened."""

from collections.abc import Sequence

import grpc
import pytest
from esoffice.es.v1 import servicecalls_pb2 as pb

from mesh.database import UnitOfWork
from server_es.servicecalls import logs
from server_es.servicecalls.observers import Change
from tests.builders.office import CREATED, DRAFT, SOLVED, STARTED, Office, Rooms, open_office, state
from tests.contract.conftest import Serve, refused


class Watching:
    """Writes down what it is told; refuses it if asked to."""

    def __init__(self) -> None:
        self.told: list[list[Change]] = []
        self.refuse = False

    def changed(self, unit: UnitOfWork, changes: Sequence[Change]) -> None:
        assert unit.connection.in_transaction()
        if self.refuse:
            raise RuntimeError
        self.told.append(list(changes))


@pytest.fixture
def watching() -> Watching:
    return Watching()


@pytest.fixture
async def office(serve: Serve, watching: Watching) -> Office:
    rooms = Rooms()
    rooms.observers = [watching]
    return await open_office(serve, rooms=rooms)


async def test_every_change_of_a_call_is_told_with_its_state_before(office: Office, watching: Watching) -> None:
    call = await office.call()
    await office.do("AcceptServicecall", call.name)
    await office.do("ChangeState", call.name, state=state(STARTED))
    await office.do("SolveServicecall", call.name)
    seen = [(one.old_state, one.call.state, one.kinds, len(one.log.events)) for (one,) in watching.told]
    assert seen == [
        (None, CREATED, (logs.RECEIVED,), 2),
        (CREATED, CREATED, (logs.ACCEPTED,), 3),
        (CREATED, STARTED, (logs.STATE_CHANGED,), 4),
        (STARTED, SOLVED, (logs.STATE_CHANGED,), 5),
    ]
    assert {one.actor for (one,) in watching.told} == {"employees/100"}
    assert [one.created for (one,) in watching.told] == [True, False, False, False]


async def test_calls_made_together_are_told_together(office: Office, watching: Watching) -> None:
    requests = [
        pb.CreateServicecallRequest(servicecall=pb.Servicecall(title="Eins", address="addresses/1001")),
        pb.CreateServicecallRequest(servicecall=pb.Servicecall(title="Zwei", address="addresses/none")),
        pb.CreateServicecallRequest(servicecall=pb.Servicecall(title="Drei", address="addresses/1002"), draft=True),
    ]
    await office.calls.BatchCreateServicecalls(pb.BatchCreateServicecallsRequest(requests=requests))
    assert [[(one.call.title, one.call.state) for one in told] for told in watching.told] == [
        [("Eins", CREATED), ("Drei", DRAFT)]
    ]


async def test_what_an_observer_refuses_does_not_happen(office: Office, watching: Watching) -> None:
    watching.refuse = True
    error = await refused(office.call())
    assert error.code() is grpc.StatusCode.INTERNAL
    answer = await office.calls.ListServicecalls(pb.ListServicecallsRequest())
    assert list(answer.servicecalls) == []
