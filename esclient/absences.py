"""Absence requests as a client handles them: asked for, decided, looked at (Abwesenheits-/Urlaubsantrag).

A decision carries the etag of what the approver has seen: a request that was changed meanwhile, or decided by somebody
else, is refused with a sentence that says so.
"""

import uuid
from collections.abc import Sequence

from esoffice.es.v1 import absences_pb2 as pb
from esoffice.es.v1 import absences_pb2_grpc

from esclient.session import Session

_PAGE = 1000


class Absences:
    """The absences of a session.

    Raises:
        grpc.aio.AioRpcError: refused; its details are a sentence for people, its ErrorInfo a reason for programs.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stub: absences_pb2_grpc.AbsenceServiceAsyncStub = absences_pb2_grpc.AbsenceServiceStub(session.channel)

    async def get(self, number: int) -> pb.Absence:
        return await self._session.ask(self._stub.GetAbsence, pb.GetAbsenceRequest(name=name(number)))

    async def find(self, conditions: pb.ListAbsencesRequest, *, limit: int) -> list[pb.Absence]:
        """Return the absences that meet the conditions, at most `limit`, the newest request first."""
        found: list[pb.Absence] = []
        while True:
            conditions.page_size = min(limit - len(found), _PAGE)
            answer = await self._session.ask(self._stub.ListAbsences, conditions)
            found += answer.absences
            conditions.page_token = answer.next_page_token
            if not conditions.page_token or len(found) >= limit:
                return found

    async def preview(self, absence: pb.Absence) -> pb.PreviewAbsenceResponse:
        """Return what a request would be: days, leave left, what falls into the span, what would be refused."""
        return await self._session.ask(self._stub.PreviewAbsence, pb.PreviewAbsenceRequest(absence=absence))

    async def request(self, absence: pb.Absence) -> pb.Absence:
        request = pb.RequestAbsenceRequest(absence=absence, request_id=_new_id())
        return await self._session.ask(self._stub.RequestAbsence, request)

    async def approve(
        self, seen: pb.Absence, comment: str = "", *, group: str = "", stress_confirmed: bool = False
    ) -> pb.Absence:
        """Agree to a request as it was seen."""
        request = pb.ApproveAbsenceRequest(
            name=seen.name,
            etag=seen.etag,
            comment=comment,
            approval_group=group,
            stress_confirmed=stress_confirmed,
            request_id=_new_id(),
        )
        return await self._session.ask(self._stub.ApproveAbsence, request)

    async def reject(self, seen: pb.Absence, comment: str = "", *, group: str = "") -> pb.Absence:
        """Say no to a request as it was seen."""
        request = pb.RejectAbsenceRequest(
            name=seen.name, etag=seen.etag, comment=comment, approval_group=group, request_id=_new_id()
        )
        return await self._session.ask(self._stub.RejectAbsence, request)

    async def withdraw(self, number: int, reason: str = "") -> pb.Absence:
        request = pb.WithdrawAbsenceRequest(name=name(number), reason=reason, request_id=_new_id())
        return await self._session.ask(self._stub.WithdrawAbsence, request)

    async def revoke(self, number: int, reason: str) -> pb.Absence:
        request = pb.RevokeAbsenceRequest(name=name(number), reason=reason, request_id=_new_id())
        return await self._session.ask(self._stub.RevokeAbsence, request)

    async def balance(self, employee: str = "", year: int = 0) -> pb.LeaveBalance:
        """Return the leave of an employee in a year; of the signed-in one in the present year."""
        return await self._session.ask(
            self._stub.GetLeaveBalance, pb.GetLeaveBalanceRequest(employee=employee, year=year)
        )

    async def team(self, team: str, first: str, last: str) -> pb.TeamView:
        """Return who of a team is away when, between two days."""
        request = pb.GetTeamViewRequest(team=team, start_date=first, end_date=last)
        return await self._session.ask(self._stub.GetTeamView, request)

    async def kinds(self) -> Sequence[pb.AbsenceKind]:
        """Return the kinds of absence there are."""
        answer = await self._session.ask(self._stub.ListAbsenceKinds, pb.ListAbsenceKindsRequest(page_size=_PAGE))
        return answer.absence_kinds


def name(number: int) -> str:
    return f"absences/{number}"


def _new_id() -> str:
    return str(uuid.uuid4())
