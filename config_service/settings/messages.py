"""Revisions and changes as the contract shows them."""

from collections.abc import Iterable

from esoffice.config.v1 import settings_pb2 as pb

from config_service.settings import rules
from config_service.settings.store import Revision
from mesh.setting_paths import Change, diff


def change_messages(changes: Iterable[Change]) -> list[pb.SettingChange]:
    """Return changes as messages; a secret's value was left out where they were made."""
    return [
        pb.SettingChange(path=one.path, old_value=one.old, new_value=one.new, apply=one.apply.value) for one in changes
    ]


def revision_message(revision: Revision, before: pb.Settings | None, *, saved: bool = True) -> pb.SettingsRevision:
    """Return a revision with its settings and what it changed; one that was only checked has no name."""
    message = pb.SettingsRevision(
        name=f"revisions/{revision.number}" if saved else "",
        number=revision.number if saved else 0,
        settings=revision.settings,
        author=revision.author,
        reason=revision.reason,
        etag=revision.etag if saved else "",
        changes=change_messages(diff(before or pb.Settings(), revision.settings)),
        warnings=[
            pb.SettingWarning(path=one.field, description=one.description) for one in rules.warnings(revision.settings)
        ],
    )
    message.create_time.FromDatetime(revision.create_time)
    return message


def number_of(name: str) -> int:
    """Return the number in `revisions/{number}`; the contract has checked the form."""
    return int(name.removeprefix("revisions/"))
