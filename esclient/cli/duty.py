"""`esclient duty …` (Bereitschaften)."""

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml
from esoffice.es.v1 import duty_pb2 as pb
from google.protobuf import json_format

from esclient.cli import duty_shown as shown
from esclient.cli.exits import WrongUsage
from esclient.cli.options import options_of
from esclient.cli.output import Output, plain, show_data, show_line
from esclient.duty import Duty, instant
from esclient.session import Session
from mesh.clock import SystemClock

app = typer.Typer(help="On-call duty: who is on duty, shifts, swaps (Bereitschaften).", no_args_is_help=True)

_FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"]
Roster = Annotated[str, typer.Argument(metavar="ROSTER", help="Id of the roster (Bereitschaftsplan).")]
OfRoster = Annotated[str, typer.Option("--roster", help="Only of this roster.")]
Offer = Annotated[str, typer.Argument(metavar="OFFER", help="Number of the offer; `duty swaps` lists them.")]
From = Annotated[datetime, typer.Argument(metavar="FROM", formats=_FORMATS, help="In this machine's time zone.")]
Until = Annotated[datetime, typer.Argument(metavar="UNTIL", formats=_FORMATS, help="Exclusive.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE…", exists=True, dir_okay=False, help="YAML or JSON.")]


@app.command()
def now(
    context: typer.Context,
    roster: Annotated[str, typer.Argument(metavar="[ROSTER]", help="Id; default: all.", show_default=False)] = "",
    system: Annotated[str, typer.Option(help="Only who is fit for this system (Anlage).")] = "",
    at: Annotated[datetime | None, typer.Option(formats=_FORMATS, help="When; default: now.")] = None,
) -> None:
    """Say who is on duty, who stands behind, and who is next."""
    options = options_of(context)

    async def ask(session: Session) -> list[tuple[pb.Roster, pb.WhoIsOnDutyResponse]]:
        duty = Duty(session)
        asked = [pb.Roster(name=_roster(roster))] if roster else await duty.rosters()
        return [(one, await duty.who(one.name, at=at, system=_named("systems", system))) for one in asked]

    found = options.run(ask)
    if options.output is Output.JSON:
        show_data({one.name: plain(answer) for one, answer in found})
    else:
        shown.show_now(found)


@app.command()
def shifts(
    context: typer.Context,
    roster: OfRoster = "",
    employee: Annotated[str, typer.Option(help="Personnel number; default: yourself.")] = "",
    everybody: Annotated[bool, typer.Option("--all", help="Of everybody.")] = False,
    start: Annotated[datetime | None, typer.Option("--from", formats=_FORMATS, help="Default: now.")] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days.")] = 28,
) -> None:
    """List shifts (Dienste), your own unless you say otherwise."""
    options = options_of(context)
    begin = (start or SystemClock().now()).astimezone()
    conditions = pb.ListShiftsRequest(
        roster=_roster(roster),
        employee=_named("employees", employee),
        own=not (employee or everybody),
        start_time=instant(begin),
        end_time=instant(begin + timedelta(days=days)),
    )
    found = options.run(lambda session: Duty(session).shifts(conditions))
    if options.output is Output.JSON:
        show_data([plain(one) for one in found])
    else:
        shown.show_shifts(found)


@app.command()
def swaps(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also those that cannot be taken any more.")] = False,
) -> None:
    """List shifts that colleagues offer (Dienstabgabe)."""
    options = options_of(context)
    found = options.run(lambda session: Duty(session).swaps(open_only=not everything))
    if options.output is Output.JSON:
        show_data([plain(one) for one in found])
    else:
        shown.show_swaps(found)


@app.command()
def offer(
    context: typer.Context,
    roster: Roster,
    start: From,
    end: Until,
    reason: Annotated[str, typer.Option(help="Why, for the colleagues.")] = "",
    to: Annotated[str, typer.Option(help="Personnel number of the only one who may take it.")] = "",
    employee: Annotated[str, typer.Option(help="Whose shift it is; default: yours.")] = "",
) -> None:
    """Offer a shift of yours, or a part of it, to your colleagues."""
    swap = pb.DutySwap(
        roster=_roster(roster),
        start_time=instant(start),
        end_time=instant(end),
        reason=reason,
        asked=_named("employees", to),
        employee=_named("employees", employee),
    )
    options = options_of(context)
    made = options.run(lambda session: Duty(session).offer(swap))
    _show(options.output, made, lambda: shown.show_swap(made))


@app.command()
def take(
    context: typer.Context,
    number: Offer,
    check: Annotated[bool, typer.Option("--check", help="Only say what would be wrong.")] = False,
) -> None:
    """Take a shift that a colleague offers."""
    options = options_of(context)
    answer = options.run(lambda session: Duty(session).take(_swap(number), only_check=check))

    def show() -> None:
        shown.show_swap(answer.swap)
        shown.show_findings(answer.findings)

    _show(options.output, answer, show)


@app.command()
def withdraw(context: typer.Context, number: Offer) -> None:
    """Take an offer of yours back."""
    options = options_of(context)
    swap = options.run(lambda session: Duty(session).withdraw(_swap(number)))
    _show(options.output, swap, lambda: shown.show_swap(swap))


