"""`esconfig outgoing …` and `esconfig sms …`: what is sent, and what became of it (Postausgang, SMS)."""

from enum import StrEnum
from typing import Annotated, Any

import grpc
import typer
from esoffice.business.v1 import outgoing_mail_pb2, sending_pb2, sms_pb2
from esoffice.business.v1.outgoing_mail_pb2_grpc import OutgoingMailServiceStub
from esoffice.business.v1.sms_pb2_grpc import SmsServiceStub

from config_service.cli import mail_sign_in, options
from config_service.cli.options import Limit, session_of
from config_service.cli.output import show_list, show_one
from config_service.cli.plain import enum_word, local_time, short

mails = typer.Typer(help="Outgoing mails (Postausgang).", no_args_is_help=True)
mails.command("sign-in")(mail_sign_in.sign_in_outgoing)
sms = typer.Typer(help="Outgoing short messages (SMS).", no_args_is_help=True)


class State(StrEnum):
    """Where something that is sent stands (Sendestatus)."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


def _delivery(one: outgoing_mail_pb2.OutgoingMail) -> str:
    if not one.delivery_state:
        return ""
    word = enum_word("DeliveryState", outgoing_mail_pb2.DeliveryState.Name(one.delivery_state))
    return " ".join((word, *(f"{bounce.recipient}: {bounce.reason}" for bounce in one.bounces)))


_SHARED = {
    "STATE": lambda one: enum_word("SendState", sending_pb2.SendState.Name(one.state)),
    "ATTEMPTS": lambda one: str(one.attempt_count),
    "SAYS": lambda one: one.reason,
    "ACCEPTED": lambda one: local_time(one.create_time),
    "SENT": lambda one: local_time(one.sent_time) if one.HasField("sent_time") else "",
    "ABOUT": lambda one: one.about,
}
_MAIL = {
    "ID": lambda one: short(one.name),
    "TO": lambda one: ", ".join((*one.to, *one.cc)),
    "SUBJECT": lambda one: one.subject,
    **_SHARED,
    "DELIVERY": _delivery,
}
_MARKED = {
    "ID": lambda one: short(one.name),
    "ADDRESS": lambda one: one.mail_address,
    "SINCE": lambda one: local_time(one.mark_time),
    "MAIL": lambda one: short(one.outgoing_mail),
    "BECAUSE": lambda one: one.reason,
}
_SMS = {
    "ID": lambda one: short(one.name),
    "TO": lambda one: one.to,
    "TEXT": lambda one: one.text,
    **_SHARED,
    "DELIVERY": lambda one: _delivered(one.delivery),
    "BY": lambda one: short(one.provider),
}
_PROVIDER = {
    "PROVIDER": lambda one: short(one.name),
    "HEALTHY": lambda one: "yes" if one.healthy else "no",
    "SAYS": lambda one: one.sentence,
    "SINCE": lambda one: local_time(one.change_time) if one.HasField("change_time") else "",
    "WAITING": lambda one: str(one.waiting_count),
    "IN DOUBT": lambda one: str(one.in_doubt_count),
}
_INBOUND = {
    "ID": lambda one: short(one.name),
    "FROM": lambda one: one.sender,
    "TEXT": lambda one: one.text,
    "WHEN": lambda one: local_time(one.receive_time),
    "BY": lambda one: short(one.provider),
    "LED TO": lambda one: enum_word("InboundSmsOutcome", sms_pb2.InboundSmsOutcome.Name(one.outcome)),
    "SAYS": lambda one: one.reason,
}
_OPT_OUT = {
    "NUMBER": lambda one: one.number,
    "SINCE": lambda one: local_time(one.create_time),
    "MESSAGE": lambda one: short(one.message),
}
States = Annotated[list[State] | None, typer.Option("--state", help="In this state, repeatable; default: all.")]
About = Annotated[str, typer.Option(help="About this resource, such as servicecalls/4711.")]
Id = Annotated[str, typer.Argument(help="Id, as `list` shows it.")]


def _delivered(value: Any) -> str:
    return enum_word("SmsDelivery", sms_pb2.SmsDelivery.Name(value)) if value else ""


def _states(states: list[State] | None) -> list[Any]:
    return [sending_pb2.SendState.Value(f"SEND_STATE_{one.name}") for one in states or ()]


@mails.command("list")
def list_mails(context: typer.Context, limit: Limit = 50, state: States = None, about: About = "") -> None:
    """List outgoing mails, the newest first."""
    session = session_of(context)
    request = outgoing_mail_pb2.ListOutgoingMailsRequest(states=_states(state), about=about)

    def page(channel: grpc.aio.Channel, size: int, token: str) -> object:
        request.page_size, request.page_token = size, token
        return OutgoingMailServiceStub(channel).ListOutgoingMails(request)

    show_list(session.output, options.pages(session, page, "mails", limit), _MAIL)  # type: ignore[arg-type]


@mails.command("retry")
def retry_mail(context: typer.Context, mail: Id) -> None:
    """Send a mail once more that failed, expired, was cancelled or is in doubt."""
    _mail(context, "RetryOutgoingMail", outgoing_mail_pb2.RetryOutgoingMailRequest, mail)


@mails.command("cancel")
def cancel_mail(context: typer.Context, mail: Id) -> None:
    """Call a mail off that is queued, or close one that is in doubt."""
    _mail(context, "CancelOutgoingMail", outgoing_mail_pb2.CancelOutgoingMailRequest, mail)


@mails.command("marked")
def list_marked(context: typer.Context, limit: Limit = 50) -> None:
    """List addresses that mails bounced from (gesperrte Adressen)."""
    session = session_of(context)

    def page(channel: grpc.aio.Channel, size: int, token: str) -> object:
        request = outgoing_mail_pb2.ListMarkedAddressesRequest(page_size=size, page_token=token)
        return OutgoingMailServiceStub(channel).ListMarkedAddresses(request)

    show_list(session.output, options.pages(session, page, "marked_addresses", limit), _MARKED)  # type: ignore[arg-type]


@mails.command("release")
def release_address(
    context: typer.Context, address: Annotated[str, typer.Argument(help="Id, as `marked` shows it.")]
) -> None:
    """Let mails go to an address again (freigeben)."""
    session = session_of(context)
    request = outgoing_mail_pb2.ReleaseMarkedAddressRequest(name=options.name_of("markedAddresses", address))
    answer = session.ask(lambda channel: OutgoingMailServiceStub(channel).ReleaseMarkedAddress(request))
    show_one(session.output, answer, {name.lower(): cell for name, cell in _MARKED.items()})


def _mail(context: typer.Context, method: str, request: Any, mail: str) -> None:
    session = session_of(context)
    asked = request(name=options.name_of("outgoingMails", mail))
    answer = session.ask(lambda channel: getattr(OutgoingMailServiceStub(channel), method)(asked))
    show_one(session.output, answer, {name.lower(): cell for name, cell in _MAIL.items()})


@sms.command("list")
def list_sms(context: typer.Context, limit: Limit = 50, state: States = None, about: About = "") -> None:
    """List outgoing short messages, the newest first."""
    session = session_of(context)
    request = sms_pb2.ListSmsRequest(states=_states(state), about=about)

    def page(channel: grpc.aio.Channel, size: int, token: str) -> object:
        request.page_size, request.page_token = size, token
        return SmsServiceStub(channel).ListSms(request)

    show_list(session.output, options.pages(session, page, "sms", limit), _SMS)  # type: ignore[arg-type]


@sms.command("providers")
def list_providers(context: typer.Context) -> None:
    """List the providers: how each is, and what waits for it (Anbieter)."""
    session = session_of(context)
    request = sms_pb2.ListSmsProvidersRequest()
    answer = session.ask(lambda channel: SmsServiceStub(channel).ListSmsProviders(request))
    show_list(session.output, list(answer.providers), _PROVIDER)


@sms.command("inbox")
def list_inbound(context: typer.Context, limit: Limit = 50) -> None:
    """List short messages that were received, the newest first."""
    session = session_of(context)

    def page(channel: grpc.aio.Channel, size: int, token: str) -> object:
        request = sms_pb2.ListInboundSmsRequest(page_size=size, page_token=token)
        return SmsServiceStub(channel).ListInboundSms(request)

    show_list(session.output, options.pages(session, page, "messages", limit), _INBOUND)  # type: ignore[arg-type]


@sms.command("opt-outs")
def list_opt_outs(context: typer.Context, limit: Limit = 50) -> None:
    """List the numbers that have said STOP (Abmeldungen)."""
    session = session_of(context)

    def page(channel: grpc.aio.Channel, size: int, token: str) -> object:
        request = sms_pb2.ListSmsOptOutsRequest(page_size=size, page_token=token)
        return SmsServiceStub(channel).ListSmsOptOuts(request)

    show_list(session.output, options.pages(session, page, "opt_outs", limit), _OPT_OUT)  # type: ignore[arg-type]


@sms.command("retry")
def retry_sms(context: typer.Context, message: Id) -> None:
    """Send a short message once more that failed, expired, was cancelled or is in doubt."""
    _sms(context, "RetrySms", sms_pb2.RetrySmsRequest, message)


@sms.command("cancel")
def cancel_sms(context: typer.Context, message: Id) -> None:
    """Call a short message off that is queued, or close one that is in doubt."""
    _sms(context, "CancelSms", sms_pb2.CancelSmsRequest, message)


def _sms(context: typer.Context, method: str, request: Any, message: str) -> None:
    session = session_of(context)
    asked = request(name=options.name_of("sms", message))
    answer = session.ask(lambda channel: getattr(SmsServiceStub(channel), method)(asked))
    show_one(session.output, answer, {name.lower(): cell for name, cell in _SMS.items()})
