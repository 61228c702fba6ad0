"""What one Envoy asked on one stream, what it was told and what it answered (xDS, state of the world).

No I/O: `hear` takes a request, `say` returns what is to be sent next. At most one answer per kind is on its way, so a
slow Envoy costs a bounded amount of memory. Nonces belong to the stream and start anew with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse

from config_service.envoy.snapshot import KINDS, TYPE_URLS, Kind, Resource, Resources, Snapshot, version
from mesh.errors import Exhausted

PATIENCE_SECONDS = 10.0
"""An answer that is overdue no longer holds back the kinds after it.

Envoy does not answer for a kind that it just stopped watching.
"""
_EVERYTHING = frozenset({Kind.CLUSTER, Kind.LISTENER})
# A changed cluster warms up until it has heard its endpoints, a changed listener until it has heard its routes; Envoy
# expects them again even when they are the same.
_FOLLOWS = {Kind.CLUSTER: Kind.ENDPOINTS, Kind.LISTENER: Kind.ROUTES}
_REASON_LENGTH = 2000
_NAMES_LIMIT = 1000


class TooManyNames(Exhausted):
    """An Envoy asked for more resources by name than a site can have."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Envoy's refusal (NACK) of a version, in its own words. It keeps what it had."""

    kind: Kind
    version: str
    reason: str


@dataclass(slots=True)
class Subscription:
    """How far one kind has come on this stream."""

    names: frozenset[str] = frozenset()
    sent_names: frozenset[str] = frozenset()
    nonce: str = ""
    sent_version: str = ""
    sent_at: float = 0.0
    is_awaited: bool = False
    accepted_version: str = ""
    rejection: Rejection | None = None
    is_due_again: bool = False


class Conversation:
    """One stream with one Envoy."""

    def __init__(self) -> None:
        self.subscriptions: dict[Kind, Subscription] = {}
        self._clusters: Resources = {}
        self._count = 0

    def hear(self, request: DiscoveryRequest) -> Rejection | None:
        """Take a request: a subscription, an acceptance (ACK) or a refusal (NACK), which is returned.

        Raises:
            TooManyNames: the request is not one of a sane Envoy.
        """
        kind = KINDS.get(request.type_url)
        if kind is None:
            return None  # a kind we never publish; Envoy does without
        if len(request.resource_names) > _NAMES_LIMIT:
            raise TooManyNames(f"asked for {len(request.resource_names)} resources; at most {_NAMES_LIMIT} are served")
        known = self.subscriptions.get(kind)
        if known is None:
            # The first request of a kind on this stream, whatever nonce it carries from an earlier one. An Envoy that
            # comes back says what it has; only for the kinds sent whole does that decide whether it needs them again.
            has = request.version_info
            known = Subscription(accepted_version=has, sent_version=has if kind in _EVERYTHING else "")
            self.subscriptions[kind] = known
        elif request.response_nonce != known.nonce:
            return None  # an answer to what has been overtaken; the next one says it all
        known.names = frozenset(request.resource_names) - {"*"}
        if not known.is_awaited:
            return None
        known.is_awaited = False
        if request.HasField("error_detail"):
            known.rejection = Rejection(kind, known.sent_version, request.error_detail.message[:_REASON_LENGTH])
            return known.rejection
        known.accepted_version = known.sent_version
        known.rejection = None
        return None

    def say(self, snapshot: Snapshot, now: float) -> DiscoveryResponse | None:
        """Return the next thing to tell, or None: all is told, or an answer is awaited first."""
        for kind in Kind:
            known = self.subscriptions.get(kind)
            if known is None:
                continue
            if known.is_awaited:
                if now - known.sent_at < PATIENCE_SECONDS:
                    return None
                continue
            if kind in {Kind.LISTENER, Kind.ROUTES} and self._clusters_are_refused():
                return None  # routes may name a cluster that Envoy did not take
            content = self._content(kind, snapshot)
            content_version = version(content) if kind is Kind.CLUSTER else snapshot.versions[kind]
            missing = known.names - known.sent_names
            if content_version != known.sent_version or missing or known.is_due_again:
                if kind not in _EVERYTHING and not known.names:
                    continue
                return self._respond(kind, content, content_version, now)
        return None

    @property
    def is_awaiting(self) -> bool:
        """Whether an answer of Envoy is on its way."""
        return any(one.is_awaited for one in self.subscriptions.values())

    def _clusters_are_refused(self) -> bool:
        clusters = self.subscriptions.get(Kind.CLUSTER)
        return clusters is not None and clusters.rejection is not None

    def _content(self, kind: Kind, snapshot: Snapshot) -> Resources:
        listed = snapshot.resources[kind]
        if kind is Kind.CLUSTER:
            return {**self._lingering(snapshot), **listed}
        if kind in _EVERYTHING:
            return listed
        return {name: listed[name] for name in sorted(self.subscriptions[kind].names) if name in listed}

    def _lingering(self, snapshot: Snapshot) -> Mapping[str, Resource]:
        """Clusters that are gone from the snapshot but stay until Envoy has taken the routes without them."""
        routes = self.subscriptions.get(Kind.ROUTES)
        if routes is None or routes.accepted_version == snapshot.versions[Kind.ROUTES]:
            return {}
        return {name: one for name, one in self._clusters.items() if name not in snapshot.resources[Kind.CLUSTER]}

    def _respond(self, kind: Kind, content: Resources, content_version: str, now: float) -> DiscoveryResponse:
        self._count += 1
        known = self.subscriptions[kind]
        known.nonce = str(self._count)
        known.sent_version = content_version
        known.sent_names = known.names
        known.sent_at = now
        known.is_awaited = True
        known.is_due_again = False
        if kind is Kind.CLUSTER:
            self._clusters = content
        follower = self.subscriptions.get(_FOLLOWS[kind]) if kind in _FOLLOWS else None
        if follower is not None:
            follower.is_due_again = True
        return DiscoveryResponse(
            version_info=content_version,
            resources=[one.packed for one in content.values()],
            type_url=TYPE_URLS[kind],
            nonce=known.nonce,
        )
