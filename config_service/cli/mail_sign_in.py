"""`esconfig mails sign-in`, `esconfig outgoing sign-in`: a person lets the service sign in at a mail server."""

import sys
from typing import Annotated, Any

import typer
from esoffice.business.v1 import mail_pb2 as pb
from esoffice.business.v1.mail_pb2_grpc import MailServiceStub

from config_service.cli import options
from config_service.cli.options import session_of
from config_service.cli.plain import local_time, printable

Account = Annotated[str, typer.Argument(help="Mail account (E-Mail-Konto); its further folders are signed in with it.")]


def sign_in(context: typer.Context, account: Account) -> None:
    """Sign in for a mail account: shows where to enter which code, and waits until that is done (Anmeldung)."""
    _sign_in(context, options.name_of("mailAccounts", account))


def sign_in_outgoing(context: typer.Context) -> None:
    """Sign in for the outgoing mail server, likewise."""
    _sign_in(context, "outgoingMail")


def _sign_in(context: typer.Context, account: str) -> None:
    session = session_of(context)
    request = pb.SignInRequest(account=account)
    session.each(lambda channel: MailServiceStub(channel).SignIn(request), _show)


def _show(step: Any) -> bool:
    if step.done:
        sys.stdout.write("Signed in.\n")
    elif step.user_code:
        page = printable(step.verification_uri)
        sys.stdout.write(f"Open {page} and enter the code {printable(step.user_code)} ")
        sys.stdout.write(f"until {local_time(step.expire_time)}.\n")
        if step.verification_uri_complete:
            sys.stdout.write(f"Or open {printable(step.verification_uri_complete)}\n")
    sys.stdout.flush()
    return True
