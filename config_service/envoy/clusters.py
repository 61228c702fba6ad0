"""The services behind an Envoy and their instances, as plain data in Envoy's own words."""

from typing import Any

from config_service.envoy.rules import WEB_DOCUMENTS, Facts, Health, addressed, spiffe_id
from config_service.envoy.secrets import IDENTITY, SITE_CA, reference
from config_service.envoy.words import ADS, typed

STREAMS = 10_000
"""Open streams one service must carry through this Envoy."""
_STREAMS_PER_CONNECTION = 500
_STREAM_WINDOW = 64 * 1024

_STATUS = {Health.SERVING: "HEALTHY", Health.DRAINING: "DRAINING", Health.FAILING: "UNHEALTHY"}


def clusters(facts: Facts, site: str) -> list[dict[str, Any]]:
    """Return one cluster per service."""
    return [_cluster(service, site) for service in facts.services]


def assignments(facts: Facts) -> list[dict[str, Any]]:
    """Return the endpoints of every service, also of one that has none at the moment."""
    live = addressed(facts.endpoints)
    return [
        {
            "cluster_name": service,
            "endpoints": [
                {
                    "lb_endpoints": [
                        {
                            "endpoint": {
                                "address": {"socket_address": {"address": one.address, "port_value": one.port}}
                            },
                            "health_status": _STATUS[one.health],
                            "metadata": {"filter_metadata": {"esoffice": {"instance": one.instance}}},
                        }
                        for one in live
                        if one.service == service
                    ]
                }
            ],
        }
        for service in facts.services
    ]


def upstream_tls(expected: str, certificate: dict[str, Any], ca: dict[str, Any], *, alpn: str = "h2") -> dict[str, Any]:
    """Return the transport socket that shows our certificate and accepts the `expected` SPIFFE id only."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": typed(
            "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            common_tls_context={
                # Inside the mesh both ends are ours.
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
                "alpn_protocols": [alpn],
                "tls_certificate_sds_secret_configs": [certificate],
                "combined_validation_context": {
                    "default_validation_context": {
                        "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": expected}}]
                    },
                    "validation_context_sds_secret_config": ca,
                },
            },
        ),
    }


def http2(*, streams: int = _STREAMS_PER_CONNECTION) -> dict[str, Any]:
    """Return the protocol options of a gRPC cluster.

    The connection's window holds the full window of every stream on it: no slow reader can stall another's stream.
    """
    return {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            explicit_http_config={
                "http2_protocol_options": {
                    "max_concurrent_streams": streams,
                    "initial_stream_window_size": _STREAM_WINDOW,
                    "initial_connection_window_size": streams * _STREAM_WINDOW,
                }
            },
        )
    }


# A peer that vanished is noticed by TCP. HTTP/2 PINGs would do it too, but a grpcio server allows one in five minutes
# without data and answers the third with GOAWAY "too_many_pings", which ends every stream.
TCP_KEEPALIVE = {
    "tcp_keepalive": {"keepalive_time": 30, "keepalive_interval": 10, "keepalive_probes": 3},
}


def _cluster(service: str, site: str) -> dict[str, Any]:
    if service == WEB_DOCUMENTS:
        return {**_base(service, site, of="server_es", alpn="http/1.1"), **_documents()}
    return {
        **_base(service, site, of=service, alpn="h2"),
        "per_connection_buffer_limit_bytes": 32 * 1024,
        "typed_extension_protocol_options": http2(),
        "health_checks": [_health_check({"grpc_health_check": {}})],
    }


def _documents() -> dict[str, Any]:
    """Return how documents are fetched: HTTP/1.1, where a connection carries one at a time, in larger pieces."""
    return {
        "per_connection_buffer_limit_bytes": 256 * 1024,
        "health_checks": [_health_check({"http_health_check": {"path": "/healthz"}})],
    }


def _base(service: str, site: str, *, of: str, alpn: str) -> dict[str, Any]:
    return {
        "name": service,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": ADS},
        "connect_timeout": "2s",
        "lb_policy": "LEAST_REQUEST",  # streams live for days: counting requests would fill the oldest instance
        "transport_socket": upstream_tls(spiffe_id(site, of), reference(IDENTITY), reference(SITE_CA), alpn=alpn),
        "upstream_connection_options": TCP_KEEPALIVE,
        # The control plane is the truth: an instance it removed gets nothing new, its open streams go on.
        "ignore_health_on_host_removal": True,
        "common_lb_config": {
            # Never send to an instance that drains, even when only such are left.
            "healthy_panic_threshold": {"value": 0},
            # By default Envoy gathers changes of health for a second: a new instance that has passed its check would
            # wait, a draining one would still be called after Envoy has accepted that it drains.
            "update_merge_window": "0s",
        },
        "circuit_breakers": {"thresholds": [_threshold()]},
        "outlier_detection": _outlier_detection(),
    }


def _threshold() -> dict[str, Any]:
    return {
        # Twice the streams: unary calls run beside them.
        "max_requests": 2 * STREAMS,
        "max_pending_requests": STREAMS,
        "max_connections": 2 * STREAMS // _STREAMS_PER_CONNECTION * 16,  # each of Envoy's threads has a pool of its own
        "retry_budget": {"budget_percent": {"value": 20}, "min_retry_concurrency": 16},
        "track_remaining": True,
    }


def _health_check(kind: dict[str, Any]) -> dict[str, Any]:
    return {
        **kind,
        "timeout": "2s",
        "interval": "5s",
        # The default asks only once a minute while nobody calls: a new instance would be noticed as late.
        "no_traffic_interval": "5s",
        "unhealthy_interval": "1s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
    }


def _outlier_detection() -> dict[str, Any]:
    """Eject on failed connections only.

    Envoy counts gRPC answers such as UNAVAILABLE and INTERNAL as gateway errors; one client whose calls fail for their
    own reasons would take an instance away from everybody.
    """
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 3,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": "2s",
        "base_ejection_time": "5s",
        "max_ejection_percent": 50,
        "successful_active_health_check_uneject_host": True,
    }
