"""`esconfig directory`: takes customers, systems, contracts and employees over from files, and hands them out."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TextIO

import grpc
import typer
from esoffice.es.v1.directory_pb2_grpc import DirectoryServiceStub
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config_service.cli import directory_import
from config_service.cli.directory_files import Line, Rejected, UnreadableFile, read
from config_service.cli.session import Session

Connect = Callable[[str], grpc.aio.Channel]
"""Opens a channel to a service by its name; the frame of `esconfig` leaves one in the context's `obj`."""

REFUSED, FAILED = 1, 2

app = typer.Typer(
    no_args_is_help=True, help="Customers, systems, contracts, employees (Adressen, Anlagen, Verträge, …)."
)


@app.command("import")
def import_(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Files that end in .csv; all others are JSON Lines.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, change nothing.")] = False,
    encoding: Annotated[str, typer.Option(help="Encoding of the files.")] = "utf-8-sig",
) -> None:
    """Make or replace records from files; what is refused is named with line, field and reason.

    Records are recognised by their number, so an import that was interrupted is simply started again. All files of one
    import are taken together, in the order of what refers to what.

    A line of JSON Lines names its kind in "type": address, contact_person, system, component, contract, employee,
    team, significance; its other fields are those of the contract esoffice/es/v1/directory.proto, as `directory
    export` writes them. In a CSV file the first column is called after the kind and holds the number or id:

        address;kind;matchcode;names;mail_addresses;postal_address.city

    Several values stand between bars (a@b.de|c@d.de); what refers to another record holds its number. Contact persons
    need the column address, components the column system.

    Exit code: 0 all taken, 1 some refused, 2 nothing could be read or the server did not answer.
    """
    rejected, lines = _read_all(files, encoding)
    run = asyncio.run(_import(_connect(context), lines, dry_run=dry_run))
    rejected += run.rejected
    for one in sorted(rejected, key=lambda each: (each.file, each.number)):
        where = f"{one.field}: " if one.field else ""
        typer.echo(f"{one.file}:{one.number}: {where}{one.reason}")
    counts = {outcome: run.outcomes[outcome] for outcome in ("created", "updated", "unchanged")}
    refused = len({(one.file, one.number) for one in rejected})
    told = ", ".join(f"{count} {outcome}" for outcome, count in {**counts, "refused": refused}.items())
    typer.echo(f"{'Checked only: ' if dry_run else ''}{told}.")
    if refused:
        raise typer.Exit(REFUSED)


@app.command("export")
def export(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; otherwise the terminal.")
    ] = None,
) -> None:
    """Write every record as JSON Lines, in the form and order that `directory import` takes."""
    if output is None:
        asyncio.run(_export(_connect(context), sys.stdout))
        return
    with output.open("w", encoding="utf-8") as text:
        count = asyncio.run(_export(_connect(context), text))
    typer.echo(f"{count} records written to {output}.", err=True)


def _connect(context: typer.Context) -> Connect:
    connect: Connect = context.obj
    if isinstance(connect, Session):
        connect.prepare()  # outside the event loop that will open the channel
    return connect


def _read_all(files: list[Path], encoding: str) -> tuple[list[Rejected], list[Line]]:
    rejected, lines = list[Rejected](), list[Line]()
    try:
        for path in files:
            for one in read(path, encoding=encoding):
                if isinstance(one, Rejected):
                    rejected.append(one)
                else:
                    lines.append(one)
    except (UnreadableFile, LookupError) as error:
        _fail(str(error))
    return rejected, lines


async def _import(connect: Connect, lines: list[Line], *, dry_run: bool) -> directory_import.Report:
    columns = (TextColumn("[progress.description]{task.description}"), BarColumn(), MofNCompleteColumn())
    async with connect("server_es") as channel:
        run = directory_import.Import(DirectoryServiceStub(channel), dry_run=dry_run)
        with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("checking" if dry_run else "importing", total=len(lines))
            try:
                await run.run(lines, lambda count: progress.advance(task, count))
            except grpc.aio.AioRpcError as error:
                saved = sum(run.report.outcomes.values())
                progress.stop()
                _fail(f"{error.details()} ({error.code().name}); {saved} records are through, start the import again")
    return run.report


async def _export(connect: Connect, text: TextIO) -> int:
    count = 0
    async with connect("server_es") as channel:
        try:
            async for line in directory_import.export(DirectoryServiceStub(channel)):
                text.write(json.dumps(line, ensure_ascii=False) + "\n")
                count += 1
        except grpc.aio.AioRpcError as error:
            _fail(f"{error.details()} ({error.code().name})")
    return count


def _fail(sentence: str) -> None:
    typer.echo(f"Error: {sentence}.", err=True)
    raise typer.Exit(FAILED)
