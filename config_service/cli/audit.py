"""`esconfig audit …` (Protokoll der Änderungen)."""

from datetime import datetime
from typing import Annotated

import grpc
import typer
from esoffice.config.v1 import audit_pb2 as pb
from esoffice.config.v1.audit_pb2_grpc import AuditServiceStub

from config_service.cli import options
from config_service.cli.options import Limit, session_of
from config_service.cli.output import show_list
from config_service.cli.plain import local_time

app = typer.Typer(help="Who changed what, who was refused (Protokoll der Änderungen).", no_args_is_help=True)
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}
_COLUMNS = {
    "TIME": lambda entry: local_time(entry.event_time),
    "CALLER": lambda entry: entry.caller or entry.caller_kind,
    "METHOD": lambda entry: entry.method.rpartition(".")[2],
    "TARGET": lambda entry: entry.target,
    "FROM": lambda entry: entry.address,
    "OUTCOME": lambda entry: _CODES.get(entry.code, str(entry.code)),
    "MESSAGE": lambda entry: entry.message,
}
When = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], help="In this machine's time zone."),
]


@app.command("list")
def list_(
    context: typer.Context,
    limit: Limit = 50,
    caller: Annotated[str, typer.Option(help="User or service.")] = "",
    service: Annotated[str, typer.Option(help="Service in which it happened.")] = "",
    method: Annotated[str, typer.Option(help="Method, or its beginning: /esoffice.config.v1.SettingsService/")] = "",
    target: Annotated[str, typer.Option(help="Resource, such as users/anna.")] = "",
    since: When = None,
    until: When = None,
    refused: Annotated[bool, typer.Option("--refused", help="Only what was refused.")] = False,
) -> None:
    """List entries, the newest first."""
    session = session_of(context)
    request = pb.ListAuditEntriesRequest(
        caller=caller, service=service, method=method, target=target, refused_only=refused
    )
    if since is not None:
        request.start_time.FromDatetime(since.astimezone())
    if until is not None:
        request.end_time.FromDatetime(until.astimezone())

    def page(channel: grpc.aio.Channel, size: int, token: str) -> object:
        request.page_size, request.page_token = size, token
        return AuditServiceStub(channel).ListAuditEntries(request)

    show_list(session.output, options.pages(session, page, "entries", limit), _COLUMNS)  # type: ignore[arg-type]
