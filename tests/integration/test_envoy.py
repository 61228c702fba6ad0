"""The real Envoy in front of real services: what it lets in, what it passes on, what it refuses."""

import asyncio
import contextlib
import http.client
import ipaddress
import json
import ssl
import stat
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from config_service.envoy import launch
from tests.builders.certificates import Authority
from tests.builders.envoy_site import EnvoySite, envoy_site, until

pytestmark = pytest.mark.envoy

TELL = "/esoffice.es.v1.Any/Tell"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[EnvoySite]:
    """A site with one server_es behind Envoy."""
    async with envoy_site(tmp_path) as site:
        await site.start_control_plane()
        site.announce(await site.serve("server_es", "es-1"))
        await site.start_envoy()
        await site.until_served()
        yield site


async def test_a_caller_is_named_by_its_certificate(site: EnvoySite) -> None:
    async with site.channel(site.ca.issue_uri("spiffe://demo/client/pc-7", file="pc-7")) as channel:
        told = await site.call(TELL, channel)
    assert "URI=spiffe://demo/client/pc-7" in told["sent"]["x-forwarded-client-cert"]


async def test_a_caller_cannot_forge_a_name(site: EnvoySite) -> None:
    forged = ("x-forwarded-client-cert", "By=spiffe://demo/service/envoy-lan;URI=spiffe://demo/service/config_service")
    async with site.channel() as nameless, site.channel(site.ca.issue("server_business")) as named:
        of_nameless = await site.call(TELL, nameless, forged)
        of_named = await site.call(TELL, named, forged)
    assert "x-forwarded-client-cert" not in of_nameless["sent"]
    assert "config_service" not in of_named["sent"]["x-forwarded-client-cert"]
    assert "URI=spiffe://demo/service/server_business" in of_named["sent"]["x-forwarded-client-cert"]


async def test_headers_that_only_envoy_may_set_are_taken_off(site: EnvoySite) -> None:
    forged = [
        ("x-forwarded-for", "10.1.2.3"),
        ("x-forwarded-host", "evil"),
        ("x-real-ip", "10.1.2.3"),
        ("x-envoy-max-retries", "99"),
        ("x-envoy-upstream-rq-timeout-ms", "1"),
        ("x-request-id", "mine"),
    ]
    async with site.channel() as channel:
        sent = (await site.call(TELL, channel, *forged, ("authorization", "Bearer abc")))["sent"]
    # One address, Envoy's own finding; for a caller on the same machine it writes the machine's.
    assert str(ipaddress.ip_address(sent["x-forwarded-for"])) != "10.1.2.3"
    assert sent["authorization"] == "Bearer abc"
    assert sent["x-request-id"] != "mine"
    assert not sent.keys() & {"x-forwarded-host", "x-real-ip", "x-envoy-max-retries", "x-envoy-upstream-rq-timeout-ms"}


async def test_a_certificate_of_another_ca_is_refused(site: EnvoySite, tmp_path: Path) -> None:
    foreign = Authority(tmp_path / "foreign", site="demo").issue_uri("spiffe://demo/client/pc-7", file="pc-7")
    async with site.channel(foreign) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await site.call(TELL, channel)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    "path",
    [
        "/esoffice.unknown.v1.Any/Tell",
        "/esoffice.es.v10.Any/Tell",
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
    ],
)
async def test_what_is_not_routed_is_unimplemented(site: EnvoySite, path: str) -> None:
    async with site.channel() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await site.call(path, channel)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_service_without_an_instance_is_unavailable(site: EnvoySite) -> None:
    async with site.channel() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await site.call("/esoffice.business.v1.Any/Tell", channel)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_an_instance_with_another_service_s_certificate_gets_no_call(site: EnvoySite) -> None:
    site.announce(*site.instances, await site.serve("server_business", "impostor", certificate="server_es"))
    await until(site.is_current, "Envoy knows the impostor")
    await asyncio.sleep(0.5)  # time in which a wrongly trusted instance would have passed its health check
    async with site.channel() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await site.call("/esoffice.business.v1.Any/Tell", channel)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_an_unavailable_answer_is_neither_repeated_nor_held_against_the_instance(site: EnvoySite) -> None:
    async with site.channel() as channel:
        for _ in range(20):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await site.call("/esoffice.es.v1.Any/Fail", channel)
            assert refused.value.details() == "the mail server does not answer"
        assert site.instances[0].teller.calls == 20 + 1  # and the one that found the site ready
        assert (await site.call(TELL, channel))["instance"] == "es-1"


async def test_a_stream_lives_as_long_as_something_moves_on_it(tmp_path: Path) -> None:
    async with envoy_site(tmp_path) as site, site.channel() as channel:
        listener = replace(site.facts.listener, stream_idle=timedelta(seconds=1))
        site.facts = replace(site.facts, listener=listener)
        await site.start_control_plane()
        site.announce(await site.serve("server_es", "es-1"))
        await site.start_envoy()
        await site.until_served()
        watch = channel.unary_stream("/esoffice.es.v1.Any/Watch")
        beats = [beat async for beat in first(watch(b"0.25"), 12)]
        assert len(beats) == 12  # three seconds
        # Envoy resets the stream without a status of its own; gRPC clients report INTERNAL.
        with pytest.raises(grpc.aio.AioRpcError, match="RST_STREAM"):
            [beat async for beat in watch(b"60")]


