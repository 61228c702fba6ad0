"""The servicer of short messages."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from esoffice.business.v1 import sms_pb2 as pb
from esoffice.business.v1 import sms_pb2_grpc as grpc_
from sqlalchemy import Row

from mesh import status
from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import DomainError
from mesh.names import NamePattern
from mesh.pages import page_of
from mesh.tokens import Caller
from mesh.wakeups import Doorbell
from server_business.sending.rules import State
from server_business.sms import inbox, rules, store
from server_business.sms.accepting import Accepted, Accepting, Terms
from server_business.sms.routing import chosen
from server_business.sms.tables import SMS

NAME: Final = NamePattern("sms/{sms}", numeric=True)


class ShortMessages(grpc_.SmsServiceServicer):
    """Accepts short messages and shows what became of them.

    Args:
        database: of server_business.
        bell_of: returns the bell that wakes what sends over a provider.
        terms: the site's choice.
    """

    def __init__(self, database: Database, bell_of: Callable[[str], Doorbell], terms: Terms) -> None:
        self._database = database
        self._bell_of = bell_of
        self._terms = terms
        self._accepting = Accepting(bell_of, terms)

    async def SendSms(self, request: pb.SendSmsRequest, _context: Any) -> pb.Sms:
        return await self._database.run(self._send, request, caller())

    async def BatchSendSms(self, request: pb.BatchSendSmsRequest, _context: Any) -> pb.BatchSendSmsResponse:
        return await self._database.run(self._send_all, request, caller())

    async def PreviewSms(self, request: pb.PreviewSmsRequest, _context: Any) -> pb.SmsPreview:
        written, plain = rules.write(request.text), rules.transliterated(request.text)
        return pb.SmsPreview(
            alphabet=pb.SmsAlphabet.ValueType(written.alphabet),
            parts=written.parts,
            remaining_count=written.remaining,
            foreign_characters=written.foreign,
            transliterated_text=plain or "",
            transliterated_part_count=len(rules.write(plain).parts) if plain is not None else 0,
        )

    async def GetSms(self, request: pb.GetSmsRequest, _context: Any) -> pb.Sms:
        def read(unit: UnitOfWork) -> pb.Sms:
            id_ = _id(request.name)
            answer = _answer(SMS.get(unit, id_))
            answer.parts.extend(_part(row) for row in store.parts_of(unit, id_))
            return answer

        return await self._database.read(read)

    async def BatchGetSms(self, request: pb.BatchGetSmsRequest, _context: Any) -> pb.BatchGetSmsResponse:
        rows = await self._database.read(SMS.several, [_id(name) for name in request.names])
        return pb.BatchGetSmsResponse(sms=[_answer(row) for row in rows])

    async def ListSms(self, request: pb.ListSmsRequest, _context: Any) -> pb.ListSmsResponse:
        page = page_of(request)
        before = int(page.after[0]) if page.after else None

        def read(unit: UnitOfWork) -> Any:
            return SMS.page(unit, states=request.states, about=request.about, before=before, limit=page.size + 1)

        rows = await self._database.read(read)
        token = page.token_after((rows[page.size - 1].id,)) if len(rows) > page.size else ""
        return pb.ListSmsResponse(sms=[_answer(row) for row in rows[: page.size]], next_page_token=token)

    async def RetrySms(self, request: pb.RetrySmsRequest, _context: Any) -> pb.Sms:
        return await self._database.run(self._retry, _id(request.name))

    async def CancelSms(self, request: pb.CancelSmsRequest, _context: Any) -> pb.Sms:
        return _answer(await self._database.run(SMS.cancel, _id(request.name)))

    async def ListSmsProviders(
        self, _request: pb.ListSmsProvidersRequest, _context: Any
    ) -> pb.ListSmsProvidersResponse:
        return await self._database.read(self._providers)

    async def ListInboundSms(self, request: pb.ListInboundSmsRequest, _context: Any) -> pb.ListInboundSmsResponse:
        page = page_of(request)
        before = int(page.after[0]) if page.after else None
        rows = await self._database.read(inbox.page, before, page.size + 1)
        token = page.token_after((rows[page.size - 1].id,)) if len(rows) > page.size else ""
        return pb.ListInboundSmsResponse(messages=[_received(row) for row in rows[: page.size]], next_page_token=token)

    async def ListSmsOptOuts(self, request: pb.ListSmsOptOutsRequest, _context: Any) -> pb.ListSmsOptOutsResponse:
        page = page_of(request)
        after = (datetime.fromisoformat(str(page.after[0])), str(page.after[1])) if page.after else None
        rows = await self._database.read(store.opt_outs, after, page.size + 1)
        last = rows[page.size - 1] if len(rows) > page.size else None
        return pb.ListSmsOptOutsResponse(
            opt_outs=[
                pb.SmsOptOut(number=row.number, create_time=row.create_time, message=f"inboundSms/{row.message}")
                for row in rows[: page.size]
            ],
            next_page_token=page.token_after((last.create_time.isoformat(), last.number)) if last else "",
        )

    def _send(self, unit: UnitOfWork, request: pb.SendSmsRequest, who: Caller) -> pb.Sms:
        (made,) = self._accepting.accept(unit, [request], who.name)
        if isinstance(made, DomainError):
            raise made
        return _answer(made.row, made.held_until)

    def _send_all(self, unit: UnitOfWork, request: pb.BatchSendSmsRequest, who: Caller) -> pb.BatchSendSmsResponse:
        made = self._accepting.accept(unit, request.requests, who.name)
        return pb.BatchSendSmsResponse(results=[_result(one) for one in made])

    def _retry(self, unit: UnitOfWork, id_: int) -> pb.Sms:
        row = SMS.retry(unit, id_, give_up_time=unit.now + self._terms.give_up)
        store.forget_open_parts(unit, id_)
        provider = row.provider
        if not store.parts_of(unit, id_):  # what a provider has parts of stays with it
            provider = chosen(row.to, self._terms.ways, store.away(unit))
            row = store.give_to(unit, id_, provider)
        if provider:
            self._bell_of(provider).ring_after(unit)
        return _answer(row)

    def _providers(self, unit: UnitOfWork) -> pb.ListSmsProvidersResponse:
        known, counts = store.statuses(unit), store.counts(unit)
        found = []
        for name in sorted(way.name for way in self._terms.ways):
            said = known.get(name)
            one = pb.SmsProviderStatus(
                name=f"smsProviders/{name}",
                healthy=said is not None and said.healthy,
                sentence=said.sentence if said else "has not been tried yet",
                waiting_count=counts.get((name, State.QUEUED), 0),
                in_doubt_count=counts.get((name, State.IN_DOUBT), 0),
            )
            if said is not None:
                one.change_time.FromDatetime(said.change_time)
            found.append(one)
        return pb.ListSmsProvidersResponse(providers=found)


def _id(name: str) -> int:
    return int(NAME.parse(name)[0])


def _answer(row: Row[Any], held_until: datetime | None = None) -> pb.Sms:
    return pb.Sms(
        name=SMS.name(row.id),
        to=row.to,
        text=row.text,
        alphabet=row.alphabet,
        part_count=row.parts,
        state=row.state,
        reason=row.reason,
        provider_reference=row.reference,
        attempt_count=row.attempts,
        create_time=row.create_time,
        sent_time=row.sent_time,
        next_attempt_time=max(row.next_attempt_time, held_until)
        if held_until and row.next_attempt_time
        else row.next_attempt_time,
        expire_time=row.expire_time,
        about=row.about,
        priority=row.priority,
        flash=row.flash,
        provider=f"smsProviders/{row.provider}" if row.provider else "",
        delivery=row.delivery,
        delivery_time=row.delivery_time,
    )


def _result(made: Accepted | DomainError) -> pb.SmsResult:
    if isinstance(made, DomainError):
        return pb.SmsResult(status=status.status_of(made))
    return pb.SmsResult(sms=_answer(made.row, made.held_until))


def _part(row: Row[Any]) -> pb.SmsPart:
    return pb.SmsPart(
        number=row.number,
        provider_reference=row.reference,
        delivery=row.state,
        error_code=row.error,
        delivery_time=row.state_time,
    )


def _received(row: Row[Any]) -> pb.InboundSms:
    return pb.InboundSms(
        name=f"inboundSms/{row.id}",
        provider=f"smsProviders/{row.provider}",
        sender=row.sender,
        recipient=row.recipient,
        text=row.text,
        receive_time=row.receive_time,
        outcome=row.outcome,
        reason=row.reason,
    )
