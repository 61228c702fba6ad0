"""`esclient calls …` (Servicecalls)."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal

import typer
from esoffice.es.v1 import servicecalls_pb2 as pb

from esclient.calls import OPEN, Calls
from esclient.cli import calls_shown as shown
from esclient.cli.exits import WrongUsage
from esclient.cli.options import options_of
from esclient.cli.output import Output, plain, show_data
from esclient.session import Session

app = typer.Typer(help="Servicecalls: what is due when, and what was done (Servicecalls).", no_args_is_help=True)

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The call's number.")]
Said = Annotated[str, typer.Argument(metavar="[TEXT]", help="What was said with it.", show_default=False)]
At = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"],
        help="When it happened, in this machine's time zone; default: now.",
    ),
]
OfState = Annotated[str, typer.Option("--state", help="Number of a state of the site's own.")]


@app.command("list")
def list_(
    context: typer.Context,
    only_open: Annotated[bool, typer.Option("--open", help="Only those below Solved.")] = False,
    by_due: Annotated[bool, typer.Option("--by-due", help="Open ones, the most urgent first.")] = False,
    customer: Annotated[str, typer.Option(help="Number of the address (Kunde).")] = "",
    system: Annotated[str, typer.Option(help="Number of the system (Anlage).")] = "",
    employee: Annotated[str, typer.Option(help="Personnel number of who is in charge.")] = "",
    team: Annotated[str, typer.Option(help="Team in charge.")] = "",
    title: Annotated[str, typer.Option(help="Part of the title (Matchcode).")] = "",
    published: Annotated[bool, typer.Option("--published", help="Only what the customer may see.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
) -> None:
    """List calls, the newest first."""
    conditions = pb.ListServicecallsRequest(
        address=named("addresses", customer),
        system=named("systems", system),
        responsible_employee=named("employees", employee),
        responsible_team=named("teams", team),
        title_contains=title,
        by_due_time=by_due,
        published_only=published,
        meanings=OPEN if only_open else (),
    )
    options = options_of(context)
    found = options.run(lambda session: Calls(session).find(conditions, limit=limit))
    if options.output is Output.JSON:
        show_data([plain(one) for one in found])
    else:
        shown.show_list(found)


@app.command()
def show(context: typer.Context, number: Number) -> None:
    """Show a call: what is known of it, its due times, and what happened."""
    options = options_of(context)

    async def read(session: Session) -> tuple[pb.Servicecall, list[pb.ServicecallEvent]]:
        calls = Calls(session)
        return await calls.get(number_of(number)), await calls.events(number_of(number))

    call, events = options.run(read)
    if options.output is Output.JSON:
        show_data({"servicecall": plain(call), "events": [plain(one) for one in events]})
    else:
        shown.show_call(call, events)


@app.command()
def explain(
    context: typer.Context,
    number: Number,
    language: Annotated[Literal["de", "en"], typer.Option(help="Language of the text.")] = "de",
) -> None:
    """Explain each due time: hours counted, pauses, holidays, the rule that chose the level."""
    options = options_of(context)
    answer = options.run(lambda session: Calls(session).explain(number_of(number)))
    if options.output is Output.JSON:
        show_data(plain(answer))
    else:
        shown.show_explanations(answer, language)


@app.command()
def create(
    context: typer.Context,
    title: Annotated[str, typer.Argument(help="Title (Matchcode), at most 80 characters.")],
    customer: Annotated[str, typer.Option(help="Number of the address; filled from system or contract.")] = "",
    system: Annotated[str, typer.Option(help="Number of the system (Anlage); filled from the contract.")] = "",
    component: Annotated[str, typer.Option(help="Component of the system (Komponente).")] = "",
    contract: Annotated[str, typer.Option(help="Number of the contract (Vertrag).")] = "",
    category: Annotated[str, typer.Option(help="Problem category; default: the site's.")] = "",
    employee: Annotated[str, typer.Option(help="Personnel number of who is in charge.")] = "",
    team: Annotated[str, typer.Option(help="Team in charge.")] = "",
    description: Annotated[str, typer.Option(help="What was reported.")] = "",
    received: At = None,
    published: Annotated[bool, typer.Option("--published", help="The customer sees it on the web.")] = False,
    draft: Annotated[bool, typer.Option("--draft", help="No clock runs before its state changes.")] = False,
) -> None:
    """Make a call (Anlegen)."""
    if component and not system:
        raise WrongUsage("--component: say of which --system.")
    call = pb.Servicecall(
        title=title,
        address=named("addresses", customer),
        system=named("systems", system),
        component=named(f"systems/{system.rpartition('/')[2]}/components", component),
        contract=named("contracts", contract),
        problem_category=named("problemCategories", category),
        responsible_employee=named("employees", employee),
        responsible_team=named("teams", team),
        description=description,
        published=published,
    )
    if received is not None:
        call.receive_time.FromDatetime(received.astimezone())
    _change(context, lambda calls: calls.create(call, draft=draft))


@app.command()
def accept(context: typer.Context, number: Number, text: Said = "", at: At = None) -> None:
    """Accept a call (Annahme): the arrival clock starts."""
    _change(context, lambda calls: calls.accept(number_of(number), text, _aware(at)))


@app.command()
def react(context: typer.Context, number: Number, text: Said = "", at: At = None) -> None:
    """Record the first reaction (Reaktion)."""
    _change(context, lambda calls: calls.react(number_of(number), text, _aware(at)))


@app.command()
def arrive(context: typer.Context, number: Number, text: Said = "", at: At = None) -> None:
    """Record the technician's arrival (Eintreffen)."""
    _change(context, lambda calls: calls.arrive(number_of(number), text, _aware(at)))


