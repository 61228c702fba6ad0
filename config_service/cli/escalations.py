"""`esconfig escalations …`: text modules, events of states and of escalations, points, windows, in one file."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import grpc
import typer
from esoffice.es.v1 import escalations_pb2, status_events_pb2, text_modules_pb2
from esoffice.es.v1.escalations_pb2_grpc import EscalationServiceStub
from esoffice.es.v1.status_events_pb2_grpc import StatusEventServiceStub
from esoffice.es.v1.text_modules_pb2_grpc import TextModuleServiceStub
from google.protobuf import json_format
from google.protobuf.message import Message

from config_service.cli import options
from config_service.cli.exits import Exit, WrongUsage
from config_service.cli.options import session_of
from config_service.cli.output import Output, plain, show_data, show_table
from config_service.cli.session import Session

app = typer.Typer(
    help="Text modules, status events, escalation events and points, maintenance windows (Eskalationen).",
    no_args_is_help=True,
)

_ALL: Final = 100_000


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the file: entries of one kind, in the order in which one refers to another."""

    one: str
    contract: Any
    stub: Any

    @property
    def field(self) -> str:
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in self.one).strip("_")

    @property
    def key(self) -> str:
        """The part's name in the file."""
        return f"{self.field}s"

    def ask(self, session: Session, verb: str, **fields: Any) -> Any:
        """Call a method of the part with a request of these fields."""
        method = f"{verb}{self.one}"
        request = getattr(self.contract, f"{method}Request")(**fields)
        return session.ask(lambda channel: getattr(self.stub(channel), method)(request))


_PARTS: Final = (
    _Part("TextModule", text_modules_pb2, TextModuleServiceStub),
    _Part("StatusEvent", status_events_pb2, StatusEventServiceStub),
    _Part("EscalationEvent", escalations_pb2, EscalationServiceStub),
    _Part("EscalationPoint", escalations_pb2, EscalationServiceStub),
    _Part("MaintenanceWindow", escalations_pb2, EscalationServiceStub),
)


@app.command()
def export(context: typer.Context) -> None:
    """Print all of it as YAML, or as JSON with `--output json`, in the form that `apply` takes."""
    session = session_of(context)
    found = {part.key: [_said(one) for one in _there(session, part)] for part in _PARTS}
    show_data(Output.YAML if session.output is Output.TABLE else session.output, found)


@app.command()
def apply(
    context: typer.Context, file: Annotated[str, typer.Argument(help="YAML or JSON; `-` is standard input.")]
) -> None:
    """Make or change what a file names; what it does not name stays as it is.

    The file has the parts text_modules, status_events, escalation_events, escalation_points and maintenance_windows;
    the entries are those of the contracts text_modules.proto, status_events.proto and escalations.proto in
    esoffice/es/v1. `export` shows how they look.
    """
    session = session_of(context)
    rows: list[tuple[str, str, str]] = []
    for part, entries in _read(file):
        there = {one.name: one for one in _there(session, part)} if entries else {}
        rows += [(one.name, *_applied(session, part, one, there.get(one.name))) for one in entries]
    show_table(("NAME", "OUTCOME", ""), rows)
    if any(outcome == "refused" for _, outcome, _ in rows):
        raise typer.Exit(Exit.FAILED)


def _there(session: Session, part: _Part) -> list[Any]:
    def page(channel: grpc.aio.Channel, size: int, token: str) -> Any:
        request = getattr(part.contract, f"List{part.one}sRequest")(page_size=size, page_token=token)
        return getattr(part.stub(channel), f"List{part.one}s")(request)

    return options.pages(session, page, part.key, _ALL)


def _applied(session: Session, part: _Part, entry: Any, old: Any) -> tuple[str, str]:
    """Make or change one entry; return what became of it, and why not."""
    try:
        if old is None:
            part.ask(session, "Create", **{part.field: entry})
            return "made", ""
        entry.etag = old.etag
        changed = part.ask(session, "Update", **{part.field: entry}, validate_only=True)
        if _said(changed) == _said(old):
            return "unchanged", ""
        part.ask(session, "Update", **{part.field: entry})
    except grpc.aio.AioRpcError as error:
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED):
            raise
        return "refused", error.details() or error.code().name
    return "changed", ""


def _read(file: str) -> Iterator[tuple[_Part, list[Any]]]:
    import yaml

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        content = yaml.safe_load(text)
    except OSError as wrong:
        raise WrongUsage(f"{file} cannot be read: {wrong.strerror}.") from wrong
    except yaml.YAMLError as wrong:
        raise WrongUsage(f"{file}: is neither YAML nor JSON.") from wrong
    parts = {part.key: part for part in _PARTS}
    if not isinstance(content, dict) or content.keys() - parts.keys():
        raise WrongUsage(
            f"{file}: its parts are {', '.join(parts)}; `esconfig escalations export` shows how they look."
        )
    for key, part in parts.items():
        yield part, [_entry(file, part, one) for one in content.get(key) or ()]


def _entry(file: str, part: _Part, content: Any) -> Message:
    try:
        made: Message = json_format.ParseDict(content, getattr(part.contract, part.one)())
    except json_format.ParseError as wrong:
        raise WrongUsage(f"{file}: {part.key}: {wrong}") from wrong
    return made


def _said(message: Any) -> dict[str, Any]:
    """Return an entry as a file holds it: without its etag."""
    return {name: value for name, value in plain(message).items() if name != "etag"}
