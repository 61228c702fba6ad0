"""`esconfig settings set`, `apply`, `rollback`, `validate`: whatever saves, or might (Diskette)."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import grpc
import typer
from esoffice.config.v1 import settings_pb2 as pb
from esoffice.config.v1.settings_pb2_grpc import SettingsServiceStub

from config_service.cli import changes, options, settings_file, values
from config_service.cli.exits import Failure, WrongUsage
from config_service.cli.options import Reason, Yes, session_of
from config_service.cli.output import Output, plain, show_data
from config_service.cli.session import Session, typed
from config_service.settings import rules
from config_service.settings.paths import completed, merged
from mesh.setting_paths import is_secret

File = Annotated[str, typer.Argument(help="YAML or JSON file, whole or in part; - for standard input.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]
Save = Callable[[grpc.aio.Channel, Any], Awaitable[pb.SettingsRevision]]


def set_(
    context: typer.Context,
    assignments: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH=VALUE...",
            help="Such as server_es.log_level=debug, …lifetime_duration=30m, …cors_origins=https://a,https://b. "
            "PATH= goes back to the default, or deletes an entry; PATH=@- reads a secret from standard input, "
            "PATH=@ asks for it.",
        ),
    ],
    reason: Reason = "",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Change settings: shows what changes and what restarts for it, asks, saves."""
    wanted = pb.Settings()
    paths = []
    for one in assignments:
        path, sign, text = one.partition("=")
        if not sign:
            raise WrongUsage(f"{path}: write PATH=VALUE.")
        values.assign(wanted, path, text, _read_secret)
        paths.append(path)
    session = session_of(context)
    newest = _newest(session)
    _update(session, newest, wanted, paths, reason=reason, yes=yes, dry_run=dry_run)


def apply(
    context: typer.Context,
    file: File,
    reason: Reason = "",
    yes: Yes = False,
    dry_run: DryRun = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="What the file does not name goes back to defaults; secrets stay.")
    ] = False,
) -> None:
    """Save the settings in a file; what it does not name stays as it is."""
    wanted, paths = settings_file.read(file)
    session = session_of(context)
    newest = _newest(session)
    if replace:
        paths += settings_file.left_out(newest.settings, paths)
    _update(session, newest, wanted, paths, reason=reason, yes=yes, dry_run=dry_run)


def rollback(
    context: typer.Context,
    revision: Annotated[int, typer.Argument(min=1, help="Revision to go back to.")],
    reason: Reason = "",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Save the settings of an old revision as a new one; the history stays."""
    session = session_of(context)
    newest = _newest(session)
    request = pb.RollbackSettingsRequest(name=f"revisions/{revision}", etag=newest.etag, reason=reason)
    _save(session, request, lambda stub: stub.RollbackSettings, yes=yes, dry_run=dry_run)


def validate(
    context: typer.Context,
    file: File,
    offline: Annotated[bool, typer.Option("--offline", help="Without the server: the file by itself.")] = False,
) -> None:
    """Check a file without saving: by itself, then by the server together with what it does not name."""
    wanted, paths = settings_file.read(file)
    wrong = [] if not paths else _problems(wanted, paths)
    if wrong:
        raise Failure("\n".join(wrong))
    session = session_of(context)
    if not offline:
        newest = _newest(session)
        request = pb.UpdateSettingsRequest(settings=wanted, etag=newest.etag)
        request.update_mask.paths.extend(paths)
        request.validate_only = True
        checked = session.ask(lambda channel: SettingsServiceStub(channel).UpdateSettings(request))
        changes.warn(checked.warnings)
    sys.stdout.write(f"{file} is right{' by itself' if offline else ''}.\n")


def _update(
    session: Session, newest: pb.SettingsRevision, wanted: pb.Settings, paths: Sequence[str], *, reason: str, yes: bool,
    dry_run: bool,
) -> None:  # fmt: skip
    if not paths:
        raise WrongUsage("There is nothing to set.")
    request = pb.UpdateSettingsRequest(settings=wanted, etag=newest.etag, reason=reason)
    request.update_mask.paths.extend(paths)
    _save(session, request, lambda stub: stub.UpdateSettings, yes=yes, dry_run=dry_run)


def _save(session: Session, request: Any, method: Callable[[Any], Any], *, yes: bool, dry_run: bool) -> None:
    """Have the server check the change, show it, ask, save it: exactly what was shown, or nothing."""
    request.validate_only = True
    checked = session.ask(lambda channel: method(SettingsServiceStub(channel))(request))
    if session.output is Output.TABLE:
        changes.show(checked.changes)
        changes.warn(checked.warnings)
    if dry_run or not checked.changes:
        if session.output is not Output.TABLE:
            _show_data(session, checked)
        return
    options.confirm("Save this?", yes=yes)
    request.validate_only = False
    request.request_id = options.request_id()
    saved = session.ask(lambda channel: method(SettingsServiceStub(channel))(request))
    if session.output is Output.TABLE:
        sys.stdout.write(f"Saved as revision {saved.number}.\n")
    else:
        _show_data(session, saved)


def _show_data(session: Session, revision: pb.SettingsRevision) -> None:
    revision.ClearField("settings")
    show_data(session.output, plain(revision))


def _newest(session: Session) -> pb.SettingsRevision:
    return session.ask(lambda channel: SettingsServiceStub(channel).GetSettings(pb.GetSettingsRequest()))


def _problems(wanted: pb.Settings, paths: Sequence[str]) -> list[str]:
    """Return what is wrong with a file by itself. Secrets are left to the server: files rarely hold them."""
    settings, wrong = merged(pb.Settings(), wanted, paths)
    wrong += rules.problems(completed(settings))
    return [f"{one.field}: {one.description}" for one in wrong if not _is_about_secret(one.field)]


def _is_about_secret(path: str) -> bool:
    try:
        return is_secret(values.place_of(pb.Settings.DESCRIPTOR, path.partition("[")[0]).field.message_type)
    except WrongUsage:
        return False


def _read_secret(path: str, text: str) -> str:
    if text == "@":
        return typed(path)
    return sys.stdin.readline().rstrip("\r\n")
