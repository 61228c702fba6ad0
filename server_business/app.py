"""Puts server_business together: the one place that names its concrete classes."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from esoffice.business.v1 import documents_pb2, mail_pb2, outgoing_mail_pb2, sms_pb2
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.app import App, Definition
from mesh.keys import published_keys
from mesh.threads import Threads
from mesh.wakeups import Doorbell
from mesh.workers import Turn, Worker
from server_business.documents.content_store import ContentStore
from server_business.documents.file_tree import FileTree
from server_business.documents.mail_attachments import MailAttachments
from server_business.documents.s3 import S3
from server_business.documents.service import Documents
from server_business.documents.settings import Settings as DocumentSettings
from server_business.documents.stores import Stores
from server_business.documents.tables import CONTENT, ERASURE, WORDS
from server_business.documents.uploads import Landing
from server_business.documents.webdav import WebDav
from server_business.documents.worker import Indexing, Scrubber, Tidying
from server_business.documents.writing import Writing
from server_business.mail.accounts import Account, account, active_accounts
from server_business.mail.automatic import OwnMarks
from server_business.mail.by_hand import ByHand
from server_business.mail.es_server import EsServer
from server_business.mail.service import MailServicer
from server_business.mail.worker import Reception
from server_business.outgoing_mail.service import OutgoingMails
from server_business.outgoing_mail.smtp import Security, Server, SmtpCarrier
from server_business.outgoing_mail.tables import MAILS
from server_business.schema import LEASES, METADATA, OUTBOX, REQUESTS
from server_business.sending.carrier import Carrier
from server_business.sending.store import SendQueue
from server_business.sending.worker import Sender
from server_business.sms.outbox import OutboxCarrier
from server_business.sms.service import ShortMessages
from server_business.sms.tables import SMS

NAME: Final = "server_business"
_PRUNED_AT_ONCE: Final = 10_000


def build(app: App) -> None:
    """Add the rooms."""
    own = app.settings.server_business
    _add_mail(app, own.mail, EsServer(app.channel("server_es"), app.wait))
    _add_outgoing_mail(app, own.outgoing_mail, own.mail.own_domains[0] if own.mail.own_domains else app.site)
    _add_sms(app, own.sms)
    _add_documents(app, own.documents)

    def prune(_: Turn) -> bool:
        with app.database.unit() as unit:
            return REQUESTS.prune(unit, limit=_PRUNED_AT_ONCE) == _PRUNED_AT_ONCE

    app.work(Worker(name="requests.prune", work=prune, every=timedelta(minutes=10)))


def _add_mail(app: App, mail: settings.MailSettings, es: EsServer) -> None:
    accounts = active_accounts(mail, app.clock)
    own = OwnMarks(site=app.site, message_id_domain=mail.own_domains[0] if mail.own_domains else app.site)

    def account_of(name: str) -> Account:
        """Mails of an account that is gone are still decided on by people."""
        return accounts.get(name) or account(name, settings.MailAccount(), app.clock)

    by_hand = ByHand(app.database, es, account_of, own)
    app.serve(mail_pb2.DESCRIPTOR, MailServicer(app.database, lambda: accounts, by_hand, account_of))
    for name, one in accounts.items():
        arrived, decided = app.bell(f"mail.{name}.arrived"), app.bell(f"mail.{name}.decided")
        reception = Reception(app.database, LEASES, es, one, own, arrived=arrived, decided=decided)
        app.work(*reception.workers())
        app.on_close(reception.inbox.close)


def _add_outgoing_mail(app: App, said: settings.OutgoingMailSettings, message_id_domain: str) -> None:
    carrier = SmtpCarrier(_server(said)) if said.active else None
    bell = _send(app, "outgoing_mail", MAILS, carrier)
    give_up = said.give_up_duration.ToTimedelta()
    room = OutgoingMails(app.database, bell, message_id_domain=message_id_domain, give_up=give_up)
    app.serve(outgoing_mail_pb2.DESCRIPTOR, room)


def _server(said: settings.OutgoingMailSettings) -> Server:
    security = Security(said.security or Security.STARTTLS)
    return Server(
        host=said.host,
        port=said.port or {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}[security],
        security=security,
        sender=said.sender,
        sender_name=said.sender_name,
        user=said.user,
        password=said.password.value,
        timeout=said.timeout_duration.ToTimedelta().total_seconds(),
    )


def _add_sms(app: App, said: settings.SmsSettings) -> None:
    bell = _send(app, "sms", SMS, OutboxCarrier(Path(said.outbox_folder)) if said.active else None)
    give_up = said.give_up_duration.ToTimedelta()
    app.serve(sms_pb2.DESCRIPTOR, ShortMessages(app.database, bell, country=said.country, give_up=give_up))


def _add_documents(app: App, said: settings.DocumentSettings) -> None:
    chosen = DocumentSettings.of(said, app.settings.common.site.time_zone)
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
        Tidying(app.database, stores, landing, app.instance).worker(),
        Indexing(app.database, stores, app.instance).worker(),
    )
    if not said.leave_mail_attachments:
        taking = MailAttachments(app.database, LEASES, stores, Writing(chosen))
        app.work(taking.worker())


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
    return Stores(first, *known.values())


def _send(app: App, name: str, queue: SendQueue, carrier: Carrier | None) -> Doorbell:
    """Let a worker send what is in a queue; return the bell that wakes it."""
    bell = app.bell(f"{name}.accepted")
    app.queue(queue.table)
    if carrier is not None:
        app.on_close(carrier.close)
    sender = Sender(app.database, queue, carrier, app.instance, app.module(name))
    app.work(sender.worker(f"{name}.send", bell))
    return bell


definition = Definition(
    name=NAME,
    metadata=METADATA,
    migrations=Path(__file__).parent / "migrations",
    outbox=OUTBOX,
    leases=LEASES,
    build=build,
    keys=published_keys,
    allows={"server_es": ["outgoingmail.send", "outgoingmail.read", "sms.send", "sms.read"]},
)
