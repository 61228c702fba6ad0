"""Certificates over a real gRPC connection.

TLS compares with the machine's clock, so these certificates are made now.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509

from config_service import pki
from config_service.identity.signing import Grant, Issuer, make_keys
from mesh.callers import Callers
from mesh.certificates import ServiceCertificate
from mesh.clock import SystemClock
from mesh.key_set import KeySet
from mesh.renewing_channel import RenewingChannel
from mesh.tokens import Verifier
from tests.builders.site import site

pytestmark = pytest.mark.timeout(60)
CLOCK = SystemClock()
Context = grpc.aio.ServicerContext[bytes, bytes]


class Probe(grpc.GenericRpcHandler):
    """Answers who calls; `/probe/Count` streams a number for each byte it is sent, to see a connection stay alive."""

    def __init__(self, callers: Callers) -> None:
        self.callers = callers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        if handler_call_details.method == "/probe/Who":
            return grpc.unary_unary_rpc_method_handler(self.who)
        return grpc.stream_stream_rpc_method_handler(self.count)

    async def who(self, request: bytes, context: Context) -> bytes:
        caller = self.callers(context)
        return f"{caller.kind.value} {caller.name} {caller.spiffe_id} {caller.address}".encode()

    async def count(self, requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request + request


@asynccontextmanager
async def serving(certificate: ServiceCertificate, callers: Callers) -> AsyncIterator[str]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([Probe(callers)])
    port = server.add_secure_port("127.0.0.1:0", certificate.server_credentials())
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@pytest.fixture
def now() -> datetime:
    return CLOCK.now()


@pytest.fixture
def folder(tmp_path: Path, now: datetime) -> Path:
    return site(tmp_path / "pki", "server_es", "server_business", "envoy-lan", now=now)


@pytest.fixture
def issuer(tmp_path: Path, now: datetime) -> Issuer:
    return Issuer(make_keys(tmp_path / "keys", now), "muster", "esoffice")


@pytest.fixture
def callers(issuer: Issuer) -> Callers:
    verifier = Verifier("muster", "esoffice", KeySet.from_jwks(issuer.keys.jwks()), CLOCK)
    return Callers("muster", verifier, {"server_business": ["sms.*"]})


def dial(target: str, certificate: ServiceCertificate, peer: str = "server_es") -> grpc.aio.Channel:
    """A channel that shares no connection with another."""
    options = (*certificate.channel_options(peer), ("grpc.use_local_subchannel_pool", 1))
    return grpc.aio.secure_channel(target, certificate.channel_credentials(), options)


async def who(channel: grpc.aio.Channel, *metadata: tuple[str, str]) -> str:
    call = channel.unary_unary("/probe/Who")
    return (await call(b"", metadata=metadata, timeout=10)).decode()


async def test_a_service_is_known_by_its_certificate(folder: Path, callers: Callers) -> None:
    own = ServiceCertificate(folder, "server_business", CLOCK)
    async with serving(ServiceCertificate(folder, "server_es", CLOCK), callers) as target, dial(target, own) as channel:
        assert await who(channel) == "service server_business spiffe://muster/service/server_business 127.0.0.1"


async def test_a_person_is_known_by_the_token_and_the_service_is_kept_beside(
    folder: Path, callers: Callers, issuer: Issuer, now: datetime
) -> None:
    own = ServiceCertificate(folder, "server_business", CLOCK)
    bearer = ("authorization", f"Bearer {issuer.issue(Grant(user='anna'), now).text}")
    async with serving(ServiceCertificate(folder, "server_es", CLOCK), callers) as target, dial(target, own) as channel:
        assert await who(channel, bearer) == "person anna spiffe://muster/service/server_business 127.0.0.1"


async def test_a_forwarded_certificate_is_believed_from_the_proxy_only(folder: Path, callers: Callers) -> None:
    header = ("x-forwarded-client-cert", "By=spiffe://muster/service/envoy-lan;URI=spiffe://muster/service/server_es")
    behind = ("x-forwarded-for", "203.0.113.9, 192.0.2.7")
    async with serving(ServiceCertificate(folder, "server_es", CLOCK), callers) as target:
        async with dial(target, ServiceCertificate(folder, "envoy-lan", CLOCK)) as proxy:
            assert await who(proxy, header, behind) == "service server_es spiffe://muster/service/server_es 192.0.2.7"
            assert await who(proxy) == "anonymous  None 127.0.0.1"
        async with dial(target, ServiceCertificate(folder, "server_business", CLOCK)) as liar:
            claimed = await who(liar, header, behind)
            assert claimed == "service server_business spiffe://muster/service/server_business 127.0.0.1"


async def test_a_client_of_another_ca_is_refused(folder: Path, callers: Callers, tmp_path: Path, now: datetime) -> None:
    other = site(tmp_path / "other", "server_business", now=now)
    stranger = ServiceCertificate(other, "server_business", CLOCK)
    ca, own = (folder / "ca.pem").read_bytes(), stranger.current()
    # It trusts our server, so that the refusal is the server's.
    credentials = grpc.ssl_channel_credentials(ca, own.key, own.chain)
    nobody = grpc.ssl_channel_credentials(ca)
    async with serving(ServiceCertificate(folder, "server_es", CLOCK), callers) as target:
        for refused in (credentials, nobody):
            async with grpc.aio.secure_channel(target, refused, stranger.channel_options("server_es")) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await who(channel)
                assert error.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_server_that_is_another_service_is_refused(folder: Path, callers: Callers) -> None:
    own = ServiceCertificate(folder, "server_business", CLOCK)
    async with (
        serving(ServiceCertificate(folder, "server_es", CLOCK), callers) as target,
        dial(target, own, "config_service") as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await who(channel)
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE


async def served_serial(target: str, folder: Path) -> int:
    """Look at the certificate of a new connection."""
    # Python's own TLS beside gRPC's: what gRPC shares between channels cannot hide an old connection here.
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / "envoy-lan/cert.pem", folder / "envoy-lan/key.pem")
    context.set_alpn_protocols(["h2"])
    host, port = target.split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return x509.load_der_x509_certificate(der).serial_number


async def test_new_files_count_for_new_connections_and_old_connections_live_on(
    folder: Path, callers: Callers, now: datetime
) -> None:
    own = ServiceCertificate(folder, "server_business", CLOCK)
    async with serving(ServiceCertificate(folder, "server_es", CLOCK), callers) as target:
        before = await served_serial(target, folder)
        async with dial(target, own) as channel:
            stream = channel.stream_stream("/probe/Count")()
            await stream.write(b"a")
            assert await stream.read() == b"aa"

            renewed = pki.renew(folder, "server_es", now)

            assert before != renewed.serial_number == await served_serial(target, folder)
            await stream.write(b"b")
            assert await stream.read() == b"bb"
            await stream.done_writing()


async def test_files_that_do_not_fit_leave_the_old_certificate_in_force(
    folder: Path, callers: Callers, tmp_path: Path, now: datetime
) -> None:
    certificate = ServiceCertificate(folder, "server_es", CLOCK)
    async with serving(certificate, callers) as target:
        before = await served_serial(target, folder)
        key = folder / "server_es/current/key.pem"
        right = key.read_bytes()
        key.write_bytes((folder / "server_business/key.pem").read_bytes())
        assert await served_serial(target, folder) == before
        assert "is not the key of" in certificate.problem

        key.write_bytes(right)
        assert await served_serial(target, folder) == before
        assert certificate.problem == ""


async def test_a_client_goes_on_with_its_new_certificate_and_its_old_calls_finish(
    folder: Path, callers: Callers, now: datetime
) -> None:
    own = ServiceCertificate(folder, "server_business", CLOCK)
    async with (
        serving(ServiceCertificate(folder, "server_es", CLOCK), callers) as target,
        RenewingChannel(target, own, "server_es") as channel,
    ):
        await channel.channel_ready()
        ask, count = channel.unary_unary("/probe/Who"), channel.stream_stream("/probe/Count")
        first = channel.credentials
        stream = count()
        await stream.write(b"a")
        assert await stream.read() == b"aa"
        assert (await ask(b"")).startswith(b"service server_business")

        pki.renew(folder, "server_business", now)

        assert (await ask(b"")).startswith(b"service server_business")
        assert channel.credentials.serial != first.serial
        await stream.write(b"b")
        assert await stream.read() == b"bb"
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF


async def test_an_expired_service_comes_back_by_itself_once_it_has_new_files(
    folder: Path, callers: Callers, now: datetime
) -> None:
    """What a machine suspended over the end of its certificate finds when it wakes up (spiffe/spire#1562)."""
    long_ago = now - timedelta(days=100)
    pki.issue(folder, "server_business", now=long_ago, lifetime=timedelta(days=90))
    own = ServiceCertificate(folder, "server_business", CLOCK)
    assert not own.is_valid_for(timedelta())
    async with (
        serving(ServiceCertificate(folder, "server_es", CLOCK), callers) as target,
        RenewingChannel(target, own, "server_es", [("grpc.use_local_subchannel_pool", 1)]) as channel,
    ):
        ask = channel.unary_unary("/probe/Who")
        with pytest.raises(grpc.aio.AioRpcError):
            await ask(b"", timeout=10)
        assert [one.service for one in pki.renew_due(folder, now)] == ["server_business"]
        assert own.is_valid_for(timedelta(days=80))
        assert (await ask(b"", timeout=10)).startswith(b"service server_business")
