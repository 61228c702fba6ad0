"""The HTTP server of the documents with a customer's ticket, and a client that stands where the Envoy would."""

import asyncio
import contextlib
import http.client
import os
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config_service import pki
from config_service.identity.keyring import Keyring
from mesh.certificates import ServiceCertificate
from mesh.clock import SystemClock
from mesh.database import Database, UnitOfWork
from mesh.threads import Threads
from mesh.tokens import AUDIENCE as PEOPLE
from server_es.directory import tables
from server_es.schema import METADATA
from server_es.service_levels import tables as levels
from server_es.service_levels.seed import seed
from server_es.servicecalls.tables import servicecall
from server_es.web_documents import page, store
from server_es.web_documents.fetches import Fetches
from server_es.web_documents.gate import Gate
from server_es.web_documents.rules import Visitor
from server_es.web_documents.serving import Serving
from server_es.web_documents.shelf import Shelf
from server_es.web_documents.tickets import Tickets
from tests.builders.site import SITE
from tests.builders.web_documents import fill, structure, tickets_of

CUSTOMER = Visitor(person="kunde@example.de", systems=frozenset({"A-1"}))


@dataclass
class Answer:
    """An answer over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class WebGate:
    """A running server. `get` shows the customer's ticket unless told otherwise."""

    certs: Path
    port: int
    system: Path
    database: Database
    tickets: Tickets
    fetches: Fetches
    keyring: Keyring
    shown: str = ""

    async def ticket(self, visitor: Visitor) -> str:
        return (await self.tickets.give(visitor, place="")).text

    def valid_tickets(self, unit: UnitOfWork) -> list[Any]:
        return store.valid_tickets(unit)

    def publish_call(self) -> None:
        """A published call of system A-1."""
        with self.database.unit() as unit:
            seed(unit)
            kept = {"revision": 1, "update_time": unit.now}
            unit.connection.execute(levels.priority.insert().values(number=1, title="Normal", **kept))
            unit.connection.execute(
                levels.service_level.insert().values(
                    number=1, title="Normal", language="de", translations={}, priority=1, **kept
                )
            )
            unit.connection.execute(
                servicecall.insert().values(
                    number=4711, title="Pumpe steht", address="1001", system="A-1", published=True, state=30, meaning=3,
                    service_level=1, level_rule=1, receive_time=unit.now, create_time=unit.now, update_time=unit.now,
                    last_event_time=unit.now, last_sequence=1, revision=1, search="", description="", origin="",
                    level_rule_source="",
                )
            )  # fmt: skip

    async def get(self, path: str, *, method: str = "GET", client: str = "envoy-dmz", **headers: str) -> Answer:
        def ask() -> Answer:
            with contextlib.closing(self._connection(client)) as connection:
                said = {key: value for key, value in {"x-ticket": self.shown, **headers}.items() if value}
                connection.request(method, path, headers=said)
                answer = connection.getresponse()
                body = answer.read()
                return Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, body)

        return await asyncio.to_thread(ask)

    async def drain(self, path: str, after_first: Callable[[int], None] | None = None) -> tuple[int, int]:
        """Read an answer piece by piece; return the most memory this process had meanwhile, and the size."""

        def ask() -> tuple[int, int]:
            with contextlib.closing(self._connection("envoy-dmz")) as connection:
                connection.request("GET", path, headers={"x-ticket": self.shown})
                answer, most, size, buffer = connection.getresponse(), 0, 0, bytearray(65536)
                while count := answer.readinto(buffer):
                    if not size and after_first:
                        after_first(count)
                    size, most = size + count, max(most, self.resident())
                if size < int(answer.headers["content-length"]):
                    raise http.client.IncompleteRead(b"")
                return most, size

        return await asyncio.to_thread(ask)

    @staticmethod
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def _connection(self, client: str) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=self.certs / "ca.pem")
        context.load_cert_chain(self.certs / client / "cert.pem", self.certs / client / "key.pem")
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=20)


@contextlib.asynccontextmanager
async def web_gate(folder: Path, *, address: str = "127.0.0.1") -> AsyncIterator[WebGate]:
    """Serve the documents of system A-1."""
    clock = SystemClock()
    certs = folder / "certs"
    pki.init_site(certs, SITE, clock)
    for one in ("server_es", "envoy-dmz", "envoy-lan"):
        pki.issue(certs, one, now=clock.now(), ip=["127.0.0.1"])
    system = fill(folder / "documents")
    async with contextlib.AsyncExitStack() as stack:
        database = stack.enter_context(Database(f"sqlite:///{folder / 'es.db'}", metadata=METADATA, clock=clock))
        METADATA.create_all(database.engine)
        _furnish(database)
        keyring = Keyring(folder / "keys", SITE, PEOPLE, clock)
        tickets, fetches, disk = tickets_of(database, keyring), Fetches(clock), Threads(2, name="documents")
        stack.callback(disk.close)
        shelf = Shelf(structure(system.parent))
        gate = Gate(database, shelf=shelf, tickets=tickets, fetches=fetches, disk=disk, clock=clock, page=page.app())
        serving = Serving(gate, ServiceCertificate(certs, "server_es", clock), address, 0)
        await serving.start()
        stack.push_async_callback(serving.stop)
        made = WebGate(certs, serving.port, system, database, tickets, fetches, keyring)
        made.shown = await made.ticket(CUSTOMER)
        yield made


def _furnish(database: Database) -> None:
    with database.unit() as unit:
        kept = {"search": "", "revision": 1, "update_time": unit.now, "notes": ""}
        unit.connection.execute(
            tables.address.insert().values(
                number="1001", matchcode="Kunde", kind="customer", names=[], mail_addresses=[], phones=[], **kept
            )
        )
        unit.connection.execute(tables.mail_identity.insert().values(mail_address="kunde@example.de", address="1001"))
        unit.connection.execute(
            tables.system.insert().values(
                number="A-1", matchcode="Anlage A-1", address="1001", model="", serial_number="", **kept
            )
        )
