"""ClientService over a real channel, on both databases."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import clients_pb2 as pb
from esoffice.es.v1.clients_pb2_grpc import ClientServiceStub

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.streams import Streams
from mesh.wakeups import Wakeups
from server_es.clients import store
from server_es.clients.live import BELL, LiveClients
from server_es.clients.rules import Policy
from server_es.clients.service import Clients
from server_es.inboxes import INBOXES
from server_es.messages.address import Messages
from server_es.schema import REQUESTS
from tests.contract.conftest import CHIEF, Serve, person, refused

HEARTBEAT = timedelta(seconds=20)
ANNA, BERTA = person(name="anna", employee="17"), person(name="berta", employee="18")


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def site(serve: Serve, clock: ManualClock) -> AsyncIterator[Any]:
    """The room, its parts, and what it has told."""
    made = SimpleNamespace(told=[])
    async with contextlib.AsyncExitStack() as stack:

        def build(database: Database) -> Clients:
            wakeups = stack.enter_context(Wakeups(database))
            bell = wakeups.bell(BELL)
            made.live = LiveClients(database, bell, Streams(heartbeat=HEARTBEAT), poll=timedelta(seconds=30))
            messages = Messages(INBOXES, wakeups.bell("messages.told"), made.told.extend)
            made.room = Clients(
                database=database, live=made.live, bell=bell, messages=messages, requests=REQUESTS, clock=clock,
                policy=Policy(),
            )  # fmt: skip
            return made.room

        made.served = await serve((pb.DESCRIPTOR, build))
        made.database, made.clock = made.served.database, clock
        made.stub = ClientServiceStub(made.served.channel)
        running = asyncio.create_task(made.live.run())
        await asyncio.sleep(0)
        try:
            yield made
        finally:
            made.live.drain()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


class Connection:
    """A client's open stream."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.client = pb.Client()

    async def next(self) -> pb.ConnectClientResponse | None:
        async with asyncio.timeout(10):
            event = await self.call.read()
        return None if event is grpc.aio.EOF else event

    @property
    def name(self) -> str:
        return self.client.name


async def connect(site: Any, who: Any = ANNA, machine: str = "PC1", **said: Any) -> Connection:
    site.served.caller = who
    made = Connection(site.stub.ConnectClient(pb.ConnectClientRequest(machine=machine, **{"version": "24.2", **said})))
    event = await made.next()
    assert event is not None
    assert event.opened.heartbeat_duration.ToTimedelta() == HEARTBEAT
    made.client = event.opened.client
    site.served.caller = CHIEF
    return made


async def test_who_connects_is_listed_with_machine_and_version_until_he_leaves(site: Any) -> None:
    anna = await connect(site)
    await connect(site, BERTA, "PC2")
    listed = (await site.stub.ListClients(pb.ListClientsRequest())).clients
    assert {(one.employee, one.user, one.machine, one.version) for one in listed} == {
        ("employees/17", "anna", "PC1", "24.2"),
        ("employees/18", "berta", "PC2", "24.2"),
    }
    site.served.caller = ANNA
    await site.stub.DisconnectClient(pb.DisconnectClientRequest(name=anna.name))
    event = await anna.next()
    assert event is not None
    assert event.ended.reason == pb.CLIENT_END_REASON_CLOSED
    assert await anna.next() is None
    site.served.caller = CHIEF
    closed = (await site.stub.ListClients(pb.ListClientsRequest(closed=True))).clients
    assert [(one.employee, one.end_reason) for one in closed] == [("employees/17", pb.CLIENT_END_REASON_CLOSED)]


async def test_lists_go_page_by_page(site: Any) -> None:
    for number in range(3):
        site.clock.advance(timedelta(seconds=1))
        await connect(site, machine=f"PC{number}")
    seen = []
    request = pb.ListClientsRequest(page_size=2, employee="employees/17")
    while True:
        page = await site.stub.ListClients(request)
        seen += [one.machine for one in page.clients]
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    assert seen == ["PC2", "PC1", "PC0"]
    assert not (await site.stub.ListClients(pb.ListClientsRequest(employee="employees/99"))).clients


