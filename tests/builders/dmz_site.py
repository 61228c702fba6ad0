"""A site with web documents behind the real DMZ Envoy: its control plane, sign-in, server_es and its documents."""

import asyncio
import contextlib
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from esoffice.config.v1 import identity_pb2, settings_pb2
from esoffice.es.v1 import duty_pb2, web_documents_pb2

from config_service import pki
from config_service import schema as config_schema
from config_service.envoy import bootstrap, launch
from config_service.envoy.dmz import DmzEnvoys
from config_service.envoy.rules import DMZ_NODE, KeyPair
from config_service.envoy.service import ControlPlane
from config_service.fleet.store import LiveEndpoint
from config_service.identity.passwords import Passwords
from config_service.identity.service import IdentityServicer
from config_service.identity.sign_in import Hashing
from config_service.identity.store import User
from mesh.audit import AuditLog
from mesh.callers import Callers
from mesh.certificates import ServiceCertificate
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.key_set import KeySet
from mesh.pipeline import Pipeline
from mesh.server import Server
from mesh.threads import Threads
from mesh.tokens import AUDIENCE, Verifier
from mesh.wakeups import Doorbell
from mesh.workers import HealthLine
from server_es.absences import facts as absence_facts
from server_es.duty.service import Duty
from server_es.schema import OUTBOX, REQUESTS
from server_es.web_documents.admission import Admission
from server_es.web_documents.publishing import Publishing
from server_es.web_documents.reading import Reading
from server_es.web_documents.service import WebDocuments
from server_es.web_documents.settings import WebDocumentSettings
from server_es.web_documents.shelf import Shelf
from tests.builders.envoy_site import free_port, until
from tests.builders.identity import PASSWORD, QUICK
from tests.builders.site import SITE
from tests.builders.web_documents import structure
from tests.builders.web_gate import WebGate, web_gate


@dataclass
class DmzSite:
    """Everything of the site; `client` speaks HTTP/2 with the Envoy and keeps its cookies."""

    gate: WebGate
    envoys: DmzEnvoys
    plane: ControlPlane
    port: int
    settings: settings_pb2.Settings
    client: httpx.AsyncClient
    servers: dict[str, Server]
    ports: dict[str, int]
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(default_factory=Path)
    lan: str = "127.0.0.1"
    door: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"https://{self.door}:{self.port}"

    async def sign_in(self, user: str = "tom", password: str = PASSWORD) -> httpx.Response:
        """Sign in as a technician does and take a ticket as a cookie."""
        answer = await self.client.post("/api/v1/signIn", json={"user": user, "password": password})
        if answer.status_code != 200:
            return answer
        token = {"authorization": f"Bearer {answer.json()['token']}"}
        return await self.client.post("/api/v1/tickets", json={"asCookie": True}, headers=token)

    def is_current(self) -> bool:
        return any(node.node == DMZ_NODE and node.is_settled and node.envoys for node in self.plane.status())

    def new_client(self, **options: Any) -> httpx.AsyncClient:
        context = ssl.create_default_context(cafile=self.gate.certs / "ca.pem")
        return httpx.AsyncClient(base_url=self.url, verify=context, timeout=20, http2=True, **options)