@app.command()
def start(context: typer.Context, number: Number, text: Said = "", at: At = None, state: OfState = "") -> None:
    """Start work, or go on with it (Gestartet)."""
    _change(context, lambda calls: calls.start(number_of(number), text, _aware(at), _state(state)))


@app.command()
def interrupt(context: typer.Context, number: Number, text: Said = "", at: At = None, state: OfState = "") -> None:
    """Interrupt work (Unterbrochen): the clocks stand still."""
    _change(context, lambda calls: calls.interrupt(number_of(number), text, _aware(at), _state(state)))


@app.command()
def level(
    context: typer.Context,
    number: Number,
    service_level: Annotated[str, typer.Argument(metavar="LEVEL", help="Number of the service level.")],
    text: Said = "",
    at: At = None,
) -> None:
    """Give a call another service level (Servicelevel); its due times follow."""
    wanted = named("serviceLevels", service_level)
    _change(context, lambda calls: calls.level(number_of(number), wanted, text, _aware(at)))


@app.command()
def solve(context: typer.Context, number: Number, text: Said = "", at: At = None, state: OfState = "") -> None:
    """Solve a call (Gelöst)."""
    _change(context, lambda calls: calls.solve(number_of(number), text, _aware(at), _state(state)))


@app.command()
def close(context: typer.Context, number: Number, text: Said = "", at: At = None, state: OfState = "") -> None:
    """Close a solved call (Erledigt)."""
    _change(context, lambda calls: calls.close(number_of(number), text, _aware(at), _state(state)))


@app.command()
def reopen(context: typer.Context, number: Number, text: Said = "", at: At = None) -> None:
    """Set a solved or done call to unsolved (Reklamation)."""
    _change(context, lambda calls: calls.reopen(number_of(number), text, _aware(at)))


@app.command()
def addendum(
    context: typer.Context,
    number: Number,
    text: Annotated[str, typer.Argument(help="The note, at most 4,000 characters.")],
    at: At = None,
) -> None:
    """Add a note to a solved or done call (Nachtrag)."""
    _change(context, lambda calls: calls.addendum(number_of(number), text, _aware(at)))


def _change(context: typer.Context, do: Callable[[Calls], Awaitable[pb.Servicecall]]) -> None:
    options = options_of(context)
    call = options.run(lambda session: do(Calls(session)))
    if options.output is Output.JSON:
        show_data(plain(call))
    else:
        shown.show_outcome(call)


def number_of(given: str) -> int:
    """Return the number in `4711` or `servicecalls/4711`."""
    digits = given.removeprefix("servicecalls/")
    if not (digits.isascii() and digits.isdigit()):
        raise WrongUsage(f"{given}: is no number of a call.")
    return int(digits)


def named(collection: str, given: str) -> str:
    """Return a resource name; `addresses/1001` and `1001` are both understood."""
    return given if not given or given.startswith(f"{collection}/") else f"{collection}/{given}"


def _state(given: str) -> str:
    return named("servicecallStates", given)


def _aware(at: datetime | None) -> datetime | None:
    return at.astimezone() if at is not None else None
