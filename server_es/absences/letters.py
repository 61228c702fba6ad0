"""What is said about a request to those who decide on it, who asked, and who are informed, in German."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from esoffice.es.v1 import absences_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from server_es.absences.cases import Case
from server_es.absences.office import Office
from server_es.absences.quantities import days_of
from server_es.absences.rules import Verdict
from server_es.absences.surroundings import span_of
from server_es.directory.names import EMPLOYEE

SUBJECT_AT_MOST: Final = 200
TEXT_AT_MOST: Final = 4000


def subject(said: str, case: Case, office: Office) -> str:
    """Return a subject such as `Antrag: Urlaub 02.03.2026, Eva Muster`."""
    return f"{said}: {case.kind.title} {case.span}, {_called(office, case.row.employee)}"[:SUBJECT_AT_MOST]


def to_decide(
    case: Case, office: Office, around: pb.AbsenceSurroundings, zone: ZoneInfo, *, left: float | None, changed: str
) -> str:
    """Return what an approver should know.

    Args:
        case: the request.
        office: for names.
        around: what falls into its span.
        zone: in which times are told.
        left: days of leave left after it; None when it takes none.
        changed: what was changed, empty for a new request.
    """
    lines = [f"Geändert: {changed}"] if changed else []
    rest = "" if left is None else f", danach {number(left)} Tage Resturlaub {case.span.year}"
    lines.append(f"{number(days_of(case.row.half_days))} Arbeitstage{rest}")
    if case.row.reason:
        lines.append(f"Grund: {case.row.reason}")
    groups = ", ".join(one.title for one in case.decisions if one.approval_group in case.open_groups)
    lines.append(f"Zu genehmigen von: {groups}")
    return "\n".join([*lines, *_around(office, around, zone)])[:TEXT_AT_MOST]


def _around(office: Office, around: pb.AbsenceSurroundings, zone: ZoneInfo) -> Iterator[str]:
    for shift in around.shifts:
        yield f"Bereitschaft: {shift.roster}, {_times(shift.start_time, shift.end_time, zone)}"
    for one in around.appointments:
        yield f"Termin: {one.title}, {_times(one.start_time, one.end_time, zone)}"
    for call in around.due_calls:
        told = call.servicecall.partition("/")[2]
        yield f"Fällig: Servicecall {told} {call.title}, {_time(call.due_time, zone)}"
    for other in around.colleagues:
        who = _called(office, EMPLOYEE.parse(other.employee)[0])
        yield f"Auch abwesend: {who}, {span_of(other)}{'' if other.approved else ' (beantragt)'}"
    for period in around.stress_periods:
        first, last = (date.fromisoformat(day) for day in (period.start_date, period.end_date))
        yield f"Sperrzeit: {period.title}, {first:%d.%m.%Y} bis {last:%d.%m.%Y}"


def decided(case: Case, office: Office, comment: str) -> str:
    """Return what the groups have said so far, for the applicant."""
    return "\n".join([*_comment(comment), *(_decision(one, office) for one in case.decisions)])


def _comment(comment: str) -> list[str]:
    return [comment] if comment else []


def _decision(row: Any, office: Office) -> str:
    if row.verdict == Verdict.OPEN:
        return f"{row.title}: noch offen"
    said = "genehmigt" if row.verdict == Verdict.APPROVED else "abgelehnt"
    instead = f" in Vertretung von {_called(office, row.stands_in_for)}" if row.stands_in_for else ""
    return f"{row.title}: {said} von {office.called(row.decided_by)}{instead}"


def number(days: float) -> str:
    """Return days as people write them in German: 12,5."""
    return f"{days:g}".replace(".", ",")


def _called(office: Office, employee: str) -> str:
    return office.called(EMPLOYEE.build(employee))


def _times(start: Timestamp, end: Timestamp, zone: ZoneInfo) -> str:
    return f"{_time(start, zone)} bis {_time(end, zone)}"


def _time(moment: Timestamp, zone: ZoneInfo) -> str:
    at: datetime = moment.ToDatetime(tzinfo=UTC)
    return f"{at.astimezone(zone):%d.%m.%Y %H:%M}"
