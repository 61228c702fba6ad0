"""How servicecalls look in a terminal."""

import sys
from collections.abc import Sequence

from esoffice.es.v1 import service_levels_pb2 as levels_pb
from esoffice.es.v1 import servicecalls_pb2 as pb

from esclient.cli.output import hours, local_time, printable, short, show_facts, show_line, show_table, word


def show_list(calls: Sequence[pb.Servicecall]) -> None:
    """Show calls, a line each."""
    head = ("NO.", "STATE", "LEVEL", "NEXT DUE", "", "CUSTOMER", "IN CHARGE", "TITLE")
    show_table(head, map(_row, calls))


def show_call(call: pb.Servicecall, events: Sequence[pb.ServicecallEvent]) -> None:
    """Show all there is to know of one call."""
    rule = word(levels_pb.LevelRule, call.level_rule, "LEVEL_RULE_")
    show_facts(
        {
            "No.": short(call.name),
            "Title": call.title,
            "State": call.state_title,
            "Customer": short(call.address),
            "System": short(call.system),
            "Component": short(call.component),
            "Contract": short(call.contract),
            "Category": short(call.problem_category),
            "Level": f"{short(call.service_level)}, chosen by {rule} {call.level_rule_source}".rstrip(),
            "Priority": short(call.priority),
            "In charge": _in_charge(call),
            "Received": local_time(call.receive_time),
            "Published": "yes" if call.published else "",
            "From": call.origin,
        }
    )
    for line in call.description.splitlines():
        show_line(f"  {line}")
    sys.stdout.write("\n")
    show_table(("MILESTONE", "DUE", "MET", "LEFT", ""), map(_milestone, call.milestones))
    sys.stdout.write("\n")
    show_table(("", "WHEN", "WHAT", "WHO", "TEXT"), map(_event, events))


def show_explanations(answer: pb.ExplainDueTimesResponse, language: str) -> None:
    """Show the text of each due time, or that no clock runs."""
    if not answer.explanations:
        show_line("No clock has started; nothing is due.")
    for place, one in enumerate(answer.explanations):
        if place:
            sys.stdout.write("\n")
        text = one.explanation.german_text if language == "de" else one.explanation.english_text
        for line in text.splitlines():
            sys.stdout.write(printable(line) + "\n")


def show_outcome(call: pb.Servicecall) -> None:
    """Show in one line what became of a call."""
    due = "; ".join(
        f"{_kind(one)} due {local_time(one.due_time)}{_aside(one)}"
        for one in call.milestones
        if one.HasField("due_time") and not one.HasField("met_time")
    )
    show_line(f"{call.name}: {call.state_title}, level {short(call.service_level)}{'; ' if due else ''}{due}")


def _row(call: pb.Servicecall) -> tuple[str, ...]:
    late = any(one.missed and not one.HasField("met_time") for one in call.milestones)
    return (
        short(call.name),
        call.state_title,
        short(call.service_level),
        local_time(call.next_due_time),
        "paused" if call.clock_stopped else "late" if late else "",
        short(call.address),
        _in_charge(call),
        call.title,
    )


def _milestone(one: pb.Milestone) -> tuple[str, ...]:
    left = hours(one.remaining_working_duration) if one.HasField("remaining_working_duration") else ""
    return _kind(one), local_time(one.due_time), local_time(one.met_time), left, _aside(one).strip(" ()")


def _event(one: pb.ServicecallEvent) -> tuple[str, ...]:
    what = word(pb.ServicecallEventKind, one.kind, "SERVICECALL_EVENT_KIND_")
    to = short(one.state or one.service_level)
    return str(one.sequence), local_time(one.event_time), f"{what} {to}".rstrip(), one.actor, one.text


def _kind(one: pb.Milestone) -> str:
    return word(pb.MilestoneKind, one.kind, "MILESTONE_KIND_")


def _aside(one: pb.Milestone) -> str:
    return " (missed)" if one.missed else " (paused)" if one.paused else ""


def _in_charge(call: pb.Servicecall) -> str:
    return ", ".join(short(one) for one in (call.responsible_employee, call.responsible_team) if one)
