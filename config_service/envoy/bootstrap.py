"""The file an Envoy starts with: who it is, where its control plane is, how much it may use."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from config_service.envoy import clusters, secrets
from config_service.envoy.rules import KeyPair, spiffe_id
from config_service.envoy.words import ADS, typed

_CONTROL_PLANE = "control_plane"
# sun_path of unix(7) holds 108 bytes with the closing zero.
_SOCKET_PATH_LIMIT = 107


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """What one Envoy needs to know before it knows anything."""

    site: str
    node: str
    """Node group, `envoy-lan` or `envoy-dmz`; also the service name in its certificate."""
    instance: str
    """This Envoy among those of its group, such as the host's name."""
    control_plane: tuple[tuple[str, int], ...]
    """Host and port of every config_service that serves ADS."""
    identity: KeyPair
    ca: str
    admin: Path | int | None = None
    """Admin interface: path of a Unix socket that only its owner may open, a port on 127.0.0.1, or None for none.

    Whoever reaches it can stop Envoy: a port is open to every user of the machine.
    """
    max_connections: int = 20_000
    """Client connections beyond which new ones are refused."""
    max_heap_bytes: int = 1024**3
    """Memory at which Envoy defends itself: new requests are refused at 95 %, the heap is shrunk at 90 %."""


def write(bootstrap: Bootstrap, folder: Path) -> Path:
    """Write `envoy.yaml` and the secret files it names into `folder`; return the path of `envoy.yaml`.

    Raises:
        ValueError: the admin socket's path is longer than Unix allows.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for secret in (
        secrets.key_pair(secrets.IDENTITY, bootstrap.identity),
        secrets.authority(secrets.SITE_CA, bootstrap.ca),
    ):
        kind = "envoy.extensions.transport_sockets.tls.v3.Secret"
        _replace(_secret_path(folder, secret["name"]), {"resources": [typed(kind, **secret)]})
    path = folder / "envoy.yaml"
    _replace(path, render(bootstrap, folder))
    return path


def render(bootstrap: Bootstrap, folder: Path) -> dict[str, Any]:
    """Return the content of `envoy.yaml`; `folder` is where its secret files lie."""
    plain: dict[str, Any] = {
        "node": {"id": bootstrap.instance, "cluster": bootstrap.node},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [
                    {
                        "envoy_grpc": {
                            "cluster_name": _CONTROL_PLANE,
                            # Envoy's own maximum is 30 s: too long behind a config_service that restarts in two.
                            "retry_policy": {"retry_back_off": {"base_interval": "0.25s", "max_interval": "5s"}},
                        }
                    }
                ],
            },
            "cds_config": ADS,
            "lds_config": ADS,
        },
        "static_resources": {"clusters": [_control_plane(bootstrap, folder)]},
        "overload_manager": _overload(bootstrap),
    }
    if bootstrap.admin is not None:
        plain["admin"] = {"address": _admin(bootstrap.admin)}
    return plain


def _control_plane(bootstrap: Bootstrap, folder: Path) -> dict[str, Any]:
    return {
        "name": _CONTROL_PLANE,
        "type": "STRICT_DNS",
        "connect_timeout": "2s",
        "transport_socket": clusters.upstream_tls(
            spiffe_id(bootstrap.site, "config_service"),
            _file_reference(folder, secrets.IDENTITY),
            _file_reference(folder, secrets.SITE_CA),
        ),
        "typed_extension_protocol_options": clusters.http2(streams=10),
        "upstream_connection_options": clusters.TCP_KEEPALIVE,
        "load_assignment": {
            "cluster_name": _CONTROL_PLANE,
            "endpoints": [
                {
                    "lb_endpoints": [
                        {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}}
                        for host, port in bootstrap.control_plane
                    ]
                }
            ],
        },
    }


def _overload(bootstrap: Bootstrap) -> dict[str, Any]:
    heap = "envoy.resource_monitors.fixed_heap"
    connections = "envoy.resource_monitors.global_downstream_max_connections"
    kinds = "envoy.extensions.resource_monitors"

    def action(name: str, threshold: float) -> dict[str, Any]:
        return {
            "name": f"envoy.overload_actions.{name}",
            "triggers": [{"name": heap, "threshold": {"value": threshold}}],
        }

    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            {
                "name": heap,
                "typed_config": typed(
                    f"{kinds}.fixed_heap.v3.FixedHeapConfig", max_heap_size_bytes=bootstrap.max_heap_bytes
                ),
            },
            {
                "name": connections,
                "typed_config": typed(
                    f"{kinds}.downstream_connections.v3.DownstreamConnectionsConfig",
                    max_active_downstream_connections=bootstrap.max_connections,
                ),
            },
        ],
        "actions": [
            action("shrink_heap", 0.90),
            action("stop_accepting_requests", 0.95),
            action("stop_accepting_connections", 0.98),
        ],
    }


def _admin(place: Path | int) -> dict[str, Any]:
    if isinstance(place, int):
        return {"socket_address": {"address": "127.0.0.1", "port_value": place}}
    if len(os.fsencode(place)) > _SOCKET_PATH_LIMIT:
        raise ValueError(
            f"admin: the socket path {place} is longer than {_SOCKET_PATH_LIMIT} bytes; choose a shorter one"
        )
    return {"pipe": {"path": str(place), "mode": 0o600}}


def _file_reference(folder: Path, name: str) -> dict[str, Any]:
    path = {"path": str(_secret_path(folder, name))}
    return {"name": name, "sds_config": {"path_config_source": path, "resource_api_version": "V3"}}


def _secret_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.yaml"


def _replace(path: Path, content: dict[str, Any]) -> None:
    """Write a file at once: Envoy may be reading it."""
    new = path.with_name(path.name + ".new")
    new.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    new.replace(path)
