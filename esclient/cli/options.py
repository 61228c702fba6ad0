"""Where to sign in, as whom, and how a command gets from there to its answer."""

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import typer

from esclient.cli.exits import WrongUsage
from esclient.cli.output import Output
from esclient.door import open_channel
from esclient.session import Session
from esclient.sign_in import password_sign_in
from mesh.clock import SystemClock

T = TypeVar("T")


@dataclass(slots=True)
class Options:
    """What is said before the command."""

    server: str = ""
    user: str = ""
    ca: Path | None = None
    password_stdin: bool = False
    output: Output = Output.TABLE

    def run(self, command: Callable[[Session], Awaitable[T]]) -> T:
        """Run a command with a session, in an event loop of its own."""
        password = self._password()

        async def signed_in() -> T:
            channel = open_channel(self.server, self.ca)
            session = Session(channel, password_sign_in(channel, self.user, password), SystemClock())
            try:
                return await command(session)
            finally:
                await session.close()

        return asyncio.run(signed_in())

    def _password(self) -> str:
        """Return the password: from standard input, from the environment, or typed unseen."""
        if self.password_stdin:
            return sys.stdin.readline().rstrip("\r\n")
        given = os.environ.get("ESCLIENT_PASSWORD", "")
        if given:
            return given
        if not sys.stdin.isatty():
            raise WrongUsage("The password: nobody can be asked here; give --password-stdin or set ESCLIENT_PASSWORD.")
        return getpass.getpass(f"Password of {self.user}: ")


def options_of(context: typer.Context) -> Options:
    """Return the options of a command."""
    options = context.find_root().obj
    assert isinstance(options, Options)
    return options
