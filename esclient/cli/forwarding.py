"""`esclient calls forward`, `calls forwardings` (Weiterleitung)."""

from typing import Annotated

import typer

from esclient.cli.calls import Number, Said, named, number_of
from esclient.cli.options import options_of
from esclient.cli.output import Output, local_time, plain, short, show_data, show_line, show_table
from esclient.forwarding import Forwardings


def forward(
    context: typer.Context,
    number: Number,
    text: Said = "",
    team: Annotated[str, typer.Option(help="Team that takes over.")] = "",
    employee: Annotated[str, typer.Option(help="Personnel number of who takes over; a member of --team.")] = "",
    carry_text: Annotated[
        bool, typer.Option("--carry-text", help="Take the text of the current forwarding along.")
    ] = False,
) -> None:
    """Forward a call to a team, an employee, or both (Weiterleiten); they are told."""
    options = options_of(context)
    made = options.run(
        lambda session: Forwardings(session).forward(
            number_of(number), text, team=named("teams", team), employee=named("employees", employee),
            carry_text=carry_text,
        )
    )  # fmt: skip
    if options.output is Output.JSON:
        show_data(plain(made))
    else:
        targets = " and ".join(one for one in (made.team, made.employee) if one)
        show_line(f"servicecalls/{number_of(number)}: forwarded to {targets}")


def forwardings(context: typer.Context, number: Number) -> None:
    """List a call's forwardings, the current one first."""
    options = options_of(context)
    found = options.run(lambda session: Forwardings(session).of_call(number_of(number)))
    if options.output is Output.JSON:
        show_data([plain(one) for one in found])
    else:
        rows = [
            (short(one.name), local_time(one.create_time), one.actor, short(one.team), short(one.employee), one.text)
            for one in found
        ]
        show_table(("NO.", "WHEN", "BY", "TEAM", "EMPLOYEE", "TEXT"), rows)
