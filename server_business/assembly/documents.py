"""Puts the documents together: the store, what is under way, and what runs by itself."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from esoffice.business.v1 import documents_pb2
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.app import App
from mesh.threads import Threads
from mesh.workers import Turn, Worker
from server_business.documents import publications
from server_business.documents.clamd import Clamd
from server_business.documents.content_store import ContentStore
from server_business.documents.custody import Custody
from server_business.documents.file_tree import FileTree
from server_business.documents.links import Links
from server_business.documents.mail_attachments import MailAttachments
from server_business.documents.memory import keep_large_blocks
from server_business.documents.s3 import S3
from server_business.documents.scan_worker import Scanning, Tell
from server_business.documents.service import Documents
from server_business.documents.settings import Settings
from server_business.documents.stores import Stores
from server_business.documents.tables import CONTENT, ERASURE, PUBLICATION, SCAN, WORDS
from server_business.documents.uploads import Landing
from server_business.documents.web import Publisher, Web
from server_business.documents.webdav import WebDav
from server_business.documents.worker import Indexing, Scrubber, Tidying
from server_business.documents.writing import Writing
from server_business.schema import LEASES, REQUESTS

_PRUNED_AT_ONCE: Final = 10_000


def add_documents(app: App, said: settings.DocumentSettings, tell: Tell) -> None:
    """Add the room; `tell` sends a team an esMessage."""
    keep_large_blocks()
    chosen = Settings.of(said, app.settings.common.site.time_zone)
    folder = Path(said.folder) if said.folder else app.data / "documents"
    stores, landing = _stores(said, folder), Landing(folder)
    bell, web_bell = app.bell("documents.scan"), app.bell(publications.BELL)
    disk = Threads(6, name="documents")
    app.on_close(disk.close)
    app.on_close(stores.close)
    room = Documents(app.database, stores, landing, chosen, disk, scan_bell=bell, web_bell=web_bell)
    app.serve(documents_pb2.DESCRIPTOR, room)
    for queue in (CONTENT, WORDS, ERASURE, SCAN, PUBLICATION):
        app.queue(queue)
    app.work(
        Scrubber(app.database, stores, chosen, app.instance, app.module("documents")).worker(),
        Tidying(app.database, LEASES, stores, landing, app.instance).worker(),
        Indexing(app.database, stores, app.instance).worker(),
    )
    line = app.module("documents.web")
    publisher = Publisher(app.database, stores, Web(app.channel("server_es"), app.wait), owner=app.instance, line=line)
    app.work(publisher.worker(web_bell))
    if not said.leave_mail_attachments:
        taking = MailAttachments(app.database, LEASES, stores, Writing(chosen, bell))
        app.work(taking.worker())

    if chosen.scans:
        custody = Custody(chosen, Writing(chosen), stores, web_bell)
        line, team = app.module("documents.scan"), said.virus_scan.team
        scanner, owner = Clamd(said.virus_scan.address), app.instance
        scanning = Scanning(app.database, stores, scanner, custody, tell, team=team, owner=owner, line=line)
        app.work(scanning.worker(bell))

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
