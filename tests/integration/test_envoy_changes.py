"""The site changes while calls run: instances come and go, the control plane dies, a configuration is wrong."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import grpc
import pytest

from config_service.envoy.rules import Health, Route, SnapshotRefused
from config_service.envoy.service import ControlPlane
from config_service.envoy.snapshot import Kind
from mesh.clock import SystemClock
from tests.builders.envoy_site import SITE, EnvoySite, envoy_site, running, until

pytestmark = pytest.mark.envoy

TELL = "/esoffice.es.v1.Any/Tell"
CALLERS = 8


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[EnvoySite]:
    """A site with two instances of server_es behind Envoy."""
    async with envoy_site(tmp_path) as site:
        await site.start_control_plane()
        site.announce(await site.serve("server_es", "es-1"), await site.serve("server_es", "es-2"))
        await site.start_envoy()
        for instance in ("es-1", "es-2"):
            await site.until_served(by=instance)
        yield site


@dataclass
class Load:
    """What came of the calls that ran beside a change."""

    answered: list[str] = field(default_factory=list)
    failed: list[grpc.aio.AioRpcError] = field(default_factory=list)

    async def until_answered(self, count: int, *, only_by: str | None = None) -> None:
        """Let `count` more calls be answered; with `only_by`, until that many in a row came from one instance."""
        start = len(self.answered)

        def is_reached() -> bool:
            new = self.answered[start:]
            return len(new) >= count and (only_by is None or set(new[-count:]) == {only_by})

        await until(is_reached, f"{count} calls are answered")


@contextlib.asynccontextmanager
async def load(site: EnvoySite) -> AsyncIterator[Load]:
    """Call in several loops as long as the block runs; no call has failed when it ends."""
    counted = Load()
    is_over = False

    async def caller(channel: grpc.aio.Channel) -> None:
        while not is_over:
            try:
                counted.answered.append((await site.call(TELL, channel))["instance"])
            except grpc.aio.AioRpcError as failure:
                counted.failed.append(failure)

    async with contextlib.AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(site.channel()) for _ in range(CALLERS)]
        async with asyncio.TaskGroup() as callers:
            for channel in channels:
                callers.create_task(caller(channel))
            try:
                await counted.until_answered(100)
                yield counted
                await counted.until_answered(100)
            finally:
                is_over = True
    print(f"{len(counted.answered)} calls answered, {len(counted.failed)} failed")
    assert counted.failed == []


async def test_a_removed_instance_costs_no_call(site: EnvoySite) -> None:
    leaving, staying = site.instances
    async with load(site) as calls:
        site.announce(staying)
        await calls.until_answered(200, only_by="es-2")
        await leaving.server.stop(5)


async def test_a_draining_instance_keeps_its_streams_and_gets_nothing_new(site: EnvoySite) -> None:
    leaving, staying = site.instances
    async with site.channel() as channel, load(site) as calls:
        watches = [channel.unary_stream("/esoffice.es.v1.Any/Watch")(b"0.05") for _ in range(6)]
        told = {await watch.read(): watch for watch in watches}
        kept = told[b"es-1"]
        site.announce(replace(leaving.endpoint, health=Health.DRAINING), staying)
        await calls.until_answered(200, only_by="es-2")
        site.announce(staying)
        await calls.until_answered(200, only_by="es-2")
        assert [await kept.read() for _ in range(20)] == [b"es-1"] * 20


async def test_an_instance_that_is_killed_is_left_out(site: EnvoySite) -> None:
    killed, _ = site.instances
    await killed.server.stop(None)
    async with load(site) as calls:
        await calls.until_answered(100, only_by="es-2")


async def test_the_only_worker_is_replaced_without_a_failed_call(site: EnvoySite) -> None:
    old, other = site.instances
    site.announce(old)
    await until(site.is_current, "only one is left")
    await other.server.stop(5)
    async with load(site) as calls:
        new = await site.serve("server_es", "es-new")
        site.announce(old, new)
        await site.until_served(by="es-new")  # it has passed Envoy's health check
        site.announce(replace(old.endpoint, health=Health.DRAINING), new)
        await until(site.is_current, "Envoy knows that the old one drains")
        await asyncio.sleep(0.5)  # calls that were on the wire; grpc cancels what it has not begun when it stops
        await old.server.stop(5)
        await calls.until_answered(100, only_by="es-new")


async def test_envoy_serves_on_without_its_control_plane_and_hears_of_changes_after_it(site: EnvoySite) -> None:
    assert site.ads is not None
    async with site.channel() as channel, load(site) as calls:
        watch = channel.unary_stream("/esoffice.es.v1.Any/Watch")(b"0.05")
        await watch.read()
        await site.ads.stop(None)
        await calls.until_answered(200)
        # A new process knows nothing at first, and must not say so.
        site.plane = ControlPlane(site=SITE, clock=SystemClock())
        await site.start_control_plane()
        await until(lambda: any(node.envoys for node in site.plane.status()), "Envoy has come back")
        await calls.until_answered(100)
        site.plane.update(site.facts)
        await until(site.is_current, "Envoy has the snapshot it had")
        site.announce(site.instances[1])
        await calls.until_answered(200, only_by="es-2")
        assert (await watch.read()) in {b"es-1", b"es-2"}


async def test_a_killed_control_plane_costs_no_call(tmp_path: Path) -> None:
    async with envoy_site(tmp_path) as site:
        instances = [await site.serve("server_es", "es-1"), await site.serve("server_es", "es-2")]
        site.announce(*instances)
        with running(site.start_control_plane_process()) as process:
            await site.start_envoy()
            await site.until_served()
            async with load(site) as calls:
                process.kill()
                await asyncio.to_thread(process.wait)
                await calls.until_answered(200)
                await site.start_control_plane()
                site.announce(instances[1])
                await calls.until_answered(100, only_by="es-2")


async def test_a_route_moves_to_another_service_without_a_failed_call(site: EnvoySite) -> None:
    moved = await site.serve("server_business", "business-1")
    site.announce(*site.instances)
    await site.until_served("/esoffice.business.v1.Any/Tell")
    async with load(site) as calls:
        routes = (Route(prefix="/esoffice.es.v1.", service="server_business"),)
        # server_es disappears in the same update: its cluster must outlive the route.
        site.facts = replace(site.facts, routes=routes, services=("server_business",))
        site.announce(moved)
        await calls.until_answered(200, only_by="business-1")
        await until(site.is_current, "the old cluster is gone")


async def test_a_route_to_nowhere_is_refused_before_it_reaches_envoy(site: EnvoySite) -> None:
    lost = replace(site.facts, routes=(*site.facts.routes, Route(prefix="/esoffice.new.v1.", service="server_new")))
    async with load(site) as calls:
        with pytest.raises(SnapshotRefused, match="names the cluster 'server_new', which does not exist"):
            site.plane.update(lost)
        await calls.until_answered(100)
    (node,) = site.plane.status()
    assert node.refusal is not None
    assert "server_new" in node.refusal.reason
    assert node.last_nack is None
    assert site.is_current()


async def test_what_envoy_itself_rejects_is_told_with_its_reason_and_the_last_good_stays(site: EnvoySite) -> None:
    good = site.facts
    bad = replace(good, listener=replace(good.listener, access_log=str(site.folder / "no" / "such" / "folder.log")))
    async with load(site) as calls:
        assert site.plane.update(bad) == {Kind.LISTENER}
        await until(lambda: site.plane.status()[0].last_nack is not None, "Envoy has rejected it")
        nack = site.plane.status()[0].last_nack
        assert nack is not None
        assert (nack.instance, nack.rejection.kind) == ("host-1", Kind.LISTENER)
        assert "folder.log" in nack.rejection.reason
        site.announce(site.instances[1])  # endpoints go on changing meanwhile
        await calls.until_answered(200, only_by="es-2")
        site.facts = replace(good, endpoints=site.facts.endpoints)
        site.plane.update(site.facts)
        await until(site.is_current, "Envoy is content again")


async def test_nothing_is_pushed_when_nothing_changed(site: EnvoySite) -> None:
    assert site.plane.update(site.facts) == frozenset()
    site.announce(*(one.endpoint for one in reversed(site.instances)))
    assert site.plane.update(site.facts) == frozenset()
