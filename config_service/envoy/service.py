"""The aggregated discovery service: tells every connected Envoy its node's snapshot and notes what it answers."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import grpc
import structlog
from envoy.service.discovery.v3 import ads_pb2_grpc
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest

from config_service.envoy.conversation import PATIENCE_SECONDS, Conversation, TooManyNames
from config_service.envoy.rules import Facts, SnapshotRefused, spiffe_id
from config_service.envoy.snapshot import Kind, Snapshot, build
from config_service.envoy.status import EnvoyStatus, KindStatus, Nack, NodeStatus, Refusal
from mesh.clock import Clock

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Node:
    snapshot: Snapshot | None = None
    published_time: datetime | None = None
    refusal: Refusal | None = None
    last_nack: Nack | None = None
    streams: "set[_Stream]" = field(default_factory=set)


@dataclass(slots=True, eq=False)
class _Stream:
    instance: str
    version: str
    peer: str
    connected_time: datetime
    loop: asyncio.AbstractEventLoop
    conversation: Conversation = field(default_factory=Conversation)
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class ControlPlane:
    """Holds one snapshot per node and pushes it when it changes.

    `update` and `status` may be called from any thread, `update` by one caller per node at a time. A control plane
    that has just started knows no snapshot and stays silent until the first update: its Envoys keep what they have.
    """

    def __init__(self, *, site: str, clock: Clock, stream_limit: int = 64) -> None:
        self._site = site
        self._clock = clock
        self._stream_limit = stream_limit
        self._lock = threading.Lock()
        self._nodes: dict[str, _Node] = {}
        self._stream_count = 0

    def update(self, facts: Facts) -> frozenset[Kind]:
        """Publish what follows from the facts to the Envoys of their node; return the kinds that changed.

        Raises:
            SnapshotRefused: nothing was published, the last good snapshot stays; the sentence is in `status` as well.
        """
        try:
            snapshot = build(facts, self._site)
        except SnapshotRefused as refused:
            with self._lock:
                node = self._nodes.setdefault(facts.node, _Node())
                node.refusal = Refusal(time=self._clock.now(), reason=refused.message)
            raise
        with self._lock:
            node = self._nodes.setdefault(facts.node, _Node())
            node.refusal = None
            before = node.snapshot.versions if node.snapshot else {}
            changed = frozenset(kind for kind, version in snapshot.versions.items() if before.get(kind) != version)
            if not changed:
                return changed
            node.snapshot = snapshot
            node.published_time = self._clock.now()
            streams = tuple(node.streams)
        for stream in streams:
            # A loop that has just been closed has no stream to wake any more.
            with contextlib.suppress(RuntimeError):
                stream.loop.call_soon_threadsafe(stream.wake.set)
        _log.info(
            "envoy snapshot published",
            node=facts.node,
            changed=[str(kind) for kind in Kind if kind in changed],
            envoys=len(streams),
        )
        return changed

    def status(self) -> tuple[NodeStatus, ...]:
        """Return what every node is to have and what its Envoys say."""
        with self._lock:
            return tuple(_node_status(name, node) for name, node in sorted(self._nodes.items()))

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve on a server whose credentials demand a client certificate of the site's CA."""
        ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(self, server)

    async def StreamAggregatedResources(
        self, requests: AsyncIterator[DiscoveryRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        """Answer one Envoy until it goes or the server stops."""
        first = await anext(aiter(requests), None)
        if first is None:
            return
        node = first.node.cluster
        await self._admit(node, context)
        stream = _Stream(
            instance=first.node.id,
            version=_envoy_version(first),
            peer=context.peer(),
            connected_time=self._clock.now(),
            loop=asyncio.get_running_loop(),
        )
        with self._lock:
            kept = self._nodes.setdefault(node, _Node())
            kept.streams.add(stream)
            self._stream_count += 1
        _log.info("envoy connected", node=node, instance=stream.instance, version=stream.version)
        reader = asyncio.create_task(self._listen(node, kept, stream, first, requests))
        try:
            await self._tell(kept, stream, reader, context)
            await reader
        except TooManyNames as wrong:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(wrong))
        finally:
            reader.cancel()
            with self._lock:
                kept.streams.discard(stream)
                self._stream_count -= 1
            _log.info("envoy disconnected", node=node, instance=stream.instance)

    async def DeltaAggregatedResources(
        self, _requests: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        """Refuse: the snapshots are small, one way of telling them is enough."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "use the state of the world (api_type: GRPC)")

    async def _admit(self, node: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        expected = spiffe_id(self._site, node).encode()
        if expected not in context.auth_context().get("x509_subject_alternative_name", ()):
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED,
                f"node cluster {node!r} needs a client certificate for {expected.decode()}",
            )
        if self._stream_count >= self._stream_limit:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"{self._stream_limit} Envoys are connected, which is the limit"
            )

    async def _listen(
        self,
        node: str,
        kept: _Node,
        stream: _Stream,
        first: DiscoveryRequest,
        requests: AsyncIterator[DiscoveryRequest],
    ) -> None:
        try:
            self._hear(node, kept, stream, first)
            async for request in requests:
                self._hear(node, kept, stream, request)
        finally:
            stream.wake.set()

    def _hear(self, node: str, kept: _Node, stream: _Stream, request: DiscoveryRequest) -> None:
        with self._lock:
            rejection = stream.conversation.hear(request)
            if rejection is not None:
                kept.last_nack = Nack(time=self._clock.now(), instance=stream.instance, rejection=rejection)
        stream.wake.set()
        if rejection is not None:
            _log.error(
                "envoy rejected its configuration and keeps the last good one",
                node=node,
                instance=stream.instance,
                kind=rejection.kind,
                version=rejection.version,
                reason=rejection.reason,
            )

    async def _tell(
        self, kept: _Node, stream: _Stream, reader: asyncio.Task[None], context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        while not reader.done():
            stream.wake.clear()
            while True:
                with self._lock:
                    now = self._clock.monotonic()
                    response = stream.conversation.say(kept.snapshot, now) if kept.snapshot else None
                if response is None:
                    break
                await context.write(response)
            try:
                # An overdue answer must not hold back the rest; without one there is nothing to wake up for.
                limit = PATIENCE_SECONDS if stream.conversation.is_awaiting else None
                await asyncio.wait_for(stream.wake.wait(), limit)
            except TimeoutError:
                continue


def _node_status(name: str, node: _Node) -> NodeStatus:
    return NodeStatus(
        node=name,
        published_time=node.published_time,
        refusal=node.refusal,
        last_nack=node.last_nack,
        envoys=tuple(
            EnvoyStatus(
                instance=stream.instance,
                version=stream.version,
                peer=stream.peer,
                connected_time=stream.connected_time,
                kinds=tuple(
                    KindStatus(
                        kind=kind,
                        wanted_version=node.snapshot.versions[kind] if node.snapshot else "",
                        accepted_version=known.accepted_version,
                        rejection=known.rejection,
                    )
                    for kind, known in stream.conversation.subscriptions.items()
                ),
            )
            for stream in sorted(node.streams, key=lambda one: (one.instance, one.connected_time))
        ),
    )


def _envoy_version(request: DiscoveryRequest) -> str:
    number = request.node.user_agent_build_version.version
    return f"{number.major_number}.{number.minor_number}.{number.patch}"
