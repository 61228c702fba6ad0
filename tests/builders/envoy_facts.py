"""Facts about an Envoy that are right, to be made wrong by a test."""

from config_service.envoy.rules import Endpoint, Facts, Health, KeyPair, Listener


def facts(*endpoints: Endpoint) -> Facts:
    own = KeyPair(certificate="/pki/envoy-lan.pem", key="/pki/envoy-lan.key")
    door = Listener(certificate=own, client_ca="/pki/ca.pem")
    return Facts(node="envoy-lan", listener=door, identity=own, ca="/pki/ca.pem", endpoints=endpoints)


def endpoint(port: int = 20001, *, instance: str = "es-1", health: Health = Health.SERVING) -> Endpoint:
    return Endpoint(service="server_es", address="127.0.0.1", port=port, instance=instance, health=health)