async def test_a_silent_client_is_gone_after_three_heartbeats_one_that_renews_stays(site: Any) -> None:
    anna, berta = await connect(site), await connect(site, BERTA)
    for _ in range(4):
        site.clock.advance(HEARTBEAT)
        site.served.caller = BERTA
        await site.stub.RenewClient(pb.RenewClientRequest(name=berta.name))
        with site.database.unit() as unit:
            site.room.sweep(unit)
    event = await anna.next()
    assert event is not None
    assert event.ended.reason == pb.CLIENT_END_REASON_SILENT
    site.served.caller = CHIEF
    still = await site.stub.GetClient(pb.GetClientRequest(name=berta.name))
    assert not still.HasField("end_time")
    assert still.last_heard_time.ToDatetime().timestamp() == site.clock.now().replace(tzinfo=None).timestamp()


async def test_nobody_keeps_the_client_of_somebody_else_alive(site: Any) -> None:
    anna = await connect(site)
    for _ in range(4):
        site.clock.advance(HEARTBEAT)
        site.served.caller = BERTA
        await site.stub.RenewClient(pb.RenewClientRequest(name=anna.name))
        with site.database.unit() as unit:
            site.room.sweep(unit)
    site.served.caller = CHIEF
    assert (await site.stub.GetClient(pb.GetClientRequest(name=anna.name))).HasField("end_time")
    site.served.caller = BERTA
    error = await refused(site.stub.DisconnectClient(pb.DisconnectClientRequest(name=anna.name)))
    assert error.details() == f"{anna.name} is no client of yours."


async def test_a_service_that_was_down_gives_its_clients_the_time_to_come_back(site: Any) -> None:
    anna = await connect(site)
    site.clock.advance(timedelta(hours=1))
    again = Clients(
        database=site.database, live=site.live, bell=site.room._bell, messages=site.room._messages,
        requests=REQUESTS, clock=site.clock, policy=Policy(),
    )  # fmt: skip
    with site.database.unit() as unit:
        again.sweep(unit)
    assert not (await site.stub.GetClient(pb.GetClientRequest(name=anna.name))).HasField("end_time")
    site.clock.advance(3 * HEARTBEAT)
    with site.database.unit() as unit:
        again.sweep(unit)
    gone = await site.stub.GetClient(pb.GetClientRequest(name=anna.name))
    assert gone.end_reason == pb.CLIENT_END_REASON_SILENT


async def test_an_update_asks_everybody_and_lets_nobody_new_in(site: Any) -> None:
    anna, berta = await connect(site), await connect(site, BERTA)
    update = await site.stub.StartClientUpdate(pb.StartClientUpdateRequest(text="Update um 18 Uhr"))
    for one in (anna, berta):
        event = await one.next()
        assert event is not None
        assert event.update_started.text == "Update um 18 Uhr"
        assert event.update_started.starter == "employees/100"
    site.served.caller = ANNA
    await site.stub.AnswerClientUpdate(pb.AnswerClientUpdateRequest(name=anna.name, answer=pb.CLIENT_UPDATE_ANSWER_OK))
    event = await anna.next()
    assert event is not None
    assert event.ended.reason == pb.CLIENT_END_REASON_UPDATE_ACCEPTED
    site.served.caller = BERTA
    answered = await site.stub.AnswerClientUpdate(
        pb.AnswerClientUpdateRequest(name=berta.name, answer=pb.CLIENT_UPDATE_ANSWER_NOT_NOW)
    )
    assert answered.update_answer == pb.CLIENT_UPDATE_ANSWER_NOT_NOW
    late = site.stub.ConnectClient(pb.ConnectClientRequest(machine="PC3", version="24.2"))
    assert "being updated" in str((await refused(late.read())).details())
    site.served.caller = CHIEF
    ended = await site.stub.EndClients(pb.EndClientsRequest(etag=update.etag))
    assert ended.ended_count == 1
    event = await berta.next()
    assert event is not None
    assert event.ended.reason == pb.CLIENT_END_REASON_UPDATE
    await site.stub.FinishClientUpdate(pb.FinishClientUpdateRequest(etag=update.etag))
    await connect(site, BERTA)
    state = (await site.stub.GetClientUpdate(pb.GetClientUpdateRequest())).state
    assert state == pb.CLIENT_UPDATE_STATE_FINISHED


