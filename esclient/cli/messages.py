"""`esclient popups`, `inbox`, `read` (esMessages, Popups)."""

import asyncio
import contextlib
import platform
import sys
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import grpc
import typer
from esoffice.es.v1 import clients_pb2
from esoffice.es.v1 import messages_pb2 as pb
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from esclient.bookmark import Bookmark
from esclient.cli.options import Options, options_of
from esclient.cli.output import Output, local_time, plain, printable, show_data, show_line, show_table
from esclient.connection import Connection, Ended, Told, UpdateOver, UpdateStarted
from esclient.inbox import Inbox, New, Read, Shown, Waiting
from esclient.session import Session

_COLOURS = {pb.MESSAGE_PRIORITY_HIGH: "red", pb.MESSAGE_PRIORITY_NORMAL: "blue", pb.MESSAGE_PRIORITY_LOW: "dim"}


def popups(
    context: typer.Context,
    *,
    override: Annotated[
        bool, typer.Option(help="Connect although an update is initiated; for administrators.")
    ] = False,
) -> None:
    """Show what comes in, live (Popups). Ends with Ctrl-C; the next start goes on where this one ended.

    Meanwhile this client is connected: administrators see it and may close it (Clientadministration).
    """
    options = options_of(context)
    show = _show_as_data if options.output is Output.JSON else _show

    async def follow(session: Session) -> None:
        async for thing in _inbox(options, session).follow():
            show(thing)
            sys.stdout.flush()

    async def stay(session: Session) -> None:
        connection = Connection(session, machine=_machine(), version=version("esoffice-mesh"), override=override)
        try:
            async for told in connection.follow():
                show_line(_sentence(told))
                sys.stdout.flush()
        finally:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await connection.close()

    async def both(session: Session) -> None:
        tasks = [asyncio.create_task(stay(session)), asyncio.create_task(follow(session))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in done:
            task.result()

    with contextlib.suppress(KeyboardInterrupt):
        options.run(both)


def inbox(
    context: typer.Context,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Read ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
) -> None:
    """List the newest messages (esMessages)."""
    options = options_of(context)
    found = options.run(lambda session: _inbox(options, session).newest(unread_only=not everything, limit=limit))
    if options.output is Output.JSON:
        show_data([plain(one) for one in found])
        return
    head = ("", "NO.", "SENT", "FROM", "SUBJECT", "ABOUT")
    show_table(head, (_row(one) for one in found))


def read(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="messages/… as shown by popups.")] = None,
    through: Annotated[int, typer.Option(help="Every message up to this number.")] = 0,
) -> None:
    """Mark messages as read, on every machine."""
    options = options_of(context)
    answer = options.run(lambda session: _inbox(options, session).mark_read(*(names or ()), through_sequence=through))
    if options.output is Output.JSON:
        show_data(plain(answer))
    else:
        show_line(f"{answer.read_count} marked as read, {answer.unread_count} still unread")


Name = Annotated[str, typer.Argument(help="messages/… as shown by popups.")]


def reply(context: typer.Context, name: Name, text: Annotated[str, typer.Argument(help="The answer.")]) -> None:
    """Answer a message (Antworten)."""
    options = options_of(context)
    options.run(lambda session: _inbox(options, session).reply(name, text))
    show_line("sent")


def snooze(
    context: typer.Context,
    name: Name,
    until: Annotated[datetime, typer.Argument(help="When it comes again, local time: 2026-03-02T08:00.")],
) -> None:
    """Put a message aside until later (Erinnern)."""
    options = options_of(context)
    options.run(lambda session: _inbox(options, session).snooze(name, until=until.astimezone()))
    show_line(f"comes again at {until:%Y-%m-%d %H:%M}")


def act(
    context: typer.Context,
    name: Name,
    action: Annotated[str, typer.Argument(help="What the message offers, such as absences.approve.")],
    text: Annotated[str, typer.Option(help="What you say to it.")] = "",
) -> None:
    """Do what a message offers (Schaltfläche)."""
    options = options_of(context)
    show_line(options.run(lambda session: _inbox(options, session).act(name, action, text)))


def _inbox(options: Options, session: Session) -> Inbox:
    file = f"{options.server}-{options.user}.json".replace(":", "-")
    bookmark = Bookmark(Path(typer.get_app_dir("esclient")) / file)
    return Inbox(session, bookmark, machine=_machine(), version=version("esoffice-mesh"))


def _machine() -> str:
    return platform.node() or "unknown"


def _sentence(told: Told) -> str:
    match told:
        case UpdateStarted(update):
            at = (
                f", clients are closed at {local_time(update.announced_time)}"
                if update.HasField("announced_time")
                else ""
            )
            return f"UPDATE: {update.text}{at}. End with Ctrl-C."
        case UpdateOver():
            return "The update is over."
        case Ended(reason, text):
            word = clients_pb2.ClientEndReason.Name(reason).removeprefix("CLIENT_END_REASON_").lower()
            return f"Closed ({word.replace('_', ' ')}){': ' if text else ''}{text}"


def _row(one: pb.Message) -> tuple[str, ...]:
    mark = "" if one.HasField("read_time") else "●"
    return mark, str(one.sequence), local_time(one.created_time), one.sender, one.subject, one.about


def _show(thing: Shown) -> None:
    match thing:
        case New(messages):
            for one in messages:
                _show_message(one)
        case Waiting(count, newest):
            show_line(f"{count} new, the newest of them:")
            for one in newest:
                _show_message(one)
        case Read(sequences):
            show_line(f"read: {', '.join(map(str, sorted(sequences)))}")


def _show_as_data(thing: Shown) -> None:
    match thing:
        case New(messages):
            show_data({"new": [plain(one) for one in messages]})
        case Waiting(count, newest):
            show_data({"waiting": count, "newest": [plain(one) for one in newest]})
        case Read(sequences):
            show_data({"read": sorted(sequences)})


def _show_message(one: pb.Message) -> None:
    buttons = [f"[{action.label}] esclient act {one.name} {action.action}" for action in one.actions]
    lines = [printable(line) for line in (*one.text.splitlines(), one.about, *buttons) if line]
    panel = Panel(  # Text: what people write is no markup
        Text("\n".join(lines)),
        title=Text(printable(one.subject)),
        subtitle=Text(printable(f"{one.sender} · {one.name}")),
        title_align="left",
        border_style=_COLOURS.get(one.priority, "none"),
    )
    Console(file=sys.stdout, highlight=False).print(panel)
