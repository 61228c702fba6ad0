"""Puts the documents together: the store, what is under way, and what runs by itself."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from esoffice.business.v1 import documents_pb2
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.app import App
from mesh.threads import Threads
from mesh.workers import Turn, Worker
from server_business.documents.content_store import ContentStore
from server_business.documents.file_tree import FileTree
from server_business.documents.links import Links
from server_business.documents.mail_attachments import MailAttachments
from server_business.documents.s3 import S3
from server_business.documents.service import Documents
from server_business.documents.settings import Settings
from server_business.documents.stores import Stores
from server_business.documents.tables import CONTENT, ERASURE, WORDS
from server_business.documents.uploads import Landing
from server_business.documents.webdav import WebDav
from server_business.documents.worker import Indexing, Scrubber, Tidying
from server_business.documents.writing import Writing
from server_business.schema import LEASES, REQUESTS

_PRUNED_AT_ONCE: Final = 10_000


def add_documents(app: App, said: settings.DocumentSettings) -> None:
    chosen = Settings.of(said, app.settings.common.site.time_zone)
    folder = Path(said.folder) if said.folder else app.data / "documents"
    stores, landing = _stores(said, folder), Landing(folder)
    disk = Threads(6, name="documents")
    app.on_close(disk.close)
    app.on_close(stores.close)
    app.serve(documents_pb2.DESCRIPTOR, Documents(app.database, stores, landing, chosen, disk))
    for queue in (CONTENT, WORDS, ERASURE):
        app.queue(queue)
    app.work(
        Scrubber(app.database, stores, chosen, app.instance, app.module("documents")).worker(),
        Tidying(app.database, LEASES, stores, landing, app.instance).worker(),
        Indexing(app.database, stores, app.instance).worker(),
    )
    if not said.leave_mail_attachments:
        taking = MailAttachments(app.database, LEASES, stores, Writing(chosen))
        app.work(taking.worker())

    def prune(_: Turn) -> bool:
        with app.database.unit() as unit:
            return REQUESTS.prune(unit, limit=_PRUNED_AT_ONCE) == _PRUNED_AT_ONCE

    app.work(Worker(name="requests.prune", work=prune, every=timedelta(minutes=10)))


def _stores(said: settings.DocumentSettings, folder: Path) -> Stores:
    """Return every store that is configured, the chosen one first."""
    known: dict[int, ContentStore] = {said.STORE_FILES: FileTree(folder)}
    if said.webdav.url:
        known[said.STORE_WEBDAV] = WebDav(said.webdav.url, user=said.webdav.user, password=said.webdav.password.value)
    if said.s3.bucket:
        known[said.STORE_S3] = S3(
            endpoint=said.s3.endpoint, bucket=said.s3.bucket, prefix=said.s3.prefix, region=said.s3.region,
            access_key=said.s3.access_key, secret_key=said.s3.secret_key.value,
        )  # fmt: skip
    first = known.pop(said.store or said.STORE_FILES)
    return Stores(first, *known.values(), Links(said.link_prefixes))
