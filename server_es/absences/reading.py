"""Reads absences: one, a page, what a request would be, how a team stands (Ansichten)."""

from collections.abc import Iterator
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from esoffice.es.v1 import absences_pb2 as pb
from sqlalchemy import ColumnElement, and_, exists, false, or_

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, NotFound, PermissionDenied, Violation
from mesh.pages import page_of
from server_es.absences import store, wanted
from server_es.absences.askers import Asker
from server_es.absences.cases import Case, cases, load
from server_es.absences.catalogue import STRESS_PERIOD
from server_es.absences.days import counted
from server_es.absences.leave import Leave
from server_es.absences.names import ABSENCE, GROUP
from server_es.absences.office import Office, office
from server_es.absences.quantities import date_of, days_of
from server_es.absences.rules import OPEN, Verdict
from server_es.absences.settings import AbsenceSettings
from server_es.absences.spans import FIRST_YEAR, LAST_YEAR, Span
from server_es.absences.surroundings import Shifts, span_of, stress_periods, surroundings, team_absences
from server_es.absences.tables import absence, absence_decision, absence_informed
from server_es.absences.team import conflicts
from server_es.absences.working_times import WorkingTimes
from server_es.directory.names import EMPLOYEE, TEAM

_A: Final = absence.c
_D: Final = absence_decision.c
_I: Final = absence_informed.c
_VIEW_AT_MOST: Final = 367


