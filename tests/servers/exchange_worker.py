"""A process that keeps one mailbox in sync until it is killed: `python -m tests.servers.exchange_worker`.

Its arguments are FOLDER CERTS ES PROTOCOL PORT, ports of both sides; its database lies in the folder. It rests as
little as it can.
"""

import asyncio
import sys
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from mesh.clock import SystemClock
from mesh.database import Database
from mesh.predecessors import Predecessors
from mesh.wakeups import Wakeups
from mesh.workers import HealthLine, Workers
from server_business.app import definition
from server_business.exchange.erp import ErpCalendar
from server_business.exchange.mailboxes import Desk
from server_business.exchange.rules import Place
from server_business.exchange.worker import Board, Sync
from server_business.schema import LEASES
from tests.builders.exchange import MAILBOX
from tests.builders.exchange_server import ExchangeServer
from tests.builders.graph_server import GraphServer
from tests.servers import es

SOON = timedelta(seconds=0.1)


def opened(folder: Path) -> Database:
    """Open the database; whoever is first makes its tables."""
    database = Database(f"sqlite:///{folder / 'business.db'}", metadata=definition.metadata, clock=SystemClock())
    definition.metadata.create_all(database.engine)
    return database


async def run(folder: str, certs: str, es_port: str, protocol: str, port: str) -> None:
    """Sync until killed, as the next life of one instance."""
    name = f"exchange-{uuid.uuid4().hex[:12]}"
    channel = es.channel(Path(certs), int(es_port))
    server = GraphServer if protocol == "graph" else ExchangeServer
    mailbox = replace(MAILBOX, poll=SOON)
    with (
        opened(Path(folder)) as database,
        Wakeups(database) as wakeups,
        Predecessors(Path(folder) / "instance", name) as before,
    ):
        await database.run(LEASES.give_back_of, before.dead)
        before.forget()
        desk = Desk(
            database,
            lambda one: {
                Place.ERP: ErpCalendar(channel, f"employees/{one.employee}", "Europe/Berlin"),
                Place.EXCHANGE: server(int(port), one.address).calendar(),
            },
        )
        worker = Sync(desk, LEASES, mailbox, wakeups.bell("x"), Board(HealthLine("exchange"), [mailbox])).worker()
        workers = Workers(
            [worker], clock=SystemClock(), owner=name, database=database, leases=LEASES, first_backoff=SOON
        )
        workers.start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
