"""Forwarding of servicecalls as a client handles it (Weiterleitung)."""

import uuid

from esoffice.es.v1 import forwarding_pb2 as pb
from esoffice.es.v1 import forwarding_pb2_grpc

from esclient.session import Session

_PAGE = 1000


class Forwardings:
    """The forwardings of a session.

    Raises:
        grpc.aio.AioRpcError: refused; its details are a sentence for people, its ErrorInfo a reason for programs.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stub: forwarding_pb2_grpc.ForwardingServiceAsyncStub = forwarding_pb2_grpc.ForwardingServiceStub(
            session.channel
        )

    async def forward(
        self, number: int, text: str = "", *, team: str = "", employee: str = "", carry_text: bool = False
    ) -> pb.Forwarding:
        """Hand a call to a team, an employee, or both; everybody but you is told."""
        request = pb.ForwardServicecallRequest(
            servicecall=f"servicecalls/{number}",
            team=team,
            employee=employee,
            text=text,
            carry_text=carry_text,
            request_id=str(uuid.uuid4()),
        )
        return await self._session.ask(self._stub.ForwardServicecall, request)

    async def of_call(self, number: int) -> list[pb.Forwarding]:
        """Return a call's forwardings, the current one first."""
        found: list[pb.Forwarding] = []
        request = pb.ListForwardingsRequest(servicecall=f"servicecalls/{number}", page_size=_PAGE)
        while True:
            answer = await self._session.ask(self._stub.ListForwardings, request)
            found += answer.forwardings
            request.page_token = answer.next_page_token
            if not request.page_token:
                return found
