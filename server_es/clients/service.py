"""The servicer of the client administration."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from esoffice.es.v1 import clients_pb2 as pb
from esoffice.es.v1 import clients_pb2_grpc as grpc_

from mesh import etags
from mesh.call import caller
from mesh.clock import Clock
from mesh.database import Database, UnitOfWork
from mesh.errors import FailedPrecondition, InvalidArgument, NotFound, OutOfRange, PermissionDenied, Violation
from mesh.idempotency import RequestLog
from mesh.pages import page_of
from mesh.tokens import Caller
from mesh.wakeups import Doorbell
from server_es.clients import answers, rules, store
from server_es.clients.answers import CLIENT
from server_es.clients.live import LiveClients
from server_es.messages.address import Messages
from server_es.messages.rules import Kind

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PAGE: Final = 500


class Clients(grpc_.ClientServiceServicer):
    """Serves the client administration.

    Args:
        database: of server_es.
        live: the streams of this process.
        bell: rung after every change.
        messages: carries what is sent to employees at their clients.
        requests: remembers what was sent.
        clock: stamps signs of life.
        policy: what the site allows; may be replaced at any time.
    """

    def __init__(
        self,
        *,
        database: Database,
        live: LiveClients,
        bell: Doorbell,
        messages: Messages,
        requests: RequestLog,
        clock: Clock,
        policy: rules.Policy,
    ) -> None:
        self.policy = policy
        self._database = database
        self._live = live
        self._bell = bell
        self._messages = messages
        self._requests = requests
        self._clock = clock
        self._heard: dict[tuple[str, str], datetime] = {}
        self._started = clock.now()  # who was cut off by our own downtime gets the time to come back

    # -- of clients ---------------------------------------------------------------------------------------------------

    async def ConnectClient(
        self, request: pb.ConnectClientRequest, _context: Any
    ) -> AsyncIterator[pb.ConnectClientResponse]:
        client, update = await self._database.run(self._connect, request, caller())
        async for event in self._live.follow(client, update):
            yield event

    async def RenewClient(self, request: pb.RenewClientRequest, _context: Any) -> pb.RenewClientResponse:
        self._heard[CLIENT.parse(request.name)[0], _employee(caller())] = self._clock.now()
        return pb.RenewClientResponse()

    async def AnswerClientUpdate(self, request: pb.AnswerClientUpdateRequest, _context: Any) -> pb.Client:
        return await self._database.run(self._answer, request, caller())

    async def DisconnectClient(self, request: pb.DisconnectClientRequest, _context: Any) -> pb.Client:
        return await self._database.run(self._disconnect, request, caller())

    def _connect(self, unit: UnitOfWork, request: pb.ConnectClientRequest, who: Caller) -> tuple[pb.Client, Any]:
        employee = _employee(who)
        if request.override and not who.permissions.allow("clients.override"):
            raise PermissionDenied("You may not connect while an update is initiated.", permission="clients.override")
        known = store.get(unit, CLIENT.parse(request.client, field="client")[0]) if request.client else None
        if known and known.end_time is None and (known.employee, known.machine) == (employee, request.machine):
            row = store.change(unit, known.id, heard_time=unit.now, version=request.version, address=who.address)
            self._bell.ring_after(unit)
            return answers.client(row), store.newest_update(unit)
        revision = store.next_revision(unit)  # from here on one after the other: the last seat is given away once
        update = store.newest_update(unit)
        updating = update is not None and update.state == store.INITIATED and not request.override
        replaced = rules.admit(employee, request.version, store.connected(unit), self.policy, updating=updating)
        store.end(unit, replaced, pb.CLIENT_END_REASON_REPLACED)
        row = store.add(
            unit, employee=employee, user=who.name, machine=request.machine, version=request.version,
            address=who.address, revision=revision if not replaced else store.next_revision(unit),
        )  # fmt: skip
        self._bell.ring_after(unit)
        return answers.client(row), update

    def _answer(self, unit: UnitOfWork, request: pb.AnswerClientUpdateRequest, who: Caller) -> pb.Client:
        row = _own(unit, request.name, who)
        if row.end_time is not None:
            raise rules.ClientGone(f"{request.name} is not connected any more.", resource=request.name)
        _initiated(unit)
        self._bell.ring_after(unit)
        if request.answer == pb.CLIENT_UPDATE_ANSWER_OK:
            store.end(unit, [row.id], pb.CLIENT_END_REASON_UPDATE_ACCEPTED)
        return answers.client(store.change(unit, row.id, update_answer=request.answer))

    def _disconnect(self, unit: UnitOfWork, request: pb.DisconnectClientRequest, who: Caller) -> pb.Client:
        row = _own(unit, request.name, who)
        store.end(unit, [row.id], pb.CLIENT_END_REASON_CLOSED)
        self._bell.ring_after(unit)
        return _get(unit, request.name)

    # -- of administrators --------------------------------------------------------------------------------------------

    async def GetClient(self, request: pb.GetClientRequest, _context: Any) -> pb.Client:
        return await self._database.read(_get, request.name)

    async def ListClients(self, request: pb.ListClientsRequest, _context: Any) -> pb.ListClientsResponse:
        return await self._database.read(_list, request)

    async def WatchClients(
        self, request: pb.WatchClientsRequest, _context: Any
    ) -> AsyncIterator[pb.WatchClientsResponse]:
        first = await self._database.read(_first, request.cursor)
        yield first
        async for event in self._live.watch(first.cursor, _PAGE):
            yield event

    async def GetClientUpdate(self, _request: pb.GetClientUpdateRequest, _context: Any) -> pb.ClientUpdate:
        return answers.update(await self._database.read(store.newest_update))

    async def StartClientUpdate(self, request: pb.StartClientUpdateRequest, _context: Any) -> pb.ClientUpdate:
        return await self._database.run(self._start, request, caller())

    async def EndClients(self, request: pb.EndClientsRequest, _context: Any) -> pb.EndClientsResponse:
        return await self._database.run(self._end, request)

    async def FinishClientUpdate(self, request: pb.FinishClientUpdateRequest, _context: Any) -> pb.ClientUpdate:
        return await self._database.run(self._finish, request)

    async def KickClient(self, request: pb.KickClientRequest, _context: Any) -> pb.Client:
        return await self._database.run(self._kick, request)

    async def NotifyClients(self, request: pb.NotifyClientsRequest, _context: Any) -> pb.NotifyClientsResponse:
        who = caller()

        def notify(unit: UnitOfWork) -> pb.NotifyClientsResponse:
            return self._requests.once(
                unit,
                request,
                lambda: self._notify(unit, request, who),
                answer=pb.NotifyClientsResponse,
                caller=who.name,
            )

        return await self._database.run(notify)

    def _start(self, unit: UnitOfWork, request: pb.StartClientUpdateRequest, who: Caller) -> pb.ClientUpdate:
        announced = request.announced_time.ToDatetime(UTC) if request.HasField("announced_time") else None
        if announced is not None and announced <= unit.now:
            raise InvalidArgument([Violation("announced_time", "must lie in the future")])
        store.next_revision(unit)
        newest = store.newest_update(unit)
        if newest is not None and newest.state == store.INITIATED:
            raise rules.UpdateInProgress(
                f"{newest.starter} has initiated an update already; finish or cancel it first.", starter=newest.starter
            )
        self._bell.ring_after(unit)
        return answers.update(store.start_update(unit, text=request.text, starter=_name(who), announced_time=announced))

    def _end(self, unit: UnitOfWork, request: pb.EndClientsRequest) -> pb.EndClientsResponse:
        etags.check(request.etag, answers.update(_initiated(unit)).etag, "The update")
        ended = store.end(unit, [one.id for one in store.connected(unit)], pb.CLIENT_END_REASON_UPDATE)
        self._bell.ring_after(unit)
        return pb.EndClientsResponse(ended_count=ended)

    def _finish(self, unit: UnitOfWork, request: pb.FinishClientUpdateRequest) -> pb.ClientUpdate:
        update = _initiated(unit)
        etags.check(request.etag, answers.update(update).etag, "The update")
        state = pb.CLIENT_UPDATE_STATE_CANCELLED if request.cancel else pb.CLIENT_UPDATE_STATE_FINISHED
        self._bell.ring_after(unit)
        return answers.update(store.finish_update(unit, update.id, state))

    def _kick(self, unit: UnitOfWork, request: pb.KickClientRequest) -> pb.Client:
        id_ = CLIENT.parse(_get(unit, request.name).name)[0]
        if not store.end(unit, [id_], pb.CLIENT_END_REASON_KICKED, request.text):
            raise rules.ClientGone(f"{request.name} is not connected any more.", resource=request.name)
        self._bell.ring_after(unit)
        return _get(unit, request.name)

    def _notify(self, unit: UnitOfWork, request: pb.NotifyClientsRequest, who: Caller) -> pb.NotifyClientsResponse:
        connected = {one.id: one.employee for one in store.connected(unit)}
        named = {name: CLIENT.parse(name, field="clients")[0] for name in request.clients}
        if gone := [name for name, id_ in named.items() if id_ not in connected]:
            raise rules.ClientGone(f"{', '.join(sorted(gone))}: not connected any more.", resource=min(gone))
        told = {connected[id_] for id_ in named.values()} if named else set(connected.values())
        self._messages.address(
            unit, told, subject=request.subject, text=request.text, kind=Kind.POPUP, sender=_name(who)
        )
        return pb.NotifyClientsResponse(recipient_count=len(told))

    # -- by itself ----------------------------------------------------------------------------------------------------

    def sweep(self, unit: UnitOfWork) -> None:
        """Write down who was heard of at this process, and end those of whom nobody has heard."""
        written = dict(self._heard)
        store.heard(unit, written)
        unit.after_commit(lambda: self._forget(written))
        since = rules.silent_since(unit.now, self._live.heartbeat)
        if since >= self._started and (gone := store.silent(unit, since)):
            store.end(unit, gone, pb.CLIENT_END_REASON_SILENT)
            self._bell.ring_after(unit)

    def _forget(self, written: dict[tuple[str, str], datetime]) -> None:
        for key, at in written.items():
            if self._heard.get(key) == at:
                del self._heard[key]


def _employee(who: Caller) -> str:
    if not who.employee:
        raise PermissionDenied(f"{who.name} is no employee, and clients belong to employees.", permission="signed-in")
    return who.employee


def _name(who: Caller) -> str:
    return f"employees/{who.employee}" if who.employee else f"users/{who.name}"


def _own(unit: UnitOfWork, name: str, who: Caller) -> Any:
    row = store.get(unit, CLIENT.parse(name)[0])
    if row is None or row.employee != _employee(who):
        raise PermissionDenied(f"{name} is no client of yours.", permission="signed-in")
    return row


def _get(unit: UnitOfWork, name: str) -> pb.Client:
    row = store.get(unit, CLIENT.parse(name)[0])
    if row is None:
        raise NotFound(f"There is no {name}, or it is not kept any more.", resource=name)
    return answers.client(row)


def _initiated(unit: UnitOfWork) -> Any:
    """Return the update that is initiated; nobody else changes it until this unit is done."""
    store.next_revision(unit)
    update = store.newest_update(unit)
    if update is None or update.state != store.INITIATED:
        raise FailedPrecondition("No update is initiated.")
    return update


def _list(unit: UnitOfWork, request: pb.ListClientsRequest) -> pb.ListClientsResponse:
    page = page_of(request)
    after = (_EPOCH + int(page.after[0]) * _MICROSECOND, str(page.after[1])) if page.after else None
    employee = request.employee.rpartition("/")[2]
    rows = store.page(unit, closed=request.closed, employee=employee, after=after, limit=page.size + 1)
    token = ""
    if len(rows) > page.size:
        last = rows[page.size - 1]
        token = page.token_after(((last.connect_time - _EPOCH) // _MICROSECOND, last.id))
    return pb.ListClientsResponse(clients=[answers.client(row) for row in rows[: page.size]], next_page_token=token)


def _first(unit: UnitOfWork, cursor: int) -> pb.WatchClientsResponse:
    newest, forgotten = store.position(unit)
    if not cursor:
        rows = store.all_connected(unit)
        return pb.WatchClientsResponse(cursor=newest, clients=[answers.client(row) for row in rows])
    if not forgotten <= cursor <= newest:
        raise OutOfRange(
            f"Changes are kept from {forgotten} to {newest}; watch without a cursor.",
            oldest=str(forgotten),
            newest=str(newest),
        )
    return pb.WatchClientsResponse(cursor=cursor)
