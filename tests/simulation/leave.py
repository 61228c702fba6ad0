"""Requests for absence: asked for, decided by every group, withdrawn, revoked."""

from datetime import timedelta
from typing import Any

from esoffice.es.v1 import absences_pb2 as pb

from tests.simulation.deadlines import Broken
from tests.simulation.driver import CHIEF, Driver, person
from tests.simulation.worktime import BERLIN
from tests.simulation.world import APPROVED, OPEN, PARTLY, REJECTED, REVOKED, Absence, absence_span


class Leave:
    """Everybody who is ill, or learns something.

    Args:
        driver: of the run.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver, self._rng = driver, driver.rng
        self._company, self._world = driver.company, driver.world

    def ask(self) -> None:
        """Somebody wants to be away, often from now on."""
        employee = self._rng.choice(sorted(self._company.people))
        today = self._driver.now.astimezone(BERLIN).date()
        first = today + timedelta(days=self._rng.choice((0, 0, 1, 2, 5)))
        last = first + timedelta(days=self._rng.randint(0, 4))
        from_noon, until_noon = self._rng.random() < 0.2, self._rng.random() < 0.2
        if first == last and from_noon and until_noon:
            return
        asked = pb.Absence(
            employee=f"employees/{employee}", kind=self._rng.choice(("absenceKinds/illness", "absenceKinds/course")),
            start_date=first.isoformat(), end_date=last.isoformat(), starts_at_noon=from_noon, ends_at_noon=until_noon,
        )  # fmt: skip
        request = pb.RequestAbsenceRequest(absence=asked, request_id=self._driver.new_id())
        done, made = self._driver.ask("RequestAbsence", request, person(employee))
        if not done:  # the days overlap with others of his, or nobody works on them
            return
        start, end = absence_span(first, last, from_noon=from_noon, until_noon=until_noon)
        groups = dict.fromkeys((f"lead-{self._company.people[employee].team}", "office"), False)
        one = Absence(made.name, employee, start, end, groups, etag=made.etag)
        self._world.asked(one)
        self._compare(one, made)

    def decide(self) -> None:
        """Somebody of a group that is open says yes or no; who is away is stood in for."""
        waiting = [one for one in self._world.absences.values() if one.state in (OPEN, PARTLY)]
        if not waiting:
            return
        one = self._rng.choice(waiting)
        group = self._rng.choice([id_ for id_, agreed in one.groups.items() if not agreed])
        members = self._company.office if group == "office" else self._company.leads[group.removeprefix("lead-")]
        member = self._rng.choice(members)
        who = self._world.stands_in(member, self._driver.now) or member
        agree = self._rng.random() < 0.85
        method = "ApproveAbsence" if agree else "RejectAbsence"
        request = getattr(pb, f"{method}Request")(
            name=one.name, etag=one.etag, approval_group=f"approvalGroups/{group}", request_id=self._driver.new_id()
        )
        done, answer = self._driver.ask(method, request, person(who), must=one.employee not in (member, who))
        if not done:
            return
        if one.employee == who:
            raise Broken(f"{one} was decided by who asked for it")
        one.groups[group] = agree
        one.state = REJECTED if not agree else APPROVED if all(one.groups.values()) else PARTLY
        one.etag = answer.etag
        self._compare(one, answer)

    def end(self) -> None:
        """What was asked for is not wanted any more."""
        if not self._world.absences:
            return
        one = self._world.absences[self._rng.choice(sorted(self._world.absences))]
        if one.state in (OPEN, PARTLY):
            request: Any = pb.WithdrawAbsenceRequest(name=one.name, request_id=self._driver.new_id())
            _, answer = self._driver.ask("WithdrawAbsence", request, person(one.employee), must=True)
        elif one.state == APPROVED:
            request = pb.RevokeAbsenceRequest(name=one.name, reason="Gesund.", request_id=self._driver.new_id())
            _, answer = self._driver.ask("RevokeAbsence", request, CHIEF, must=True)
        else:
            return
        one.state, one.etag = REVOKED, answer.etag
        self._compare(one, answer)

    def compare_all(self) -> None:
        """Everything that was answered can be read."""
        for one in self._world.absences.values():
            self._compare(one, self._driver.read("GetAbsence", pb.GetAbsenceRequest(name=one.name)))

    def _compare(self, one: Absence, answer: pb.Absence) -> None:
        times = answer.start_time.ToDatetime(one.start.tzinfo), answer.end_time.ToDatetime(one.end.tzinfo)
        if (answer.state, *times) != (one.state, one.start, one.end):
            raise Broken(f"{one} reads {answer}")
        if bool(answer.appointment) != (one.state == APPROVED):
            raise Broken(f"{one} has the appointment {answer.appointment!r}")
        verdicts = {two.approval_group.removeprefix("approvalGroups/"): two.verdict for two in answer.decisions}
        agreed = {id_ for id_, verdict in verdicts.items() if verdict == pb.ABSENCE_VERDICT_APPROVED}
        if agreed != {id_ for id_, yes in one.groups.items() if yes} or verdicts.keys() != one.groups.keys():
            raise Broken(f"{one} has the decisions {verdicts}")
