"""A request with all that belongs to it, as it stands in the tables, and as the contract says it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from esoffice.es.v1 import absences_pb2 as pb
from sqlalchemy import select

from mesh.database import UnitOfWork
from mesh.instants import timestamp
from server_es.absences import store
from server_es.absences.names import ABSENCE, GROUP, KIND
from server_es.absences.quantities import days_of
from server_es.absences.rules import Content, Decision, Request, State, Verdict
from server_es.absences.spans import Span
from server_es.absences.tables import absence_kind
from server_es.appointments.names import APPOINTMENT
from server_es.appointments.store import of_origins
from server_es.directory.names import EMPLOYEE


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request.

    Attributes:
        row: of the table `absence`.
        kind: its row of `absence_kind`.
        decisions: rows of `absence_decision`, ordered by group.
        informed: personnel numbers.
        appointment: number of the appointment it has written; None if there is none.
    """

    row: Any
    kind: Any
    decisions: Sequence[Any]
    informed: Sequence[str]
    appointment: int | None

    @property
    def name(self) -> str:
        return ABSENCE.build(self.row.id)

    @property
    def span(self) -> Span:
        return store.span_of(self.row)

    @property
    def content(self) -> Content:
        row = self.row
        return Content(employee=row.employee, kind=row.kind, span=self.span, half_days=row.half_days)

    @property
    def open_groups(self) -> list[str]:
        return [one.approval_group for one in self.decisions if one.verdict == Verdict.OPEN]

    @property
    def groups(self) -> list[str]:
        return [one.approval_group for one in self.decisions]

    def request(self, called: Callable[[str], str]) -> Request:
        """Return it as the rules need to see it; `called` says how people know who did something."""
        return Request(
            name=self.name,
            state=State(self.row.state),
            decisions=[
                Decision(
                    group=one.approval_group,
                    title=one.title,
                    verdict=Verdict(one.verdict),
                    by=called(one.decided_by),
                )
                for one in self.decisions
            ],
            ended_by=called(self.row.ended_by),
        )

    def message(self) -> pb.Absence:
        """Return it as the contract's resource."""
        row, span = self.row, self.span
        made = pb.Absence(
            name=self.name,
            employee=EMPLOYEE.build(row.employee),
            kind=KIND.build(row.kind),
            start_date=span.first.isoformat(),
            end_date=span.last.isoformat(),
            starts_at_noon=span.starts_at_noon,
            ends_at_noon=span.ends_at_noon,
            reason=row.reason,
            informed=[EMPLOYEE.build(one) for one in self.informed],
            stress_confirmed=row.stress_confirmed,
            state=pb.AbsenceState.ValueType(row.state),
            days=days_of(row.half_days),
            start_time=timestamp(row.start_time),
            end_time=timestamp(row.end_time),
            decisions=[_decision(one) for one in self.decisions],
            creator=row.creator,
            create_time=timestamp(row.create_time),
            update_time=timestamp(row.update_time),
            ended_by=row.ended_by,
            ended_reason=row.ended_reason,
            etag=store.etag_of(row),
        )
        if self.appointment is not None:
            made.appointment = APPOINTMENT.build(self.appointment)
        return made


def load(unit: UnitOfWork, number: int, *, lock: bool = False) -> Case:
    """Return a request; with `lock` nobody else changes it until the unit ends.

    Raises:
        NotFound: there is none of this number.
    """
    return cases(unit, [store.get(unit, number, lock=lock)])[0]


def cases(unit: UnitOfWork, rows: Sequence[Any]) -> list[Case]:
    """Return requests with what belongs to them, in the order of their rows; four queries, however many."""
    numbers = [row.id for row in rows]
    kinds = {}
    if rows:
        query = select(absence_kind).where(absence_kind.c.id.in_(sorted({row.kind for row in rows})))
        kinds = {kind.id: kind for kind in unit.connection.execute(query)}
    decisions, informed = store.decisions_of(unit, numbers), store.informed_of(unit, numbers)
    appointments = of_origins(unit, [ABSENCE.build(number) for number in numbers])
    return [
        Case(
            row=row,
            kind=kinds[row.kind],
            decisions=decisions.get(row.id, []),
            informed=informed.get(row.id, []),
            appointment=appointments.get(ABSENCE.build(row.id)),
        )
        for row in rows
    ]


def _decision(row: Any) -> pb.AbsenceDecision:
    return pb.AbsenceDecision(
        approval_group=GROUP.build(row.approval_group),
        title=row.title,
        verdict=pb.AbsenceVerdict.ValueType(row.verdict),
        decided_by=row.decided_by,
        stands_in_for=EMPLOYEE.build(row.stands_in_for) if row.stands_in_for else "",
        decide_time=timestamp(row.decide_time) if row.decide_time else None,
        comment=row.comment,
    )
