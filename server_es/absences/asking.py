"""Requests are made, changed and deleted (Antrag stellen, ändern, löschen)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from esoffice.es.v1 import absences_pb2 as pb

from mesh import etags, masks
from mesh.call import about
from mesh.database import UnitOfWork
from mesh.errors import PermissionDenied
from server_es.absences import letters, rules, store
from server_es.absences.askers import Asker
from server_es.absences.cases import Case, load
from server_es.absences.leave import Leave
from server_es.absences.names import ABSENCE
from server_es.absences.office import Office, office
from server_es.absences.rules import Group, State
from server_es.absences.settings import AbsenceSettings
from server_es.absences.surroundings import Shifts, surroundings
from server_es.absences.telling import ASKED, News, Telling
from server_es.absences.wanted import Wanted, asked_by, days_left, problems, understood
from server_es.absences.working_times import WorkingTimes
from server_es.directory.names import EMPLOYEE

FIELDS: Final = (
    "employee",
    "kind",
    "start_date",
    "end_date",
    "starts_at_noon",
    "ends_at_noon",
    "reason",
    "informed",
    "stress_confirmed",
)


class Asking:
    """What an applicant does.

    Args:
        working_times: by which days are counted.
        leave: how much there is of it.
        telling: tells who has to know.
        settings: of the room.
        shifts: the room of duty rosters.
    """

    def __init__(
        self,
        *,
        working_times: WorkingTimes,
        leave: Leave,
        telling: Telling,
        settings: AbsenceSettings,
        shifts: Shifts | None,
    ) -> None:
        self._working_times = working_times
        self._leave = leave
        self._telling = telling
        self._settings = settings
        self._shifts = shifts

    def request(self, unit: UnitOfWork, said: pb.Absence, by: Asker) -> pb.Absence:
        """Make a request."""
        plain = asked_by(said, by)
        plain.ClearField("name")
        _check_may_ask(plain.employee, by)
        wanted = understood(unit, plain, self._working_times)
        store.lock_employees(unit, [wanted.employee])
        there = office(unit, approve_own=self._settings.approve_own)
        self._check(unit, wanted, there, confirmed=said.stress_confirmed)
        groups = there.groups_for(wanted.employee)
        values = {
            **wanted.columns(),
            "reason": said.reason,
            "stress_confirmed": said.stress_confirmed,
            "state": State.CREATED,
            "creator": by.name,
            "ended_by": "",
            "ended_reason": "",
        }
        case = load(unit, store.create(unit, values, groups, _informed(wanted, groups)))
        about(case.name)
        self._tell(unit, case, wanted, there, by)
        return case.message()

    def change(self, unit: UnitOfWork, request: pb.UpdateAbsenceRequest, by: Asker) -> pb.Absence:
        """Change a request; one of the five changes opens it again."""
        given = request.absence
        masks.etag_given(given.etag, field="absence")
        case = load(unit, int(ABSENCE.parse(given.name, field="absence.name")[0]), lock=True)
        _check_may_change(case, by)
        there = office(unit, approve_own=self._settings.approve_own)
        rules.check_open(case.request(there.called))
        stored = case.message()
        etags.check(given.etag, stored.etag, given.name)
        said = masks.merged(stored, given, request.update_mask, fields=FIELDS, field="absence")
        if said.employee != stored.employee:
            _check_may_ask(said.employee, by)
        wanted = understood(unit, said, self._working_times)
        store.lock_employees(unit, {wanted.employee, case.row.employee})
        self._check(unit, wanted, there, confirmed=said.stress_confirmed)
        changed = rules.changes(case.content, wanted.content)
        groups = there.groups_for(wanted.employee)
        values: dict[str, Any] = {
            **wanted.columns(), "reason": said.reason, "stress_confirmed": said.stress_confirmed
        }  # fmt: skip
        if changed:
            values["state"] = State.CREATED
            store.reopen(unit, case.row.id, groups)
        store.change(unit, case.row, values, content=bool(changed))
        store.inform(unit, case.row.id, _informed(wanted, groups))
        after = load(unit, case.row.id)
        if changed:
            self._tell(unit, after, wanted, there, by, changed=", ".join(changed), before=case)
        return after.message()

    def remove(self, unit: UnitOfWork, request: pb.DeleteAbsenceRequest, by: Asker) -> None:
        """Delete a request that was never approved in full; who has been asked is told when it was still open."""
        case = load(unit, int(ABSENCE.parse(request.name)[0]), lock=True)
        _check_may_change(case, by)
        there = office(unit, approve_own=self._settings.approve_own)
        asked = case.request(there.called)
        if all(one.verdict is rules.Verdict.APPROVED for one in asked.decisions):
            raise rules.ended(asked)
        etags.check(request.etag, case.message().etag, request.name)
        store.remove(unit, case.row.id)
        if case.row.state in rules.OPEN:
            news = News(case=case, office=there, by=by, event="deleted", word="Antrag gelöscht")
            self._telling.approvers(unit, news, case.groups)
            self._telling.applicant(unit, news)

    def _check(self, unit: UnitOfWork, wanted: Wanted, there: Office, *, confirmed: bool) -> None:
        for error in problems(unit, wanted, there, self._leave, confirmed=confirmed):
            raise error

    def _tell(
        self,
        unit: UnitOfWork,
        case: Case,
        wanted: Wanted,
        there: Office,
        by: Asker,
        *,
        changed: str = "",
        before: Case | None = None,
    ) -> None:
        seen = replace(wanted, number=case.row.id)
        around = surroundings(unit, there, seen.place, self._shifts)
        left = days_left(unit, seen, self._leave)
        text = letters.to_decide(case, there, around, wanted.zone, left=left, changed=changed)
        word = "Antrag geändert" if before else "Antrag"
        news = News(case=case, office=there, by=by, event=ASKED, word=word, text=text)
        self._telling.approvers(unit, news, case.open_groups)
        self._telling.applicant(unit, news)
        if before and before.row.employee != case.row.employee:
            self._telling.former_applicant(unit, news, before.row.employee)


def _informed(wanted: Wanted, groups: Sequence[Group]) -> set[str]:
    return {*wanted.informed, *(one for group in groups for one in group.informed)}


def _check_may_ask(employee: str, by: Asker) -> None:
    if employee != EMPLOYEE.build(by.employee) and not by.writes_all:
        raise PermissionDenied(
            f"You may ask for absence of your own only; for {employee or 'others'} absences.write is needed.",
            permission="absences.write",
        )


def _check_may_change(case: Case, by: Asker) -> None:
    if case.row.employee != by.employee and case.row.creator != by.name and not by.writes_all:
        raise PermissionDenied(
            f"{case.name} belongs to somebody else; its applicant, who made it, or absences.write may do this.",
            permission="absences.write",
        )
