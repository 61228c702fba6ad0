"""Puts the command line together: global options, the commands, and how every command ends."""

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from esclient.cli import absences, calls, documents, duty, escalations, forwarding, messages, notifications, sms, visits
from esclient.cli.exits import CODES, Exit, ended_by, say
from esclient.cli.options import Options, options_of
from esclient.cli.output import Output

app = typer.Typer(
    name="esclient",
    help="Servicecalls, popups and messages in a terminal; shows the author of a client how it is done.",
    epilog=CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(calls.app, name="calls")
calls.app.command("forward")(forwarding.forward)
calls.app.command("forwardings")(forwarding.forwardings)
app.add_typer(documents.app, name="documents")
app.add_typer(escalations.app, name="escalations")
app.add_typer(absences.app, name="absences")
app.add_typer(duty.app, name="duty")
app.add_typer(notifications.app, name="notifications")
app.add_typer(sms.app, name="sms")
app.add_typer(visits.app, name="visits")
app.command("popups")(messages.popups)
app.command("inbox")(messages.inbox)
app.command("read")(messages.read)
app.command("reply")(messages.reply)
app.command("snooze")(messages.snooze)
app.command("act")(messages.act)


@app.callback()
def options(
    context: typer.Context,
    server: Annotated[
        str, typer.Option(envvar="ESCLIENT_SERVER", help="host:port of the mesh (Servername, Port).")
    ] = "127.0.0.1:12164",
    user: Annotated[str, typer.Option(envvar="ESCLIENT_USER", help="User name (Benutzer).", show_default=False)] = "",
    ca: Annotated[
        Path | None, typer.Option(envvar="ESCLIENT_CA", help="PEM file of the site's CA; default: this machine's CAs.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from a line of standard input.")
    ] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="How answers are shown.")] = Output.TABLE,
) -> None:
    """Say where to sign in. The password comes from --password-stdin, from ESCLIENT_PASSWORD, or is asked for."""
    said = options_of(context)
    said.server, said.ca, said.password_stdin, said.output = server, ca, password_stdin, output
    said.user = (user or getpass.getuser()).strip().lower()


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what went wrong stands on standard error, never a traceback."""
    said = Options()
    try:
        app(args=arguments, prog_name="esclient", obj=said)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.DONE
    except Exception as error:  # noqa: BLE001 - `ended_by` raises again what it does not know
        code, sentences = ended_by(error, said.server)
        for sentence in sentences:
            say(sentence)
        return code
    finally:
        sys.stdout.flush()
    return Exit.DONE
