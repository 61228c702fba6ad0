"""`esclient visits ...`: when which technicians go to a customer because of a call (Einsatztermine)."""

from typing import Annotated

import typer
from esoffice.es.v1 import visits_pb2 as pb

from esclient.cli.calls import Number, named, number_of
from esclient.cli.duty import From, Until
from esclient.cli.options import Options, options_of
from esclient.cli.output import Output, local_time, plain, short, show_data, show_line, show_table
from esclient.visits import Visits

app = typer.Typer(name="visits", help="Planned visits of technicians (Einsatztermine).", no_args_is_help=True)

Visit = Annotated[str, typer.Argument(metavar="VISIT", help="The visit's number within the call.")]
Employees = Annotated[list[str], typer.Option("--employee", help="Personnel number of who goes; may be repeated.")]


@app.command("plan")
def plan(
    context: typer.Context,
    number: Number,
    start: From,
    end: Until,
    employees: Employees,
    text: Annotated[str, typer.Option(help="What is to be done there.")] = "",
    location: Annotated[str, typer.Option(help="Place.")] = "",
) -> None:
    """Plan a visit (planen): it stands in the calendars of those who go, and they are told."""
    options = options_of(context)
    going = [named("employees", one) for one in employees]
    made = options.run(
        lambda session: Visits(session).plan(
            number_of(number), start.astimezone(), end.astimezone(), going, text=text, location=location
        )
    )
    _show(options, made, "planned")


@app.command("move")
def move(
    context: typer.Context,
    number: Number,
    visit: Visit,
    start: From,
    end: Until,
    employees: Annotated[
        list[str] | None, typer.Option("--employee", help="Who goes instead; may be repeated. Default: who was to go.")
    ] = None,
) -> None:
    """Move a visit (verschieben), or give it to others."""
    options = options_of(context)
    going = [named("employees", one) for one in employees or ()]
    made = options.run(
        lambda session: Visits(session).move(_named(number, visit), start.astimezone(), end.astimezone(), going)
    )
    _show(options, made, "moved")


@app.command("cancel")
def cancel(context: typer.Context, number: Number, visit: Visit) -> None:
    """Cancel a visit (absagen)."""
    options = options_of(context)
    _show(options, options.run(lambda session: Visits(session).cancel(_named(number, visit))), "cancelled")


@app.command("list")
def list_(context: typer.Context, number: Number) -> None:
    """List a call's visits, cancelled ones too."""
    options = options_of(context)
    found = options.run(lambda session: Visits(session).of_call(number_of(number)))
    if options.output is Output.JSON:
        show_data([plain(one) for one in found])
    else:
        rows = [
            (
                short(one.name),
                local_time(one.start_time),
                local_time(one.end_time),
                ", ".join(short(name) for name in one.employees),
                "cancelled" if one.cancelled else "",
                one.location,
                one.text,
            )
            for one in found
        ]
        show_table(("NO.", "FROM", "UNTIL", "EMPLOYEES", "", "PLACE", "TEXT"), rows)


def _named(number: str, visit: str) -> str:
    return f"servicecalls/{number_of(number)}/visits/{visit}"


def _show(options: Options, made: pb.Visit, what: str) -> None:
    if options.output is Output.JSON:
        show_data(plain(made))
    else:
        going = ", ".join(made.employees)
        show_line(f"{made.name}: {what}, {local_time(made.start_time)} to {local_time(made.end_time)}, {going}")
