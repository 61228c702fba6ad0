"""The contract MessageService."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from esoffice.es.v1 import messages_pb2 as pb
from esoffice.es.v1 import messages_pb2_grpc

from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Violation
from mesh.idempotency import RequestLog
from mesh.instants import instant
from mesh.tokens import Caller
from mesh.tokens import Kind as CallerKind
from server_es.messages import events, rules
from server_es.messages.actions import Actions
from server_es.messages.address import Messages
from server_es.messages.fanout import Fanout
from server_es.messages.opening import open_inbox
from server_es.messages.rows import Content, Told
from server_es.messages.settings import MessageSettings
from server_es.messages.store import MessageStore

_PAGE_SIZE = 50
_SUBJECT = 200
_REPLY = "AW: "
_LONGEST_SNOOZE = timedelta(days=366)


class NotAnswerable(FailedPrecondition):
    """Nobody reads answers to this message."""

    reason = "NOT_ANSWERABLE"


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
        actions: Actions,
    ) -> None:
        self._database = database
        self._store = store
        self._messages = messages
        self._fanout = fanout
        self._staff = staff
        self._requests = requests
        self.settings = settings
        self.actions = actions

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

    async def ReplyToMessage(self, request: pb.ReplyToMessageRequest, _context: Any) -> pb.SendMessageResponse:
        who = caller()

        def reply(unit: UnitOfWork) -> pb.SendMessageResponse:
            return self._requests.once(
                unit, request, lambda: self._reply(unit, request, who), answer=pb.SendMessageResponse, caller=who.name
            )

        return await self._database.run(reply)

    async def SnoozeMessages(self, request: pb.SnoozeMessagesRequest, _context: Any) -> pb.MarkMessagesReadResponse:
        return await self._database.run(self._snooze, request, _own_inbox(caller()))

    async def ActOnMessage(self, request: pb.ActOnMessageRequest, _context: Any) -> pb.ActOnMessageResponse:
        return await self._database.run(self._act, request, caller())

    def wake(self, unit: UnitOfWork, *, limit: int) -> bool:
        """Let what was put aside come again when its instant has come; return whether there may be more."""
        changes = self._store.wake(unit, limit=limit)
        self._messages.push_after(unit, changes)
        return sum(len(one.told) for one in changes) == limit

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
        return events.message(self._told(unit, name, recipient))

    def _told(self, unit: UnitOfWork, name: str, recipient: str) -> Told:
        sequence = _own_messages([name], recipient)[0]
        found = self._store.page(unit, recipient, after=sequence - 1, through=sequence, limit=1)
        if not found:
            raise NotFound(f"There is no {name}, or it is not kept any more.", resource=name)
        return found[0]

    def _mark_read(
        self, unit: UnitOfWork, request: pb.MarkMessagesReadRequest, recipient: str
    ) -> pb.MarkMessagesReadResponse:
        return self._marked(unit, recipient, self._existing(unit, request.names, recipient), request.through_sequence)

    def _existing(self, unit: UnitOfWork, names: Collection[str], recipient: str) -> list[int]:
        sequences = _own_messages(names, recipient)
        missing = set(sequences) - self._store.existing(unit, recipient, sequences)
        if missing:
            name = events.message_name(recipient, min(missing))
            raise NotFound(f"There is no {name}, or it is not kept any more.", resource=name)
        return sequences

    def _marked(
        self, unit: UnitOfWork, recipient: str, sequences: Sequence[int], through: int = 0
    ) -> pb.MarkMessagesReadResponse:
        marked = self._store.mark_read(unit, recipient, sequences=sequences, through=through)
        if marked:
            self._messages.push_after(unit, [marked])
        unread = self._store.count_unread(unit, recipient)
        return pb.MarkMessagesReadResponse(read_count=len(marked.read) if marked else 0, unread_count=unread.all)

    def _snooze(
        self, unit: UnitOfWork, request: pb.SnoozeMessagesRequest, recipient: str
    ) -> pb.MarkMessagesReadResponse:
        until = instant(request.until_time)
        if not unit.now < until <= unit.now + _LONGEST_SNOOZE:
            raise InvalidArgument([Violation("until_time", f"must lie within {_LONGEST_SNOOZE.days} days from now")])
        sequences = self._existing(unit, request.names, recipient)
        self._store.snooze(unit, recipient, sequences, until)
        return self._marked(unit, recipient, sequences)

    def _act(self, unit: UnitOfWork, request: pb.ActOnMessageRequest, who: Caller) -> pb.ActOnMessageResponse:
        told = self._told(unit, request.name, _own_inbox(who))
        outcome = self.actions.act(unit, told, request.action, text=request.text, who=who)
        self._marked(unit, told.recipient, [told.sequence])
        return pb.ActOnMessageResponse(outcome=outcome)

    def _reply(self, unit: UnitOfWork, request: pb.ReplyToMessageRequest, who: Caller) -> pb.SendMessageResponse:
        told = self._told(unit, request.name, _own_inbox(who))
        sender = told.content.sender
        employee = events.employee_ids([sender])[0] if sender.startswith("employees/") else ""
        if not employee or employee not in self._staff.existing(unit, [employee]):
            raise NotAnswerable(f"{sender} reads no answers.", sender=sender)
        subject = told.content.subject
        content = Content(
            subject=subject if subject.startswith(_REPLY) else f"{_REPLY}{subject}"[:_SUBJECT],
            text=request.text,
            about=told.content.about,
            sender=_sender(who),
            in_reply_to=request.name,
        )
        self._messages.address_all(unit, [([employee], content)])
        return pb.SendMessageResponse(recipient_count=1)

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
