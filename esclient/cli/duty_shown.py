"""How on-call duty looks in a terminal."""

from collections.abc import Iterable, Sequence

from esoffice.es.v1 import duty_pb2 as pb

from esclient.cli.output import hours, local_time, short, show_line, show_table, word


def show_now(answers: Sequence[tuple[pb.Roster, pb.WhoIsOnDutyResponse]]) -> None:
    """Show who is on duty in each roster, who stands behind, and who is next."""
    show_table(("ROSTER", "ON DUTY", "BEHIND", "UNTIL", "NEXT"), (_now(*one) for one in answers))


def show_shifts(shifts: Sequence[pb.Shift]) -> None:
    """Show shifts, a line each; `…` where they reach beyond what was asked."""
    show_table(("ROSTER", "EMPLOYEE", "FROM", "UNTIL", "WHY"), map(_shift, shifts))


def show_swaps(swaps: Sequence[pb.DutySwap]) -> None:
    """Show shifts that are offered."""
    show_table(("NO.", "STATE", "ROSTER", "EMPLOYEE", "FROM", "UNTIL", "ASKED", "REASON"), map(_swap, swaps))


def show_swap(swap: pb.DutySwap) -> None:
    """Show in one line what became of an offer."""
    state = word(pb.DutySwapState, swap.state, "DUTY_SWAP_STATE_")
    by = f" by {short(swap.taken_by)}" if swap.taken_by else ""
    times = f"{local_time(swap.start_time)} to {local_time(swap.end_time)}"
    show_line(f"{swap.name}: {state}{by}, {short(swap.roster)}, {times}")


def show_findings(findings: Iterable[pb.DutyFinding], language: str = "en") -> None:
    """Show what is wrong, a sentence each."""
    for one in findings:
        new = "new: " if one.is_new else ""
        show_line(f"! {new}{one.german_text if language == 'de' else one.english_text}")


def show_loads(loads: Sequence[pb.DutyLoad]) -> None:
    """Show who bears what."""
    head = ("ROSTER", "EMPLOYEE", "HOURS", "WEEKENDS AND HOLIDAYS")
    rows = (
        (short(one.roster), short(one.employee), hours(one.total_duration), hours(one.special_duration))
        for one in loads
    )
    show_table(head, rows)


def show_override(override: pb.DutyOverride) -> None:
    """Show in one line who is on duty for whom."""
    instead = f" instead of {short(override.replaced)}" if override.replaced else ""
    who = short(override.employee) or "nobody"
    times = f"{local_time(override.start_time)} to {local_time(override.end_time)}"
    show_line(f"{override.name}: {short(override.roster)}, {who}{instead}, {times}")


def _now(roster: pb.Roster, answer: pb.WhoIsOnDutyResponse) -> tuple[str, ...]:
    return (
        short(roster.name),
        _people(answer.on_duty) or "nobody",
        _people(answer.behind),
        local_time(answer.next_change_time),
        _people(answer.next),
    )


def _people(found: Iterable[pb.OnDuty]) -> str:
    return ", ".join(short(one.employee) + ("" if one.qualified else " (not fit for it)") for one in found)


def _shift(one: pb.Shift) -> tuple[str, ...]:
    why = word(pb.DutyOrigin, one.origin, "DUTY_ORIGIN_")
    return (
        short(one.roster),
        short(one.employee),
        ("… " if one.begins_before else "") + local_time(one.start_time),
        local_time(one.end_time) + (" …" if one.ends_after else ""),
        f"{why} {one.title}".rstrip(),
    )


def _swap(one: pb.DutySwap) -> tuple[str, ...]:
    return (
        short(one.name),
        word(pb.DutySwapState, one.state, "DUTY_SWAP_STATE_"),
        short(one.roster),
        short(one.employee),
        local_time(one.start_time),
        local_time(one.end_time),
        short(one.asked),
        one.reason,
    )
