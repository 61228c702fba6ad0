"""`esconfig watch`: saves of the settings as they happen."""

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer
from esoffice.config.v1 import settings_pb2, watch_pb2
from esoffice.config.v1.settings_pb2_grpc import SettingsServiceStub
from esoffice.config.v1.watch_pb2_grpc import WatchServiceStub

from config_service.cli.changes import restarted
from config_service.cli.options import session_of
from config_service.cli.output import Output, plain, show_data
from config_service.cli.plain import enum_word, local_time, printable
from config_service.cli.session import Session
from mesh.setting_paths import diff

_PAGE = 100
Revision = settings_pb2.SettingsRevision


def watch(
    context: typer.Context,
    from_revision: Annotated[
        int | None, typer.Option("--from", min=0, help="Begin after this revision; default: with what comes next.")
    ] = None,
    every: Annotated[float, typer.Option(min=0.2, max=300, help="Seconds between two looks.")] = 2.0,
    count: Annotated[int, typer.Option(min=0, help="End after so many events; 0: go on until Ctrl-C.")] = 0,
    as_service: Annotated[
        bool,
        typer.Option(
            "--as-service", help="With --direct: the stream that the --certificate's service gets, heartbeats too."
        ),
    ] = False,
) -> None:
    """Show every save of the settings, one line each, in order and none left out, until Ctrl-C (Diskette)."""
    session = session_of(context)
    try:
        if as_service:
            _stream(session, from_revision or 0, count)
            return
        for shown, revision in enumerate(_saves(session, from_revision, every), start=1):
            _show(session.output, revision)
            if shown == count:
                return
    except KeyboardInterrupt:
        sys.stdout.write("\n" if sys.stdout.isatty() else "")


def _saves(session: Session, after: int | None, every: float) -> Iterator[Revision]:
    """Yield revisions after a number: they are numbered without gaps, so none is missed however slow the looks are."""
    if after is None:
        after = _newer(session, None)[0].number
    while True:
        for seen in reversed(_newer(session, after)):
            yield _revision(session, seen.number)
            after = seen.number
        session.pause(every)


def _newer(session: Session, after: int | None) -> list[Revision]:
    """Return revisions after a number, the newest first; None: only the newest."""
    found: list[Revision] = []
    token = ""
    while True:
        answer = _page(session, 1 if after is None else _PAGE, token)
        found += [one for one in answer.revisions if after is None or one.number > after]
        token = answer.next_page_token
        if after is None or not token or answer.revisions[-1].number <= after:
            return found


def _page(session: Session, size: int, token: str) -> settings_pb2.ListSettingsRevisionsResponse:
    request = settings_pb2.ListSettingsRevisionsRequest(page_size=size, page_token=token)
    return session.ask(lambda channel: SettingsServiceStub(channel).ListSettingsRevisions(request))


def _revision(session: Session, number: int) -> Revision:
    request = settings_pb2.GetSettingsRevisionRequest(name=f"revisions/{number}")
    return session.ask(lambda channel: SettingsServiceStub(channel).GetSettingsRevision(request))


def _show(output: Output, revision: Revision) -> None:
    if output is not Output.TABLE:
        revision.ClearField("settings")
        show_data(output, plain(revision))
    else:
        paths = [one.path for one in revision.changes]
        restarts = restarted(revision.changes)
        _line(
            f"{local_time(revision.create_time)} revision {revision.number} by {revision.author}: {_listed(paths)}"
            + (f" (restarts {', '.join(restarts)})" if restarts else "")
            + (f" - {revision.reason}" if revision.reason else "")
        )
    sys.stdout.flush()


def _stream(session: Session, after: int, count: int) -> None:
    known = settings_pb2.Settings()
    shown = 0

    def take(event: watch_pb2.SettingsEvent) -> bool:
        nonlocal known, shown
        kind = watch_pb2.SettingsEvent.Kind.Name(event.kind)
        changes = diff(known, event.settings) if event.HasField("settings") else []
        known = event.settings if event.HasField("settings") else known
        if session.output is Output.TABLE:
            named = f": {_listed([one.path for one in changes])}" if changes else ""
            _line(
                f"{local_time(session.clock.now())} {enum_word('Kind', kind)} through {event.through_revision}{named}"
            )
        else:
            paths = [one.path for one in changes]  # never the settings themselves: they hold the secrets' values
            show_data(session.output, {"kind": kind, "throughRevision": str(event.through_revision), "paths": paths})
        sys.stdout.flush()
        shown += 1
        return shown != count

    request = watch_pb2.WatchSettingsRequest(after_revision=after)
    session.each(lambda channel: WatchServiceStub(channel).WatchSettings(request), take)


def _listed(paths: Iterable[str]) -> str:
    return ", ".join(paths) or "nothing"


def _line(text: str) -> None:
    sys.stdout.write(printable(text) + "\n")
