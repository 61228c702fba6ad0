"""The real Envoy in front of real services, told what to do by our control plane."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from config_service.envoy.rules import SnapshotRefused
from tests.builders.envoy_site import EnvoySite, envoy_site

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
