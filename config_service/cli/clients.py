"""`esconfig clients …`: who is connected, and the update that closes all clients (Clientadministration)."""

import sys
from datetime import datetime
from typing import Annotated

import grpc
import typer
from esoffice.es.v1 import clients_pb2 as pb
from esoffice.es.v1.clients_pb2_grpc import ClientServiceStub

from config_service.cli import options
from config_service.cli.exits import Failure
from config_service.cli.options import Limit, Yes, session_of
from config_service.cli.output import show_list, show_one
from config_service.cli.plain import enum_word, local_time, short

app = typer.Typer(help="Connected clients and their update (Clientadministration).", no_args_is_help=True)
update_app = typer.Typer(help="The update that closes all clients (Update).", no_args_is_help=True)
app.add_typer(update_app, name="update")


def _gone(one: pb.Client) -> str:
    return enum_word("ClientEndReason", pb.ClientEndReason.Name(one.end_reason)) if one.end_reason else ""


def _answer(one: pb.Client) -> str:
    return enum_word("ClientUpdateAnswer", pb.ClientUpdateAnswer.Name(one.update_answer)) if one.update_answer else ""


_COLUMNS = {
    "ID": lambda one: short(one.name),
    "EMPLOYEE": lambda one: short(one.employee),
    "USER": lambda one: one.user,
    "MACHINE": lambda one: one.machine,
    "VERSION": lambda one: one.version,
    "ADDRESS": lambda one: one.address,
    "SINCE": lambda one: local_time(one.connect_time),
    "LAST HEARD": lambda one: local_time(one.last_heard_time),
    "UPDATE": _answer,
    "GONE": lambda one: local_time(one.end_time) if one.HasField("end_time") else "",
    "WHY": lambda one: f"{_gone(one)} {one.end_text}".strip(),
}
_UPDATE = {
    "state": lambda one: enum_word("ClientUpdateState", pb.ClientUpdateState.Name(one.state)) if one.state else "none",
    "text": lambda one: one.text,
    "by": lambda one: short(one.starter),
    "since": lambda one: local_time(one.start_time) if one.HasField("start_time") else "",
    "announced": lambda one: local_time(one.announced_time) if one.HasField("announced_time") else "",
    "ended": lambda one: local_time(one.finish_time) if one.HasField("finish_time") else "",
}
Id = Annotated[str, typer.Argument(help="Id of the client, as `list` shows it.")]


@app.command("list")
def list_(
    context: typer.Context,
    *,
    limit: Limit = 200,
    closed: Annotated[bool, typer.Option(help="Those that are gone, with the reason.")] = False,
    employee: Annotated[str, typer.Option(help="Of this employee (Personalnummer).")] = "",
) -> None:
    """List clients, those connected last first."""
    session = session_of(context)
    named = options.name_of("employees", employee) if employee else ""

    def page(channel: grpc.aio.Channel, size: int, token: str) -> object:
        request = pb.ListClientsRequest(page_size=size, page_token=token, closed=closed, employee=named)
        return ClientServiceStub(channel).ListClients(request)

    show_list(session.output, options.pages(session, page, "clients", limit), _COLUMNS)  # type: ignore[arg-type]


@app.command()
def kick(context: typer.Context, client: Id, text: Annotated[str, typer.Option(help="Why, for the employee.")]) -> None:
    """Close one client and tell it why (Client beenden)."""
    session = session_of(context)
    request = pb.KickClientRequest(name=options.name_of("clients", client), text=text)
    gone = session.ask(lambda channel: ClientServiceStub(channel).KickClient(request))
    show_one(session.output, gone, {name.lower(): cell for name, cell in _COLUMNS.items()})


@app.command()
def notify(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="What it is about, in one line.")],
    text: Annotated[str, typer.Option(help="The message itself.")] = "",
    client: Annotated[list[str] | None, typer.Option(help="Only to this client, repeatable; default: all.")] = None,
) -> None:
    """Send a popup to who is connected (Nachricht an alle)."""
    session = session_of(context)
    names = [options.name_of("clients", one) for one in client or ()]
    request = pb.NotifyClientsRequest(clients=names, subject=subject, text=text, request_id=options.request_id())
    told = session.ask(lambda channel: ClientServiceStub(channel).NotifyClients(request))
    show_one(session.output, told, {"employees told": lambda one: str(one.recipient_count)})


@update_app.command()
def show(context: typer.Context) -> None:
    """Show the update that is initiated, or the last one."""
    session = session_of(context)
    show_one(session.output, session.ask(_update), _UPDATE)


@update_app.command()
def start(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="What the popup says.")],
    at: Annotated[
        datetime | None, typer.Option(help="When the clients will be closed, local time; only shown in the popup.")
    ] = None,
) -> None:
    """Ask everybody to close the client, and let nobody new in (Update starten)."""
    session = session_of(context)
    request = pb.StartClientUpdateRequest(text=text)
    if at is not None:
        request.announced_time.FromDatetime(at.astimezone())
    show_one(
        session.output, session.ask(lambda channel: ClientServiceStub(channel).StartClientUpdate(request)), _UPDATE
    )


@update_app.command("end-clients")
def end_clients(context: typer.Context, *, yes: Yes = False) -> None:
    """Close every client that is still connected (Clients beenden)."""
    session = session_of(context)
    update = session.ask(_update)
    still = session.ask(lambda channel: ClientServiceStub(channel).ListClients(pb.ListClientsRequest(page_size=1000)))
    if not yes:
        sys.stdout.write(f"{len(still.clients)} clients are connected; what is not saved there is lost.\n")
        if not typer.confirm("Close them?"):
            raise Failure("Nothing was closed.")
    request = pb.EndClientsRequest(etag=update.etag or "none")
    ended = session.ask(lambda channel: ClientServiceStub(channel).EndClients(request))
    show_one(session.output, ended, {"clients closed": lambda one: str(one.ended_count)})


@update_app.command()
def finish(
    context: typer.Context, *, cancel: Annotated[bool, typer.Option(help="It is called off (abbrechen).")] = False
) -> None:
    """End the update: who wants may connect again (Update beenden)."""
    session = session_of(context)
    request = pb.FinishClientUpdateRequest(cancel=cancel)
    done = session.ask(lambda channel: ClientServiceStub(channel).FinishClientUpdate(request))
    show_one(session.output, done, _UPDATE)


async def _update(channel: grpc.aio.Channel) -> pb.ClientUpdate:
    return await ClientServiceStub(channel).GetClientUpdate(pb.GetClientUpdateRequest())
