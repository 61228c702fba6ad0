"""A small site around a real Envoy: control plane, services that tell what they were sent, and clients."""

import asyncio
import contextlib
import json
import pickle
import random
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from config_service.envoy import bootstrap, launch
from config_service.envoy.rules import Endpoint, Facts, KeyPair, Listener
from config_service.envoy.service import ControlPlane
from mesh.clock import SystemClock
from tests.builders.certificates import Authority, Issued

SITE = "demo"
LIMIT_SECONDS = 20.0


def free_port() -> int:
    """Return a port of 127.0.0.1 nobody listens on, below the range the kernel gives to clients."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def until(holds: Callable[[], Awaitable[bool] | bool], what: str) -> None:
    """Wait until a condition of another process holds."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            answer = holds()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.02)
    raise AssertionError(what)


class Teller(grpc.GenericRpcHandler):
    """Answers any path: `/Tell` with the metadata it got, `/Watch` with beats, `/Fail` with UNAVAILABLE."""

    def __init__(self, instance: str) -> None:
        self.instance = instance
        self.calls = 0

    def service(self, details: Any) -> Any:
        verb = details.method.rpartition("/")[2]
        if verb == "Watch":
            return grpc.unary_stream_rpc_method_handler(self._watch)
        return grpc.unary_unary_rpc_method_handler(self._fail if verb == "Fail" else self._tell)

    async def _tell(self, _request: bytes, context: Any) -> bytes:
        self.calls += 1
        sent = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        return json.dumps({"instance": self.instance, "sent": sent}).encode()

    async def _fail(self, _request: bytes, context: Any) -> bytes:
        self.calls += 1
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the mail server does not answer")
        return b""

    async def _watch(self, request: bytes, context: Any) -> None:
        pause = float(request)
        while True:
            await context.write(self.instance.encode())
            await asyncio.sleep(pause)


@dataclass
class Instance:
    """A running service with its endpoint."""

    server: grpc.aio.Server
    teller: Teller
    endpoint: Endpoint


@dataclass
class EnvoySite:
    """Everything of one site, in one folder."""

    folder: Path
    ca: Authority
    ads_port: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    plane: ControlPlane = field(default_factory=lambda: ControlPlane(site=SITE, clock=SystemClock()))
    ads: grpc.aio.Server | None = None
    process: subprocess.Popen[bytes] | None = None
    instances: list[Instance] = field(default_factory=list)
    facts: Facts = field(init=False)

    def __post_init__(self) -> None:
        lan = pair(self.ca.issue("envoy-lan"))
        door = pair(self.ca.issue("door"))
        self.facts = Facts(
            node="envoy-lan",
            listener=Listener(
                certificate=door,
                client_ca=str(self.ca.path),
                address="127.0.0.1",
                port=self.port,
                access_log=str(self.folder / "access.log"),
            ),
            identity=lan,
            ca=str(self.ca.path),
        )

    async def start_control_plane(self) -> None:
        self.ads = grpc.aio.server()
        self.plane.add_to(self.ads)
        self.ads.add_secure_port(f"127.0.0.1:{self.ads_port}", self.server_credentials("config_service"))
        await self.ads.start()

    def bootstrap(self, *, admin: Path | int | None = None) -> Path:
        settings = bootstrap.Bootstrap(
            site=SITE,
            node="envoy-lan",
            instance="host-1",
            control_plane=(("127.0.0.1", self.ads_port),),
            identity=self.facts.identity,
            ca=self.facts.ca,
            admin=admin,
        )
        return bootstrap.write(settings, self.folder / "envoy")

    def start_control_plane_process(self) -> subprocess.Popen[bytes]:
        """Serve the present facts from a process of its own, to be killed."""
        own = self.ca.issue("config_service")
        handed = (self.ads_port, own.key, own.certificate, self.ca.certificate, self.facts)
        path = self.folder / "facts.pickle"
        path.write_bytes(pickle.dumps(handed))
        return subprocess.Popen([sys.executable, "-m", "tests.builders.envoy_control_plane", str(path)])

    async def start_envoy(self, *, admin: Path | int | None = None) -> None:
        self.process = launch.start(self.bootstrap(admin=admin), threads=1)
        if self.ads is not None:
            await until(self.is_current, "Envoy has the whole snapshot")
        await until(lambda: accepts(self.port), "Envoy listens")

    def is_current(self) -> bool:
        return any(node.is_settled and node.envoys for node in self.plane.status())

    async def serve(self, service: str, instance: str, *, port: int = 0, certificate: str = "") -> Instance:
        """Start an instance of a service; `announce` makes it known."""
        server = grpc.aio.server(options=[("grpc.so_reuseport", 1)])
        teller = Teller(instance)
        health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
        server.add_generic_rpc_handlers((teller,))
        port = server.add_secure_port(
            f"127.0.0.1:{port or free_port()}", self.server_credentials(certificate or service)
        )
        await server.start()
        endpoint = Endpoint(service=service, address="127.0.0.1", port=port, instance=instance)
        running = Instance(server, teller, endpoint)
        self.instances.append(running)
        return running

    def announce(self, *instances: Instance | Endpoint) -> None:
        """Tell the control plane that these and no others live."""
        live = tuple(one.endpoint if isinstance(one, Instance) else one for one in instances)
        self.facts = replace(self.facts, endpoints=live)
        self.plane.update(self.facts)

    def server_credentials(self, service: str) -> grpc.ServerCredentials:
        own = self.ca.issue(service)
        return grpc.ssl_server_credentials(
            [(own.key, own.certificate)], root_certificates=self.ca.certificate, require_client_auth=True
        )

    def channel(self, identity: Issued | None = None, *, port: int | None = None) -> grpc.aio.Channel:
        credentials = grpc.ssl_channel_credentials(
            self.ca.certificate, identity.key if identity else None, identity.certificate if identity else None
        )
        return grpc.aio.secure_channel(f"127.0.0.1:{port or self.port}", credentials)

    async def call(self, path: str, channel: grpc.aio.Channel, *metadata: tuple[str, str]) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(await channel.unary_unary(path)(b"", metadata=metadata, timeout=10))
        return told

    async def until_served(self, path: str = "/esoffice.es.v1.Any/Tell", by: str | None = None) -> None:
        """Wait until calls of this path succeed (answered by the instance `by`)."""

        async def is_served() -> bool:
            async with self.channel() as channel:
                try:
                    told = await self.call(path, channel)
                except grpc.aio.AioRpcError:
                    return False
            return by is None or told["instance"] == by

        await until(is_served, f"{path} is served")

    async def close(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=10)
        for one in self.instances:
            await one.server.stop(None)
        if self.ads is not None:
            await self.ads.stop(None)


@contextlib.asynccontextmanager
async def envoy_site(folder: Path) -> AsyncIterator[EnvoySite]:
    """Make the CA and the certificates; end everything that was started afterwards."""
    site = EnvoySite(folder, Authority(folder / "pki", site=SITE))
    try:
        yield site
    finally:
        await site.close()


def pair(issued: Issued) -> KeyPair:
    return KeyPair(certificate=str(issued.certificate_path), key=str(issued.key_path))


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=10)
