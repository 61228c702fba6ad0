"""Keeps the DMZ Envoys on what the settings, the live instances and the signing keys say."""

from collections.abc import Callable
from pathlib import Path

from esoffice.config.v1 import settings_pb2

from config_service.envoy.lan import endpoints_of
from config_service.envoy.rules import (
    DMZ_NODE,
    DMZ_SERVICES,
    WEB_DOCUMENTS,
    Endpoint,
    Facts,
    KeyPair,
    Listener,
    SnapshotRefused,
    Web,
)
from config_service.envoy.service import ControlPlane
from config_service.fleet.store import LiveEndpoint
from mesh.workers import HealthLine


class DmzEnvoys:
    """The facts of the group `envoy-dmz`, published whenever one of them changes.

    Args:
        plane: tells the Envoys.
        certs: the site's certificates; the Envoys have theirs under the same path on their own machines.
        line: says whether what the settings ask for could be published.
        site: which signs tokens and tickets.
        keys: its public keys as they are now (JWKS).
    """

    def __init__(
        self, plane: ControlPlane, certs: Path, line: HealthLine, *, site: str, keys: Callable[[], str]
    ) -> None:
        self._plane = plane
        self._certs = certs
        self._line = line
        self._site = site
        self._keys = keys
        self._settings: settings_pb2.Settings | None = None
        self._port = 0
        self._endpoints: tuple[Endpoint, ...] | None = None

    def take(self, settings: settings_pb2.Settings) -> None:
        """Take over the settings of the door."""
        self._settings = settings
        self.publish()

    def told(self, live: tuple[LiveEndpoint, ...]) -> None:
        """Take over which instances can be called."""
        self._endpoints = endpoints_of(live)
        self.publish()

    def served_on(self, port: int) -> None:
        """Take over on which port server_es serves the documents; 0: not known."""
        if port != self._port:
            self._port = port
            self.publish()

    def publish(self) -> None:
        """Publish what is known; after the keys have changed, too."""
        if self._settings is None or self._endpoints is None:
            return
        dmz = self._settings.config_service.dmz
        own = self._certs / DMZ_NODE
        pair = KeyPair(certificate=str(own / "cert.pem"), key=str(own / "key.pem"))
        documents = tuple(
            Endpoint(
                service=WEB_DOCUMENTS, address=one.address, port=self._port, instance=one.instance, health=one.health
            )
            for one in self._endpoints
            if one.service == "server_es" and self._port
        )
        ca = str(self._certs / "ca.pem")
        facts = Facts(
            node=DMZ_NODE,
            listener=Listener(certificate=pair, client_ca=ca, address=dmz.address, port=dmz.port),
            identity=pair,
            ca=ca,
            services=DMZ_SERVICES,
            endpoints=(*self._endpoints, *documents),
            web=Web(
                issuer=self._site,
                keys=self._keys(),
                requests_per_minute=dmz.requests_per_minute,
                sign_ins_per_minute=dmz.sign_ins_per_minute,
            ),
        )
        try:
            self._plane.update(facts)
        except SnapshotRefused as refused:
            self._line.healthy, self._line.sentence = False, refused.message
        else:
            self._line.healthy, self._line.sentence = True, ""
