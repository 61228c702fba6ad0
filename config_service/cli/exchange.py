"""`esconfig exchange …`: appointments and tasks in sync with Exchange (ES Exchange)."""

from enum import StrEnum
from typing import Annotated, Any

import grpc
import typer
from esoffice.business.v1 import exchange_pb2 as pb
from esoffice.business.v1.exchange_pb2_grpc import ExchangeServiceStub

from config_service.cli import options
from config_service.cli.options import Limit, session_of
from config_service.cli.output import show_list, show_one
from config_service.cli.plain import enum_word, local_time

app = typer.Typer(help="Appointments and tasks in sync with Exchange (ES Exchange).", no_args_is_help=True)
Employee = Annotated[str, typer.Argument(help="Personnel number of the mailbox's employee.")]


class Side(StrEnum):
    """A side of the sync."""

    ERP = "erp"
    EXCHANGE = "exchange"


class What(StrEnum):
    """What is kept in sync."""

    APPOINTMENT = "appointment"
    TASK = "task"


class Answer(StrEnum):
    """What is done about deletions that wait."""

    PROCEED = "proceed"
    RESTORE = "restore"


def _word(enum: str, number: int) -> str:
    return enum_word(enum, getattr(pb, enum).Name(number))


def _questions(one: Any) -> str:
    return "; ".join(
        f"{_word('SyncPlace', asked.place)} {_word('SyncKind', asked.kind)}: {asked.deletion_count} deletions wait"
        for asked in one.questions
    )


_MAILBOX = {
    "EMPLOYEE": lambda one: one.name.rpartition("/")[2],
    "ADDRESS": lambda one: one.address,
    "WELL": lambda one: "yes" if one.healthy else "no",
    "ITEMS": lambda one: str(one.mapping_count),
    "WAITING": lambda one: str(one.waiting_count),
    "SUCCESS": lambda one: local_time(one.success_time) if one.HasField("success_time") else "",
    "ASKS": _questions,
    "SAYS": lambda one: " ".join(filter(None, (one.warning, one.status))),
}
_ACT = {
    "SIDE": lambda one: _word("SyncPlace", one.place),
    "KIND": lambda one: _word("SyncKind", one.kind),
    "ACT": lambda one: _word("SyncVerb", one.verb),
    "TITLE": lambda one: one.title,
    "FIELDS": lambda one: ", ".join(one.fields),
}
_MAPPING = {
    "KIND": lambda one: _word("SyncKind", one.kind),
    "RECORD": lambda one: one.record,
    "TITLE": lambda one: one.title,
    "FROM": lambda one: _word("SyncPlace", one.origin),
    "STATE": lambda one: "detached" if one.detached else "waits" if one.waiting else "",
    "PROBLEM": lambda one: one.problem,
    "UID": lambda one: one.uid,
}
_LINE = {
    "TIME": lambda one: local_time(one.time),
    "EVENT": lambda one: _word("SyncEvent", one.event),
    "SIDE": lambda one: _word("SyncPlace", one.place),
    "KIND": lambda one: _word("SyncKind", one.kind),
    "FIELD": lambda one: one.field,
    "OVERRULED": lambda one: one.overruled,
    "UID": lambda one: one.uid,
}


def _name(employee: str) -> str:
    return options.name_of("exchangeMailboxes", employee)


@app.command("list")
def list_mailboxes(context: typer.Context) -> None:
    """List the mailboxes and how each of them is."""
    session = session_of(context)
    answer = session.ask(lambda channel: ExchangeServiceStub(channel).ListMailboxes(pb.ListMailboxesRequest()))
    show_list(session.output, answer.mailboxes, _MAILBOX)


@app.command()
def plan(context: typer.Context, employee: Employee) -> None:
    """Say what the next sync would write; nothing is written."""
    session = session_of(context)
    request = pb.PlanSyncRequest(name=_name(employee))
    answer = session.ask(lambda channel: ExchangeServiceStub(channel).PlanSync(request))
    show_list(session.output, answer.acts, _ACT)


@app.command()
def sync(context: typer.Context, employee: Employee) -> None:
    """Look at a mailbox now."""
    _mailbox(context, "SyncNow", pb.SyncNowRequest(name=_name(employee)))


@app.command()
def mappings(
    context: typer.Context,
    employee: Employee,
    limit: Limit = 50,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what waits, or was refused.")] = False,
) -> None:
    """List which record is which item of the mailbox."""
    session = session_of(context)
    request = pb.ListMappingsRequest(mailbox=_name(employee), only_waiting=waiting)

    def page(channel: grpc.aio.Channel, size: int, token: str) -> object:
        request.page_size, request.page_token = size, token
        return ExchangeServiceStub(channel).ListMappings(request)

    show_list(session.output, options.pages(session, page, "mappings", limit), _MAPPING)  # type: ignore[arg-type]


@app.command("log")
def list_log(context: typer.Context, employee: Employee, limit: Limit = 50) -> None:
    """List what was overruled, kept, restored or refused, the newest first."""
    session = session_of(context)
    request = pb.ListSyncLogRequest(mailbox=_name(employee))

    def page(channel: grpc.aio.Channel, size: int, token: str) -> object:
        request.page_size, request.page_token = size, token
        return ExchangeServiceStub(channel).ListSyncLog(request)

    show_list(session.output, options.pages(session, page, "entries", limit), _LINE)  # type: ignore[arg-type]


@app.command("release-brake")
def release_brake(
    context: typer.Context,
    employee: Employee,
    answer: Annotated[Answer, typer.Argument(help="Delete after all, or write to the other side again.")],
    side: Annotated[Side, typer.Option(help="Where something would be deleted.")],
    deletions: Annotated[int, typer.Option(min=0, help="How many, as `list` shows it; more than that asks again.")],
    kind: Annotated[What, typer.Option(help="Of what.")] = What.APPOINTMENT,
) -> None:
    """Answer the question about deletions that wait."""
    request = pb.ReleaseBrakeRequest(
        name=_name(employee),
        place=pb.SyncPlace.Value(f"SYNC_PLACE_{side.name}"),
        kind=pb.SyncKind.Value(f"SYNC_KIND_{kind.name}"),
        deletion_count=deletions,
        decision=pb.ReleaseBrakeRequest.Decision.Value(f"DECISION_{answer.name}"),
    )
    _mailbox(context, "ReleaseBrake", request)


def _mailbox(context: typer.Context, method: str, request: Any) -> None:
    session = session_of(context)
    answer = session.ask(lambda channel: getattr(ExchangeServiceStub(channel), method)(request))
    show_one(session.output, answer, {name.lower(): cell for name, cell in _MAILBOX.items()})
