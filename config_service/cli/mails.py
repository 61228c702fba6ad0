"""`esconfig mails …`: received mails and the open ones a person decides on (offene Helpdesk-E-Mails)."""

from enum import StrEnum
from typing import Annotated

import grpc
import typer
from esoffice.business.v1 import mail_pb2 as pb
from esoffice.business.v1.mail_pb2_grpc import MailServiceStub

from config_service.cli import mail_rules, mail_sign_in, options
from config_service.cli.exits import WrongUsage
from config_service.cli.options import Limit, session_of
from config_service.cli.output import show_list, show_one
from config_service.cli.plain import enum_word, local_time, short

app = typer.Typer(help="Received mails (E-Mail-Empfang, offene Helpdesk-E-Mails).", no_args_is_help=True)
app.command("try-rules")(mail_rules.try_rules)
app.command()(mail_rules.reconcile)
app.command("sign-in")(mail_sign_in.sign_in)
app.command()(mail_rules.suggest)


class State(StrEnum):
    """Where a mail stands on its way."""

    RECEIVED = "received"
    SERVICECALL = "servicecall"
    CONTACT = "contact"
    OPEN = "open"
    DISMISSED = "dismissed"
    DUPLICATE = "duplicate"


class Why(StrEnum):
    """Why a mail is open."""

    SENDER_UNKNOWN = "sender_unknown"
    SENDER_AMBIGUOUS = "sender_ambiguous"
    SENDER_INVALID = "sender_invalid"
    SENDER_NOT_OF_CALL = "sender_not_of_call"
    SENDER_FORGED = "sender_forged"
    SENDER_BUDGET = "sender_budget"
    NO_DEFAULTS = "no_defaults"
    AUTOMATIC = "automatic"
    NEWSLETTER = "newsletter"
    SPAM = "spam"
    BOUNCED = "bounced"
    OWN_MAIL = "own_mail"
    UNREADABLE = "unreadable"
    OVERSIZE = "oversize"
    EXCLUDED = "excluded"
    RULE = "rule"
    REFUSED = "refused"


def _state(mail: pb.Mail) -> str:
    return enum_word("MailState", pb.MailState.Name(mail.state))


def _reason(mail: pb.Mail) -> str:
    return enum_word("OpenReason", pb.OpenReason.Name(mail.open_reason)) if mail.open_reason else ""


_COLUMNS = {
    "ID": lambda mail: short(mail.name),
    "RECEIVED": lambda mail: local_time(mail.receive_time),
    "ACCOUNT": lambda mail: short(mail.account),
    "SENDER": lambda mail: mail.sender,
    "SUBJECT": lambda mail: mail.subject,
    "STATE": _state,
    "WHY OPEN": _reason,
    "SERVICECALL": lambda mail: short(mail.servicecall),
}
_FACTS = {
    **{name.lower(): cell for name, cell in _COLUMNS.items()},
    "detail": lambda mail: mail.open_detail,
    "candidates": lambda mail: ", ".join(short(one) for one in mail.candidates),
    "address": lambda mail: short(mail.address),
    "contact": lambda mail: short(mail.contact),
    "attachments": lambda mail: ", ".join(one.file_name for one in mail.attachments),
    "from": lambda mail: mail.from_address,
    "rule": lambda mail: mail.rule,
    "authentication": lambda mail: mail.authentication,
    "signatures": lambda mail: "; ".join(f"{one.signer}: {one.detail}" for one in mail.signatures),
    "outgoing mail": lambda mail: short(mail.outgoing_mail),
    "decided by": lambda mail: short(mail.decided_by),
    "text": lambda mail: mail.text,
}
Id = Annotated[str, typer.Argument(help="Id of the mail, as `list` shows it.")]


