"""The facts an Envoy's configuration is made of, and what may be wrong with them."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from mesh.errors import FailedPrecondition, Violation

SERVICES = ("config_service", "server_business", "server_es")
LAN_NODE = "envoy-lan"
LAN_PORT = 12164
DMZ_NODE = "envoy-dmz"
WEB_DOCUMENTS = "web_documents"
"""What server_es serves over HTTP, on a port of its own."""
DMZ_SERVICES = ("config_service", "server_es", WEB_DOCUMENTS)


class SnapshotRefused(FailedPrecondition):
    """A configuration that would break calls; nothing of it reached an Envoy, the last good one stays."""


class Health(StrEnum):
    """What the fleet knows of an instance. Envoy's own health checks come on top of it."""

    SERVING = "serving"
    DRAINING = "draining"  # finishes what it has, gets nothing new
    FAILING = "failing"


# From the most to the least able to take a call.
_ABILITY = (Health.SERVING, Health.DRAINING, Health.FAILING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One instance of a service. `address` is an IP address: EDS knows no host names."""

    service: str
    address: str
    port: int
    instance: str
    health: Health = Health.SERVING


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """Paths of PEM files on Envoy's machine; replacing them by rename is noticed without a restart."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """The one door of an Envoy.

    A change of `origins` reaches open connections at once. Any other change makes Envoy open a new listener and drain
    the old one: its connections are asked to go (GOAWAY) and end after ten minutes at the latest.
    """

    certificate: KeyPair
    client_ca: str
    """PEM file with the CA that client certificates must come from. A client without one is let in, unnamed."""
    address: str = "0.0.0.0"  # noqa: S104 - the door of the site
    port: int = LAN_PORT
    origins: tuple[str, ...] = ()
    """Web origins that may call by gRPC-Web, such as `https://console.example.de`. Default: none."""
    access_log: str | None = "stdout"
    """`stdout`, the path of a file, or None for no access log."""
    stream_idle: timedelta = timedelta(minutes=5)
    """A stream on which nothing moved for this long is ended; longer than three heartbeats."""
    streams_per_connection: int = 1000
    """HTTP/2 streams one client connection may hold open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Calls whose path starts with `prefix` go to `service`."""

    prefix: str
    service: str


LAN_ROUTES = (
    Route(prefix="/esoffice.es.v1.", service="server_es"),
    Route(prefix="/esoffice.business.v1.", service="server_business"),
    Route(prefix="/esoffice.config.v1.", service="config_service"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """What only the door to the web documents knows."""

    issuer: str
    """The site, which signs tokens and tickets."""
    keys: str
    """Its public keys (JWKS)."""
    requests_per_minute: int = 600
    """Of one client address."""
    sign_ins_per_minute: int = 20
    """Sign-ins and access codes of one client address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that decides the configuration of the Envoys of one node group.

    Endpoints of services that are not in `services` do not concern this node and are left out.
    """

    node: str
    """Name of the group, also the service name in its certificate: `envoy-lan` or `envoy-dmz`."""
    listener: Listener
    identity: KeyPair
    """Envoy's own certificate towards the services."""
    ca: str
    """PEM file with the site's CA, which the services' certificates must come from."""
    routes: tuple[Route, ...] = LAN_ROUTES
    services: tuple[str, ...] = SERVICES
    endpoints: tuple[Endpoint, ...] = ()
    web: Web | None = None
    """Set: this is the door to the web documents, whose routes follow from the contracts."""


def spiffe_id(site: str, service: str) -> str:
    """Return the identity of a service of this site, as it stands in its certificate."""
    return f"spiffe://{site}/service/{service}"


def addressed(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Return one endpoint per service, address and port, in a stable order.

    During a restart the old and the new worker share a port (SO_REUSEPORT): the address is as good as the better one.
    """
    best: dict[tuple[str, str, int], Endpoint] = {}
    for one in sorted(endpoints, key=lambda one: (_ABILITY.index(one.health), one.instance)):
        best.setdefault((one.service, one.address, one.port), one)
    return tuple(best[key] for key in sorted(best))


def violations(facts: Facts) -> tuple[Violation, ...]:
    """Return everything that is wrong with the facts themselves; references are checked on the finished snapshot."""
    return tuple(_violations(facts))


def _violations(facts: Facts) -> Iterator[Violation]:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", facts.node):
        yield Violation("node", f"{facts.node!r} is no node name; use small letters, digits and hyphens")
    yield from _place("listener", facts.listener.address, facts.listener.port)
    for path in (*_paths(facts.listener.certificate), *_paths(facts.identity), facts.listener.client_ca, facts.ca):
        if not path.startswith("/"):
            yield Violation("certificates", f"{path!r} is no absolute path; Envoy runs in a folder of its own")
    log = facts.listener.access_log
    if log not in {None, "stdout"} and not str(log).startswith("/"):
        yield Violation("listener.access_log", f"{log!r} is neither 'stdout' nor an absolute path")
    for origin in facts.listener.origins:
        if not re.fullmatch(r"https?://[^/*\s]+", origin):
            yield Violation(
                "listener.origins", f"{origin!r} is no origin; write it as https://host[:port], no wildcard"
            )
    if facts.listener.streams_per_connection < 1:
        yield Violation("listener.streams_per_connection", "at least 1 stream is needed")
    if facts.listener.stream_idle <= timedelta(0):
        yield Violation("listener.stream_idle", "must be longer than nothing: 0 would keep dead streams for ever")
    yield from _route_violations(facts.routes)
    for index, one in enumerate(facts.endpoints):
        yield from _place(f"endpoints[{index}]", one.address, one.port)


def _paths(pair: KeyPair) -> tuple[str, str]:
    return pair.certificate, pair.key


def _route_violations(routes: tuple[Route, ...]) -> Iterator[Violation]:
    if not routes:
        yield Violation("routes", "no route at all: every call would be refused")
    for index, route in enumerate(routes):
        # Without the closing dot or slash "/esoffice.es.v1" would also catch "/esoffice.es.v10.Any".
        if not re.fullmatch(r"/[a-z0-9_.]+[./]", route.prefix):
            yield Violation(f"routes[{index}]", f"{route.prefix!r} is no package prefix such as '/esoffice.es.v1.'")
        for earlier in routes[:index]:
            if route.prefix.startswith(earlier.prefix):
                yield Violation(f"routes[{index}]", f"{route.prefix!r} is never reached behind {earlier.prefix!r}")


def _place(where: str, address: str, port: int) -> Iterator[Violation]:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        yield Violation(f"{where}.address", f"{address!r} is no IP address; Envoy does not resolve names here")
    if not 0 < port < 65536:  # noqa: PLR2004 - TCP
        yield Violation(f"{where}.port", f"{port} is no TCP port")
