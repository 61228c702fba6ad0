from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from config_service.envoy.rules import Endpoint, Facts, Health, Route, addressed, spiffe_id, violations
from tests.builders.envoy_facts import endpoint, facts


def test_a_service_is_named_as_in_its_certificate() -> None:
    assert spiffe_id("demo", "server_es") == "spiffe://demo/service/server_es"


def test_right_facts_have_nothing_wrong() -> None:
    assert violations(facts(endpoint())) == ()


def test_a_port_shared_by_two_workers_is_as_good_as_the_better_one() -> None:
    old = endpoint(instance="old", health=Health.DRAINING)
    new = endpoint(instance="new")
    assert addressed([old, new]) == addressed([new, old]) == (new,)


def test_endpoints_have_a_stable_order() -> None:
    first, second = endpoint(20001), endpoint(20002)
    assert addressed([second, first]) == (first, second)


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        (endpoint(0), "endpoints[0].port", "0 is no TCP port"),
        (replace(endpoint(), address="es1.local"), "endpoints[0].address", "does not resolve names"),
    ],
)
def test_an_endpoint_envoy_would_reject_is_named(wrong: Endpoint, field: str, said: str) -> None:
    (found,) = violations(facts(wrong))
    assert found.field == field
    assert said in found.description


@pytest.mark.parametrize(
    ("prefixes", "said"),
    [
        ([], "no route at all"),
        (["/esoffice.es.v1"], "no package prefix"),
        (["/"], "no package prefix"),
        (["/esoffice.", "/esoffice.es.v1."], "never reached behind '/esoffice.'"),
    ],
)
def test_a_route_that_catches_too_much_or_nothing_is_named(prefixes: list[str], said: str) -> None:
    routes = tuple(Route(prefix=prefix, service="server_es") for prefix in prefixes)
    assert [said in one.description for one in violations(replace(facts(), routes=routes))] == [True]


def listening(**changed: Any) -> Facts:
    right = facts()
    return replace(right, listener=replace(right.listener, **changed))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (listening(origins=("https://*.example.de",)), "listener.origins"),
        (listening(origins=("*",)), "listener.origins"),
        (listening(client_ca="ca.pem"), "certificates"),
        (listening(access_log="access.log"), "listener.access_log"),
        (listening(stream_idle=timedelta(0)), "listener.stream_idle"),
        (listening(streams_per_connection=0), "listener.streams_per_connection"),
        (listening(port=70000), "listener.port"),
        (replace(facts(), node="Envoy LAN"), "node"),
    ],
)
def test_a_wrong_setting_is_named(wrong: Facts, field: str) -> None:
    assert [one.field for one in violations(wrong)] == [field]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert len(violations(replace(facts(endpoint(0), endpoint(-1)), node="?"))) == 3
