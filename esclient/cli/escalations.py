"""`esclient escalations …` (Eskalationen)."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from esoffice.es.v1 import escalations_pb2 as pb

from esclient.cli.exits import WrongUsage
from esclient.cli.options import options_of
from esclient.cli.output import (
    Output,
    local_time,
    plain,
    short,
    show_data,
    show_facts,
    show_line,
    show_table,
    word,
)
from esclient.escalations import Escalations

app = typer.Typer(help="What has escalated, and what will if nobody steps in (Eskalationen).", no_args_is_help=True)

Call = Annotated[str, typer.Argument(metavar="CALL", help="The call's number.")]


@app.command("list")
def list_(
    context: typer.Context,
    call: Annotated[str, typer.Option(help="Only of this call.")] = "",
    only_open: Annotated[bool, typer.Option("--open", help="Only those that nobody has acknowledged.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
) -> None:
    """List what has escalated, the newest first."""
    conditions = pb.ListEscalationsRequest(
        servicecall=f"servicecalls/{_number(call, 'servicecalls')}" if call else "", unacknowledged_only=only_open
    )
    options = options_of(context)
    found = options.run(lambda session: Escalations(session).find(conditions, limit=limit))
    _show(found, options.output)


@app.command()
def show(
    context: typer.Context, number: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")]
) -> None:
    """Show an escalation: what people were told, and what became of every notice."""
    options = options_of(context)
    found = options.run(lambda session: Escalations(session).get(_number(number, "escalations")))
    if options.output is Output.JSON:
        show_data(plain(found))
        return
    show_facts(
        {
            "Call": short(found.servicecall),
            "Point": f"{short(found.point)} {found.point_title}",
            "Due": local_time(found.due_time),
            "Fired": f"{local_time(found.fire_time)} {_aside(found)}".rstrip(),
            "By hand of": found.actor,
            "New state": short(found.new_state),
            "Acknowledged": f"{local_time(found.acknowledge_time)} {found.acknowledger}".strip(),
            "Subject": found.subject,
        }
    )
    for line in found.text.splitlines():
        show_line(f"  {line}")
    rows = ((one.recipient, one.channel, one.state, one.reason) for one in found.deliveries)
    show_table(("TOLD", "BY", "STATE", "WHY"), rows)


@app.command()
def acknowledge(context: typer.Context, call: Call) -> None:
    """Say that you take care of a call (Quittieren): nobody else is called for it any more."""
    options = options_of(context)
    found = options.run(lambda session: Escalations(session).acknowledge(_number(call, "servicecalls")))
    _show(found, options.output)


@app.command()
def now(
    context: typer.Context,
    call: Call,
    point: Annotated[str, typer.Option(help="Number of the point; default: the next one.")] = "",
) -> None:
    """Escalate a call at once (Sofort eskalieren)."""
    options = options_of(context)
    named = f"escalationPoints/{_number(point, 'escalationPoints')}" if point else ""
    found = options.run(lambda session: Escalations(session).now(_number(call, "servicecalls"), named))
    _show([found], options.output)


@app.command()
def simulate(
    context: typer.Context,
    call: Call,
    language: Annotated[Literal["de", "en"], typer.Option(help="Language of the text and the picture.")] = "de",
    svg: Annotated[Path | None, typer.Option(help="Write a picture for the customer into this file.")] = None,
) -> None:
    """Say what happens if nobody touches a call from now on."""
    options = options_of(context)
    number = _number(call, "servicecalls")
    answer = options.run(
        lambda session: Escalations(session).simulate(number, language=language, picture=svg is not None)
    )
    if svg is not None:
        try:
            svg.write_text(answer.svg, encoding="utf-8")
        except OSError as error:
            raise WrongUsage(f"--svg: {svg} cannot be written: {error.strerror}.") from error
    if options.output is Output.JSON:
        show_data(plain(answer))
        return
    for step in answer.steps:
        show_line(step.german_text if language == "de" else step.english_text)
    if reason := answer.german_text if language == "de" else answer.english_text:
        show_line(reason)
    if answer.truncated:
        show_line("…")


def _show(found: list[pb.Escalation], output: Output) -> None:
    if output is Output.JSON:
        show_data([plain(one) for one in found])
        return
    head = ("ID", "CALL", "POINT", "FIRED", "", "OUTCOME", "ACKNOWLEDGED", "SUBJECT")
    show_table(head, map(_row, found))


def _row(one: pb.Escalation) -> tuple[str, ...]:
    return (
        short(one.name),
        short(one.servicecall),
        one.point_title,
        local_time(one.fire_time),
        _aside(one),
        word(pb.EscalationOutcome, one.outcome, "ESCALATION_OUTCOME_"),
        short(one.acknowledger),
        one.subject,
    )


def _aside(one: pb.Escalation) -> str:
    said = [f"round {one.round}"] if one.round else []
    said += [name for name in ("late", "held", "hastened") if getattr(one, name)]
    return ", ".join(said)


def _number(given: str, collection: str) -> int:
    """Return the number in `4711` or `servicecalls/4711`."""
    digits = given.removeprefix(f"{collection}/")
    if not (digits.isascii() and digits.isdigit()):
        raise WrongUsage(f"{given}: is no number of {collection}.")
    return int(digits)
