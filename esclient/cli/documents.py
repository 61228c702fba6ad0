"""`esclient documents …` (externe Dokumente, DMS)."""

import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from esoffice.business.v1 import documents_pb2 as pb
from rich import filesize
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bar

from esclient.cli.exits import WrongUsage
from esclient.cli.options import options_of
from esclient.cli.output import Output, local_time, plain, short, show_data, show_facts, show_line, show_table, word
from esclient.documents import Documents, Progress
from esclient.session import Session

app = typer.Typer(help="Documents and their versions: find, send, fetch, check out and in (DMS).", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="DOCUMENT", min=1, help="The document's number.")]
File = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The file.")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="What was changed.")]
Resume = Annotated[str, typer.Option(help="Goes on with an upload that was broken off: uploads/ID.")]


@app.command("list")
def list_(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(help="Words that must all occur; beginnings count.")] = None,
    case: Annotated[str, typer.Option(help="Only those of a business case, such as servicecalls/4711.")] = "",
    kind: Annotated[str, typer.Option(help="Only of this kind.")] = "",
    mine: Annotated[bool, typer.Option("--mine", help="Only those you have checked out.")] = False,
    damaged: Annotated[bool, typer.Option("--damaged", help="Only those with damaged bytes.")] = False,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those in the bin.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
) -> None:
    """List documents, the newest first."""
    options = options_of(context)
    conditions = pb.SearchDocumentsRequest(
        query=" ".join(words or ()), business_case=case, kind=kind, damaged_only=damaged, deleted=deleted,
        checked_out_by=f"users/{options.user}" if mine else "",
    )  # fmt: skip
    found = options.run(lambda session: Documents(session).find(conditions, limit=limit))
    if options.output is Output.JSON:
        show_data([plain(one) for one in found])
        return
    rows = [
        (
            short(one.name), short(one.latest.name), one.title, one.latest.file_name, _size(one.latest.size_bytes),
            local_time(one.latest.create_time), short(one.check_out.owner),
        )
        for one in found
    ]  # fmt: skip
    show_table(("NO.", "VERSION", "TITLE", "FILE", "SIZE", "WRITTEN", "CHECKED OUT BY"), rows)


@app.command()
def search(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(help="Words that must all occur; beginnings count.")],
) -> None:
    """Find documents by words in title, name, comment, labels and text."""
    list_(context, words)


@app.command()
def show(context: typer.Context, number: Number) -> None:
    """Show a document with its versions."""
    options = options_of(context)
    found = options.run(lambda session: Documents(session).get(number))
    versions = options.run(lambda session: Documents(session).versions(number))
    if options.output is Output.JSON:
        show_data({"document": plain(found), "versions": [plain(one) for one in versions]})
        return
    out = found.check_out
    show_facts(
        {
            "Title": found.title,
            "Folder": short(found.folder),
            "Kind": found.kind,
            "Labels": ", ".join(f"{name}: {value}" for name, value in sorted(found.labels.items())),
            "Released": short(found.released),
            "Checked out": f"by {out.owner} on {out.machine} until {local_time(out.expire_time)}" if out.owner else "",
            "In the bin": local_time(found.delete_time),
            "Kept until": local_time(found.retain_time),
            "Holds": ", ".join(f"{one.id} ({one.reason})" for one in found.holds),
            "Same bytes": ", ".join(found.duplicates),
        }
    )
    rows = [
        (
            short(one.name), one.file_name, _size(one.size_bytes), short(one.author), local_time(one.create_time),
            word(pb.DocumentVersionState, one.state, "DOCUMENT_VERSION_STATE_"), one.health_detail, one.comment,
        )
        for one in versions
    ]  # fmt: skip
    show_table(("VERSION", "FILE", "SIZE", "AUTHOR", "WRITTEN", "STATE", "DAMAGE", "COMMENT"), rows)


@app.command()
def upload(
    context: typer.Context,
    file: File,
    title: Annotated[str, typer.Option(help="What people call it; default: the file's name.")] = "",
    kind: Annotated[str, typer.Option(help="What kind of document it is, such as invoice.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="A fact to find it by: name=value; several times.")] = None,
    case: Annotated[
        list[str] | None, typer.Option(help="Business case it belongs to, such as servicecalls/4711.")
    ] = None,
    comment: Comment = "",
    resume: Resume = "",
) -> None:
    """Make a document of a file."""
    labels = dict(one.split("=", 1) for one in label or () if "=" in one)
    if len(labels) < len(label or ()):
        raise WrongUsage("--label: write it as name=value.")
    document = pb.Document(title=title or file.name, kind=kind, labels=labels)
    places = [pb.DocumentPlace(business_case=one) for one in case or ()]
    options = options_of(context)
    with _progress(file.name) as progress:

        async def sent(session: Session) -> pb.Document:
            documents = Documents(session)
            content = await documents.content(file, comment=comment, resume=resume, progress=progress)
            return await documents.create(document, content, places)

        made = options.run(sent)
    _said(options.output, made, "made")


@app.command()
def download(
    context: typer.Context,
    number: Number,
    version: Annotated[int, typer.Option(min=0, help="Which version; default: the newest.")] = 0,
    to: Annotated[Path | None, typer.Option(help="File or folder; default: its own name, here.")] = None,
) -> None:
    """Fetch a version. What an earlier try has left is gone on with."""
    options = options_of(context)
    found = options.run(lambda session: Documents(session).get(number))
    name = f"{found.name}/versions/{version}" if version else found.latest.name
    target = to or Path(found.latest.file_name)
    target = target / found.latest.file_name if target.is_dir() else target
    with _progress(target.name) as progress:
        options.run(lambda session: Documents(session).download(name, target, progress=progress))
    if options.output is Output.JSON:
        show_data({"version": name, "file": str(target)})
    else:
        show_line(f"{name}: {target}")


@app.command("check-out")
def check_out(
    context: typer.Context,
    number: Number,
    to: Annotated[Path | None, typer.Option(help="Fetches the newest version into this file or folder, too.")] = None,
    machine: Annotated[str, typer.Option(help="Name of this machine.")] = platform.node() or "unknown",
) -> None:
    """Take a document out (Auschecken): nobody else can write a version meanwhile."""
    options = options_of(context)
    taken = options.run(lambda session: Documents(session).check_out(number, machine))
    if to is not None:
        download(context, number, 0, to)
    _said(options.output, taken, f"checked out until {local_time(taken.check_out.expire_time)}")


@app.command("check-in")
def check_in(context: typer.Context, number: Number, file: File, comment: Comment = "", resume: Resume = "") -> None:
    """Write the next version and give the document back (Einchecken)."""
    options = options_of(context)
    with _progress(file.name) as progress:

        async def sent(session: Session) -> pb.Document:
            documents = Documents(session)
            content = await documents.content(file, comment=comment, resume=resume, progress=progress)
            return await documents.check_in(number, content)

        made = options.run(sent)
    _said(options.output, made, f"version {short(made.latest.name)} checked in")


@app.command()
def undo(context: typer.Context, number: Number) -> None:
    """Give a document back unchanged."""
    options = options_of(context)
    _said(options.output, options.run(lambda session: Documents(session).undo(number)), "given back")


def _said(output: Output, document: pb.Document, what: str) -> None:
    if output is Output.JSON:
        show_data(plain(document))
        return
    show_line(f"{document.name}: {what}")
    if document.duplicates:
        show_line(f"the same bytes: {', '.join(document.duplicates)}")


@contextmanager
def _progress(name: str) -> Iterator[Progress]:
    """Show how far it is, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _size(count: int) -> str:
    return filesize.decimal(count)
