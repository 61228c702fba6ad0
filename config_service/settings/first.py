"""The first revision of a new site: every setting at its default."""

from esoffice.config.v1 import settings_pb2

from config_service.settings.paths import completed
from config_service.settings.store import RevisionStore
from mesh.database import UnitOfWork
from mesh.sealing import SecretBox

AUTHOR = "config_service"


def ensure_first_revision(unit: UnitOfWork, store: RevisionStore, box: SecretBox) -> None:
    """Write revision 1 unless there are revisions."""
    if store.newest(unit) is None:
        store.append(
            unit, completed(settings_pb2.Settings()), box, after=0, author=AUTHOR, reason="defaults of a new site"
        )
