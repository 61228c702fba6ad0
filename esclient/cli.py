"""`esclient`: popups and messages in a terminal; shows the author of a client how it is done."""

import asyncio
import getpass
import os
import platform
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import grpc
import typer
from esoffice.es.v1 import messages_pb2 as pb
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from esclient.bookmark import Bookmark
from esclient.inbox import Inbox, New, Read, Shown, Waiting
from esclient.session import Session
from esclient.sign_in import password_sign_in
from mesh.channel import connect
from mesh.clock import SystemClock

app = typer.Typer(no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
console = Console()

_MACHINE = platform.node() or "unknown"
_COLOURS = {pb.MESSAGE_PRIORITY_HIGH: "red", pb.MESSAGE_PRIORITY_NORMAL: "blue", pb.MESSAGE_PRIORITY_LOW: "dim"}


class _Site:
    """Where to sign in, and as whom; said once, before the command."""

    server = ""
    user = ""
    ca: Path | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.ca.read_bytes() if self.ca else None)

    def session(self) -> Session:
        password = os.environ.get("ESCLIENT_PASSWORD") or getpass.getpass(f"Password of {self.user}: ")
        credentials = self.credentials()
        sign_in = password_sign_in(connect(self.server, credentials), self.user, password)
        return Session(self.server, credentials, sign_in, SystemClock())


site = _Site()


@app.callback()
def choose_site(
    server: Annotated[str, typer.Option(envvar="ESCLIENT_SERVER", help="host:port of the mesh")] = "localhost:12164",
    user: Annotated[str, typer.Option(envvar="ESCLIENT_USER", help="user name")] = getpass.getuser(),
    ca: Annotated[Path | None, typer.Option(envvar="ESCLIENT_CA", help="the site's CA certificate (PEM)")] = None,
) -> None:
    """Say where to sign in. The password comes from ESCLIENT_PASSWORD or is asked for."""
    site.server, site.user, site.ca = server, user, ca


@app.command()
def popups() -> None:
    """Show what comes in, live (Popups). Ends with Ctrl-C; the next start goes on where this one ended."""

    async def follow(inbox: Inbox) -> None:
        async for thing in inbox.follow():
            show(thing)

    run(follow)


@app.command()
def inbox(*, everything: Annotated[bool, typer.Option("--all", help="read ones too")] = False, limit: int = 20) -> None:
    """List the newest messages (esMessages)."""

    async def listed(inbox: Inbox) -> None:
        table = Table("", "No.", "From", "Subject", "About", "Sent")
        for one in await inbox.newest(unread_only=not everything, limit=limit):
            sent = one.created_time.ToDatetime().isoformat(" ", "minutes")
            mark = "" if one.HasField("read_time") else "●"
            table.add_row(mark, str(one.sequence), *map(Text, (one.sender, one.subject, one.about)), sent)
        console.print(table)

    run(listed)


@app.command()
def read(
    names: Annotated[list[str] | None, typer.Argument(help="messages/… as shown by popups")] = None,
    through: Annotated[int, typer.Option(help="every message up to this number")] = 0,
) -> None:
    """Mark messages as read, on every machine."""

    async def mark(inbox: Inbox) -> None:
        answer = await inbox.mark_read(*(names or ()), through_sequence=through)
        console.print(f"{answer.read_count} marked as read, {answer.unread_count} still unread")

    run(mark)


def show(thing: Shown) -> None:
    """Print one thing the inbox gives."""
    match thing:
        case New(messages):
            for one in messages:
                show_message(one)
        case Waiting(count, newest):
            console.print(f"[bold]{count} new[/bold], the newest of them:")
            for one in newest:
                show_message(one)
        case Read(sequences):
            console.print(f"[dim]read: {', '.join(map(str, sorted(sequences)))}[/dim]")


def show_message(one: pb.Message) -> None:
    body = "\n".join(part for part in (one.text, one.about) if part)
    title, below = Text(one.subject), Text(f"{one.sender} · {one.name}")  # Text: what people write is no markup
    panel = Panel(Text(body), title=title, subtitle=below, title_align="left")
    panel.border_style = _COLOURS[one.priority]
    console.print(panel)


def run(command: Callable[[Inbox], Awaitable[None]]) -> None:
    """Sign in, do it, and say in one sentence why it did not work."""

    async def signed_in() -> None:
        session = site.session()
        try:
            bookmark = Bookmark(
                Path(typer.get_app_dir("esclient")) / f"{site.server}-{site.user}.json".replace(":", "-")
            )
            await command(Inbox(session, bookmark, machine=_MACHINE, version=version("esoffice-mesh")))
        finally:
            await session.close()

    try:
        asyncio.run(signed_in())
    except grpc.aio.AioRpcError as error:
        console.print(f"[red]{error.details()}[/red]")
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        pass


def main() -> None:
    """Run the command line."""
    app()
