"""The contract MessageService."""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Protocol

from esoffice.es.v1 import messages_pb2 as pb
from esoffice.es.v1 import messages_pb2_grpc

from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import InvalidArgument, NotFound, PermissionDenied, Violation
from mesh.idempotency import RequestLog
from mesh.tokens import Caller
from mesh.tokens import Kind as CallerKind
from server_es.messages import events, rules
from server_es.messages.address import Messages
from server_es.messages.fanout import Fanout
from server_es.messages.opening import open_inbox
from server_es.messages.rows import Content
from server_es.messages.settings import MessageSettings
from server_es.messages.store import MessageStore

_PAGE_SIZE = 50


class Staff(Protocol):
    """Who works here; the directory's part in sending."""

    def existing(self, unit: UnitOfWork, employees: Collection[str]) -> Collection[str]:
        """Return which of these personnel numbers exist."""

    def members(self, unit: UnitOfWork, teams: Collection[str]) -> Mapping[str, Collection[str]]:
        """Return the members' personnel numbers by team; a team that does not exist is missing."""


class MessageService(messages_pb2_grpc.MessageServiceServicer):
    """The servicer; reads and writes only the caller's own inbox, but for sending."""

    def __init__(
        self,
        *,
        database: Database,
        store: MessageStore,
        messages: Messages,
        fanout: Fanout,
        staff: Staff,
        requests: RequestLog,
        settings: MessageSettings,
    ) -> None:
        self._database = database
        self._store = store
        self._messages = messages
        self._fanout = fanout
        self._staff = staff
        self._requests = requests
        self.settings = settings

    async def SubscribeMessages(  # type: ignore[override]  # what many are told are bytes
        self, request: pb.SubscribeMessagesRequest, _context: Any
    ) -> AsyncIterator[pb.SubscribeMessagesResponse | bytes]:
        recipient = _own_inbox(caller())
        with self._fanout.join(recipient) as reader:
            cursor = events.cursor_of(request)
            opening = await self._database.read(open_inbox, self._store, recipient, cursor, self.settings)
            for event in opening.events:
                yield event
            reader.start(opening.newest, opening.identity)
            del request, cursor, opening, event  # a stream stays open for days
            while (pushed := await reader.next()) is not None:
                yield pushed

    async def ListMessages(self, request: pb.ListMessagesRequest, _context: Any) -> pb.ListMessagesResponse:
        return await self._database.read(self._list, request, _own_inbox(caller()))

    async def GetMessage(self, request: pb.GetMessageRequest, _context: Any) -> pb.Message:
        return await self._database.read(self._get, request.name, _own_inbox(caller()))

    async def MarkMessagesRead(self, request: pb.MarkMessagesReadRequest, _context: Any) -> pb.MarkMessagesReadResponse:
        return await self._database.run(self._mark_read, request, _own_inbox(caller()))

    async def SendMessage(self, request: pb.SendMessageRequest, _context: Any) -> pb.SendMessageResponse:
        who = caller()

        def send(unit: UnitOfWork) -> pb.SendMessageResponse:
            return self._requests.once(
                unit, request, lambda: self._send(unit, request, who), answer=pb.SendMessageResponse, caller=who.name
            )

        return await self._database.run(send)

    def _list(self, unit: UnitOfWork, request: pb.ListMessagesRequest, recipient: str) -> pb.ListMessagesResponse:
        size = request.page_size or _PAGE_SIZE
        after, through = rules.page_bounds(
            after=request.after_sequence,
            through=request.through_sequence or None,
            token=request.page_token,
            oldest_first=request.oldest_first,
        )
        found = self._store.page(
            unit,
            recipient,
            limit=size + 1,
            after=after,
            through=through,
            newest_first=not request.oldest_first,
            unread_only=request.unread_only,
            kind=rules.Kind(request.kind) if request.kind else None,
        )
        return pb.ListMessagesResponse(
            messages=[events.message(one) for one in found[:size]],
            next_page_token=str(found[size - 1].sequence) if len(found) > size else "",
        )

    def _get(self, unit: UnitOfWork, name: str, recipient: str) -> pb.Message:
        sequence = _own_messages([name], recipient)[0]
        found = self._store.page(unit, recipient, after=sequence - 1, through=sequence, limit=1)
        if not found:
            raise NotFound(f"There is no {name}, or it is not kept any more.", resource=name)
        return events.message(found[0])

    def _mark_read(
        self, unit: UnitOfWork, request: pb.MarkMessagesReadRequest, recipient: str
    ) -> pb.MarkMessagesReadResponse:
        sequences = _own_messages(request.names, recipient)
        missing = set(sequences) - self._store.existing(unit, recipient, sequences)
        if missing:
            name = events.message_name(recipient, min(missing))
            raise NotFound(f"There is no {name}, or it is not kept any more.", resource=name)
        marked = self._store.mark_read(unit, recipient, sequences=sequences, through=request.through_sequence)
        if marked:
            self._messages.push_after(unit, [marked])
        unread = self._store.count_unread(unit, recipient)
        return pb.MarkMessagesReadResponse(read_count=len(marked.read) if marked else 0, unread_count=unread.all)

    def _send(self, unit: UnitOfWork, request: pb.SendMessageRequest, who: Caller) -> pb.SendMessageResponse:
        expire_time = events.instant(request.expire_time) if request.HasField("expire_time") else None
        if not rules.is_current(expire_time, unit.now):
            raise InvalidArgument([Violation("expire_time", "must lie in the future")])
        employees, teams = events.employee_ids(request.employees), events.team_ids(request.teams)
        if unknown := set(employees) - set(self._staff.existing(unit, employees)):
            raise events.unknown("employees", unknown)
        members = self._staff.members(unit, teams)
        if unknown := set(teams) - set(members):
            raise events.unknown("teams", unknown)
        told = rules.recipients(employees, members, sender=who.employee or None, include_sender=request.include_sender)
        content = Content(
            subject=request.subject,
            text=request.text,
            kind=rules.Kind(request.kind or rules.Kind.MESSAGE),
            priority=rules.Priority(request.priority or rules.Priority.NORMAL),
            about=request.about,
            sender=_sender(who),
            expire_time=expire_time,
        )
        self._messages.address_all(unit, [(told, content)])
        return pb.SendMessageResponse(recipient_count=len(told))


def _own_inbox(who: Caller) -> str:
    if not who.employee:
        raise PermissionDenied(
            f"{who.name} is no employee, and only employees have an inbox.", permission="messages.read"
        )
    return who.employee


def _own_messages(names: Collection[str], recipient: str) -> list[int]:
    """Return the numbers of the caller's messages, before anything is looked up."""
    numbers = []
    for name in names:
        owner, number = events.split_message_name(name)
        if owner != recipient:
            raise PermissionDenied(f"{name} lies in the inbox of somebody else.", permission="messages.read")
        numbers.append(number)
    return numbers


def _sender(who: Caller) -> str:
    if who.kind is CallerKind.SERVICE:
        return f"services/{who.name}"
    return f"employees/{who.employee}" if who.employee else f"users/{who.name}"