class Reading:
    """Answers from one snapshot.

    Args:
        working_times: by which days are counted.
        leave: how much there is of it.
        settings: of the room.
        shifts: the room of duty rosters.
        site_zone: zone in which a team's days are told.
    """

    def __init__(
        self,
        *,
        working_times: WorkingTimes,
        leave: Leave,
        settings: AbsenceSettings,
        shifts: Shifts | None,
        site_zone: str,
    ) -> None:
        self._working_times = working_times
        self._leave = leave
        self._settings = settings
        self._shifts = shifts
        self._site_zone = ZoneInfo(site_zone)

    def get(self, unit: UnitOfWork, name: str, by: Asker) -> pb.Absence:
        """Return an absence to whom it concerns."""
        try:
            case = load(unit, int(ABSENCE.parse(name)[0]))
        except NotFound:
            if by.reads_all:
                raise
            raise _not_yours(name) from None
        if not self._concerns(case, self._office(unit), by):
            raise _not_yours(name)
        return case.message()

    def page(self, unit: UnitOfWork, request: pb.ListAbsencesRequest, by: Asker) -> pb.ListAbsencesResponse:
        """Return a page of absences, newest request first."""
        page = page_of(request)
        conditions = [self._view(unit, request, by), *_conditions(request)]
        rows = store.page(unit, conditions, int(page.after[0]) if page.after else 0, page.size + 1)
        token = page.token_after((rows[page.size - 1].id,)) if len(rows) > page.size else ""
        listed = [one.message() for one in cases(unit, rows[: page.size])]
        return pb.ListAbsencesResponse(absences=listed, next_page_token=token)

    def preview(self, unit: UnitOfWork, said: pb.Absence, by: Asker) -> pb.PreviewAbsenceResponse:
        """Say what a request would be."""
        there = self._office(unit)
        said = wanted.asked_by(said, by)
        self._check_may_preview(unit, said, there, by)
        asked = wanted.understood(unit, said, self._working_times, keep=False)
        found = wanted.problems(unit, asked, there, self._leave, confirmed=said.stress_confirmed)
        answer = pb.PreviewAbsenceResponse(
            days=days_of(asked.half_days),
            counted_days=[
                pb.CountedAbsenceDay(date=one.date.isoformat(), days=days_of(one.half_days), reason=one.reason)
                for one in counted(asked.calendar, asked.span)
            ],
            surroundings=surroundings(unit, there, asked.place, self._shifts),
            approval_groups=[GROUP.build(one.id) for one in there.groups_for(asked.employee)],
            problems=[error.message for error in found],
        )
        left = wanted.days_left(unit, asked, self._leave)
        if left is not None:
            answer.remaining_days_after = left
            today = self._today(unit)
            year = asked.span.year
            answer.balance.CopyFrom(self._leave.balance(unit, asked.employee, year, today, but=asked.number))
        return answer

    def balance(self, unit: UnitOfWork, request: pb.GetLeaveBalanceRequest, by: Asker) -> pb.LeaveBalance:
        """Return how an employee's year stands today."""
        employee = EMPLOYEE.parse(request.employee, field="employee")[0] if request.employee else by.employee
        if not employee:
            raise InvalidArgument([Violation("employee", "is required: you are no employee yourself")])
        if employee != by.employee and not by.reads_all:
            raise PermissionDenied("You may see your own leave only; absences.read shows everybody's.")
        if employee not in self._office(unit).staff.employees:
            name = EMPLOYEE.build(employee)
            raise NotFound(f"{name} does not exist", resource=name)
        today = self._today(unit)
        year = request.year or today.year
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise InvalidArgument([Violation("year", f"{year} is not between {FIRST_YEAR} and {LAST_YEAR}")])
        return self._leave.balance(unit, employee, year, today)

    def team(self, unit: UnitOfWork, request: pb.GetTeamViewRequest, by: Asker) -> pb.TeamView:
        """Return who of a team is away when."""
        (team,) = TEAM.parse(request.team, field="team")
        there = self._office(unit)
        members = there.staff.members(team)
        if by.employee not in members and not by.reads_all and not there.decides_on_team(by.employee, team):
            raise PermissionDenied(f"You are not in {request.team} and do not decide on it; absences.read shows all.")
        if team not in there.staff.teams:
            raise NotFound(f"{request.team} does not exist", resource=request.team)
        span = _span(request)
        mine = {
            case.row.id for case in cases(unit, store.in_force(unit, members, span)) if self._concerns(case, there, by)
        }
        absences = team_absences(unit, members, span, self._site_zone, shows_kind=lambda row: row.id in mine)
        together = [(EMPLOYEE.parse(one.employee)[0], span_of(one)) for one in absences]
        return pb.TeamView(
            members=[EMPLOYEE.build(one) for one in members],
            absences=absences,
            conflicts=[
                pb.TeamConflict(
                    date=one.date.isoformat(),
                    employees=[EMPLOYEE.build(number) for number in one.employees],
                    nobody_left=one.nobody_left,
                )
                for one in conflicts(members, together, span)
            ],
            stress_periods=[STRESS_PERIOD.message_of(row) for row in stress_periods(unit, span, [team])],
        )

    # -- who may see what ---------------------------------------------------------------------------------------------

    def _office(self, unit: UnitOfWork) -> Office:
        return office(unit, approve_own=self._settings.approve_own)

    def _today(self, unit: UnitOfWork) -> date:
        return unit.now.astimezone(self._site_zone).date()

    def _concerns(self, case: Case, there: Office, by: Asker) -> bool:
        if by.reads_all or case.row.creator == by.name:
            return True
        if not by.employee:
            return False
        named = {case.row.employee, *case.informed}
        return by.employee in named or bool(there.mine(by.employee, case.row.employee, case.groups))

    def _check_may_preview(self, unit: UnitOfWork, said: pb.Absence, there: Office, by: Asker) -> None:
        if said.employee == EMPLOYEE.build(by.employee) or by.reads_all or by.writes_all:
            return
        if said.name and self._concerns(load(unit, int(ABSENCE.parse(said.name)[0])), there, by):
            return
        raise PermissionDenied("You may preview requests of your own, or that you decide on; absences.read shows all.")

    def _view(self, unit: UnitOfWork, request: pb.ListAbsencesRequest, by: Asker) -> ColumnElement[bool]:
        if request.view == pb.ABSENCE_VIEW_ALL:
            if not by.reads_all:
                raise PermissionDenied("Absences of everybody need absences.read.", permission="absences.read")
            return _A.id > 0
        if request.view == pb.ABSENCE_VIEW_FOR_INFORMATION:
            return exists().where(_I.absence == _A.id, _I.employee == by.employee)
        if request.view == pb.ABSENCE_VIEW_TO_APPROVE:
            return self._to_approve(self._office(unit), by)
        return or_(_A.employee == by.employee, _A.creator == by.name)

    def _to_approve(self, there: Office, by: Asker) -> ColumnElement[bool]:
        """Open requests that wait for a group for which the caller decides; not on his own, as the rule says."""
        if not by.employee:
            return false()
        groups = []
        for group in there.groups.values():
            if by.employee in there.deciders(group.id, ""):
                excluded = sorted(
                    one for one in {by.employee, *group.members} if by.employee not in there.deciders(group.id, one)
                )
                groups.append(and_(_D.approval_group == group.id, _A.employee.not_in(excluded)))
        waits = exists().where(_D.absence == _A.id, _D.verdict == Verdict.OPEN, or_(false(), *groups))
        return and_(_A.state.in_(OPEN), waits)


def _conditions(request: pb.ListAbsencesRequest) -> Iterator[ColumnElement[bool]]:
    if request.employee:
        yield _A.employee == EMPLOYEE.parse(request.employee, field="employee")[0]
    if request.states:
        yield _A.state.in_(sorted(set(request.states)))
    if request.start_date:
        yield _A.end_slot > 2 * date_of(request.start_date, "start_date").toordinal()
    if request.end_date:
        yield _A.start_slot < 2 * (date_of(request.end_date, "end_date").toordinal() + 1)


def _span(request: pb.GetTeamViewRequest) -> Span:
    span = Span.of(date_of(request.start_date, "start_date"), date_of(request.end_date, "end_date"))
    if (span.last - span.first).days >= _VIEW_AT_MOST:
        raise InvalidArgument([Violation("end_date", "is more than 366 days after the first day")])
    return span


def _not_yours(name: str) -> PermissionDenied:
    return PermissionDenied(f"{name} does not concern you; absences.read shows all.", permission="absences.read")
