"""The servicer of outgoing mails."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from esoffice.business.v1 import outgoing_mail_pb2 as pb
from esoffice.business.v1 import outgoing_mail_pb2_grpc as grpc_
from sqlalchemy import Row

from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import FailedPrecondition, InvalidArgument, Violation
from mesh.instants import instant
from mesh.names import NamePattern
from mesh.pages import page_of
from mesh.tokens import Caller
from mesh.wakeups import Doorbell
from server_business.mail import html
from server_business.outgoing_mail import store
from server_business.outgoing_mail.tables import MAILS

NAME: Final = NamePattern("outgoingMails/{mail}", numeric=True)
MARK: Final = NamePattern("markedAddresses/{mark}", numeric=True)


class AddressMarked(FailedPrecondition):
    """Mails to a recipient bounced for good."""

    reason = "ADDRESS_MARKED"


class OutgoingMails(grpc_.OutgoingMailServiceServicer):
    """Accepts mails and shows what became of them.

    Args:
        database: of server_business.
        bell: rings when there is something to send.
        message_id_domain: what stands behind the @ of our Message-IDs.
        give_up: how long a mail is tried.
        refuse_marked: whether mails to addresses that bounced are refused, not only warned about.
    """

    def __init__(
        self,
        database: Database,
        bell: Doorbell,
        *,
        message_id_domain: str,
        give_up: timedelta,
        refuse_marked: bool = True,
    ) -> None:
        self._database = database
        self._bell = bell
        self._domain = message_id_domain
        self._give_up = give_up
        self._refuse_marked = refuse_marked

    async def SendMail(self, request: pb.SendMailRequest, _context: Any) -> pb.OutgoingMail:
        return await self._database.run(self._send, request, caller())

    async def GetOutgoingMail(self, request: pb.GetOutgoingMailRequest, _context: Any) -> pb.OutgoingMail:
        def read(unit: UnitOfWork) -> pb.OutgoingMail:
            row = MAILS.get(unit, _id(request.name))
            return _answer(row, warning=_warning(store.marks(unit, [*row.to, *row.cc])))

        return await self._database.read(read)

    async def BatchGetOutgoingMails(
        self, request: pb.BatchGetOutgoingMailsRequest, _context: Any
    ) -> pb.BatchGetOutgoingMailsResponse:
        rows = await self._database.read(MAILS.several, [_id(name) for name in request.names])
        return pb.BatchGetOutgoingMailsResponse(mails=[_answer(row, texts=False) for row in rows])

    async def ListOutgoingMails(
        self, request: pb.ListOutgoingMailsRequest, _context: Any
    ) -> pb.ListOutgoingMailsResponse:
        page = page_of(request)
        before = int(page.after[0]) if page.after else None

        def read(unit: UnitOfWork) -> Any:
            return MAILS.page(unit, states=request.states, about=request.about, before=before, limit=page.size + 1)

        rows = await self._database.read(read)
        token = page.token_after((rows[page.size - 1].id,)) if len(rows) > page.size else ""
        mails = [_answer(row, texts=False) for row in rows[: page.size]]
        return pb.ListOutgoingMailsResponse(mails=mails, next_page_token=token)

    async def RetryOutgoingMail(self, request: pb.RetryOutgoingMailRequest, _context: Any) -> pb.OutgoingMail:
        def retry(unit: UnitOfWork) -> pb.OutgoingMail:
            self._bell.ring_after(unit)
            return _answer(MAILS.retry(unit, _id(request.name), give_up_time=unit.now + self._give_up))

        return await self._database.run(retry)

    async def CancelOutgoingMail(self, request: pb.CancelOutgoingMailRequest, _context: Any) -> pb.OutgoingMail:
        return _answer(await self._database.run(MAILS.cancel, _id(request.name)))

    async def ListMarkedAddresses(
        self, request: pb.ListMarkedAddressesRequest, _context: Any
    ) -> pb.ListMarkedAddressesResponse:
        page = page_of(request)
        after = str(page.after[0]) if page.after else ""

        def read(unit: UnitOfWork) -> Any:
            return store.page_of_marks(unit, after=after, limit=page.size + 1)

        rows = await self._database.read(read)
        token = page.token_after((rows[page.size - 1].key,)) if len(rows) > page.size else ""
        marked = [_mark(row) for row in rows[: page.size]]
        return pb.ListMarkedAddressesResponse(marked_addresses=marked, next_page_token=token)

    async def ReleaseMarkedAddress(self, request: pb.ReleaseMarkedAddressRequest, _context: Any) -> pb.MarkedAddress:
        (number,) = MARK.parse(request.name)
        return _mark(await self._database.run(store.release, int(number)))

    def _send(self, unit: UnitOfWork, request: pb.SendMailRequest, who: Caller) -> pb.OutgoingMail:
        marks = store.marks(unit, [*request.to, *request.cc])
        known = MAILS.of_request(unit, request, caller=who.name)
        if known is not None:  # whatever holds today: it was accepted then
            return _answer(known, warning=_warning(marks))
        expire_time = instant(request.expire_time) if request.HasField("expire_time") else None
        if expire_time is not None and expire_time <= unit.now:
            raise InvalidArgument([Violation("expire_time", "must lie in the future")])
        if request.html and (refusal := html.refusal(request.html)):
            raise InvalidArgument([Violation("html", refusal.replace("kept as an attachment", "not sent"))])
        if marks and self._refuse_marked:
            name = MARK.build(marks[0].id)
            raise AddressMarked(_warning(marks), mail_address=marks[0].mail_address, resource=name)
        self._bell.ring_after(unit)
        row = MAILS.accept(
            unit,
            request,
            caller=who.name,
            give_up_time=unit.now + self._give_up,
            expire_time=expire_time,
            to=list(request.to),
            cc=list(request.cc),
            subject=request.subject,
            text=request.text,
            html=html.sanitised(request.html) if request.html else "",
            reply_to=request.reply_to,
            in_reply_to=request.in_reply_to,
            origin=request.origin,
            about=request.about,
            message_id=f"<{uuid.uuid4()}@{self._domain}>",
        )
        return _answer(row, warning=_warning(marks))


def _warning(marks: Sequence[Row[Any]]) -> str:
    """Say in one sentence that mails to these addresses make no sense."""
    if not marks:
        return ""
    named = ", ".join(f"{one.mail_address} ({one.reason})" for one in marks)
    names = ", ".join(MARK.build(one.id) for one in marks)
    return f"Mails bounced from {named}; release {names} when it can be reached again."


def _mark(row: Row[Any]) -> pb.MarkedAddress:
    return pb.MarkedAddress(
        name=MARK.build(row.id),
        mail_address=row.mail_address,
        reason=row.reason,
        mark_time=row.mark_time,
        outgoing_mail=MAILS.name(row.outgoing_mail),
    )


def _id(name: str) -> int:
    return int(NAME.parse(name)[0])


def _answer(row: Row[Any], *, texts: bool = True, warning: str = "") -> pb.OutgoingMail:
    return pb.OutgoingMail(
        name=MAILS.name(row.id),
        to=row.to,
        cc=row.cc,
        subject=row.subject,
        text=row.text if texts else "",
        html=row.html if texts else "",
        state=row.state,
        reason=row.reason,
        refused_recipients=row.refused or (),
        message_id=row.message_id,
        attempt_count=row.attempts,
        create_time=row.create_time,
        sent_time=row.sent_time,
        next_attempt_time=row.next_attempt_time,
        expire_time=row.expire_time,
        about=row.about,
        delivery_state=row.delivery,
        bounces=[
            pb.MailBounce(recipient=one.recipient, status=one.status, reason=one.reason)
            for one in store.bounces_of(row)
        ],
        warning=warning,
    )