async def test_during_an_update_only_who_may_override_connects_and_who_was_there_comes_back(site: Any) -> None:
    anna = await connect(site)
    await site.stub.StartClientUpdate(pb.StartClientUpdateRequest(text="Update"))
    site.served.caller = BERTA
    call = site.stub.ConnectClient(pb.ConnectClientRequest(machine="PC2", version="1", override=True))
    assert (await refused(call.read())).code() is grpc.StatusCode.PERMISSION_DENIED
    await connect(site, CHIEF, override=True)
    anna.call.cancel()
    again = await connect(site, client=anna.name)
    assert again.name == anna.name
    event = await again.next()
    assert event is not None
    assert event.HasField("update_started")
    await site.stub.FinishClientUpdate(pb.FinishClientUpdateRequest(cancel=True))
    event = await again.next()
    assert event is not None
    assert event.update_over.state == pb.CLIENT_UPDATE_STATE_CANCELLED


async def test_a_popup_that_was_put_off_does_not_come_again_with_the_connection(site: Any) -> None:
    anna = await connect(site)
    await site.stub.StartClientUpdate(pb.StartClientUpdateRequest(text="Update"))
    site.served.caller = ANNA
    await site.stub.AnswerClientUpdate(
        pb.AnswerClientUpdateRequest(name=anna.name, answer=pb.CLIENT_UPDATE_ANSWER_NOT_NOW)
    )
    anna.call.cancel()
    again = await connect(site, client=anna.name)
    await site.stub.FinishClientUpdate(pb.FinishClientUpdateRequest())
    event = await again.next()
    assert event is not None
    assert event.HasField("update_over")
    assert not (await site.stub.GetClient(pb.GetClientRequest(name=anna.name))).update_answer


async def test_an_update_is_initiated_once_and_ended_once(site: Any) -> None:
    first = await site.stub.StartClientUpdate(pb.StartClientUpdateRequest(text="one"))
    error = await refused(site.stub.StartClientUpdate(pb.StartClientUpdateRequest(text="two")))
    assert "employees/100 has initiated an update already" in str(error.details())
    await site.stub.FinishClientUpdate(pb.FinishClientUpdateRequest())
    assert (await refused(site.stub.FinishClientUpdate(pb.FinishClientUpdateRequest()))).details() == (
        "No update is initiated."
    )
    await site.stub.StartClientUpdate(pb.StartClientUpdateRequest(text="three"))
    error = await refused(site.stub.EndClients(pb.EndClientsRequest(etag=first.etag)))
    assert error.code() is grpc.StatusCode.ABORTED


async def test_an_update_is_not_announced_for_the_past(site: Any) -> None:
    request = pb.StartClientUpdateRequest(text="Update")
    request.announced_time.FromDatetime(site.clock.now())
    assert "announced_time: must lie in the future" in str(
        (await refused(site.stub.StartClientUpdate(request))).details()
    )


async def test_one_client_is_closed_with_a_reason(site: Any) -> None:
    anna = await connect(site)
    await site.stub.KickClient(pb.KickClientRequest(name=anna.name, text="Rechner wird getauscht"))
    event = await anna.next()
    assert event is not None
    assert (event.ended.reason, event.ended.text) == (pb.CLIENT_END_REASON_KICKED, "Rechner wird getauscht")
    error = await refused(site.stub.KickClient(pb.KickClientRequest(name=anna.name, text="again")))
    assert error.details() == f"{anna.name} is not connected any more."
    site.served.caller = ANNA
    error = await refused(
        site.stub.AnswerClientUpdate(
            pb.AnswerClientUpdateRequest(name=anna.name, answer=pb.CLIENT_UPDATE_ANSWER_NOT_NOW)
        )
    )
    assert error.details() == f"{anna.name} is not connected any more."


async def test_a_popup_goes_to_everybody_connected_once_each(site: Any) -> None:
    await connect(site)
    await connect(site, machine="LAPTOP")
    berta = await connect(site, BERTA)
    everybody = pb.NotifyClientsRequest(subject="Feueralarm", request_id="b7a1c6de-0c4e-4a2b-9a60-1c7a0c6f1a11")
    for _ in range(2):
        assert (await site.stub.NotifyClients(everybody)).recipient_count == 2
    one = pb.NotifyClientsRequest(subject="Bitte melden", clients=[berta.name])
    assert (await site.stub.NotifyClients(one)).recipient_count == 1
    with site.database.reading() as unit:
        assert [len(INBOXES.page(unit, who, limit=9)) for who in ("17", "18")] == [1, 2]
    one.clients.append("clients/nobody")
    assert "clients/nobody: not connected" in str((await refused(site.stub.NotifyClients(one))).details())


