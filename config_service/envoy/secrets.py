"""Certificates by name: only the paths travel, the keys stay where they are.

Envoy watches the folders of these files and takes a renewed certificate without a restart, but only when they come as
secrets (SDS); a path written straight into a listener is read once.
"""

from typing import Any

from config_service.envoy.rules import Facts, KeyPair
from config_service.envoy.words import ADS

DOOR = "door"
CLIENT_CA = "client_ca"
IDENTITY = "identity"
SITE_CA = "site_ca"


def secrets(facts: Facts) -> list[dict[str, Any]]:
    """Return the secrets of this node."""
    return [
        key_pair(DOOR, facts.listener.certificate),
        authority(CLIENT_CA, facts.listener.client_ca),
        key_pair(IDENTITY, facts.identity),
        authority(SITE_CA, facts.ca),
    ]


def key_pair(name: str, pair: KeyPair) -> dict[str, Any]:
    """Return a certificate and its key as a secret."""
    return {
        "name": name,
        "tls_certificate": {
            "certificate_chain": {"filename": pair.certificate},
            "private_key": {"filename": pair.key},
        },
    }


def authority(name: str, path: str) -> dict[str, Any]:
    """Return a CA to verify others by as a secret."""
    return {"name": name, "validation_context": {"trusted_ca": {"filename": path}}}


def reference(name: str) -> dict[str, Any]:
    """Return how a listener or a cluster names a secret."""
    return {"name": name, "sds_config": ADS}
