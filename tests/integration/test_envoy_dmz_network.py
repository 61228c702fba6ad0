"""The DMZ Envoy on a host of its own, played by a network namespace: what of the LAN it reaches, and what it could."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.builders.dmz_site import DmzSite, dmz_site
from tests.builders.web_documents import PDF

LAN, DOOR = "10.231.77.1", "10.231.77.2"
SPACE = f"esdmz{os.getpid()}"
REASON = "needs root and iproute2: it makes a network namespace that plays the DMZ host"
_CALL = """
import sys, grpc
address, certs, method = sys.argv[1:]
read = lambda name: open(f"{certs}/{name}", "rb").read()
credentials = grpc.ssl_channel_credentials(read("ca.pem"), read("envoy-dmz/key.pem"), read("envoy-dmz/cert.pem"))
service = "config-service" if "config" in method else "server-es"
options = [("grpc.ssl_target_name_override", f"{service}.service.muster")]
channel = grpc.secure_channel(address, credentials, options)
try:
    channel.unary_unary(method)(b"", timeout=10)
    print("OK")
except grpc.RpcError as error:
    print(error.code().name)
"""
pytestmark = [
    pytest.mark.envoy,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason=REASON),
]


def ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)


@pytest.fixture
def host() -> Iterator[list[str]]:
    """A host with one line into the LAN; yields the words that run a command there."""
    near, far = f"{SPACE[:12]}a", f"{SPACE[:12]}b"
    try:
        ip("netns", "add", SPACE)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{REASON}: {error.stderr.decode().strip()}")
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", far)
        ip("link", "set", far, "netns", SPACE)
        ip("addr", "add", f"{LAN}/30", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", SPACE, "addr", "add", f"{DOOR}/30", "dev", far)
        ip("-n", SPACE, "link", "set", far, "up")
        ip("-n", SPACE, "link", "set", "lo", "up")
        yield ["ip", "netns", "exec", SPACE]
    finally:
        ip("link", "del", near, check=False)
        ip("netns", "del", SPACE, check=False)


@pytest.fixture
async def site(tmp_path: Path, host: list[str]) -> AsyncIterator[DmzSite]:
    async with dmz_site(tmp_path, lan=LAN, door=DOOR, inside=host) as made:
        yield made


def reached(host: list[str], port: int) -> set[int]:
    """Return the ports of the LAN to which the host has connections, its visitors' at `port` left out."""
    table = subprocess.run([*host, "cat", "/proc/net/tcp"], capture_output=True, text=True, check=True).stdout
    found = set()
    for line in table.splitlines()[1:]:
        own, other = (one.split(":") for one in line.split()[1:3])
        address = ".".join(str(byte) for byte in reversed(bytes.fromhex(other[0])))
        if int(own[1], 16) != port and address == LAN:
            found.add(int(other[1], 16))
    return found


async def test_only_documents_and_control_plane_are_reached(site: DmzSite, host: list[str]) -> None:
    seen: set[int] = set()
    assert (await site.sign_in()).status_code == 200
    files = (await site.client.get("/api/v1/systems/A-1/files?folder=plans")).json()["files"]
    for _ in range(5):
        assert (await site.client.get(files[1]["uri"])).content == PDF
        seen |= reached(host, site.port)
        await asyncio.sleep(0.2)
    documents, control_plane = {site.ports["server_es"], site.gate.port}, {site.ports["config_service"]}
    assert seen == documents | control_plane


@pytest.mark.parametrize(
    ("service", "method"),
    [
        ("config_service", "/esoffice.config.v1.IdentityService/ListUsers"),
        ("config_service", "/esoffice.config.v1.IdentityService/GetKeySet"),
        ("config_service", "/esoffice.config.v1.IdentityService/IssueTicket"),
        ("server_es", "/esoffice.es.v1.WebDocumentService/RevokeTickets"),
    ],
)
async def test_who_takes_the_host_over_can_do_no_more_than_its_visitors(
    site: DmzSite, host: list[str], service: str, method: str
) -> None:
    address = f"{LAN}:{site.ports[service]}"
    command = [*host, sys.executable, "-c", _CALL, address, str(site.gate.certs), method]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "PERMISSION_DENIED", done.stderr


def opened(process: int) -> set[str]:
    """Return what a process holds open."""
    return {str(one.readlink()) for one in Path(f"/proc/{process}/fd").iterdir()}


async def test_nothing_of_a_document_stays_on_the_host(site: DmzSite) -> None:
    await site.sign_in()
    await site.client.get("/documents/A-1/plans/Schaltplan%20%C3%9Cbersicht.pdf")
    assert site.process is not None
    targets = opened(site.process.pid)
    assert not [
        one for one in targets if one.startswith("/") and not one.startswith(("/dev/", "/proc/", str(site.log)))
    ]
