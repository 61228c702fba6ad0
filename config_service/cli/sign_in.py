"""`esconfig sign-in`, `sign-out`, `who-am-i` (Anmeldung)."""

import sys
from typing import Annotated

import typer
from esoffice.config.v1 import identity_pb2 as pb
from esoffice.config.v1.identity_pb2_grpc import IdentityServiceStub

from config_service.cli import token_file
from config_service.cli.exits import WrongUsage
from config_service.cli.options import session_of
from config_service.cli.output import Output, show_data, show_one
from config_service.cli.plain import local_time, short

_WHO = {
    "user": lambda who: short(who.user),
    "service": lambda who: who.service,
    "employee": lambda who: short(who.employee),
    "permissions": lambda who: ", ".join(who.permissions),
    "address": lambda who: who.address,
}


def sign_in(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="User to sign in as; default: --user.")] = "",
) -> None:
    """Sign in; the token is kept for the next commands until it expires (Anmeldung)."""
    session = session_of(context)
    session.user = name.strip().lower() or session.user
    if not session.user:
        raise WrongUsage("Say who signs in: `esconfig sign-in NAME`.")
    kept = session.sign_in(session.password())
    token_file.keep(session.token_file, kept)
    if session.output is Output.TABLE:
        sys.stdout.write(f"Signed in to {kept.server} as {kept.user} until {local_time(kept.expire_time)}.\n")
    else:
        show_data(
            session.output,
            {"server": kept.server, "user": f"users/{kept.user}", "expireTime": kept.expire_time.isoformat()},
        )


def sign_out(context: typer.Context) -> None:
    """Forget the kept token (Abmeldung). Tokens cannot be withdrawn; it expires by itself soon."""
    token_file.forget(session_of(context).token_file)


def who_am_i(context: typer.Context) -> None:
    """Show as whom the server knows you, and what you may do (Berechtigungen)."""
    session = session_of(context)
    who = session.ask(lambda channel: IdentityServiceStub(channel).WhoAmI(pb.WhoAmIRequest()))
    show_one(session.output, who, _WHO)
