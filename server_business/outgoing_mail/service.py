"""The servicer of outgoing mails."""

import uuid
from datetime import timedelta
from typing import Any, Final

from esoffice.business.v1 import outgoing_mail_pb2 as pb
from esoffice.business.v1 import outgoing_mail_pb2_grpc as grpc_
from sqlalchemy import Row

from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import InvalidArgument, Violation
from mesh.instants import instant
from mesh.names import NamePattern
from mesh.pages import page_of
from mesh.tokens import Caller
from mesh.wakeups import Doorbell
from server_business.outgoing_mail.tables import MAILS

NAME: Final = NamePattern("outgoingMails/{mail}", numeric=True)


class OutgoingMails(grpc_.OutgoingMailServiceServicer):
    """Accepts mails and shows what became of them.

    Args:
        database: of server_business.
        bell: rings when there is something to send.
        message_id_domain: what stands behind the @ of our Message-IDs.
        give_up: how long a mail is tried.
    """

    def __init__(self, database: Database, bell: Doorbell, *, message_id_domain: str, give_up: timedelta) -> None:
        self._database = database
        self._bell = bell
        self._domain = message_id_domain
        self._give_up = give_up

    async def SendMail(self, request: pb.SendMailRequest, _context: Any) -> pb.OutgoingMail:
        return await self._database.run(self._send, request, caller())

    async def GetOutgoingMail(self, request: pb.GetOutgoingMailRequest, _context: Any) -> pb.OutgoingMail:
        return _answer(await self._database.read(MAILS.get, _id(request.name)))

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

    def _send(self, unit: UnitOfWork, request: pb.SendMailRequest, who: Caller) -> pb.OutgoingMail:
        expire_time = instant(request.expire_time) if request.HasField("expire_time") else None
        if expire_time is not None and expire_time <= unit.now:
            raise InvalidArgument([Violation("expire_time", "must lie in the future")])
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
            html=request.html,
            reply_to=request.reply_to,
            in_reply_to=request.in_reply_to,
            origin=request.origin,
            about=request.about,
            message_id=f"<{uuid.uuid4()}@{self._domain}>",
        )
        return _answer(row)


def _id(name: str) -> int:
    return int(NAME.parse(name)[0])


def _answer(row: Row[Any], *, texts: bool = True) -> pb.OutgoingMail:
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
    )
