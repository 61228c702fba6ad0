"""`esconfig absences …`: what absence requests are decided by, in one file (Abwesenheits-/Urlaubsantrag)."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import grpc
import typer
from esoffice.es.v1 import absences_pb2 as pb
from esoffice.es.v1.absences_pb2_grpc import AbsenceServiceStub
from google.protobuf import json_format
from google.protobuf.message import Message

from config_service.cli import options
from config_service.cli.exits import Exit, WrongUsage
from config_service.cli.options import session_of
from config_service.cli.output import Output, plain, show_data, show_list, show_table
from config_service.cli.plain import short
from config_service.cli.session import Session

app = typer.Typer(
    help="Kinds, approval groups, stress periods, leave and working times (Abwesenheits-/Urlaubsantrag).",
    no_args_is_help=True,
)

_ALL: Final = 100_000
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything, change nothing.")]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the file: entries of one kind, `name` of one and of several, as in the contract."""

    one: str
    several: str
    message: type[Message]

    @property
    def key(self) -> str:
        """The part's name in the file."""
        return self.several

    @property
    def field(self) -> str:
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in self.one).strip("_")

    def request(self, verb: str, entry: Message, **fields: Any) -> Message:
        made: Message = getattr(pb, f"{verb}{self.one}Request")(**{self.field: entry}, **fields)
        return made


_KINDS: Final = _Part("AbsenceKind", "absence_kinds", pb.AbsenceKind)
_PARTS: Final = (
    _KINDS,
    _Part("ApprovalGroup", "approval_groups", pb.ApprovalGroup),
    _Part("StressPeriod", "stress_periods", pb.StressPeriod),
    _Part("LeaveEntitlement", "leave_entitlements", pb.LeaveEntitlement),
)
_TIMES: Final = _Part("WorkingTime", "working_times", pb.WorkingTime)


@app.command()
def export(context: typer.Context) -> None:
    """Print all of it as YAML, or as JSON with `--output json`, in the form that `apply` takes."""
    session = session_of(context)
    found = {part.key: [_said(one) for one in _there(session, part)] for part in (*_PARTS, _TIMES)}
    show_data(Output.YAML if session.output is Output.TABLE else session.output, found)


@app.command()
def apply(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="YAML or JSON; `-` is standard input.")],
    *,
    dry_run: DryRun = False,
) -> None:
    """Make or change what a file names; what it does not name stays as it is.

    The file has the parts absence_kinds, approval_groups, stress_periods, leave_entitlements and working_times; the
    entries are those of the contract esoffice/es/v1/absences.proto. `export` shows how they look.
    """
    session = session_of(context)
    rows: list[tuple[str, str, str]] = []
    for part, entries in _read(file):
        there = {_name(one): one for one in _there(session, part)} if entries else {}
        rows += [(_name(one), *_applied(session, part, one, there.get(_name(one)), dry_run=dry_run)) for one in entries]
    show_table(("NAME", "OUTCOME", ""), rows)
    if any(outcome == "refused" for _, outcome, _ in rows):
        raise typer.Exit(Exit.FAILED)


@app.command("carry-over")
def carry_over(
    context: typer.Context,
    year: Annotated[int, typer.Argument(help="The year that ends.")],
    *,
    until: Annotated[str, typer.Option(help="Last day on which the carried days can be taken; default: none.")] = "",
    most: Annotated[float, typer.Option(help="At most so many days for each; default: all.")] = 0,
    dry_run: DryRun = False,
) -> None:
    """Take the leave that is left at the end of a year over into the next one (Resturlaub übertragen)."""
    session = session_of(context)
    request = pb.CarryLeaveOverRequest(year=year, carried_until_date=until, most_days=most, validate_only=dry_run)
    done = session.ask(lambda channel: AbsenceServiceStub(channel).CarryLeaveOver(request))
    columns = {
        "EMPLOYEE": lambda one: one.name.split("/")[1],
        "YEAR": lambda one: short(one.name),
        "DAYS": lambda one: f"{one.days:g}",
        "CARRIED": lambda one: f"{one.carried_days:g}",
        "UNTIL": lambda one: one.carried_until_date,
    }
    show_list(session.output, done.leave_entitlements, columns)


def _there(session: Session, part: _Part) -> list[Any]:
    plural = f"{part.one}s"

    def page(channel: grpc.aio.Channel, size: int, token: str) -> Any:
        request = getattr(pb, f"List{plural}Request")(page_size=size, page_token=token)
        return getattr(AbsenceServiceStub(channel), f"List{plural}")(request)

    return options.pages(session, page, part.several, _ALL)


def _applied(session: Session, part: _Part, entry: Any, old: Any, *, dry_run: bool) -> tuple[str, str]:
    """Make or change one entry; return what became of it, and why not."""
    if old is not None and _said(old) == _said(entry):
        return "unchanged", ""
    if part is _TIMES:
        method, request = "SetWorkingTime", part.request("Set", entry)
        if dry_run:
            return "would be set", ""
    elif old is None:
        method, request = f"Create{part.one}", part.request("Create", entry, validate_only=dry_run)
    else:
        entry.etag = old.etag
        method, request = f"Update{part.one}", part.request("Update", entry, validate_only=dry_run)
    try:
        session.ask(lambda channel: getattr(AbsenceServiceStub(channel), method)(request))
    except grpc.aio.AioRpcError as error:
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED):
            raise
        return "refused", error.details() or error.code().name
    return f"{'would be ' if dry_run else ''}{'made' if old is None else 'changed'}", ""


def _read(file: str) -> Iterator[tuple[_Part, list[Any]]]:
    import yaml

    text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as wrong:
        raise WrongUsage(f"{file}: is neither YAML nor JSON.") from wrong
    parts = {part.key: part for part in (*_PARTS, _TIMES)}
    if not isinstance(content, dict) or content.keys() - parts.keys():
        raise WrongUsage(f"{file}: its parts are {', '.join(parts)}; `esconfig absences export` shows how they look.")
    for key, part in parts.items():
        yield part, [_entry(file, part, one) for one in content.get(key) or ()]


def _entry(file: str, part: _Part, content: Any) -> Message:
    try:
        return json_format.ParseDict(content, part.message())
    except json_format.ParseError as wrong:
        raise WrongUsage(f"{file}: {part.key}: {wrong}") from wrong


def _said(message: Any) -> dict[str, Any]:
    """Return an entry as a file holds it: without its etag."""
    return {name: value for name, value in plain(message).items() if name != "etag"}


def _name(message: Any) -> str:
    name: str = message.employee if isinstance(message, pb.WorkingTime) else message.name
    return name
