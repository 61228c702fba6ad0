"""On-call duty as a client handles it: who is on duty, own shifts, shifts handed over (Bereitschaften)."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from esoffice.es.v1 import duty_pb2 as pb
from esoffice.es.v1 import duty_pb2_grpc
from google.protobuf.timestamp_pb2 import Timestamp

from esclient.session import Session

_PAGE = 1000


class Duty:
    """The rosters of a session.

    Raises:
        grpc.aio.AioRpcError: refused; its details are a sentence for people, its ErrorInfo a reason for programs.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stub: duty_pb2_grpc.DutyServiceAsyncStub = duty_pb2_grpc.DutyServiceStub(session.channel)

    # -- asking -------------------------------------------------------------------------------------------------------

    async def rosters(self) -> list[pb.Roster]:
        found: list[pb.Roster] = []
        request = pb.ListRostersRequest(page_size=_PAGE)
        while True:
            answer = await self._session.ask(self._stub.ListRosters, request)
            found += answer.rosters
            request.page_token = answer.next_page_token
            if not request.page_token:
                return found

    async def who(self, roster: str, *, at: datetime | None = None, system: str = "") -> pb.WhoIsOnDutyResponse:
        """Return who is on duty in a roster, now or at an instant, for a system or for all."""
        request = pb.WhoIsOnDutyRequest(roster=roster, time=instant(at), system=system)
        return await self._session.ask(self._stub.WhoIsOnDuty, request)

    async def shifts(self, conditions: pb.ListShiftsRequest) -> Sequence[pb.Shift]:
        answer = await self._session.ask(self._stub.ListShifts, conditions)
        return answer.shifts

    async def report(self, roster: str = "") -> pb.GetDutyReportResponse:
        """Return what is wrong in the next twelve weeks, in one roster or in all."""
        return await self._session.ask(self._stub.GetDutyReport, pb.GetDutyReportRequest(roster=roster))

    # -- shifts handed over -------------------------------------------------------------------------------------------

    async def swaps(self, *, open_only: bool = True) -> Sequence[pb.DutySwap]:
        """Return what colleagues offer, the newest first."""
        request = pb.ListDutySwapsRequest(open_only=open_only, page_size=_PAGE)
        answer = await self._session.ask(self._stub.ListDutySwaps, request)
        return answer.swaps

    async def offer(self, swap: pb.DutySwap) -> pb.DutySwap:
        request = pb.RequestDutySwapRequest(swap=swap, request_id=_new_id())
        return await self._session.ask(self._stub.RequestDutySwap, request)

    async def take(self, name: str, *, only_check: bool = False) -> pb.TakeDutySwapResponse:
        """Take a shift, or only learn what would be wrong then."""
        request = pb.TakeDutySwapRequest(
            name=name, validate_only=only_check, request_id="" if only_check else _new_id()
        )
        return await self._session.ask(self._stub.TakeDutySwap, request)

    async def withdraw(self, name: str) -> pb.DutySwap:
        return await self._session.ask(self._stub.WithdrawDutySwap, pb.WithdrawDutySwapRequest(name=name))

    # -- planning -----------------------------------------------------------------------------------------------------

    async def save(self, roster: pb.Roster) -> pb.Roster:
        """Make a roster, or save a new version of the one of this name; one that says the same stays as it is."""
        known = {one.name: one for one in await self.rosters()}
        before = known.get(roster.name)
        if before is None:
            return await self._session.ask(self._stub.CreateRoster, pb.CreateRosterRequest(roster=roster))
        same = pb.Roster()
        same.CopyFrom(before)
        for field in ("version", "effective_time", "editor", "etag"):
            same.ClearField(field)
        if same == roster:
            return before
        roster.etag = before.etag
        return await self._session.ask(self._stub.UpdateRoster, pb.UpdateRosterRequest(roster=roster))

    async def preview(self, roster: pb.Roster) -> pb.PreviewRosterResponse:
        """Return what would be wrong in the next twelve weeks if a roster were saved."""
        return await self._session.ask(
            self._stub.PreviewRoster, pb.PreviewRosterRequest(name=roster.name, roster=roster)
        )

    async def cover(self, override: pb.DutyOverride) -> pb.DutyOverride:
        """Change who is on duty for a time (Vertretung)."""
        request = pb.CreateDutyOverrideRequest(override=override, request_id=_new_id())
        return await self._session.ask(self._stub.CreateDutyOverride, request)

    async def export(self, first: str, last: str, roster: str = "") -> pb.ExportStandbyHoursResponse:
        """Return the hours of standby from the first to the last day, both included."""
        request = pb.ExportStandbyHoursRequest(start_date=first, end_date=last, roster=roster)
        return await self._session.ask(self._stub.ExportStandbyHours, request)

    # -- feeds --------------------------------------------------------------------------------------------------------

    async def feed(self, feed: pb.DutyFeed) -> pb.DutyFeed:
        """Make an iCalendar feed; its token is shown this once."""
        return await self._session.ask(self._stub.CreateDutyFeed, pb.CreateDutyFeedRequest(feed=feed))

    async def revoke(self, name: str) -> pb.DutyFeed:
        return await self._session.ask(self._stub.RevokeDutyFeed, pb.RevokeDutyFeedRequest(name=name))

    async def read(self, token: str) -> bytes:
        """Return the file that a calendar program would get."""
        body = await self._stub.GetDutyFeed(pb.GetDutyFeedRequest(token=token))
        content: bytes = body.data
        return content


def instant(at: datetime | None) -> Timestamp | None:
    """Return an instant as the contract has it; a time without a zone is this machine's."""
    if at is None:
        return None
    made = Timestamp()
    made.FromDatetime(at.astimezone())
    return made


def _new_id() -> str:
    return str(uuid.uuid4())
