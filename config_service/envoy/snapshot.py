"""One consistent configuration for one node: resources as protos, versions from their content, references checked."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# Extensions named by `@type` are found in protobuf's pool only when their modules have been imported.
import envoy.extensions.access_loggers.file.v3.file_pb2
import envoy.extensions.access_loggers.stream.v3.stream_pb2
import envoy.extensions.filters.http.buffer.v3.buffer_pb2
import envoy.extensions.filters.http.cors.v3.cors_pb2
import envoy.extensions.filters.http.grpc_json_transcoder.v3.transcoder_pb2
import envoy.extensions.filters.http.grpc_web.v3.grpc_web_pb2
import envoy.extensions.filters.http.jwt_authn.v3.config_pb2
import envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2
import envoy.extensions.filters.http.router.v3.router_pb2
import envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2
import envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2
import envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2
import envoy.extensions.transport_sockets.tls.v3.tls_pb2
import envoy.extensions.upstreams.http.v3.http_protocol_options_pb2  # noqa: F401
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.json_format import ParseDict

from config_service.envoy import clusters, dmz_doors, doors, rules, secrets
from config_service.envoy.rules import Facts, SnapshotRefused


class Kind(StrEnum):
    """The kinds of resources, in the order in which they are pushed (make before break)."""

    CLUSTER = "cluster"
    ENDPOINTS = "endpoints"
    SECRET = "secret"  # noqa: S105 - a kind of resource
    LISTENER = "listener"
    ROUTES = "routes"


_MESSAGES: Mapping[Kind, Any] = {
    Kind.CLUSTER: Cluster,
    Kind.ENDPOINTS: ClusterLoadAssignment,
    Kind.SECRET: Secret,
    Kind.LISTENER: Listener,
    Kind.ROUTES: RouteConfiguration,
}
TYPE_URLS = {kind: f"type.googleapis.com/{message.DESCRIPTOR.full_name}" for kind, message in _MESSAGES.items()}
KINDS = {url: kind for kind, url in TYPE_URLS.items()}


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource, packed once for all Envoys; `digest` names its content."""

    packed: AnyMessage
    digest: str


Resources = Mapping[str, Resource]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the Envoys of one node are to have. Equal facts make equal versions, in every process."""

    node: str
    resources: Mapping[Kind, Resources]
    versions: Mapping[Kind, str]


def version(resources: Resources) -> str:
    """Return the version of a set of resources."""
    names = sorted(f"{name}={resource.digest}" for name, resource in resources.items())
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def build(facts: Facts, site: str) -> Snapshot:
    """Return the configuration that follows from the facts.

    Raises:
        SnapshotRefused: the facts are wrong, or a resource names another that is not there.
    """
    if wrong := rules.violations(facts):
        sentence = "; ".join(f"{one.field}: {one.description}" for one in wrong)
        raise SnapshotRefused(f"the configuration of {facts.node} was not published: {sentence}", node=facts.node)
    plain = {
        Kind.CLUSTER: clusters.clusters(facts, site),
        Kind.ENDPOINTS: clusters.assignments(facts),
        Kind.SECRET: secrets.secrets(facts),
        Kind.LISTENER: [dmz_doors.listener(facts, facts.web) if facts.web else doors.listener(facts)],
        Kind.ROUTES: [dmz_doors.routes(facts.web) if facts.web else doors.routes(facts)],
    }
    if dangling := sorted(_dangling(plain)):
        sentence = "; ".join(dangling)
        raise SnapshotRefused(f"the configuration of {facts.node} was not published: {sentence}", node=facts.node)
    resources = {kind: {_name(one): _resource(kind, one) for one in listed} for kind, listed in plain.items()}
    return Snapshot(facts.node, resources, {kind: version(listed) for kind, listed in resources.items()})


def _name(plain: Mapping[str, Any]) -> str:
    return str(plain.get("name") or plain["cluster_name"])


def _resource(kind: Kind, plain: dict[str, Any]) -> Resource:
    # The digest is taken from the data: protobuf promises no stable order of map entries inside a packed message.
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
    packed = AnyMessage()
    packed.Pack(ParseDict(plain, _MESSAGES[kind]()), deterministic=True)
    return Resource(packed, digest)


def _dangling(plain: Mapping[Kind, list[dict[str, Any]]]) -> Iterator[str]:
    """Name every reference that leads nowhere. Envoy accepts such a configuration and answers calls with 503."""
    there = {kind: {_name(one) for one in listed} for kind, listed in plain.items()}
    for kind, listed in plain.items():
        for one in listed:
            for target, name in _references(one):
                if name not in there[target]:
                    yield f"the {kind} {_name(one)!r} names the {target} {name!r}, which does not exist"
    for cluster in there[Kind.CLUSTER] - there[Kind.ENDPOINTS]:
        yield f"the cluster {cluster!r} has no endpoints definition"


def _references(plain: Any) -> Iterator[tuple[Kind, str]]:
    if isinstance(plain, list):
        for one in plain:
            yield from _references(one)
    elif isinstance(plain, dict):
        if "sds_config" in plain:
            yield Kind.SECRET, plain["name"]
        for key, value in plain.items():
            if key == "cluster":
                yield Kind.CLUSTER, value
            elif key == "route_config_name":
                yield Kind.ROUTES, value
            else:
                yield from _references(value)
