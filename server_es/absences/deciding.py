"""Requests are approved, rejected, withdrawn and revoked (Genehmigen, Ablehnen, Zurückziehen, Widerrufen)."""

from typing import Any
from zoneinfo import ZoneInfo

from esoffice.es.v1 import absences_pb2 as pb

from mesh import etags
from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition, PermissionDenied
from server_es.absences import letters, rules, store
from server_es.absences.askers import Asker
from server_es.absences.cases import Case, load
from server_es.absences.leave import Leave
from server_es.absences.names import ABSENCE, GROUP, KIND
from server_es.absences.office import Office, office
from server_es.absences.rules import State, Verdict
from server_es.absences.settings import AbsenceSettings
from server_es.absences.telling import News, Telling
from server_es.absences.wanted import of_case, overdrawn, stressed
from server_es.absences.working_times import WorkingTimes
from server_es.appointments import store as appointments


class NoActivityType(FailedPrecondition):
    """An approval writes an appointment, and an appointment has an activity type."""

    reason = "NO_ACTIVITY_TYPE"


class Deciding:
    """What approvers do, and the applicant who changes his mind.

    Args:
        working_times: by which days are counted.
        leave: how much there is of it.
        telling: tells who has to know.
        settings: of the room.
    """

    def __init__(
        self, *, working_times: WorkingTimes, leave: Leave, telling: Telling, settings: AbsenceSettings
    ) -> None:
        self._working_times = working_times
        self._leave = leave
        self._telling = telling
        self._settings = settings

    def approve(self, unit: UnitOfWork, request: pb.ApproveAbsenceRequest, by: Asker) -> pb.Absence:
        """Agree for one's groups; the last agreement writes the appointment."""
        return self._decide(unit, request, by, agree=True)

    def reject(self, unit: UnitOfWork, request: pb.RejectAbsenceRequest, by: Asker) -> pb.Absence:
        """Say no."""
        return self._decide(unit, request, by, agree=False)

    def withdraw(self, unit: UnitOfWork, request: pb.WithdrawAbsenceRequest, by: Asker) -> pb.Absence:
        """Take a request back before it is approved in full."""
        case, there = self._locked(unit, request.name)
        if case.row.employee != by.employee and case.row.creator != by.name and not by.writes_all:
            raise PermissionDenied(f"{case.name} can be withdrawn by its applicant, or by who made it for him.")
        rules.check_open(case.request(there.called))
        after = self._ended(unit, case, State.REVOKED, by, request.reason)
        news = News(
            case=after, office=there, by=by, event="withdrawn", word="Antrag zurückgezogen", text=request.reason
        )
        self._telling.approvers(unit, news, case.groups)
        self._telling.applicant(unit, news)
        return after.message()

    def revoke(self, unit: UnitOfWork, request: pb.RevokeAbsenceRequest, by: Asker) -> pb.Absence:
        """Take back what was approved, and its appointment."""
        case, there = self._locked(unit, request.name)
        if not by.writes_all and not there.mine(by.employee, case.row.employee, case.groups):
            raise PermissionDenied(
                f"{case.name} can be revoked by who decides on it, or with absences.write.", permission="absences.write"
            )
        rules.check_approved(case.request(there.called))
        appointments.remove(unit, case.name)
        after = self._ended(unit, case, State.REVOKED, by, request.reason)
        news = News(
            case=after, office=there, by=by, event="revoked", word="Abwesenheit widerrufen", text=request.reason
        )
        self._telling.applicant(unit, news)
        self._telling.approvers(unit, news, case.groups)
        self._telling.informed(unit, news)
        return after.message()

    def _decide(self, unit: UnitOfWork, request: Any, by: Asker, *, agree: bool) -> pb.Absence:
        case, there = self._locked(unit, request.name)
        mine = there.mine(by.employee, case.row.employee, case.groups) if by.employee else {}
        group = GROUP.parse(request.approval_group, field="approval_group")[0] if request.approval_group else ""
        decided = rules.decide(case.request(there.called), mine, agree=agree, group=group)
        etags.check(store.content_of(request.etag), store.content_of(store.etag_of(case.row)), case.name)
        if decided.state is State.APPROVED:
            self._check_last(unit, case, there, confirmed=request.stress_confirmed)
        verdict = Verdict.APPROVED if agree else Verdict.REJECTED
        for one in decided.groups:
            said = {"verdict": verdict, "decided_by": by.name, "stands_in_for": mine[one], "comment": request.comment}
            store.decide(unit, case.row.id, one, said)
        if decided.state in rules.OPEN:
            store.change(unit, case.row, {"state": decided.state})
            after = load(unit, case.row.id)
        else:
            reason = "" if agree else request.comment
            if decided.state is State.APPROVED:
                self._write_appointment(unit, case)
            after = self._ended(unit, case, decided.state, by, reason)
        text = letters.decided(after, there, request.comment)
        self._tell(unit, News(case=after, office=there, by=by, event="decided", word=_WORDS[decided.state], text=text))
        return after.message()

    def _locked(self, unit: UnitOfWork, name: str) -> tuple[Case, Office]:
        case = load(unit, int(ABSENCE.parse(name)[0]), lock=True)
        return case, office(unit, approve_own=self._settings.approve_own)

    def _check_last(self, unit: UnitOfWork, case: Case, there: Office, *, confirmed: bool) -> None:
        if not case.kind.activity_type:
            name = KIND.build(case.row.kind)
            raise NoActivityType(
                f"{name} has no activity type for the appointment of {case.name}; an administrator has to set one.",
                kind=name,
            )
        store.lock_employees(unit, [case.row.employee])
        wanted = of_case(unit, case, self._working_times)
        for error in overdrawn(unit, wanted, self._leave, approved_only=True):
            raise error
        if not confirmed:
            for refused in stressed(unit, wanted, there):
                raise refused

    def _write_appointment(self, unit: UnitOfWork, case: Case) -> None:
        row, span = case.row, store.span_of(case.row)
        zone = self._working_times.calendar(unit, row.employee).zone
        whole = not (span.starts_at_noon or span.ends_at_noon)
        appointments.write(
            unit,
            employee=row.employee,
            title=case.kind.title,
            activity_type=case.kind.activity_type,
            start=row.start_time,
            end=row.end_time,
            # The zone of the working times may have changed since it was asked for.
            all_day=whole and (row.start_time, row.end_time) == span.instants(ZoneInfo(zone)),
            time_zone=zone,
            origin=case.name,
        )

    def _ended(self, unit: UnitOfWork, case: Case, state: State, by: Asker, reason: str) -> Case:
        values = {"state": state, "ended_by": by.name, "ended_time": unit.now, "ended_reason": reason}
        store.change(unit, case.row, values)
        return load(unit, case.row.id)

    def _tell(self, unit: UnitOfWork, news: News) -> None:
        self._telling.applicant(unit, news)
        if news.case.row.state not in rules.OPEN:
            self._telling.informed(unit, news)


_WORDS = {
    State.PARTLY_APPROVED: "Teilweise genehmigt",
    State.APPROVED: "Genehmigt",
    State.REJECTED: "Abgelehnt",
}
