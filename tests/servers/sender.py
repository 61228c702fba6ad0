"""A process that sends what is queued until it is killed: `… tests.servers.sender FOLDER SMTP_PORT SMPP_PORT URL`.

The database lies in the folder. Short messages go to an SMS centre, those for Austria into `outbox`, those for
Switzerland to a gateway; whom received ones would be told to is written into `told`. A last argument says by how many
seconds its clock is ahead.
"""

import asyncio
import json
import os
import sys
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from mesh import claims
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.predecessors import Predecessors
from mesh.wakeups import Wakeups
from mesh.workers import HealthLine, Workers
from server_business.app import definition
from server_business.outgoing_mail.smtp import Security, Server, SmtpCarrier
from server_business.outgoing_mail.tables import MAILS
from server_business.sending.worker import Sender
from server_business.sms.answering import Answering
from server_business.sms.http_gateway import HttpGateway
from server_business.sms.outbox import Outbox
from server_business.sms.routing import Way
from server_business.sms.smpp import Centre, SmppProvider
from server_business.sms.tables import SMS, sms_inbound
from server_business.sms.templates import Gateway
from server_business.sms.worker import Lane, LaneTerms


class Ahead(SystemClock):
    """A clock that somebody has set wrong."""

    def __init__(self, seconds: float) -> None:
        self._by = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self._by


def opened(folder: Path, ahead: float = 0) -> Database:
    """Open the database; whoever is first makes its tables."""
    database = Database(f"sqlite:///{folder / 'business.db'}", metadata=definition.metadata, clock=Ahead(ahead))
    definition.metadata.create_all(database.engine)
    return database


WAYS = (
    Way(name="centre", prefixes=("+49",)),
    Way(name="outbox", prefixes=("+43",)),
    Way(name="gateway", prefixes=("+41",)),
)


async def run(folder: str, port: str, smpp_port: str, gateway_url: str, ahead: str = "0") -> None:
    """Send until killed, as the next life of one instance."""
    place, name = Path(folder), f"sender-{uuid.uuid4().hex[:12]}"
    server = Server(host="127.0.0.1", port=int(port), security=Security.NONE, sender="service@firma.example")
    with (
        opened(place, float(ahead)) as database,
        Wakeups(database) as wakeups,
        Predecessors(place / "instance", name) as before,
    ):
        for table in (MAILS.table, SMS.table, sms_inbound):
            await database.run(claims.give_back_of, table, before.dead)
        before.forget()
        bell = wakeups.bell("accepted")
        mails = Sender(database, MAILS, SmtpCarrier(server), name, HealthLine("outgoing_mail"))
        centre = Centre(
            name="centre", host="127.0.0.1", port=int(smpp_port), system_id="us", password="", window=3, timeout=2.0
        )  # fmt: skip
        smpp = SmppProvider(centre, None, SystemClock(), wakeups.bell("sms.centre").ring_here)
        asked = Gateway(url=gateway_url, body="reference={reference}")
        gateway = HttpGateway(
            asked, sender="", user="", password="", site="s", window=3, timeout=2.0, clock=SystemClock()
        )

        def tell(*said: str) -> str:
            with (place / "told").open("a") as file:  # as durable as an answer of server_es would be
                file.write(json.dumps(said) + "\n")
                os.fsync(file.fileno())
            return ""

        answering = Answering(database, lambda *_: "no such code", tell, "teams/hotline", name)
        lanes = [
            Lane(
                database, provider, LaneTerms(way=way, window=3), ways=WAYS, owner=name, line=HealthLine(way.name),
                bell_of=lambda one: wakeups.bell(f"sms.{one}"),
            )
            for way, provider in zip(WAYS, (smpp, Outbox(place / "outbox"), gateway), strict=True)
        ]  # fmt: skip
        inbox_ = answering.worker(wakeups.bell("sms.inbox"))
        workers = Workers(
            [mails.worker("mails", bell), *(replace(lane.worker(), lease=None) for lane in lanes), inbox_],
            clock=database.clock,
            owner=name, first_backoff=timedelta(seconds=0.1),
        )  # fmt: skip
        workers.start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
