"""A process that receives mails of one IMAP account until it is killed: the workers of `server_business.app`, no door.

`python -m tests.servers.mail_worker DATABASE_URL ES_PORT IMAP_PORT USER`
"""

import asyncio
import sys
from datetime import timedelta

from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.channel import connect_blocking
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.wakeups import Wakeups
from mesh.workers import Workers
from server_business.app import definition
from server_business.mail.accounts import account
from server_business.mail.automatic import OwnMarks
from server_business.mail.es_server import EsServer
from server_business.mail.worker import Reception
from server_business.schema import LEASES
from tests.servers.dovecot import PASSWORD


def said(imap_port: int, user: str) -> settings.MailAccount:
    made = settings.MailAccount(
        active=True,
        kind=settings.MailAccount.KIND_IMAP,
        host="127.0.0.1",
        port=imap_port,
        security=settings.MailAccount.SECURITY_NONE,
        user=user,
        action=settings.MailAccount.ACTION_CREATE_SERVICECALL,
        use_idle=True,
    )
    made.password.value = PASSWORD
    made.poll_duration.FromTimedelta(timedelta(seconds=1))
    return made


async def run(url: str, es_port: str, imap_port: str, user: str) -> None:
    clock = SystemClock()
    es = EsServer(connect_blocking(f"127.0.0.1:{es_port}", None))
    own = OwnMarks(site="firma.example", message_id_domain="mesh.firma.example")
    with Database(url, metadata=definition.metadata, clock=clock) as database, Wakeups(database) as wakeups:
        arrived, decided = wakeups.bell("arrived"), wakeups.bell("decided")
        box = account("info", said(int(imap_port), user), clock)
        reception = Reception(database, LEASES, es, box, own, arrived=arrived, decided=decided)
        # One owner for all lives: a test that waited for leases to run out would test little else.
        workers = Workers(reception.workers(), clock=clock, owner="one", database=database, leases=LEASES)
        workers.start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
