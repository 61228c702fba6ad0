"""Reads and saves the settings (Einstellungen, Diskette)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from esoffice.config.v1 import settings_pb2 as pb

from config_service.settings import rules
from config_service.settings.messages import change_messages, number_of, revision_message
from config_service.settings.paths import completed, merged
from config_service.settings.store import Revision, RevisionStore
from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import Conflict, InvalidArgument, Violation
from mesh.idempotency import RequestLog
from mesh.sealing import SecretBox
from mesh.setting_paths import diff, secrets
from mesh.wakeups import Doorbell

_MOST_PATHS = 1000


class SettingsServicer:
    """Serves `SettingsService`.

    Args:
        database: of config_service; it holds a first revision.
        store: the revisions.
        box: seals secrets.
        requests: remembers answers by request id.
        changed: rung when there is a new revision.
    """

    def __init__(
        self, database: Database, *, store: RevisionStore, box: SecretBox, requests: RequestLog, changed: Doorbell
    ) -> None:
        self._database = database
        self._store = store
        self._box = box
        self._requests = requests
        self._changed = changed

    async def GetSettings(self, _request: pb.GetSettingsRequest, _context: Any) -> pb.SettingsRevision:
        return await self._database.read(self._newest_message)

    async def UpdateSettings(self, request: pb.UpdateSettingsRequest, _context: Any) -> pb.SettingsRevision:
        return await self._save(request, lambda _, newest: self._updated(request, newest))

    async def RollbackSettings(self, request: pb.RollbackSettingsRequest, _context: Any) -> pb.SettingsRevision:
        return await self._save(request, lambda unit, _: self._rolled_back(unit, request))

    async def ListSettingsRevisions(
        self, request: pb.ListSettingsRevisionsRequest, _context: Any
    ) -> pb.ListSettingsRevisionsResponse:
        return await self._database.read(self._history, request)

    async def GetSettingsRevision(self, request: pb.GetSettingsRevisionRequest, _context: Any) -> pb.SettingsRevision:
        return await self._database.read(self._get, number_of(request.name))

    async def DiffSettings(self, request: pb.DiffSettingsRequest, _context: Any) -> pb.DiffSettingsResponse:
        return await self._database.read(self._diff, request)

    # -- reading ------------------------------------------------------------------------------------------------------

    def _newest_message(self, unit: UnitOfWork) -> pb.SettingsRevision:
        return self._message(unit, self._newest(unit))

    def _get(self, unit: UnitOfWork, number: int) -> pb.SettingsRevision:
        return self._message(unit, self._store.get(unit, number))

    def _history(self, unit: UnitOfWork, request: pb.ListSettingsRevisionsRequest) -> pb.ListSettingsRevisionsResponse:
        size = request.page_size or 50
        rows = self._store.history(unit, below=int(request.page_token or 0) or None, limit=size + 1)
        answer = pb.ListSettingsRevisionsResponse(
            next_page_token=str(rows[size - 1].number) if len(rows) > size else "",
        )
        for row in rows[:size]:
            answer.revisions.add(
                name=f"revisions/{row.number}", number=row.number, author=row.author, reason=row.reason, etag=row.etag
            ).create_time.FromDatetime(row.create_time)
        return answer

    def _diff(self, unit: UnitOfWork, request: pb.DiffSettingsRequest) -> pb.DiffSettingsResponse:
        old = self._store.get(unit, number_of(getattr(request, "from")))
        new = self._store.get(unit, number_of(request.to)) if request.to else self._newest(unit)
        return pb.DiffSettingsResponse(changes=change_messages(diff(old.settings, new.settings)))

    # -- saving -------------------------------------------------------------------------------------------------------

    async def _save(self, request: Any, wanted: Callable[[UnitOfWork, Revision], pb.Settings]) -> pb.SettingsRevision:
        who = caller().name
        if request.validate_only:
            return await self._database.read(self._checked_only, request, wanted, who)
        return await self._database.run(self._saved_once, request, wanted, who)

    def _saved_once(self, unit: UnitOfWork, request: Any, wanted: Any, who: str) -> pb.SettingsRevision:
        return self._requests.once(
            unit, request, lambda: self._saved(unit, request, wanted, who), answer=pb.SettingsRevision, caller=who
        )

    def _saved(self, unit: UnitOfWork, request: Any, wanted: Any, who: str) -> pb.SettingsRevision:
        newest, settings = self._checked(unit, request, wanted)
        if not diff(newest.settings, settings):
            return self._message(unit, newest)
        made = self._store.append(unit, settings, self._box, after=newest.number, author=who, reason=request.reason)
        self._changed.ring_after(unit)
        return revision_message(made, newest.settings)

    def _checked_only(self, unit: UnitOfWork, request: Any, wanted: Any, who: str) -> pb.SettingsRevision:
        newest, settings = self._checked(unit, request, wanted)
        for _, secret in secrets(settings):
            if secret.value:  # the number it would get is not known; nothing is stored
                secret.stored, secret.value = "secrets/0", ""
        made = replace(newest, settings=settings, author=who, reason=request.reason, create_time=unit.now)
        return revision_message(made, newest.settings, saved=False)

    def _checked(self, unit: UnitOfWork, request: Any, wanted: Any) -> tuple[Revision, pb.Settings]:
        newest = self._newest(unit)
        if request.etag and request.etag != newest.etag:
            raise Conflict(
                f"The settings were saved by {newest.author} at {newest.create_time:%Y-%m-%d %H:%M:%S} UTC meanwhile "
                f"(revision {newest.number}); read them again.",
                newest=f"revisions/{newest.number}",
            )
        settings = completed(wanted(unit, newest))
        wrong = rules.problems(settings)
        if not isinstance(request, pb.RollbackSettingsRequest):
            wrong += rules.foreign_secrets(newest.settings, settings)
        if wrong:
            raise InvalidArgument(wrong)
        return newest, settings

    def _updated(self, request: pb.UpdateSettingsRequest, newest: Revision) -> pb.Settings:
        paths = request.update_mask.paths
        if not 1 <= len(paths) <= _MOST_PATHS:
            raise InvalidArgument([Violation("update_mask", f"name between 1 and {_MOST_PATHS} paths")])
        settings, wrong = merged(newest.settings, request.settings, paths)
        if wrong:
            raise InvalidArgument(wrong)
        return settings

    def _rolled_back(self, unit: UnitOfWork, request: pb.RollbackSettingsRequest) -> pb.Settings:
        return self._store.get(unit, number_of(request.name)).settings

    def _message(self, unit: UnitOfWork, revision: Revision) -> pb.SettingsRevision:
        before = self._store.before(unit, revision.number)
        return revision_message(revision, before.settings if before else None)

    def _newest(self, unit: UnitOfWork) -> Revision:
        newest = self._store.newest(unit)
        if newest is None:
            raise RuntimeError("the settings have no first revision; config_service makes it when it starts")
        return newest
