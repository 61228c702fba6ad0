import subprocess
import sys
from dataclasses import replace

import pytest

from config_service.envoy.rules import Health, Route, SnapshotRefused
from config_service.envoy.snapshot import Kind, build
from tests.builders.envoy_facts import endpoint, facts


def test_equal_facts_have_equal_versions_in_every_process() -> None:
    program = (
        "from config_service.envoy.snapshot import build; from tests.builders.envoy_facts import *;"
        "print(sorted(build(facts(endpoint()), 'demo').versions.values()))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert said == {f"{sorted(build(facts(endpoint()), 'demo').versions.values())}\n"}


def test_a_change_of_endpoints_changes_the_endpoints_only() -> None:
    before = build(facts(endpoint()), "demo")
    after = build(facts(endpoint(health=Health.DRAINING)), "demo")
    assert {kind for kind in Kind if before.versions[kind] != after.versions[kind]} == {Kind.ENDPOINTS}


def test_an_instance_of_a_service_this_node_does_not_route_to_is_left_out() -> None:
    foreign = replace(endpoint(), service="console")
    assert build(facts(foreign), "demo") == build(facts(), "demo")


def test_a_service_without_instances_still_has_its_endpoints_definition() -> None:
    assert set(build(facts(), "demo").resources[Kind.ENDPOINTS]) == {"config_service", "server_business", "server_es"}


def test_a_route_to_an_unknown_service_is_refused_in_one_sentence() -> None:
    lost = replace(facts(), routes=(Route(prefix="/esoffice.new.v1.", service="server_new"),))
    with pytest.raises(SnapshotRefused) as refused:
        build(lost, "demo")
    assert refused.value.message == (
        "the configuration of envoy-lan was not published: "
        "the routes 'calls' names the cluster 'server_new', which does not exist"
    )


def test_keys_never_travel() -> None:
    for secret in build(facts(), "demo").resources[Kind.SECRET].values():
        assert b"inline" not in secret.packed.value
        assert b"/pki/" in secret.packed.value