@contextlib.asynccontextmanager
async def dmz_site(
    folder: Path, *, lan: str = "127.0.0.1", door: str = "127.0.0.1", inside: Sequence[str] = ()
) -> AsyncIterator[DmzSite]:
    """Start it all; tom is a technician whose password is `PASSWORD`.

    Args:
        folder: of the test.
        lan: address the services listen on.
        door: address the Envoy listens on.
        inside: words before the Envoy's command line, such as those that enter a network namespace.
    """
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        gate = await stack.enter_async_context(web_gate(folder, address=lan))
        pki.issue(gate.certs, "config_service", now=clock.now())
        pki.issue(gate.certs, DMZ_NODE, now=clock.now(), dns=["localhost"], ip=[door])
        people = stack.enter_context(
            Database(f"sqlite:///{folder / 'config.db'}", metadata=config_schema.metadata, clock=clock)
        )
        config_schema.metadata.create_all(people.engine)
        hashing, now = Hashing(Passwords(QUICK)), clock.now()
        stack.callback(hashing.close)
        with people.unit() as unit:
            hashed = Passwords(QUICK).hash(PASSWORD)
            config_schema.users.add(
                unit,
                User(name="tom", employee="101", roles=("technician",), password_hash=hashed, create_time=now,
                     update_time=now),
            )  # fmt: skip
        identity = IdentityServicer(
            people, users=config_schema.users, failures=config_schema.failed_sign_ins,
            settings=lambda _: settings_pb2.Settings(), hashing=hashing, keyring=gate.keyring,
        )  # fmt: skip
        disk = Threads(2, name="listing")
        stack.callback(disk.close)
        shelf = Shelf(structure(gate.system.parent))
        documents = WebDocuments(
            gate.database, tickets=gate.tickets, admission=Admission(WebDocumentSettings()),
            reading=Reading(shelf), disk=disk, asked=Doorbell("codes", lambda _: None),
            publishing=Publishing(gate.database, shelf, disk),
        )  # fmt: skip
        plane = ControlPlane(site=SITE, clock=clock)
        servers, ports = {}, {}
        duty = Duty(gate.database, REQUESTS, absences=absence_facts, tell=lambda *_: None)
        for service, *rooms in (
            ("config_service", (identity_pb2.DESCRIPTOR, identity)),
            ("server_es", (web_documents_pb2.DESCRIPTOR, documents), (duty_pb2.DESCRIPTOR, duty)),
        ):
            verifier = Verifier(SITE, AUDIENCE, KeySet.from_jwks(gate.keyring.jwks), clock)
            server = Server(Pipeline(identify=Callers(SITE, verifier, {}), audit=AuditLog(OUTBOX, clock)))
            for contract, servicer in rooms:
                server.add(contract, servicer)
            if service == "config_service":
                plane.add_to(server.grpc)
            certificate = ServiceCertificate(gate.certs, service, clock)
            ports[service] = await server.start(f"{lan}:{free_port()}", certificate.server_credentials())
            servers[service] = server
            stack.push_async_callback(server.drain, timedelta(0))
        settings = settings_pb2.Settings()
        port = free_port()
        dmz = settings.config_service.dmz
        dmz.address, dmz.port = door, port
        dmz.requests_per_minute, dmz.sign_ins_per_minute = 100_000, 1000
        envoys = DmzEnvoys(plane, gate.certs, HealthLine("envoy.dmz"), site=SITE, keys=lambda: gate.keyring.jwks)
        envoys.take(settings)
        envoys.served_on(gate.port)
        envoys.told(tuple(LiveEndpoint(service, f"{service}-1", lan, where, False) for service, where in ports.items()))
        site = DmzSite(gate, envoys, plane, port, settings, None, servers, ports, lan=lan, door=door)  # type: ignore[arg-type]
        site.client = await stack.enter_async_context(site.new_client())
        site.log = folder / "envoy.log"
        site.process = _started([*inside, *envoy_command(site, folder)], site.log)
        stack.callback(_end, site.process)
        await until(site.is_current, "Envoy has the whole snapshot")
        await until(lambda: _answers(site), "everything behind Envoy answers")
        yield site


def envoy_command(site: DmzSite, folder: Path) -> list[str]:
    own = site.gate.certs / DMZ_NODE
    config = bootstrap.Bootstrap(
        site=SITE, node=DMZ_NODE, instance="dmz-1",
        control_plane=((site.lan, site.ports["config_service"]),),
        identity=KeyPair(certificate=str(own / "cert.pem"), key=str(own / "key.pem")),
        ca=str(site.gate.certs / "ca.pem"),
    )  # fmt: skip
    return launch.command(bootstrap.write(config, folder / "envoy"), threads=1)


async def _answers(site: DmzSite) -> bool:
    try:
        page = await site.client.get("/openapi.json")
    except httpx.TransportError:  # it does not listen yet
        return False
    wrong = {"systemNumber": "A-1", "mailAddress": "a@b.de", "code": "WRONG"}
    api = await site.client.post("/api/v1/accessCodes:redeem", json=wrong)
    login = await site.client.post("/api/v1/signIn", json={"user": "nobody", "password": "nothing"})
    return (page.status_code, api.status_code, login.status_code) == (200, 401, 401)


def _started(command: list[str], path: Path) -> subprocess.Popen[bytes]:
    with path.open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(timeout=10)


def lines(site: DmzSite) -> list[dict[str, Any]]:
    """Return the access log of the Envoy."""
    return [json.loads(line) for line in site.log.read_text().splitlines() if line.startswith("{")]


async def settled(site: DmzSite) -> None:
    """Wait until a change of the settings has reached the Envoy."""
    site.envoys.take(site.settings)
    await until(site.is_current, "Envoy has the change")
    await asyncio.sleep(0.3)
