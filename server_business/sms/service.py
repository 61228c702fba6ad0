"""The servicer of short messages."""

from datetime import timedelta
from typing import Any, Final

from esoffice.business.v1 import sms_pb2 as pb
from esoffice.business.v1 import sms_pb2_grpc as grpc_
from sqlalchemy import Row

from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import InvalidArgument, Violation
from mesh.instants import instant
from mesh.names import NamePattern
from mesh.pages import page_of
from mesh.tokens import Caller
from mesh.wakeups import Doorbell
from server_business.sms import rules
from server_business.sms.numbers import international
from server_business.sms.tables import SMS

NAME: Final = NamePattern("sms/{sms}", numeric=True)


class ShortMessages(grpc_.SmsServiceServicer):
    """Accepts short messages and shows what became of them.

    Args:
        database: of server_business.
        bell: rings when there is something to send.
        country: whose dialling rules count for numbers without +.
        give_up: how long a message is tried.
    """

    def __init__(self, database: Database, bell: Doorbell, *, country: str, give_up: timedelta) -> None:
        self._database = database
        self._bell = bell
        self._country = country
        self._give_up = give_up

    async def SendSms(self, request: pb.SendSmsRequest, _context: Any) -> pb.Sms:
        return await self._database.run(self._send, request, caller())

    async def PreviewSms(self, request: pb.PreviewSmsRequest, _context: Any) -> pb.SmsPreview:
        written = rules.write(request.text)
        return pb.SmsPreview(
            alphabet=pb.SmsAlphabet.ValueType(written.alphabet),
            parts=written.parts,
            remaining_count=written.remaining,
            foreign_characters=written.foreign,
        )

    async def GetSms(self, request: pb.GetSmsRequest, _context: Any) -> pb.Sms:
        return _answer(await self._database.read(SMS.get, _id(request.name)))

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
        def retry(unit: UnitOfWork) -> pb.Sms:
            self._bell.ring_after(unit)
            return _answer(SMS.retry(unit, _id(request.name), give_up_time=unit.now + self._give_up))

        return await self._database.run(retry)

    async def CancelSms(self, request: pb.CancelSmsRequest, _context: Any) -> pb.Sms:
        return _answer(await self._database.run(SMS.cancel, _id(request.name)))

    def _send(self, unit: UnitOfWork, request: pb.SendSmsRequest, who: Caller) -> pb.Sms:
        wrong: list[Violation] = []
        number, written = "", rules.write(request.text)
        try:
            number = international(request.to, self._country)
        except InvalidArgument as error:
            wrong += error.violations
        if len(written.parts) > rules.MOST_PARTS:
            wrong.append(Violation("text", f"needs {len(written.parts)} parts; at most {rules.MOST_PARTS} are sent"))
        expire_time = instant(request.expire_time) if request.HasField("expire_time") else None
        if expire_time is not None and expire_time <= unit.now:
            wrong.append(Violation("expire_time", "must lie in the future"))
        if wrong:
            raise InvalidArgument(wrong)
        self._bell.ring_after(unit)
        row = SMS.accept(
            unit,
            request,
            caller=who.name,
            give_up_time=unit.now + self._give_up,
            expire_time=expire_time,
            to=number,
            text=request.text,
            alphabet=written.alphabet,
            parts=len(written.parts),
            about=request.about,
        )
        return _answer(row)


def _id(name: str) -> int:
    return int(NAME.parse(name)[0])


def _answer(row: Row[Any]) -> pb.Sms:
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
        next_attempt_time=row.next_attempt_time,
        expire_time=row.expire_time,
        about=row.about,
    )
