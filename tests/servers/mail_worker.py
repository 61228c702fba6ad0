"""A process that receives mails of one account until it is killed: the workers of `server_business.app`, no door.

`python -m tests.servers.mail_worker FOLDER CERTS ES_PORT REACH USER`; its database lies in the folder. REACH is a port
of IMAP, `ews=URL` or `graph=URL`. It rests as little as it can, so that a test has not to wait for it.
"""

import asyncio
import sys
import uuid
from datetime import timedelta
from pathlib import Path

from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.clock import Clock, SystemClock
from mesh.database import Database
from mesh.predecessors import Predecessors
from mesh.wakeups import Wakeups
from mesh.workers import HealthLine, Workers
from server_business.app import definition
from server_business.mail.accounts import account
from server_business.mail.automatic import OwnMarks
from server_business.mail.es_server import EsServer
from server_business.mail.silence_watch import SilenceWatch
from server_business.mail.worker import Reception
from server_business.schema import LEASES
from tests.servers import es, ews_mail, graph_mail
from tests.servers.dovecot import PASSWORD

TEAM = "teams/1"
SOON = timedelta(seconds=0.1)


def said(reach: str, user: str) -> settings.MailAccount:
    """Return the settings of the account."""
    kind, _, url = reach.rpartition("=")
    made = settings.MailAccount(active=True, user=user, action=settings.MailAccount.ACTION_CREATE_SERVICECALL)
    if kind == "ews":
        made.MergeFrom(
            settings.MailAccount(
                kind=settings.MailAccount.KIND_EWS, url=url, mailbox=f"{user}@{ews_mail.DOMAIN}",
                authentication=settings.MailAccount.AUTHENTICATION_BASIC,
            )
        )  # fmt: skip
        made.user = f"FIRMA\\{user}"
        made.password.value = ews_mail.PASSWORD
    elif kind == "graph":
        made.MergeFrom(
            settings.MailAccount(
                kind=settings.MailAccount.KIND_GRAPH, url=f"{url}/v1.0", mailbox=f"{user}@{ews_mail.DOMAIN}"
            )
        )
        made.oauth2.token_url, made.oauth2.client_id = f"{url}/firma/oauth2/v2.0/token", "es"
        made.oauth2.scope, made.oauth2.client_secret.value = ".default", graph_mail.SECRET
    else:
        made.MergeFrom(
            settings.MailAccount(
                kind=settings.MailAccount.KIND_IMAP, host="127.0.0.1", port=int(url), use_idle=True,
                security=settings.MailAccount.SECURITY_NONE,
            )
        )  # fmt: skip
        made.password.value = PASSWORD
    made.silence_minutes = 60
    made.poll_duration.FromTimedelta(timedelta(seconds=1))
    return made


def opened(folder: Path, clock: Clock) -> Database:
    """Open the reception's database; whoever is first makes its tables."""
    database = Database(f"sqlite:///{folder / 'business.db'}", metadata=definition.metadata, clock=clock)
    definition.metadata.create_all(database.engine)
    return database


async def run(folder: str, certs: str, es_port: str, reach: str, user: str) -> None:
    """Receive until killed, as the next life of one instance."""
    clock = SystemClock()
    server_es = EsServer(es.channel(Path(certs), int(es_port)))
    own = OwnMarks(site="firma.example", message_id_domain="mesh.firma.example")
    box = said(reach, user)
    box.open_mail_team = TEAM
    name = f"mail-{uuid.uuid4().hex[:12]}"
    with (
        opened(Path(folder), clock) as database,
        Wakeups(database) as wakeups,
        Predecessors(Path(folder) / "instance", name) as before,
    ):
        await database.run(LEASES.give_back_of, before.dead)
        before.forget()
        arrived, decided = wakeups.bell("arrived"), wakeups.bell("decided")
        info = account("info", box, clock)
        reception = Reception(database, LEASES, server_es, info, own, arrived=arrived, decided=decided, retry=SOON)
        watch = SilenceWatch(database, server_es, info, HealthLine("mail.info"))
        every = (*reception.workers(), watch.worker())
        workers = Workers(every, clock=clock, owner=name, database=database, leases=LEASES, first_backoff=SOON)
        print("receiving", flush=True)
        workers.start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
