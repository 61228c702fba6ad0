from pathlib import Path

import pytest
import yaml

from config_service.envoy import bootstrap, launch
from config_service.envoy.rules import KeyPair

PLAIN = bootstrap.Bootstrap(
    site="demo",
    node="envoy-lan",
    instance="host-1",
    control_plane=(("127.0.0.1", 12170), ("10.0.0.2", 12170)),
    identity=KeyPair(certificate="/pki/envoy-lan.pem", key="/pki/envoy-lan.key"),
    ca="/pki/ca.pem",
)


def test_there_is_no_admin_interface_unless_asked_for(tmp_path: Path) -> None:
    assert "admin" not in bootstrap.render(PLAIN, tmp_path)


def test_a_socket_path_that_unix_cannot_hold_is_named(tmp_path: Path) -> None:
    far = bootstrap.Bootstrap(
        site="demo",
        node="envoy-lan",
        instance="host-1",
        control_plane=(),
        identity=PLAIN.identity,
        ca=PLAIN.ca,
        admin=Path("/" + "x" * 107),
    )
    with pytest.raises(ValueError, match="longer than 107 bytes"):
        bootstrap.render(far, tmp_path)


def test_keys_are_named_not_copied(tmp_path: Path) -> None:
    path = bootstrap.write(PLAIN, tmp_path / "envoy")
    assert sorted(one.name for one in path.parent.iterdir()) == ["envoy.yaml", "identity.yaml", "site_ca.yaml"]
    secret = yaml.safe_load((path.parent / "identity.yaml").read_text())["resources"][0]
    assert secret["tls_certificate"]["private_key"] == {"filename": "/pki/envoy-lan.key"}


def test_the_binary_is_found_and_called_without_shared_memory(tmp_path: Path) -> None:
    line = launch.command(tmp_path / "envoy.yaml", threads=2)
    assert Path(line[0]).is_file()
    assert "--disable-hot-restart" in line
    assert line[-2:] == ["--concurrency", "2"]