async def test_a_renewed_certificate_is_served_without_a_restart(site: EnvoySite) -> None:
    renewed = site.ca.issue("door")
    site.ca.issue("envoy-lan")

    def is_served() -> bool:
        found = ssl.get_server_certificate(("127.0.0.1", site.port), ca_certs=str(site.ca.path))
        return x509.load_pem_x509_certificate(found.encode()).serial_number == renewed.serial

    await until(lambda: asyncio.to_thread(is_served), "the renewed certificate is served")
    await site.until_served()


async def test_grpc_web_works_over_http_1(site: EnvoySite) -> None:
    answer, body = await asyncio.to_thread(post, site, TELL, {"content-type": "application/grpc-web+proto"})
    length = int.from_bytes(body[1:5], "big")
    assert answer.status == 200
    assert json.loads(body[5 : 5 + length])["instance"] == "es-1"
    assert body[5 + length] == 0x80  # the frame of the trailers
    assert b"grpc-status:0" in body[5 + length :].replace(b" ", b"")


async def test_a_web_page_of_a_known_origin_may_call_and_no_other(site: EnvoySite) -> None:
    listener = replace(site.facts.listener, origins=("https://console.example.de",))
    site.facts = replace(site.facts, listener=listener)
    site.plane.update(site.facts)
    await until(site.is_current, "Envoy has the new routes")

    def ask(origin: str) -> str | None:
        headers = {"origin": origin, "access-control-request-method": "POST"}
        return post(site, TELL, headers, method="OPTIONS")[0].getheader("access-control-allow-origin")

    assert await asyncio.to_thread(ask, "https://console.example.de") == "https://console.example.de"
    assert await asyncio.to_thread(ask, "https://evil.example.de") is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x_under_score": "1"}, 400),
        ({"x-long": "y" * 40_000}, 431),
        ({f"x-{number}": "1" for number in range(101)}, 431),
    ],
)
async def test_a_request_beyond_the_limits_is_refused(site: EnvoySite, headers: dict[str, str], status: int) -> None:
    answer, _ = await asyncio.to_thread(post, site, TELL, {"content-type": "application/grpc-web+proto", **headers})
    assert answer.status == status


async def test_an_escaped_slash_is_refused(site: EnvoySite) -> None:
    answer, _ = await asyncio.to_thread(
        post, site, "/esoffice.es.v1.Any%2FTell", {"content-type": "application/grpc-web+proto"}
    )
    assert answer.status == 400


async def test_the_access_log_tells_the_instance_and_no_token(site: EnvoySite) -> None:
    log = site.folder / "access.log"
    async with site.channel() as channel:
        await site.call(TELL, channel, ("authorization", "Bearer top-secret"))
    await until(lambda: log.exists() and b"grpc_status" in log.read_bytes(), "the log is flushed")
    line = json.loads(log.read_text().splitlines()[-1])
    assert (line["path"], line["grpc_status"], line["instance"], line["service"]) == (TELL, "OK", "es-1", "server_es")
    assert "top-secret" not in log.read_text()


async def test_the_admin_socket_is_its_owner_s(tmp_path: Path) -> None:
    async with envoy_site(tmp_path) as site:
        await site.start_control_plane()
        site.announce(await site.serve("server_es", "es-1"))
        with tempfile.TemporaryDirectory(prefix="es") as short:  # a Unix socket's path is
            admin = Path(short) / "admin"
            await site.start_envoy(admin=admin)
            assert stat.S_IMODE(admin.stat().st_mode) == 0o600


async def test_envoy_accepts_the_bootstrap_and_says_what_is_wrong_with_another(tmp_path: Path) -> None:
    async with envoy_site(tmp_path) as site:
        path = site.bootstrap(admin=tmp_path / "admin")
        await asyncio.to_thread(launch.validate, path)
        path.write_text(path.read_text().replace("STRICT_DNS", "NO_SUCH_TYPE"))
        with pytest.raises(launch.BootstrapInvalid, match="NO_SUCH_TYPE"):
            await asyncio.to_thread(launch.validate, path)


async def first(stream: AsyncIterator[bytes], count: int) -> AsyncIterator[bytes]:
    """Yield the first messages of a stream."""
    async for one in stream:
        yield one
        count -= 1
        if not count:
            return


def post(
    site: EnvoySite, path: str, headers: dict[str, str], *, method: str = "POST"
) -> tuple[http.client.HTTPResponse, bytes]:
    """Send an empty gRPC-Web message over HTTP/1.1."""
    context = ssl.create_default_context(cafile=site.ca.path)
    connection = http.client.HTTPSConnection("127.0.0.1", site.port, context=context, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body=bytes(5), headers=headers)
        answer = connection.getresponse()
        return answer, answer.read()
