"""Short messages as a client handles them: previewed before they are sent, followed until they are delivered."""

import uuid

from esoffice.business.v1 import sms_pb2 as pb
from esoffice.business.v1 import sms_pb2_grpc

from esclient.session import Session

_PAGE = 1000


class ShortMessages:
    """The short messages of a site.

    Raises:
        grpc.aio.AioRpcError: refused; its details are a sentence for people, its ErrorInfo a reason for programs.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stub: sms_pb2_grpc.SmsServiceAsyncStub = sms_pb2_grpc.SmsServiceStub(session.channel)

    async def preview(self, text: str) -> pb.SmsPreview:
        """Return how a text would be sent."""
        return await self._session.ask(self._stub.PreviewSms, pb.PreviewSmsRequest(text=text))

    async def send(self, request: pb.SendSmsRequest) -> pb.Sms:
        """Send one; a repeat after a lost answer sends nothing twice."""
        once = pb.SendSmsRequest()
        once.CopyFrom(request)
        once.request_id = once.request_id or str(uuid.uuid4())
        return await self._session.ask(self._stub.SendSms, once)

    async def get(self, number: int) -> pb.Sms:
        """Return one with its parts."""
        return await self._session.ask(self._stub.GetSms, pb.GetSmsRequest(name=f"sms/{number}"))

    async def find(self, conditions: pb.ListSmsRequest, *, limit: int) -> list[pb.Sms]:
        """Return the newest that meet the conditions, at most `limit`."""
        request = pb.ListSmsRequest()
        request.CopyFrom(conditions)
        found: list[pb.Sms] = []
        while len(found) < limit:
            request.page_size = min(_PAGE, limit - len(found))
            answer = await self._session.ask(self._stub.ListSms, request)
            found += answer.sms
            request.page_token = answer.next_page_token
            if not request.page_token:
                break
        return found
