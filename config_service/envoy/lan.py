"""Keeps the LAN Envoys on what the settings and the live instances say."""

from collections.abc import Iterable
from pathlib import Path

from esoffice.config.v1 import settings_pb2

from config_service.envoy.rules import LAN_NODE, Endpoint, Facts, Health, KeyPair, Listener, SnapshotRefused
from config_service.envoy.service import ControlPlane
from config_service.fleet.store import LiveEndpoint
from mesh.workers import HealthLine


def endpoints_of(live: Iterable[LiveEndpoint]) -> tuple[Endpoint, ...]:
    """Return the instances that can be called as an Envoy is told of them."""
    return tuple(
        Endpoint(
            service=one.service,
            address=one.address,
            port=one.port,
            instance=one.instance,
            health=Health.DRAINING if one.draining else Health.SERVING,
        )
        for one in live
    )


class LanEnvoys:
    """The facts of the group `envoy-lan`, published whenever one of them changes.

    Nothing is published before both are known: an Envoy that connects early keeps what it has.

    Args:
        plane: tells the Envoys.
        certs: the site's certificates; the Envoys have theirs under the same path on their own machines.
        line: says whether what the settings ask for could be published.
    """

    def __init__(self, plane: ControlPlane, certs: Path, line: HealthLine) -> None:
        self._plane = plane
        self._certs = certs
        self._line = line
        self._listener: Listener | None = None
        self._endpoints: tuple[Endpoint, ...] | None = None

    def take(self, settings: settings_pb2.Settings) -> None:
        """Take over the settings of the door to the LAN."""
        lan = settings.config_service.lan
        self._listener = Listener(
            certificate=self._own_pair(),
            client_ca=self._ca(),
            address=lan.address,
            port=lan.port,
            origins=tuple(lan.cors_origins),
        )
        self._publish()

    def told(self, live: tuple[LiveEndpoint, ...]) -> None:
        """Take over which instances can be called."""
        self._endpoints = endpoints_of(live)
        self._publish()

    def _publish(self) -> None:
        if self._listener is None or self._endpoints is None:
            return
        facts = Facts(
            node=LAN_NODE, listener=self._listener, identity=self._own_pair(), ca=self._ca(), endpoints=self._endpoints
        )
        try:
            self._plane.update(facts)
        except SnapshotRefused as refused:
            self._line.healthy, self._line.sentence = False, refused.message
        else:
            self._line.healthy, self._line.sentence = True, ""

    def _own_pair(self) -> KeyPair:
        folder = self._certs / LAN_NODE
        return KeyPair(certificate=str(folder / "cert.pem"), key=str(folder / "key.pem"))

    def _ca(self) -> str:
        return str(self._certs / "ca.pem")
