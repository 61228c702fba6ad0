"""What is wrong with rosters, and who bears how much: looked at before a change is saved, and on a standing report."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from esoffice.es.v1 import duty_pb2 as pb
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, NotFound, Violation
from server_es.directory import facts as directory
from server_es.duty import changes, checks, mapping, standby, store, wording
from server_es.duty import shifts as duty_shifts
from server_es.duty.checks import Away, Finding, Load
from server_es.duty.compiled import Compiled, Parts, compiled, parts
from server_es.duty.facts import ROSTERS
from server_es.duty.names import ROSTER
from server_es.duty.shifts import Shift
from server_es.duty.wall import moment, seconds, wall_clock

_LOOK_AHEAD: Final = timedelta(days=84)
"""Twelve weeks: long enough that a fair rotation looks fair."""


class Absences(Protocol):
    """Who is away; the room of absences answers."""

    def spans(self, unit: UnitOfWork, employees: Collection[str], start: datetime, end: datetime) -> Iterable[Any]:
        """Return when employees are away: `employee`, `start`, `end`, and `origin`, which names why."""


class Reports:
    """Looks at rosters.

    Args:
        absences: knows who is away.
    """

    def __init__(self, absences: Absences) -> None:
        self._absences = absences

    def report(self, unit: UnitOfWork, request: pb.GetDutyReportRequest) -> pb.GetDutyReportResponse:
        start, end = _time(unit, request)
        if request.roster:
            store.get(unit, request.roster, deleted=True)
        everything = ROSTERS.several(unit, store.marks(unit))
        wanted = {request.roster} if request.roster else {one.name for one in everything}
        seen = _Seen(everything, start, end)
        found = self.findings(unit, seen, wanted)
        return pb.GetDutyReportResponse(
            findings=_Words(unit, everything).messages(found), loads=_load_messages(seen, sorted(wanted))
        )

    def preview(self, unit: UnitOfWork, request: pb.PreviewRosterRequest) -> pb.PreviewRosterResponse:
        start, end = _time(unit, request)
        before = ROSTERS.several(unit, store.marks(unit))
        changed = _changed(unit, request)
        after = [*(one for one in before if one.name != request.name), changed]
        known = {_key(one) for one in self.findings(unit, _Seen(before, start, end), {request.name})}
        seen = _Seen(after, start, end)
        found = self.findings(unit, seen, {request.name})
        new = {one for one in found if _key(one) not in known}
        return pb.PreviewRosterResponse(
            findings=_Words(unit, after).messages(found, new),
            shifts=[mapping.shift(one, request.name) for one in seen.shifts[request.name]],
            loads=_load_messages(seen, [request.name]),
        )

    def of_employee(self, unit: UnitOfWork, employee: str, start: int, end: int) -> list[pb.DutyFinding]:
        """Return what is wrong with the rest and the absences of one employee."""
        everything = ROSTERS.several(unit, store.marks(unit, employee=employee))
        seen = _Seen(everything, start, end)
        found = self.findings(unit, seen, {one.name for one in everything})
        own = [one for one in found if one.employee == employee and one.kind in (checks.Kind.REST, checks.Kind.ABSENCE)]
        return _Words(unit, everything).messages(own)

    def away_in(self, unit: UnitOfWork, employee: str, start: int, end: int) -> str:
        """Return why an employee is away in a part of a time; empty when he is there."""
        spans = self._absences.spans(unit, [employee], moment(start), moment(end))
        return next((str(one.origin) for one in spans), "")

    def findings(self, unit: UnitOfWork, seen: "_Seen", wanted: Collection[str]) -> list[Finding]:
        """Return what is wrong with the wanted rosters; rest is looked at across all of them."""
        found: list[Finding] = []
        away = self.away(unit, seen)
        for one in seen.rosters:
            if one.name in wanted:
                found += _findings(one, seen, away)
        least = {one.name: seen.rest(one) for one in seen.rosters}
        found += [one for one in checks.rest(seen.shifts, least) if {one.roster, one.other} & set(wanted)]
        return sorted(found)

    def away(self, unit: UnitOfWork, seen: "_Seen") -> list[Away]:
        """Return when those who are on duty are away."""
        employees = {one.on_duty.employee for of_roster in seen.shifts.values() for one in of_roster}
        spans = self._absences.spans(unit, sorted(employees), moment(seen.start), moment(seen.end))
        return [Away(one.employee, seconds(one.start), seconds(one.end), one.origin) for one in spans]


class _Seen:
    """Rosters in a time, with their shifts."""

    def __init__(self, rosters: Sequence[Compiled], start: int, end: int) -> None:
        self.rosters, self.start, self.end = rosters, start, end
        self.shifts: dict[str, list[Shift]] = {one.name: duty_shifts.shifts(one.roster, start, end) for one in rosters}

    def said(self, roster: Compiled) -> pb.Roster:
        """Return what the roster says at the end of the time, or said last before it was deleted."""
        spans = roster.said.between(self.start, self.end)
        return next((one for _, _, one in reversed(spans) if one is not None), pb.Roster())

    def rest(self, roster: Compiled) -> int:
        return mapping.rest_of(self.said(roster))

    def special(self, roster: Compiled) -> Any:
        said = self.said(roster)
        clock, holiday = wall_clock(said.time_zone or mapping.ZONE), mapping.is_holiday(said)
        return lambda start, end: standby.special(clock, start, end, holiday)

    def loads(self, roster: Compiled) -> list[Load]:
        return checks.loads(self.shifts[roster.name], self.special(roster))


def _findings(roster: Compiled, seen: _Seen, away: Sequence[Away]) -> list[Finding]:
    name, shifts = roster.name, seen.shifts[roster.name]
    must: list[tuple[int, int]] = []
    for start, end, said in roster.said.between(seen.start, seen.end):
        if said is not None:
            clock = wall_clock(said.time_zone or mapping.ZONE)
            must += checks.required(clock, mapping.windows_of(said), start, end)
    return [
        *checks.gaps(name, duty_shifts.watches(roster.roster, seen.start, seen.end), must),
        *(
            Finding(name, start, end, checks.Kind.OPEN_TURN, "", title)
            for start, end, title in roster.roster.empty_turns(seen.start, seen.end)
        ),
        *checks.absent(name, shifts, away),
        *checks.unfair(name, shifts, seen.start, seen.end, seen.special(roster)),
    ]


def _changed(unit: UnitOfWork, request: pb.PreviewRosterRequest) -> Compiled:
    """Return the roster as it would be.

    Raises:
        NotFound: there is none, and none is given.
        InvalidArgument: what would be saved could not be.
    """
    (id_,) = ROSTER.parse(request.name)
    made_of = parts(unit, [id_])[id_]
    if not made_of.versions and not request.HasField("roster"):
        raise NotFound(f"{request.name} does not exist", resource=request.name)
    versions = list(made_of.versions)
    if request.HasField("roster"):
        mapping.check_roster(request.roster)
        changes.check_employees(unit, mapping.employees_of(request.roster), field="roster")
        then = request.effective_time if request.HasField("effective_time") else None
        version = pb.Roster()
        version.CopyFrom(request.roster)
        version.effective_time.FromDatetime(mapping.not_past(then, unit.now, field="effective_time"))
        versions.append(version)
    overrides, plans = list(made_of.overrides), list(made_of.plans)
    for place, override in enumerate(request.overrides):
        with _within(f"overrides[{place}]"):
            overrides.append(changes.checked_override(unit, override))
    for place, plan in enumerate(request.plans):
        with _within(f"plans[{place}]"):
            plans.append(changes.checked_plan(unit, plan))
    return compiled(request.name, Parts(versions=versions, overrides=overrides, plans=plans, end=made_of.end))


@contextmanager
def _within(place: str) -> Iterator[None]:
    """Name the place in the request of what is wrong."""
    try:
        yield
    except InvalidArgument as error:
        wrong = [Violation(f"{place}.{one.field.partition('.')[2]}", one.description) for one in error.violations]
        raise InvalidArgument(wrong) from None


def _time(unit: UnitOfWork, request: Any) -> tuple[int, int]:
    start = unit.now.replace(microsecond=0)
    if request.HasField("start_time"):
        start = mapping.instant(request.start_time, field="start_time")
    end = start + _LOOK_AHEAD
    if request.HasField("end_time"):
        end = mapping.instant(request.end_time, field="end_time")
    mapping.span(start, end, field="end_time")
    return seconds(start), seconds(end)


def _key(finding: Finding) -> tuple[Any, ...]:
    return finding.kind, finding.start, finding.end, finding.employee, finding.other


def _load_messages(seen: _Seen, names: Sequence[str]) -> list[pb.DutyLoad]:
    by_name = {one.name: one for one in seen.rosters}
    return [
        pb.DutyLoad(
            roster=name,
            employee=f"employees/{load.employee}",
            total_duration=Duration(seconds=load.seconds),
            special_duration=Duration(seconds=load.special),
        )
        for name in names
        for load in seen.loads(by_name[name])
    ]


class _Words:
    """Findings as the contract's messages, with their sentences."""

    def __init__(self, unit: UnitOfWork, rosters: Sequence[Compiled]) -> None:
        self._names = {number: one.name for number, one in directory.staff(unit).employees.items()}
        self._rosters: Mapping[str, Compiled] = {one.name: one for one in rosters}

    def messages(self, findings: Iterable[Finding], new: Collection[Finding] = ()) -> list[pb.DutyFinding]:
        return [self._message(one, is_new=one in new) for one in findings]

    def _message(self, finding: Finding, *, is_new: bool) -> pb.DutyFinding:
        said = self._rosters[finding.roster].said
        roster = said.at(finding.start) or said.at(finding.end - 1) or pb.Roster(title=finding.roster)
        clock = wall_clock(roster.time_zone or mapping.ZONE)
        name = self._names.get(finding.employee) or finding.employee
        german, english = (
            wording.text(finding, language, clock=clock, title=roster.title, name=name) for language in ("de", "en")
        )
        return pb.DutyFinding(
            roster=finding.roster,
            kind=pb.DutyFindingKind.ValueType(finding.kind),
            start_time=Timestamp(seconds=finding.start),
            end_time=Timestamp(seconds=finding.end),
            employee=f"employees/{finding.employee}" if finding.employee else "",
            other=finding.other,
            actual_duration=Duration(seconds=finding.seconds) if finding.usual else None,
            usual_duration=Duration(seconds=finding.usual) if finding.usual else None,
            is_new=is_new,
            german_text=german,
            english_text=english,
        )
