"""Who may ask the control plane for what, over a real channel, without an Envoy."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.config.core.v3.base_pb2 import Node
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.service.discovery.v3.ads_pb2_grpc import AggregatedDiscoveryServiceStub
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest

from config_service.envoy.service import ControlPlane
from config_service.envoy.snapshot import TYPE_URLS, Kind
from mesh.clock import SystemClock
from tests.builders.envoy_site import SITE, EnvoySite, envoy_site, until

CLUSTERS = DiscoveryRequest(node=Node(id="host-1", cluster="envoy-lan"), type_url=TYPE_URLS[Kind.CLUSTER])


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[EnvoySite]:
    async with envoy_site(tmp_path) as site:
        await site.start_control_plane()
        yield site


def stream(channel: grpc.aio.Channel) -> Any:
    return AggregatedDiscoveryServiceStub(channel).StreamAggregatedResources()


async def ended(call: Any) -> grpc.StatusCode:
    await call.write(CLUSTERS)
    code: grpc.StatusCode = await asyncio.wait_for(call.code(), 10)
    return code


async def test_a_service_may_not_pose_as_an_envoy(site: EnvoySite) -> None:
    async with site.channel(site.ca.issue("server_es"), port=site.ads_port) as channel:
        assert await ended(stream(channel)) is grpc.StatusCode.PERMISSION_DENIED


async def test_the_dmz_envoy_may_not_read_what_the_lan_envoy_gets(site: EnvoySite) -> None:
    async with site.channel(site.ca.issue("envoy-dmz"), port=site.ads_port) as channel:
        assert await ended(stream(channel)) is grpc.StatusCode.PERMISSION_DENIED


async def test_every_node_gets_the_snapshot_of_its_own(site: EnvoySite) -> None:
    site.plane.update(site.facts)
    site.plane.update(replace(site.facts, node="envoy-dmz", listener=replace(site.facts.listener, port=8443)))
    for node, port in (("envoy-lan", site.port), ("envoy-dmz", 8443)):
        async with site.channel(site.ca.issue(node), port=site.ads_port) as channel:
            call = stream(channel)
            await call.write(DiscoveryRequest(node=Node(cluster=node), type_url=TYPE_URLS[Kind.LISTENER]))
            response = await asyncio.wait_for(call.read(), 10)
        listener = Listener()
        assert response.resources[0].Unpack(listener)
        assert listener.address.socket_address.port_value == port


async def test_there_is_a_limit_of_envoys(site: EnvoySite) -> None:
    assert site.ads is not None
    await site.ads.stop(None)
    site.plane = ControlPlane(site=SITE, clock=SystemClock(), stream_limit=1)
    await site.start_control_plane()
    async with site.channel(site.ca.issue("envoy-lan"), port=site.ads_port) as channel:
        first = stream(channel)
        await first.write(CLUSTERS)
        await until(lambda: bool(site.plane.status()), "the first one is connected")
        assert await ended(stream(channel)) is grpc.StatusCode.RESOURCE_EXHAUSTED
        first.cancel()
        await until(lambda: site.plane.status()[0].envoys == (), "the first one has gone")


async def test_an_envoy_that_comes_before_the_facts_waits_and_is_seen(site: EnvoySite) -> None:
    async with site.channel(site.ca.issue("envoy-lan"), port=site.ads_port) as channel:
        call = stream(channel)
        await call.write(CLUSTERS)
        await until(lambda: bool(site.plane.status()), "the control plane shows it")
        (node,) = site.plane.status()
        assert (node.published_time, [one.instance for one in node.envoys]) == (None, ["host-1"])
        await asyncio.to_thread(site.plane.update, site.facts)  # the fleet runs in a thread
        response = await asyncio.wait_for(call.read(), 10)
        assert len(response.resources) == 3


async def test_an_envoy_that_asks_for_increments_is_told_what_to_use(site: EnvoySite) -> None:
    async with site.channel(site.ca.issue("envoy-lan"), port=site.ads_port) as channel:
        call = AggregatedDiscoveryServiceStub(channel).DeltaAggregatedResources()
        assert await asyncio.wait_for(call.code(), 10) is grpc.StatusCode.UNIMPLEMENTED
