"""The servicer of the web documents."""

from collections.abc import AsyncIterator
from typing import Any

from esoffice.es.v1 import web_documents_pb2 as pb
from esoffice.es.v1 import web_documents_pb2_grpc as grpc_

from mesh.call import CURRENT, about, caller
from mesh.database import Database, UnitOfWork
from mesh.errors import Unauthenticated
from mesh.threads import Threads
from mesh.tokens import Kind
from mesh.wakeups import Doorbell
from server_es.web_documents import store, tickets
from server_es.web_documents.admission import Admission, wrong_code
from server_es.web_documents.publishing import Publishing
from server_es.web_documents.reading import Reading
from server_es.web_documents.rules import Visitor
from server_es.web_documents.tickets import Signed, Tickets

_PERMISSION = "webdocuments.read"


class WebDocuments(grpc_.WebDocumentServiceServicer):
    """Serves the web documents.

    Args:
        database: of server_es.
        tickets: gives and checks them.
        admission: lets customers in.
        reading: shows what there is.
        disk: threads for what waits for the disk, which may be another machine's.
        asked: rung when there is a code to send.
        publishing: takes in what is published.
    """

    def __init__(
        self,
        database: Database,
        *,
        tickets: Tickets,
        admission: Admission,
        reading: Reading,
        disk: Threads,
        asked: Doorbell,
        publishing: Publishing,
    ) -> None:
        self._database = database
        self._tickets = tickets
        self._admission = admission
        self._reading = reading
        self._disk = disk
        self._asked = asked
        self._publishing = publishing

    async def RequestAccessCode(
        self, request: pb.RequestAccessCodeRequest, _context: Any
    ) -> pb.RequestAccessCodeResponse:
        about(f"systems/{request.system_number}")

        def ask(unit: UnitOfWork) -> pb.RequestAccessCodeResponse:
            self._asked.ring_after(unit)
            return self._admission.ask(unit, request, _place())

        return await self._database.run(ask)

    async def RedeemAccessCode(self, request: pb.RedeemAccessCodeRequest, context: Any) -> pb.WebTicket:
        about(f"systems/{request.system_number}")
        let_in = await self._database.run(self._admission.redeem, request)
        if let_in is None:
            raise wrong_code()
        visitor, code = let_in
        signed = await self._tickets.give(visitor, place=_place(), first=lambda unit: self._admission.use(unit, code))
        return await self._handed(signed, visitor, context, as_cookie=request.as_cookie)

    async def CreateTicket(self, request: pb.CreateTicketRequest, context: Any) -> pb.WebTicket:
        visitor = Visitor(person=f"users/{caller().name}", staff=True)
        signed = await self._tickets.give(visitor, place=_place())
        return await self._handed(signed, visitor, context, as_cookie=request.as_cookie)

    async def RevokeOwnTicket(self, _request: pb.RevokeOwnTicketRequest, context: Any) -> pb.RevokeOwnTicketResponse:
        shown = tickets.shown_in(context.invocation_metadata() or ())
        if not shown:
            raise _nothing_shown()
        own = (await self._tickets.admit(shown)).ticket
        await self._tickets.revoke(lambda unit: store.valid_tickets(unit, id=own))
        await context.send_initial_metadata((("set-cookie", tickets.cookie("", 0)),))
        return pb.RevokeOwnTicketResponse()

    async def RevokeTickets(self, request: pb.RevokeTicketsRequest, _context: Any) -> pb.RevokeTicketsResponse:
        about(request.system or request.person)

        def which(unit: UnitOfWork) -> list[Any]:
            if request.person:
                return store.valid_tickets(unit, person=request.person)
            number = request.system.removeprefix("systems/")
            return [row for row in store.valid_tickets(unit) if number in row.systems]

        return pb.RevokeTicketsResponse(revoked_count=await self._tickets.revoke(which))

    async def ListWebSystems(self, request: pb.ListWebSystemsRequest, context: Any) -> pb.ListWebSystemsResponse:
        return await self._database.read(self._reading.systems, request, await self._visitor(context))

    async def GetTree(self, request: pb.GetTreeRequest, context: Any) -> pb.WebTree:
        visitor = await self._visitor(context)
        row = await self._database.read(self._reading.system, request.name, visitor)
        return await self._disk.run(self._reading.tree, row, visitor)

    async def ListFiles(self, request: pb.ListFilesRequest, context: Any) -> pb.ListFilesResponse:
        visitor = await self._visitor(context)
        row = await self._database.read(self._reading.system, request.parent, visitor)
        return await self._disk.run(self._reading.files, row, request.folder, visitor)

    async def ListPublishedCalls(
        self, request: pb.ListPublishedCallsRequest, context: Any
    ) -> pb.ListPublishedCallsResponse:
        return await self._database.read(self._reading.calls, request, await self._visitor(context))

    async def PublishDocument(
        self, requests: AsyncIterator[pb.PublishDocumentRequest], _context: Any
    ) -> pb.PublishedDocument:
        return await self._publishing.publish(requests)

    async def WithdrawPublishedDocument(
        self, request: pb.WithdrawPublishedDocumentRequest, _context: Any
    ) -> pb.WithdrawPublishedDocumentResponse:
        return await self._publishing.withdraw(request)

    async def _visitor(self, context: Any) -> Visitor:
        """Return who looks: by their ticket, or by their token when they are in the LAN."""
        if shown := tickets.shown_in(context.invocation_metadata() or ()):
            return (await self._tickets.admit(shown)).visitor
        who = caller()
        if who.kind is Kind.PERSON and not who.outside and who.may(_PERMISSION):
            return Visitor(person=f"users/{who.name}", staff=True)
        raise _nothing_shown()

    async def _handed(self, signed: Signed, visitor: Visitor, context: Any, *, as_cookie: bool) -> pb.WebTicket:
        answer = tickets.message(signed, visitor)
        if as_cookie:
            seconds = int((signed.expire_time - self._database.clock.now()).total_seconds())
            await context.send_initial_metadata((("set-cookie", tickets.cookie(signed.text, seconds)),))
            answer.ClearField("ticket")
        return answer


def _place() -> str:
    call = CURRENT.get()
    return call.address if call else ""


def _nothing_shown() -> Unauthenticated:
    return Unauthenticated("Show a ticket in the cookie __Host-ticket or the header x-ticket; sign in to get one.")
