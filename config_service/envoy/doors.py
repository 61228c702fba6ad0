"""The listener and its routes: what an Envoy accepts from outside, as plain data in Envoy's own words.

Follows Envoy's "Configuring Envoy as an edge proxy"; where a figure differs, the comment says why.
"""

from typing import Any

from config_service.envoy.rules import Facts, Listener, Route
from config_service.envoy.secrets import CLIENT_CA, DOOR, reference
from config_service.envoy.words import ADS, seconds, typed

ROUTES = "calls"
STREAM_WINDOW = 64 * 1024
# Bounds what one client connection may make Envoy hold, however many streams it opens.
CONNECTION_WINDOW = 1024 * 1024

# A caller inside the site's network is no more trusted than any other: these come from Envoy or not at all.
_FORGEABLE = ("x-forwarded-", "x-envoy-", "x-real-ip", "forwarded", "x-request-id")

# No header that may carry a token, and no query string (signed document links).
_ACCESS_LOG = {
    "time": "%START_TIME%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "protocol": "%PROTOCOL%",
    "code": "%RESPONSE_CODE%",
    "grpc_status": "%GRPC_STATUS%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "duration_ms": "%DURATION%",
    "received_bytes": "%BYTES_RECEIVED%",
    "sent_bytes": "%BYTES_SENT%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "client_id": "%DOWNSTREAM_PEER_URI_SAN%",
    "user_agent": "%REQ(USER-AGENT):200%",
    "service": "%UPSTREAM_CLUSTER%",
    "upstream": "%UPSTREAM_HOST%",
    "instance": "%UPSTREAM_METADATA(esoffice:instance)%",
    "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
}

RETRY_POLICY: dict[str, Any] = {
    # Only what the service has certainly not begun: never by status, UNAVAILABLE may come after an effect.
    "retry_on": "connect-failure,refused-stream,reset-before-request",
    "num_retries": 2,
    "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
        }
    ],
    "host_selection_retry_max_attempts": 3,
}


def listener(facts: Facts) -> dict[str, Any]:
    """Return the TLS listener of this node."""
    return opened(facts.listener, _tls(), _http(facts.node, facts.listener))


def opened(door: Listener, tls: dict[str, Any], http: dict[str, Any]) -> dict[str, Any]:
    """Return a listener that speaks HTTP over TLS."""
    return {
        "name": "door",
        "address": {"socket_address": {"address": door.address, "port_value": door.port}},
        "per_connection_buffer_limit_bytes": 32 * 1024,
        "enable_reuse_port": True,
        "filter_chains": [
            {
                "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
                # Who opens a connection and never finishes the handshake holds it this long.
                "transport_socket_connect_timeout": "10s",
                "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": http}],
            }
        ],
    }


def routes(facts: Facts) -> dict[str, Any]:
    """Return the route table. What is not in it (health, reflection, channelz) is not reachable from outside."""
    host: dict[str, Any] = {"name": "calls", "domains": ["*"], "routes": [_route(one) for one in facts.routes]}
    if facts.listener.origins:
        host["typed_per_filter_config"] = {"envoy.filters.http.cors": _cors(facts.listener.origins)}
    # `validate_clusters` stays off: it applies to static routes only; the references are checked before publishing.
    return {"name": ROUTES, "virtual_hosts": [host]}


def _tls() -> dict[str, Any]:
    return typed(
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        require_client_certificate=False,
        common_tls_context={
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["h2", "http/1.1"],  # http/1.1: gRPC-Web
            "tls_certificate_sds_secret_configs": [reference(DOOR)],
            "validation_context_sds_secret_config": reference(CLIENT_CA),
        },
    )


def _http(node: str, door: Listener) -> dict[str, Any]:
    manager = typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=node.replace("-", "_"),
        codec_type="AUTO",
        rds={
            "route_config_name": ROUTES,
            # No time limit: a listener that opens without routes would answer UNIMPLEMENTED to everything.
            "config_source": {**ADS, "initial_fetch_timeout": "0s"},
        },
        http_filters=[
            http_filter("grpc_web", "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb"),
            http_filter("cors", "envoy.extensions.filters.http.cors.v3.Cors"),
            http_filter("router", "envoy.extensions.filters.http.router.v3.Router", suppress_envoy_headers=True),
        ],
        **caller(),
        **limits(door),
    )
    if door.access_log is not None:
        manager["access_log"] = [access_log(door.access_log)]
    return manager


def caller() -> dict[str, Any]:
    """Who calls: the verified SPIFFE id in x-forwarded-client-cert, the address in x-forwarded-for; nothing forged."""
    forgeable = [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in _FORGEABLE]
    return {
        "use_remote_address": True,
        "internal_address_config": {},  # no address is internal
        "early_header_mutation_extensions": [
            {
                "name": "envoy.http.early_header_mutation.header_mutation",
                "typed_config": typed(
                    "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=forgeable
                ),
            }
        ],
        "forward_client_cert_details": "SANITIZE_SET",
        "set_current_client_cert_details": {"uri": True},
        "server_name": "esoffice",
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
    }


def limits(door: Listener) -> dict[str, Any]:
    """Bounds on what one client can hold. A stream may live for ever as long as something moves on it."""
    return {
        "max_request_headers_kb": 32,
        "common_http_protocol_options": {
            "idle_timeout": "900s",  # a connection without any stream
            "max_headers_count": 100,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": door.streams_per_connection,
            "initial_stream_window_size": STREAM_WINDOW,
            "initial_connection_window_size": CONNECTION_WINDOW,
            # A notebook that fell asleep says no goodbye; gRPC clients always answer a PING.
            "connection_keepalive": {"interval": "30s", "timeout": "20s"},
        },
        "stream_idle_timeout": seconds(door.stream_idle),
        "request_headers_timeout": "10s",
        "request_timeout": "0s",  # would end client streams
    }


def access_log(target: str) -> dict[str, Any]:
    form = {"log_format": {"json_format": _ACCESS_LOG, "omit_empty_values": True}}
    if target == "stdout":
        kind, place = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", {}
    else:
        kind, place = "envoy.extensions.access_loggers.file.v3.FileAccessLog", {"path": target}
    return {"name": "access_log", "typed_config": typed(kind, **place, **form)}


def _route(route: Route) -> dict[str, Any]:
    return {
        "match": {"prefix": route.prefix},
        "route": {
            "cluster": route.service,
            "timeout": "0s",  # streams
            # The caller's own deadline (grpc-timeout) holds, whatever its length.
            "max_stream_duration": {"grpc_timeout_header_max": "0s"},
            "retry_policy": RETRY_POLICY,
        },
    }


def _cors(origins: tuple[str, ...]) -> dict[str, Any]:
    return typed(
        "envoy.extensions.filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=[{"exact": origin} for origin in origins],
        allow_methods="POST",
        allow_headers="authorization,content-type,grpc-timeout,x-grpc-web,x-user-agent",
        expose_headers="grpc-status,grpc-message,grpc-status-details-bin",
        max_age="7200",
    )


def http_filter(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"name": f"envoy.filters.http.{name}", "typed_config": typed(kind, **fields)}