@app.command("list")
def list_(
    context: typer.Context,
    limit: Limit = 50,
    state: Annotated[list[State] | None, typer.Option(help="In this state, repeatable; default: open.")] = None,
    why: Annotated[list[Why] | None, typer.Option(help="Open for this reason, repeatable.")] = None,
    account: Annotated[str, typer.Option(help="Of this mail account (E-Mail-Konto).")] = "",
    sender: Annotated[str, typer.Option(help="From this mail address.")] = "",
    servicecall: Annotated[str, typer.Option(help="Belonging to this servicecall.")] = "",
) -> None:
    """List mails, the newest first."""
    session = session_of(context)
    states = [pb.MailState.Value(f"MAIL_STATE_{one.name}") for one in state or [State.OPEN]]
    request = pb.ListMailsRequest(
        states=states,
        open_reasons=[pb.OpenReason.Value(f"OPEN_REASON_{one.name}") for one in why or ()],
        sender=sender,
        account=options.name_of("mailAccounts", account) if account else "",
        servicecall=options.name_of("servicecalls", servicecall) if servicecall else "",
    )

    def page(channel: grpc.aio.Channel, size: int, token: str) -> object:
        request.page_size, request.page_token = size, token
        return MailServiceStub(channel).ListMails(request)

    show_list(session.output, options.pages(session, page, "mails", limit), _COLUMNS)  # type: ignore[arg-type]


@app.command()
def show(context: typer.Context, mail: Id) -> None:
    """Show a mail with its text."""
    session = session_of(context)
    request = pb.GetMailRequest(name=options.name_of("mails", mail))
    show_one(session.output, session.ask(lambda channel: MailServiceStub(channel).GetMail(request)), _FACTS)


@app.command()
def adopt(
    context: typer.Context,
    mail: Id,
    address: Annotated[str, typer.Argument(help="Number of the address whose mail it is (Adresse).")] = "",
    suggested: Annotated[
        bool, typer.Option("--suggested", help="Take the address that `suggest` shows as the likeliest.")
    ] = False,
    contact_only: Annotated[
        bool, typer.Option("--contact-only", help="Make only a contact (Kontakt), no servicecall.")
    ] = False,
) -> None:
    """Make a servicecall or a contact of an open mail (Übernehmen)."""
    session = session_of(context)
    if bool(address) == suggested:
        raise WrongUsage("Name an address, or say --suggested.")
    chosen = mail_rules.likeliest(session, mail) if suggested else options.name_of("addresses", address)
    request = pb.AdoptMailRequest(
        name=options.name_of("mails", mail), address=chosen,
        contact_only=contact_only, request_id=options.request_id(),
    )  # fmt: skip
    show_one(session.output, session.ask(lambda channel: MailServiceStub(channel).AdoptMail(request)), _FACTS)


@app.command()
def assign(
    context: typer.Context,
    mail: Id,
    servicecall: Annotated[str, typer.Argument(help="Number of the servicecall.")],
) -> None:
    """Give an open mail to an existing servicecall (Zuordnen)."""
    session = session_of(context)
    request = pb.AssignMailRequest(
        name=options.name_of("mails", mail), servicecall=options.name_of("servicecalls", servicecall),
        request_id=options.request_id(),
    )  # fmt: skip
    show_one(session.output, session.ask(lambda channel: MailServiceStub(channel).AssignMail(request)), _FACTS)


@app.command()
def dismiss(
    context: typer.Context, mail: Id, reason: Annotated[str, typer.Option(help="Why, for the record.")] = ""
) -> None:
    """Put an open mail aside; it is kept (Verwerfen)."""
    session = session_of(context)
    request = pb.DismissMailRequest(name=options.name_of("mails", mail), reason=reason)
    show_one(session.output, session.ask(lambda channel: MailServiceStub(channel).DismissMail(request)), _FACTS)


@app.command()
def reprocess(context: typer.Context, mail: Id) -> None:
    """Decide an open mail again by the rules and records as they are now (Erneut verarbeiten)."""
    session = session_of(context)
    request = pb.ReprocessMailRequest(name=options.name_of("mails", mail))
    show_one(session.output, session.ask(lambda channel: MailServiceStub(channel).ReprocessMail(request)), _FACTS)
