"""Puts the command line together: global options, one sub-command per noun, and how every command ends."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from config_service.cli import (
    absences,
    audit,
    clients,
    directory,
    escalations,
    exchange,
    health,
    mails,
    pki,
    sending,
    settings,
    sign_in,
    status,
    users,
    watch,
)
from config_service.cli.exits import Exit, ended_by, say
from config_service.cli.options import prepared, session_of
from config_service.cli.output import Output
from config_service.cli.session import DEFAULT_PKI, DEFAULT_SERVER, Session

EXIT_CODES = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 unreachable, 4 not signed in or not permitted."

app = typer.Typer(
    name="esconfig",
    help="Administers esServer and esBusinessserver (esServerconfig).",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(settings.app, name="settings")
app.add_typer(users.app, name="users")
app.add_typer(directory.app, name="directory")
app.add_typer(mails.app, name="mails")
app.add_typer(directory.app, name="directory", callback=prepared)
app.add_typer(clients.app, name="clients")
app.add_typer(sending.mails, name="outgoing")
app.add_typer(sending.sms, name="sms")
app.add_typer(exchange.app, name="exchange")
app.add_typer(absences.app, name="absences")
app.add_typer(escalations.app, name="escalations")
app.add_typer(audit.app, name="audit")
app.add_typer(pki.app, name="pki")
app.command("status")(status.status)
app.command("watch")(watch.watch)
app.command("sign-in")(sign_in.sign_in)
app.command("sign-out")(sign_in.sign_out)
app.command("who-am-i")(sign_in.who_am_i)
app.command("healthcheck")(health.healthcheck)


@app.callback()
def options(
    context: typer.Context,
    server: Annotated[
        str, typer.Option(envvar="ESCONFIG_SERVER", help="host:port of the server (Servername, Port).")
    ] = DEFAULT_SERVER,
    ca: Annotated[
        Path | None,
        typer.Option(
            envvar="ESCONFIG_CA", help="PEM file of the CA of the server's certificate; default: this machine's."
        ),
    ] = None,
    user: Annotated[
        str, typer.Option(envvar="ESCONFIG_USER", help="Signs in as this user for this one command (Benutzer).")
    ] = "",
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin", help="Read --user's password from a line of standard input; or set ESCONFIG_PASSWORD."
        ),
    ] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="How answers are shown.")] = Output.TABLE,
    direct: Annotated[
        bool, typer.Option("--direct", help="Call config_service itself, past the Envoy, with a service's certificate.")
    ] = False,
    pki_folder: Annotated[
        Path, typer.Option("--pki", envvar="ESCONFIG_PKI", help="Folder of the site's certificates.")
    ] = DEFAULT_PKI,
    certificate: Annotated[
        str, typer.Option(help="With --direct: the service whose certificate is used.")
    ] = "config_service",
    token_file: Annotated[
        Path | None, typer.Option(help="Where `sign-in` keeps its token; default: in your configuration folder.")
    ] = None,
) -> None:
    """Hold what all commands need."""
    session = session_of(context)
    session.server, session.ca, session.user = server, ca, user.strip().lower()
    session.password_stdin, session.output, session.direct = password_stdin, output, direct
    session.pki, session.certificate = pki_folder, certificate
    if token_file is not None:
        session.token_file = token_file


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what went wrong stands on standard error, never a traceback."""
    session = Session()
    try:
        app(args=arguments, prog_name="esconfig", obj=session)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.DONE
    except Exception as error:  # noqa: BLE001 - `ended_by` raises again what it does not know
        code, sentences = ended_by(error, session.server)
        for sentence in sentences:
            say(sentence)
        return code
    finally:
        session.close()
        sys.stdout.flush()
    return Exit.DONE
