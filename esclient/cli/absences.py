"""`esclient absences …` (Abwesenheits-/Urlaubsantrag)."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated

import typer
from esoffice.es.v1 import absences_pb2 as pb

from esclient.absences import Absences
from esclient.cli import absences_shown as shown
from esclient.cli.exits import WrongUsage
from esclient.cli.options import options_of
from esclient.cli.output import Output, plain, show_data
from esclient.session import Session

app = typer.Typer(help="Absence requests and leave (Abwesenheits-/Urlaubsantrag).", no_args_is_help=True)

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The request's number.")]
First = Annotated[str, typer.Argument(metavar="FIRST", help="First day, such as 2026-08-03.")]
Last = Annotated[str, typer.Argument(metavar="[LAST]", help="Last day, inclusive; default: the first.")]
Comment = Annotated[str, typer.Argument(metavar="[COMMENT]", help="What is said with it.", show_default=False)]
Group = Annotated[str, typer.Option("--group", help="For this approval group only; default: for all of yours.")]
Kind = Annotated[str, typer.Option(help="Kind of absence (Art); `absences kinds` lists them.")]
Employee = Annotated[str, typer.Option(help="Personnel number; default: yourself.")]
FromNoon = Annotated[bool, typer.Option("--from-noon", help="The first day counts from noon only (halber Tag).")]
UntilNoon = Annotated[bool, typer.Option("--until-noon", help="The last day counts until noon only (halber Tag).")]
Confirmed = Annotated[bool, typer.Option("--confirm-stress", help="Although these days are kept free (Sperrzeit).")]


class View(StrEnum):
    """Whose absences are listed."""

    OWN = "own"
    TO_APPROVE = "to-approve"
    FOR_INFORMATION = "for-information"
    ALL = "all"


@app.command("list")
def list_(
    context: typer.Context,
    view: Annotated[View, typer.Option(help="Whose.")] = View.OWN,
    employee: Annotated[str, typer.Option(help="Only of this personnel number.")] = "",
    first: Annotated[str, typer.Option("--from", help="Only what lies on this day or later.")] = "",
    last: Annotated[str, typer.Option("--until", help="Only what lies on this day or earlier.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
) -> None:
    """List requests, the newest first."""
    conditions = pb.ListAbsencesRequest(
        view=pb.AbsenceView.Value(f"ABSENCE_VIEW_{view.name}"),
        employee=_named("employees", employee),
        start_date=first,
        end_date=last,
    )
    options = options_of(context)
    found = options.run(lambda session: Absences(session).find(conditions, limit=limit))
    if options.output is Output.JSON:
        show_data([plain(one) for one in found])
    else:
        shown.show_list(found)


@app.command()
def show(context: typer.Context, number: Number) -> None:
    """Show a request, who has decided, and what falls into its span."""
    options = options_of(context)

    async def read(session: Session) -> tuple[pb.Absence, pb.PreviewAbsenceResponse]:
        absences = Absences(session)
        found = await absences.get(_number(number))
        return found, await absences.preview(found)

    found, preview = options.run(read)
    if options.output is Output.JSON:
        show_data({"absence": plain(found), "preview": plain(preview)})
    else:
        shown.show_absence(found, preview)


@app.command()
def preview(
    context: typer.Context,
    first: First,
    last: Last = "",
    kind: Kind = "vacation",
    employee: Employee = "",
    from_noon: FromNoon = False,
    until_noon: UntilNoon = False,
) -> None:
    """Say what a request would be: days, leave left, what falls into the span, what would be refused."""
    absence = _absence(first, last, kind, employee, from_noon=from_noon, until_noon=until_noon)
    options = options_of(context)
    found = options.run(lambda session: Absences(session).preview(absence))
    if options.output is Output.JSON:
        show_data(plain(found))
    else:
        shown.show_preview(found)


@app.command()
def request(
    context: typer.Context,
    first: First,
    last: Last = "",
    kind: Kind = "vacation",
    employee: Employee = "",
    from_noon: FromNoon = False,
    until_noon: UntilNoon = False,
    reason: Annotated[str, typer.Option(help="Why, for the approvers.")] = "",
    inform: Annotated[list[str] | None, typer.Option(help="Personnel number of who is told how it ends.")] = None,
    confirm_stress: Confirmed = False,
) -> None:
    """Ask for an absence (Antrag stellen)."""
    absence = _absence(first, last, kind, employee, from_noon=from_noon, until_noon=until_noon)
    absence.reason, absence.stress_confirmed = reason, confirm_stress
    absence.informed.extend(_named("employees", one) for one in inform or ())
    _change(context, lambda absences: absences.request(absence))


@app.command()
def approve(
    context: typer.Context, number: Number, comment: Comment = "", group: Group = "", confirm_stress: Confirmed = False
) -> None:
    """Agree to a request (Genehmigen)."""

    async def do(absences: Absences) -> pb.Absence:
        seen = await absences.get(_number(number))
        chosen = _named("approvalGroups", group)
        return await absences.approve(seen, comment, group=chosen, stress_confirmed=confirm_stress)

    _change(context, do)


@app.command()
def reject(context: typer.Context, number: Number, comment: Comment = "", group: Group = "") -> None:
    """Say no to a request (Ablehnen)."""

    async def do(absences: Absences) -> pb.Absence:
        seen = await absences.get(_number(number))
        return await absences.reject(seen, comment, group=_named("approvalGroups", group))

    _change(context, do)


@app.command()
def withdraw(context: typer.Context, number: Number, reason: Comment = "") -> None:
    """Take a request of your own back before it is approved (Zurückziehen)."""
    _change(context, lambda absences: absences.withdraw(_number(number), reason))


@app.command()
def revoke(
    context: typer.Context, number: Number, reason: Annotated[str, typer.Argument(help="Why, for the applicant.")]
) -> None:
    """Take back an absence that is approved; its appointment is removed (Widerrufen)."""
    _change(context, lambda absences: absences.revoke(_number(number), reason))


@app.command()
def balance(
    context: typer.Context,
    employee: Employee = "",
    year: Annotated[int, typer.Option(help="Default: the present one.", show_default=False)] = 0,
) -> None:
    """Show how much leave is left (Resturlaub)."""
    options = options_of(context)
    found = options.run(lambda session: Absences(session).balance(_named("employees", employee), year))
    if options.output is Output.JSON:
        show_data(plain(found))
    else:
        shown.show_balance(found)


@app.command()
def team(
    context: typer.Context,
    team: Annotated[str, typer.Argument(help="The team's id.")],
    first: Annotated[str, typer.Argument(metavar="FIRST", help="First day.")],
    last: Annotated[str, typer.Argument(metavar="LAST", help="Last day, inclusive.")],
) -> None:
    """Show who of a team is away when, and on which days several are (Teamansicht)."""
    options = options_of(context)
    found = options.run(lambda session: Absences(session).team(_named("teams", team), first, last))
    if options.output is Output.JSON:
        show_data(plain(found))
    else:
        shown.show_team(found)


@app.command()
def kinds(context: typer.Context) -> None:
    """List the kinds of absence there are (Arten)."""
    options = options_of(context)
    found = options.run(lambda session: Absences(session).kinds())
    if options.output is Output.JSON:
        show_data([plain(one) for one in found])
    else:
        shown.show_kinds(found)


def _change(context: typer.Context, do: Callable[[Absences], Awaitable[pb.Absence]]) -> None:
    options = options_of(context)
    absence = options.run(lambda session: do(Absences(session)))
    if options.output is Output.JSON:
        show_data(plain(absence))
    else:
        shown.show_outcome(absence)


def _absence(first: str, last: str, kind: str, employee: str, *, from_noon: bool, until_noon: bool) -> pb.Absence:
    return pb.Absence(
        employee=_named("employees", employee),
        kind=_named("absenceKinds", kind),
        start_date=first,
        end_date=last or first,
        starts_at_noon=from_noon,
        ends_at_noon=until_noon,
    )


def _number(given: str) -> int:
    """Return the number in `17` or `absences/17`."""
    digits = given.removeprefix("absences/")
    if not (digits.isascii() and digits.isdigit()):
        raise WrongUsage(f"{given}: is no number of a request.")
    return int(digits)


def _named(collection: str, given: str) -> str:
    """Return a resource name; `employees/17` and `17` are both understood."""
    return given if not given or given.startswith(f"{collection}/") else f"{collection}/{given}"
