"""Puts the documents together: the store, what is under way, and what runs by itself."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from esoffice.business.v1 import documents_pb2
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.app import App
from mesh.threads import Threads
from mesh.workers import Turn, Worker
from server_business.documents.file_tree import FileTree
from server_business.documents.mail_attachments import MailAttachments
from server_business.documents.service import Documents
from server_business.documents.settings import Settings
from server_business.documents.tables import CONTENT, ERASURE, WORDS
from server_business.documents.uploads import Landing
from server_business.documents.worker import Indexing, Scrubber, Tidying
from server_business.documents.writing import Writing
from server_business.schema import LEASES, REQUESTS

_PRUNED_AT_ONCE: Final = 10_000


def add_documents(app: App, said: settings.DocumentSettings) -> None:
    chosen = Settings.of(said, app.settings.common.site.time_zone)
    folder = Path(said.folder) if said.folder else app.data / "documents"
    tree, landing = FileTree(folder), Landing(folder)
    disk = Threads(6, name="documents")
    app.on_close(disk.close)
    app.on_close(tree.close)
    app.serve(documents_pb2.DESCRIPTOR, Documents(app.database, tree, landing, chosen, disk))
    for queue in (CONTENT, WORDS, ERASURE):
        app.queue(queue)
    app.work(
        Scrubber(app.database, tree, chosen, app.instance, app.module("documents")).worker(),
        Tidying(app.database, tree, landing, app.instance).worker(),
        Indexing(app.database, tree, app.instance).worker(),
    )
    if not said.leave_mail_attachments:
        taking = MailAttachments(app.database, LEASES, tree, Writing(chosen, tree.name))
        app.work(taking.worker())

    def prune(_: Turn) -> bool:
        with app.database.unit() as unit:
            return REQUESTS.prune(unit, limit=_PRUNED_AT_ONCE) == _PRUNED_AT_ONCE

    app.work(Worker(name="requests.prune", work=prune, every=timedelta(minutes=10)))
