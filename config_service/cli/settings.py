"""`esconfig settings …`: reading (Einstellungen)."""

import sys
from typing import Annotated, Any

import typer
from esoffice.config.v1 import settings_pb2 as pb
from esoffice.config.v1.settings_pb2_grpc import SettingsServiceStub

from config_service.cli import changes, options, settings_file, values
from config_service.cli.options import Limit, session_of
from config_service.cli.output import Output, plain, show_data, show_facts, show_list
from config_service.cli.plain import local_time
from config_service.cli.session import Session
from config_service.cli.settings_save import apply, rollback, set_, validate
from mesh.setting_paths import is_map, leaves

app = typer.Typer(help="The settings of all services (Einstellungen).", no_args_is_help=True)
app.command("set")(set_)
app.command()(apply)
app.command()(rollback)
app.command()(validate)
Revision = Annotated[int, typer.Option(min=0, help="Of this revision; default: the newest.")]
_HISTORY = {
    "REVISION": lambda one: str(one.number),
    "SAVED": lambda one: local_time(one.create_time),
    "BY": lambda one: one.author,
    "REASON": lambda one: one.reason,
}


@app.command()
def get(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="Setting or group, such as server_business.mail; default: all.")] = "",
    revision: Revision = 0,
) -> None:
    """Show settings as they are in effect, defaults filled in; of a secret only whether it is set."""
    session = session_of(context)
    if path:
        values.place_of(pb.Settings.DESCRIPTOR, path)
    settings = _revision(session, revision).settings
    if session.output is not Output.TABLE:
        show_data(session.output, _part(settings, path))
        return
    found = {
        one: "set" if leaf.secret else values.shown(pb.Settings.DESCRIPTOR, one, leaf.value)
        for one, leaf in leaves(settings).items()
        if not path or one == path or one.startswith(f"{path}.")
    }
    show_facts(found)


@app.command()
def diff(
    context: typer.Context,
    earlier: Annotated[int, typer.Argument(min=0, help="Revision; default: the one before the newest.")] = 0,
    later: Annotated[int, typer.Argument(min=0, help="Revision; default: the newest.")] = 0,
) -> None:
    """Show in what two revisions differ."""
    session = session_of(context)
    if not earlier:
        earlier = max(1, _revision(session, 0).number - 1)
    request = pb.DiffSettingsRequest(**{"from": f"revisions/{earlier}"}, to=f"revisions/{later}" if later else "")
    answer = session.ask(lambda channel: SettingsServiceStub(channel).DiffSettings(request))
    if session.output is Output.TABLE:
        changes.show(answer.changes)
    else:
        show_data(session.output, [plain(one) for one in answer.changes])


@app.command()
def history(context: typer.Context, limit: Limit = 50) -> None:
    """List revisions, the newest first: who saved what when, and why."""
    session = session_of(context)
    found = options.pages(
        session,
        lambda channel, size, token: SettingsServiceStub(channel).ListSettingsRevisions(
            pb.ListSettingsRevisionsRequest(page_size=size, page_token=token)
        ),
        "revisions",
        limit,
    )
    show_list(session.output, found, _HISTORY)


@app.command()
def export(context: typer.Context, revision: Revision = 0) -> None:
    """Write the settings as a file for `apply`: YAML, or JSON with --output json. Secrets are never in it."""
    session = session_of(context)
    found = _revision(session, revision)
    content = settings_file.written(found.settings)
    if session.output is Output.JSON:
        show_data(Output.JSON, content)
        return
    sys.stdout.write(
        f"# Revision {found.number}, saved {local_time(found.create_time)} by {found.author}. No secrets.\n"
    )
    show_data(Output.YAML, content)


def _revision(session: Session, number: int) -> pb.SettingsRevision:
    if not number:
        return session.ask(lambda channel: SettingsServiceStub(channel).GetSettings(pb.GetSettingsRequest()))
    request = pb.GetSettingsRevisionRequest(name=f"revisions/{number}")
    return session.ask(lambda channel: SettingsServiceStub(channel).GetSettingsRevision(request))


def _part(settings: pb.Settings, path: str) -> Any:
    """Return the part of the settings a path names as JSON data; None where nothing is set."""
    found: Any = plain(settings)
    descriptor: Any = settings.DESCRIPTOR
    names = path.split(".") if path else []
    while names and found is not None:
        field = values.named(descriptor, names.pop(0), path)
        found = found.get(field.json_name)
        descriptor = field.message_type
        if is_map(field):
            descriptor = descriptor.fields_by_name["value"].message_type
            if names:
                found = (found or {}).get(names.pop(0))
    return found
