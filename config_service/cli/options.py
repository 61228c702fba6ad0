"""The options several commands share, and the way from a command to its session."""

import sys
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer

from config_service.cli.exits import WrongUsage
from config_service.cli.session import Session, typed

Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the change is made.")]
Reason = Annotated[str, typer.Option(help="Why, for the history (Grund).")]
NewPasswordStdin = Annotated[
    bool, typer.Option("--new-password-stdin", help="Read the new password from a line of standard input.")
]
Generate = Annotated[bool, typer.Option("--generate", help="Make a password and show it once.")]
Pki = Annotated[
    Path | None, typer.Option("--pki", help="Folder of the site's certificates; default: the global --pki.")
]
_PAGE = 1000


def session_of(context: typer.Context) -> Session:
    """Return the session of a command."""
    session = context.find_root().obj
    assert isinstance(session, Session)
    return session


def prepared(context: typer.Context) -> None:
    """Sign in before the command runs; the callback of a noun whose commands open channels in a loop of their own."""
    session_of(context).prepare()


def pages(
    session: Session, call: Callable[[grpc.aio.Channel, int, str], Awaitable[Any]], field: str, limit: int
) -> list[Any]:
    """Read a list page by page until it ends or holds `limit` resources.

    Args:
        session: asks.
        call: gets channel, page size and page token.
        field: of the answer, which holds the resources.
        limit: how many at most.
    """
    found: list[Any] = []
    token = ""
    while True:
        size = min(limit - len(found), _PAGE)
        answer = session.ask(lambda channel, size=size, token=token: call(channel, size, token))  # type: ignore[misc]
        found += getattr(answer, field)
        token = answer.next_page_token
        if not token or len(found) >= limit:
            return found[:limit]


def confirm(question: str, *, yes: bool) -> None:
    """Ask before a change is made.

    Raises:
        WrongUsage: nobody can be asked.
        typer.Exit: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise WrongUsage("Nobody can be asked here; give --yes to make the change without a question.")
    if not typer.confirm(question, err=True):
        sys.stderr.write("Nothing was changed.\n")
        raise typer.Exit(1)


def new_password(*, from_stdin: bool, generate: bool) -> str:
    """Return a new password: from a line of standard input, made here and shown once, or typed twice unseen."""
    if generate:
        from config_service.identity.bootstrap import new_password as make

        password = make()
        sys.stderr.write(f"The password, shown only this once: {password}\n")
        return password
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return typed("New password", again=True)


def name_of(collection: str, given: str) -> str:
    """Return a resource name; `users/anna` and `anna` are both understood."""
    return given if given.startswith(f"{collection}/") else f"{collection}/{given}"


def request_id() -> str:
    """Return a new id, by which a repeated change is recognised."""
    return str(uuid.uuid4())
