"""How absences look in a terminal."""

import sys
from collections.abc import Sequence

from esoffice.es.v1 import absences_pb2 as pb

from esclient.cli.output import local_time, short, show_facts, show_line, show_table, word


def show_list(absences: Sequence[pb.Absence]) -> None:
    """Show requests, a line each."""
    head = ("NO.", "STATE", "EMPLOYEE", "KIND", "DAYS", "WHEN", "WAITS FOR")
    show_table(head, map(_row, absences))


def show_absence(absence: pb.Absence, preview: pb.PreviewAbsenceResponse) -> None:
    """Show all there is to know of one request."""
    show_facts(
        {
            "No.": short(absence.name),
            "State": _state(absence),
            "Employee": short(absence.employee),
            "Kind": short(absence.kind),
            "When": when(absence),
            "Days": f"{absence.days:g}",
            "Reason": absence.reason,
            "Ended by": absence.ended_by,
            "Because": absence.ended_reason,
            "Leave left after": f"{preview.remaining_days_after:g}" if preview.HasField("balance") else "",
        }
    )
    sys.stdout.write("\n")
    show_table(("GROUP", "SAID", "WHO", "WHEN", "COMMENT"), map(_decision, absence.decisions))
    _show_surroundings(preview.surroundings)


def show_preview(preview: pb.PreviewAbsenceResponse) -> None:
    """Show what a request would be."""
    show_facts(
        {
            "Days": f"{preview.days:g}",
            "Leave left after": f"{preview.remaining_days_after:g}" if preview.HasField("balance") else "",
            "Has to agree": ", ".join(map(short, preview.approval_groups)),
            "Not counted": ", ".join(f"{one.date} {one.reason}" for one in preview.counted_days if one.reason),
        }
    )
    _show_surroundings(preview.surroundings)
    for problem in preview.problems:
        show_line(f"! {problem}")


def show_outcome(absence: pb.Absence) -> None:
    """Show in one line what became of a request."""
    waits = _waits_for(absence)
    more = f"; waits for {waits}" if waits else ""
    show_line(f"{absence.name}: {_state(absence)}, {absence.days:g} days, {when(absence)}{more}")


def show_balance(balance: pb.LeaveBalance) -> None:
    """Show how a year stands."""
    until = f" until {balance.carried_until_date}" if balance.carried_until_date else ""
    show_facts(
        {
            "Employee": short(balance.employee),
            "Year": str(balance.year),
            "Entitled": f"{balance.entitled_days:g}",
            "Carried over": f"{balance.carried_days:g}{until}" if balance.carried_days else "",
            "Expired": f"{balance.expired_days:g}" if balance.expired_days else "",
            "Approved": f"{balance.approved_days:g}",
            "Requested": f"{balance.requested_days:g}",
            "Left": f"{balance.remaining_days:g}",
            "Left after requests": f"{balance.remaining_days_after_requests:g}",
        }
    )


def show_team(view: pb.TeamView) -> None:
    """Show who is away when, and where several are."""
    show_table(("EMPLOYEE", "", "WHEN", "KIND"), map(_team_row, view.absences))
    for one in view.conflicts:
        left = ", nobody is left" if one.nobody_left else ""
        show_line(f"! {one.date}: {', '.join(map(short, one.employees))}{left}")
    for period in view.stress_periods:
        show_line(f"! {period.start_date} to {period.end_date}: {period.title}")


def show_kinds(kinds: Sequence[pb.AbsenceKind]) -> None:
    """Show kinds, a line each."""
    rows = ((short(one.name), one.title, "yes" if one.takes_leave else "", one.activity_type) for one in kinds)
    show_table(("KIND", "TITLE", "TAKES LEAVE", "ACTIVITY TYPE"), rows)


def when(absence: pb.Absence | pb.TeamAbsence) -> str:
    """Return the span as people write it: `2026-03-02 from noon to 2026-03-04 noon`."""
    if absence.start_date == absence.end_date:
        half = " afternoon" if absence.starts_at_noon else " morning" if absence.ends_at_noon else ""
        return absence.start_date + half
    first = absence.start_date + (" from noon" if absence.starts_at_noon else "")
    return f"{first} to {absence.end_date}" + (" noon" if absence.ends_at_noon else "")


def _show_surroundings(around: pb.AbsenceSurroundings) -> None:
    lines = [f"duty: {one.roster}, {local_time(one.start_time)} to {local_time(one.end_time)}" for one in around.shifts]
    lines += [
        f"appointment: {one.title}, {local_time(one.start_time)} to {local_time(one.end_time)}"
        for one in around.appointments
    ]
    lines += [f"due: {one.servicecall} {one.title}, {local_time(one.due_time)}" for one in around.due_calls]
    lines += [
        f"away too: {short(one.employee)}, {when(one)}{'' if one.approved else ' (requested)'}"
        for one in around.colleagues
    ]
    lines += [f"kept free: {one.title}, {one.start_date} to {one.end_date}" for one in around.stress_periods]
    for line in lines:
        show_line(line)


def _row(absence: pb.Absence) -> tuple[str, ...]:
    return (
        short(absence.name),
        _state(absence),
        short(absence.employee),
        short(absence.kind),
        f"{absence.days:g}",
        when(absence),
        _waits_for(absence),
    )


def _team_row(one: pb.TeamAbsence) -> tuple[str, ...]:
    return short(one.employee), "" if one.approved else "requested", when(one), short(one.kind)


def _decision(one: pb.AbsenceDecision) -> tuple[str, ...]:
    instead = f" for {short(one.stands_in_for)}" if one.stands_in_for else ""
    said = word(pb.AbsenceVerdict, one.verdict, "ABSENCE_VERDICT_")
    return one.title, said, short(one.decided_by) + instead, local_time(one.decide_time), one.comment


def _waits_for(absence: pb.Absence) -> str:
    if absence.state not in (pb.ABSENCE_STATE_CREATED, pb.ABSENCE_STATE_PARTLY_APPROVED):
        return ""
    return ", ".join(one.title for one in absence.decisions if one.verdict == pb.ABSENCE_VERDICT_OPEN)


def _state(absence: pb.Absence) -> str:
    return word(pb.AbsenceState, absence.state, "ABSENCE_STATE_")
