"""Servicecalls as a client handles them: read page by page, changed by verbs, each change under an id of its own.

The id is what makes a change safe to repeat: when an answer is lost, the channel asks again with the same request, and
the server answers what it answered, without doing it twice.
"""

import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from esoffice.es.v1 import service_levels_pb2 as levels_pb
from esoffice.es.v1 import service_levels_pb2_grpc, servicecalls_pb2_grpc
from esoffice.es.v1 import servicecalls_pb2 as pb

from esclient.session import Session

_PAGE = 1000
OPEN = (
    levels_pb.STATE_MEANING_DRAFT,
    levels_pb.STATE_MEANING_CREATED,
    levels_pb.STATE_MEANING_STARTED,
    levels_pb.STATE_MEANING_FORWARDED,
    levels_pb.STATE_MEANING_INTERRUPTED,
)
Verb = Callable[..., Awaitable[pb.Servicecall]]


class NoSuchState(Exception):
    """No state of the site has the meaning that is wanted."""


class Calls:
    """The servicecalls of a session.

    Every verb takes the call's number, what was said with it, and when it happened if that is not now; it returns the
    call as it is afterwards.

    Raises:
        grpc.aio.AioRpcError: refused; its details are a sentence for people, its ErrorInfo a reason for programs.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stub: servicecalls_pb2_grpc.ServicecallServiceAsyncStub = servicecalls_pb2_grpc.ServicecallServiceStub(
            session.channel
        )
        self._levels: service_levels_pb2_grpc.ServiceLevelServiceAsyncStub = (
            service_levels_pb2_grpc.ServiceLevelServiceStub(session.channel)
        )

    # -- reading ------------------------------------------------------------------------------------------------------

    async def get(self, number: int) -> pb.Servicecall:
        return await self._session.ask(self._stub.GetServicecall, pb.GetServicecallRequest(name=name(number)))

    async def find(self, conditions: pb.ListServicecallsRequest, *, limit: int) -> list[pb.Servicecall]:
        """Return the calls that meet the conditions, at most `limit`."""
        calls: list[pb.Servicecall] = await self._pages(self._stub.ListServicecalls, conditions, "servicecalls", limit)
        return calls

    async def events(self, number: int, *, limit: int = 10_000) -> list[pb.ServicecallEvent]:
        """Return what happened to a call, in order."""
        request = pb.ListServicecallEventsRequest(servicecall=name(number))
        events: list[pb.ServicecallEvent] = await self._pages(
            self._stub.ListServicecallEvents, request, "events", limit
        )
        return events

    async def explain(self, number: int) -> pb.ExplainDueTimesResponse:
        """Return how each due time came about, as data and as text in German and English."""
        return await self._session.ask(self._stub.ExplainDueTimes, pb.ExplainDueTimesRequest(servicecall=name(number)))

    # -- changing -----------------------------------------------------------------------------------------------------

    async def create(self, call: pb.Servicecall, *, draft: bool = False) -> pb.Servicecall:
        request = pb.CreateServicecallRequest(servicecall=call, draft=draft, request_id=_new_id())
        return await self._session.ask(self._stub.CreateServicecall, request)

    async def accept(self, number: int, text: str = "", at: datetime | None = None) -> pb.Servicecall:
        return await self._do(self._stub.AcceptServicecall, pb.AcceptServicecallRequest, number, text, at)

    async def react(self, number: int, text: str = "", at: datetime | None = None) -> pb.Servicecall:
        return await self._do(self._stub.RecordReaction, pb.RecordReactionRequest, number, text, at)

    async def arrive(self, number: int, text: str = "", at: datetime | None = None) -> pb.Servicecall:
        return await self._do(self._stub.RecordArrival, pb.RecordArrivalRequest, number, text, at)

    async def start(self, number: int, text: str = "", at: datetime | None = None, state: str = "") -> pb.Servicecall:
        state = state or await self._first_state(levels_pb.STATE_MEANING_STARTED)
        return await self._do(self._stub.ChangeState, pb.ChangeStateRequest, number, text, at, state=state)

    async def interrupt(
        self, number: int, text: str = "", at: datetime | None = None, state: str = ""
    ) -> pb.Servicecall:
        state = state or await self._first_state(levels_pb.STATE_MEANING_INTERRUPTED)
        return await self._do(self._stub.ChangeState, pb.ChangeStateRequest, number, text, at, state=state)

    async def level(self, number: int, level: str, text: str = "", at: datetime | None = None) -> pb.Servicecall:
        method, request = self._stub.ChangeServiceLevel, pb.ChangeServiceLevelRequest
        return await self._do(method, request, number, text, at, service_level=level)

    async def solve(self, number: int, text: str = "", at: datetime | None = None, state: str = "") -> pb.Servicecall:
        return await self._do(self._stub.SolveServicecall, pb.SolveServicecallRequest, number, text, at, state=state)

    async def close(self, number: int, text: str = "", at: datetime | None = None, state: str = "") -> pb.Servicecall:
        return await self._do(self._stub.CloseServicecall, pb.CloseServicecallRequest, number, text, at, state=state)

    async def reopen(self, number: int, text: str = "", at: datetime | None = None) -> pb.Servicecall:
        return await self._do(self._stub.ReopenServicecall, pb.ReopenServicecallRequest, number, text, at)

    async def addendum(self, number: int, text: str, at: datetime | None = None) -> pb.Servicecall:
        return await self._do(self._stub.AddAddendum, pb.AddAddendumRequest, number, text, at)

    # -- within -------------------------------------------------------------------------------------------------------

    async def _do(
        self, method: Verb, request_type: Callable[..., Any], number: int, text: str, at: datetime | None, **more: str
    ) -> pb.Servicecall:
        request = request_type(servicecall=name(number), text=text, request_id=_new_id(), **more)
        if at is not None:
            request.event_time.FromDatetime(at)
        return await self._session.ask(method, request)

    async def _pages(self, method: Callable[..., Awaitable[Any]], request: Any, field: str, limit: int) -> Any:
        found: Any = []
        while True:
            request.page_size = min(limit - len(found), _PAGE)
            answer = await self._session.ask(method, request)
            found += getattr(answer, field)
            request.page_token = answer.next_page_token
            if not request.page_token or len(found) >= limit:
                return found

    async def _first_state(self, meaning: levels_pb.StateMeaning.ValueType) -> str:
        """Return the state the site means by it: of several the one with the lowest number."""
        request = levels_pb.ListServicecallStatesRequest(page_size=_PAGE)
        answer = await self._session.ask(self._levels.ListServicecallStates, request)
        states = [one.name for one in answer.servicecall_states if one.meaning == meaning]
        if not states:
            raise NoSuchState(f"no state of the site means {levels_pb.StateMeaning.Name(meaning)}")
        return min(states, key=lambda one: int(one.rpartition("/")[2]))


def name(number: int) -> str:
    return f"servicecalls/{number}"


def _new_id() -> str:
    return str(uuid.uuid4())
