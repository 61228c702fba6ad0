"""Escalations as a client handles them: what has escalated, that somebody takes care, what would happen otherwise."""

import uuid

from esoffice.es.v1 import escalations_pb2 as pb
from esoffice.es.v1 import escalations_pb2_grpc

from esclient.calls import name
from esclient.session import Session

_PAGE = 1000


class Escalations:
    """The escalations of a session.

    Raises:
        grpc.aio.AioRpcError: refused; its details are a sentence for people, its ErrorInfo a reason for programs.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stub: escalations_pb2_grpc.EscalationServiceAsyncStub = escalations_pb2_grpc.EscalationServiceStub(
            session.channel
        )

    async def get(self, number: int) -> pb.Escalation:
        """Return one, with what became of every notice."""
        request = pb.GetEscalationRequest(name=f"escalations/{number}")
        return await self._session.ask(self._stub.GetEscalation, request)

    async def find(self, conditions: pb.ListEscalationsRequest, *, limit: int) -> list[pb.Escalation]:
        """Return the newest that meet the conditions, at most `limit`."""
        request = pb.ListEscalationsRequest()
        request.CopyFrom(conditions)
        found: list[pb.Escalation] = []
        while len(found) < limit:
            request.page_size = min(_PAGE, limit - len(found))
            answer = await self._session.ask(self._stub.ListEscalations, request)
            found += answer.escalations
            request.page_token = answer.next_page_token
            if not request.page_token:
                break
        return found

    async def acknowledge(self, call: int) -> list[pb.Escalation]:
        """Say that somebody takes care of a call; return what is acknowledged with it."""
        request = pb.AcknowledgeEscalationsRequest(servicecall=name(call), request_id=str(uuid.uuid4()))
        answer = await self._session.ask(self._stub.AcknowledgeEscalations, request)
        return list(answer.escalations)

    async def now(self, call: int, point: str = "") -> pb.Escalation:
        """Fire the next point of a call at once, or the one that is named."""
        request = pb.EscalateNowRequest(servicecall=name(call), point=point, request_id=str(uuid.uuid4()))
        return await self._session.ask(self._stub.EscalateNow, request)

    async def simulate(
        self, call: int, *, language: str = "de", picture: bool = False
    ) -> pb.SimulateEscalationsResponse:
        """Return what happens if nobody touches a call."""
        request = pb.SimulateEscalationsRequest(servicecall=name(call), language=language, picture=picture)
        return await self._session.ask(self._stub.SimulateEscalations, request)
