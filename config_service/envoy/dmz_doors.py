"""The door of the DMZ: what the contracts mark `web`, as JSON or iCalendar; documents' bytes; the page; nothing else.

Whoever takes this Envoy over can do no more than its callers: the services refuse what is not marked `web`, and check
every token and ticket again.
"""

import base64
import re
from collections.abc import Iterator
from typing import Any

from esoffice.config.v1 import identity_pb2
from esoffice.es.v1 import duty_pb2, web_documents_pb2
from esoffice.options.v1 import options_pb2
from google.api import annotations_pb2
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.rpc import error_details_pb2, status_pb2

from config_service.envoy import doors
from config_service.envoy.doors import RETRY_POLICY, ROUTES, access_log, caller, http_filter, limits
from config_service.envoy.rules import WEB_DOCUMENTS, Facts, Web
from config_service.envoy.secrets import DOOR, reference
from config_service.envoy.words import ADS, typed

CONTRACTS = {
    web_documents_pb2.DESCRIPTOR: "server_es",
    duty_pb2.DESCRIPTOR: "server_es",
    identity_pb2.DESCRIPTOR: "config_service",
}
PAGE = ("/", "/app.js", "/words.js", "/style.css", "/icon.svg", "/openapi.json")
_PEOPLE, _TICKETS = "people", "tickets"
_ID = "[A-Za-z0-9-]+"  # how long it may be, the contract says; counting makes the regex too big for Envoy
_REQUEST_BYTES = 64 * 1024
_RESPONSE_BYTES = 8 * 1024 * 1024
_CLIENTS = 20_000
_LIMIT = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"


def listener(facts: Facts, web: Web) -> dict[str, Any]:
    """Return the listener; nobody is asked for a certificate."""
    door = facts.listener
    manager = typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=facts.node.replace("-", "_"),
        codec_type="AUTO",
        rds={"route_config_name": ROUTES, "config_source": {**ADS, "initial_fetch_timeout": "0s"}},
        http_filters=[
            http_filter("local_ratelimit", _LIMIT, **_rate("web", web.requests_per_minute)),
            http_filter("jwt_authn", "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication", **_tickets(web)),
            http_filter("buffer", "envoy.extensions.filters.http.buffer.v3.Buffer", max_request_bytes=_REQUEST_BYTES),
            http_filter(
                "grpc_json_transcoder",
                "envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
                **_transcoder(),
            ),
            http_filter("router", "envoy.extensions.filters.http.router.v3.Router", suppress_envoy_headers=True),
        ],
        **caller(),
        **{**limits(door), "request_timeout": "15s", "stream_idle_timeout": "60s"},
    )
    if door.access_log is not None:
        manager["access_log"] = [access_log(door.access_log)]
    tls = typed(
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context={
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificate_sds_secret_configs": [reference(DOOR)],
        },
    )
    return doors.opened(door, tls, manager)


