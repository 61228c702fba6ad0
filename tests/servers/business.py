"""The outgoing mails of server_business behind mutual TLS, in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from esoffice.business.v1 import outgoing_mail_pb2

from mesh.audit import AuditLog
from mesh.callers import Callers
from mesh.certificates import ServiceCertificate
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.key_set import KeySet
from mesh.pipeline import Pipeline
from mesh.server import Server
from mesh.tokens import AUDIENCE, Verifier
from mesh.wakeups import Doorbell
from server_business.app import NAME, definition
from server_business.outgoing_mail.service import OutgoingMails
from tests.servers.es import SITE


@asynccontextmanager
async def serving(certs: Path, database: Database, port: int) -> AsyncIterator[None]:
    """Serve until the block ends, whom the service lets in, for what it allows."""
    known = Callers(SITE, Verifier(SITE, AUDIENCE, KeySet({}), database.clock), definition.allows)
    server = Server(Pipeline(identify=known, audit=AuditLog(definition.outbox, database.clock)))
    bell = Doorbell("accepted", lambda _: None)
    room = OutgoingMails(database, bell, message_id_domain="firma.example", give_up=timedelta(days=2))
    server.add(outgoing_mail_pb2.DESCRIPTOR, room)
    certificate = ServiceCertificate(certs, NAME, SystemClock())
    await server.start(f"127.0.0.1:{port}", certificate.server_credentials())
    try:
        yield
    finally:
        await server.drain(timedelta(0))
