"""Planned visits of technicians as a client handles them (Einsatztermine)."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from esoffice.es.v1 import visits_pb2 as pb
from esoffice.es.v1 import visits_pb2_grpc
from google.protobuf.timestamp_pb2 import Timestamp

from esclient.session import Session

_PAGE = 1000


class Visits:
    """The visits of a session.

    Raises:
        grpc.aio.AioRpcError: refused; its details are a sentence for people, its ErrorInfo a reason for programs.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stub: visits_pb2_grpc.VisitServiceAsyncStub = visits_pb2_grpc.VisitServiceStub(session.channel)

    async def plan(
        self,
        number: int,
        start: datetime,
        end: datetime,
        employees: Sequence[str],
        *,
        text: str = "",
        location: str = "",
    ) -> pb.Visit:
        """Plan a visit because of a call; everybody who goes is told, but you."""
        request = pb.PlanVisitRequest(
            servicecall=f"servicecalls/{number}",
            start_time=_timestamp(start),
            end_time=_timestamp(end),
            employees=employees,
            text=text,
            location=location,
            request_id=str(uuid.uuid4()),
        )
        return await self._session.ask(self._stub.PlanVisit, request)

    async def move(self, name: str, start: datetime, end: datetime, employees: Sequence[str] = ()) -> pb.Visit:
        """Move a visit, and give it to others if some are named."""
        request = pb.MoveVisitRequest(
            name=name,
            start_time=_timestamp(start),
            end_time=_timestamp(end),
            employees=employees,
            request_id=str(uuid.uuid4()),
        )
        return await self._session.ask(self._stub.MoveVisit, request)

    async def cancel(self, name: str) -> pb.Visit:
        """Cancel a visit."""
        request = pb.CancelVisitRequest(name=name, request_id=str(uuid.uuid4()))
        return await self._session.ask(self._stub.CancelVisit, request)

    async def of_call(self, number: int) -> list[pb.Visit]:
        """Return a call's visits in the order they were planned."""
        found: list[pb.Visit] = []
        request = pb.ListVisitsRequest(servicecall=f"servicecalls/{number}", page_size=_PAGE)
        while True:
            answer = await self._session.ask(self._stub.ListVisits, request)
            found += answer.visits
            request.page_token = answer.next_page_token
            if not request.page_token:
                return found


def _timestamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made