@app.command()
def cover(
    context: typer.Context,
    roster: Roster,
    employee: Annotated[str, typer.Argument(metavar="EMPLOYEE", help="Personnel number of who comes on duty.")],
    end: Until,
    instead_of: Annotated[str, typer.Option("--for", help="Whose place he takes; default: he comes on top.")] = "",
    start: Annotated[datetime | None, typer.Option("--from", formats=_FORMATS, help="Default: from now on.")] = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Put somebody on duty for a time (Vertretung)."""
    override = pb.DutyOverride(
        roster=_roster(roster),
        change=pb.DUTY_CHANGE_REPLACE if instead_of else pb.DUTY_CHANGE_ADD,
        employee=_named("employees", employee),
        replaced=_named("employees", instead_of),
        start_time=instant(start),
        end_time=instant(end),
        reason=reason,
    )
    options = options_of(context)
    made = options.run(lambda session: Duty(session).cover(override))
    _show(options.output, made, lambda: shown.show_override(made))


@app.command()
def report(
    context: typer.Context,
    roster: OfRoster = "",
    language: Annotated[Literal["de", "en"], typer.Option(help="Language of the sentences.")] = "en",
) -> None:
    """Say what is wrong in the next twelve weeks, and who bears what."""
    options = options_of(context)
    found = options.run(lambda session: Duty(session).report(_roster(roster)))

    def show() -> None:
        shown.show_findings(found.findings, language)
        shown.show_loads(found.loads)

    _show(options.output, found, show)


@app.command("import")
def import_(
    context: typer.Context,
    files: Files,
    check: Annotated[bool, typer.Option("--check", help="Only say what would be wrong, save nothing.")] = False,
) -> None:
    """Save rosters from files: the contract's roster, or a list of them. One that says the same stays as it is."""
    rosters = [one for file in files for one in _read(file)]
    options = options_of(context)

    async def save(session: Session) -> list[tuple[pb.Roster, pb.PreviewRosterResponse]]:
        duty = Duty(session)
        found = []
        for one in rosters:
            seen = await duty.preview(one)
            found.append((one if check else await duty.save(one), seen))
        return found

    for saved, seen in options.run(save):
        show_line(f"{saved.name}: {'checked' if check else f'version {saved.version}'}")
        shown.show_findings(seen.findings)


@app.command()
def export(
    context: typer.Context,
    first: Annotated[str, typer.Argument(metavar="FIRST", help="First day, such as 2026-03-01.")],
    last: Annotated[str, typer.Argument(metavar="LAST", help="Last day, inclusive.")],
    roster: OfRoster = "",
    file: Annotated[Path | None, typer.Option(help="Where to; default: standard output.")] = None,
) -> None:
    """Write the hours of standby by weekday, night and holiday as CSV (Bereitschaftsstunden)."""
    options = options_of(context)
    answer = options.run(lambda session: Duty(session).export(first, last, _roster(roster)))
    if file is not None:
        file.write_bytes(answer.csv)
    elif options.output is Output.JSON:
        show_data([plain(one) for one in answer.hours])
    else:
        sys.stdout.write(answer.csv.decode("utf-8-sig").replace("\r\n", "\n"))


@app.command()
def feed(
    context: typer.Context,
    roster: OfRoster = "",
    employee: Annotated[str, typer.Option(help="Personnel number whose shifts it shows.")] = "",
    revoke: Annotated[str, typer.Option(help="Number of a feed that nobody shall read any more.")] = "",
) -> None:
    """Make an iCalendar feed for calendar programs, or revoke one.

    The path with its token is shown this once; it is one at the address of the web documents (DMZ).
    """
    options = options_of(context)
    wanted = pb.DutyFeed(roster=_roster(roster), employee=_named("employees", employee))

    async def do(session: Session) -> pb.DutyFeed:
        duty = Duty(session)
        return await (duty.revoke(_named("dutyFeeds", revoke)) if revoke else duty.feed(wanted))

    made = options.run(do)
    _show(
        options.output,
        made,
        lambda: show_line(f"{made.name}: revoked" if revoke else f"{made.name}: /duty/feed.ics?token={made.token}"),
    )


def _show(output: Output, answer: Any, show: Any) -> None:
    if output is Output.JSON:
        show_data(plain(answer))
    else:
        show()


def _read(file: Path) -> Iterator[pb.Roster]:
    """Read rosters from a file.

    Raises:
        WrongUsage: it holds none.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        for one in content if isinstance(content, list) else [content]:
            yield json_format.ParseDict(one, pb.Roster())
    except (yaml.YAMLError, json_format.ParseError, AttributeError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{file}: is no roster: {error}") from None


def _roster(given: str) -> str:
    return _named("rosters", given)


def _swap(given: str) -> str:
    return _named("dutySwaps", given)


def _named(collection: str, given: str) -> str:
    """Return a resource name; `employees/17` and `17` are both understood."""
    return given if not given or given.startswith(f"{collection}/") else f"{collection}/{given}"