async def test_the_last_seat_is_given_away_once(site: Any) -> None:
    site.room.policy = Policy(seats=1)
    site.served.caller = ANNA
    calls = [site.stub.ConnectClient(pb.ConnectClientRequest(machine=f"PC{n}", version="1")) for n in range(5)]
    results = await asyncio.gather(*(call.read() for call in calls), return_exceptions=True)
    failed = [one for one in results if isinstance(one, grpc.aio.AioRpcError)]
    assert [one.code() for one in failed] == [grpc.StatusCode.RESOURCE_EXHAUSTED] * 4


async def test_the_oldest_client_of_an_employee_makes_room(site: Any) -> None:
    site.room.policy = Policy(clients_per_employee=1, replace_oldest=True)
    first = await connect(site)
    await connect(site, machine="LAPTOP")
    event = await first.next()
    assert event is not None
    assert event.ended.reason == pb.CLIENT_END_REASON_REPLACED


async def test_who_watches_sees_comings_and_goings_and_resumes(site: Any) -> None:
    anna = await connect(site)
    watch = Connection(site.stub.WatchClients(pb.WatchClientsRequest()))
    first: Any = await watch.next()
    assert [one.employee for one in first.clients] == ["employees/17"]
    await connect(site, BERTA)
    came: Any = await watch.next()
    assert [one.employee for one in came.clients] == ["employees/18"]
    watch.call.cancel()
    await site.stub.KickClient(pb.KickClientRequest(name=anna.name, text="x"))
    resumed = Connection(site.stub.WatchClients(pb.WatchClientsRequest(cursor=came.cursor)))
    empty: Any = await resumed.next()
    assert (empty.cursor, len(empty.clients)) == (came.cursor, 0)
    left: Any = await resumed.next()
    assert [one.end_reason for one in left.clients] == [pb.CLIENT_END_REASON_KICKED]


async def test_a_change_while_the_watcher_reads_is_not_left_lying(site: Any) -> None:
    anna = await connect(site)
    read, kicked = site.live._database.read, list[str]()

    async def slow(work: Any, *arguments: Any) -> Any:
        found = await read(work, *arguments)
        if work is store.changed and not kicked:
            kicked.append(anna.name)
            await site.stub.KickClient(pb.KickClientRequest(name=anna.name, text="x"))
            await site.live.look()
        return found

    site.live._database = SimpleNamespace(read=slow)
    watch = Connection(site.stub.WatchClients(pb.WatchClientsRequest()))
    await watch.next()
    left: Any = await watch.next()
    assert [one.end_reason for one in left.clients] == [pb.CLIENT_END_REASON_KICKED]


async def test_a_cursor_that_cannot_be_served_is_refused(site: Any) -> None:
    anna = await connect(site)
    await site.stub.KickClient(pb.KickClientRequest(name=anna.name, text="x"))
    await connect(site, BERTA)
    with site.database.unit() as unit:
        assert store.forget(unit, unit.now + timedelta(seconds=1), 10) == 1
    for cursor in (1, 99):
        call = site.stub.WatchClients(pb.WatchClientsRequest(cursor=cursor))
        assert (await refused(call.read())).code() is grpc.StatusCode.OUT_OF_RANGE
    assert (await refused(site.stub.GetClient(pb.GetClientRequest(name=anna.name)))).code() is grpc.StatusCode.NOT_FOUND


async def test_clients_belong_to_employees_and_streams_end_with_the_server(site: Any) -> None:
    site.served.caller = person("clients.*", name="robot")
    call = site.stub.ConnectClient(pb.ConnectClientRequest(machine="PC", version="1"))
    assert (await refused(call.read())).code() is grpc.StatusCode.PERMISSION_DENIED
    anna = await connect(site)
    site.live.drain()
    assert await anna.next() is None
    assert await anna.call.code() is grpc.StatusCode.OK