def routes(web: Web) -> dict[str, Any]:
    """Return the route table: every path by name, with its one method."""
    listed = [_call(method, service, web) for contract, service in CONTRACTS.items() for method in _open(contract)]
    listed.append(
        {
            "match": {"prefix": "/documents/", "headers": [_method("GET", "HEAD")]},
            "route": {
                "cluster": WEB_DOCUMENTS,
                "timeout": "0s",  # a large document over a slow line; it ends when nothing moves
                "idle_timeout": "60s",
                "max_stream_duration": {"max_stream_duration": "14400s"},
                "retry_policy": RETRY_POLICY,
            },
        }
    )
    listed += [
        {
            "match": {"path": path, "headers": [_method("GET")]},
            "route": {"cluster": WEB_DOCUMENTS, "timeout": "15s", "retry_policy": RETRY_POLICY},
        }
        for path in PAGE
    ]
    host = {
        "name": "web",
        "domains": ["*"],
        "routes": listed,
        "response_headers_to_add": [
            {
                "header": {"key": "strict-transport-security", "value": "max-age=31536000"},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
    }
    return {"name": ROUTES, "virtual_hosts": [host]}


def _open(contract: FileDescriptor) -> Iterator[MethodDescriptor]:
    for service in contract.services_by_name.values():
        for method in service.methods:
            if method.GetOptions().Extensions[options_pb2.web]:
                yield method


def _call(method: MethodDescriptor, service: str, web: Web) -> dict[str, Any]:
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern")
    path = getattr(rule, verb)
    pattern = re.sub(r"\{\w+=(\w+)/\*\}", rf"\1/{_ID}", path)
    route: dict[str, Any] = {
        "match": {
            **({"path": path} if pattern == path else {"safe_regex": {"regex": pattern}}),
            "headers": [_method(verb.upper())],
        },
        "route": {"cluster": service, "timeout": "15s", "retry_policy": RETRY_POLICY},
    }
    if _is_entrance(method):
        limit = typed(_LIMIT, **_rate("sign_in", web.sign_ins_per_minute))
        route["typed_per_filter_config"] = {"envoy.filters.http.local_ratelimit": limit}
    return route


def _is_entrance(method: MethodDescriptor) -> bool:
    """Tell whether a method takes what can be guessed: a password, a code, an address."""
    fields = method.input_type.fields_by_name
    return any(word in fields for word in ("password", "code", "mail_address"))


def _method(*verbs: str) -> dict[str, Any]:
    return {"name": ":method", "string_match": {"safe_regex": {"regex": "|".join(verbs)}}}


def _rate(name: str, per_minute: int) -> dict[str, Any]:
    """Limit every client address by itself; of IPv6 a whole network, for a client has all of it."""
    bucket = {"max_tokens": per_minute, "tokens_per_fill": per_minute, "fill_interval": "60s"}
    # All together have a limit, too. Of more addresses than are kept, those not heard of longest start anew.
    whole = {"max_tokens": 1000 * per_minute, "tokens_per_fill": 1000 * per_minute, "fill_interval": "60s"}
    return {
        "stat_prefix": name,
        "token_bucket": whole,
        "filter_enabled": {"default_value": {"numerator": 100}},
        "filter_enforced": {"default_value": {"numerator": 100}},
        "max_dynamic_descriptors": _CLIENTS,
        "descriptors": [{"entries": [{"key": "masked_remote_address"}], "token_bucket": bucket}],
        "rate_limits": [{"actions": [{"masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}}]}],
    }


def _tickets(web: Web) -> dict[str, Any]:
    """Check tokens and tickets at the door, so that nothing made up costs the LAN anything."""
    shared = {
        "issuer": web.issuer,
        "local_jwks": {"inline_string": web.keys},
        "forward": True,
        "clock_skew_seconds": 30,
    }
    bearer = {"name": "authorization", "value_prefix": "Bearer "}
    ticket = {"requires": {"provider_name": _TICKETS}}
    return {
        "providers": {
            _PEOPLE: {**shared, "audiences": ["esoffice"], "from_headers": [bearer]},
            _TICKETS: {
                **shared,
                "audiences": ["esoffice-documents"],
                "from_headers": [{"name": "x-ticket"}],
                "from_cookies": ["__Host-ticket"],
                "jwt_cache_config": {"jwt_cache_size": 1000},
            },
        },
        "rules": [
            {"match": {"path": "/api/v1/tickets"}, "requires": {"provider_name": _PEOPLE}},
            {"match": {"path": "/api/v1/tickets:revoke"}, **ticket},
            {"match": {"prefix": "/api/v1/systems"}, **ticket},
            {"match": {"prefix": "/documents/"}, **ticket},
        ],
    }


def _transcoder() -> dict[str, Any]:
    return {
        "proto_descriptor_bin": base64.b64encode(_descriptors().SerializeToString(deterministic=True)).decode(),
        "services": sorted(
            service.full_name for contract in CONTRACTS for service in contract.services_by_name.values()
        ),
        "match_incoming_request_route": True,  # a path of gRPC itself is no way in
        "convert_grpc_status": True,
        "print_options": {"always_print_primitive_fields": True},
        "max_request_body_size": _REQUEST_BYTES,
        "max_response_body_size": _RESPONSE_BYTES,
    }


def _descriptors() -> FileDescriptorSet:
    """Return the contracts with all they import, and the details of errors."""
    found: dict[str, FileDescriptorProto] = {}

    def add(file: FileDescriptor) -> None:
        if file.name not in found:
            for one in file.dependencies:
                add(one)
            found[file.name] = FileDescriptorProto()
            file.CopyToProto(found[file.name])

    for contract in (*CONTRACTS, status_pb2.DESCRIPTOR, error_details_pb2.DESCRIPTOR):
        add(contract)
    return FileDescriptorSet(file=found.values())
