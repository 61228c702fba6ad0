"""A service's certificate: read from the site's folder, given to gRPC, read again when the files change.

Layout, written by `esconfig pki`: `<folder>/ca.pem`, `<folder>/<service>/cert.pem`, `<folder>/<service>/key.pem`.
"""

import contextlib
import os
import ssl
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mesh.clock import Clock
from mesh.errors import FailedPrecondition
from mesh.spiffe import SpiffeId

_log = structlog.get_logger(__name__)
Stamp = tuple[tuple[int, int, int], ...]


class CertificateUnusable(FailedPrecondition):
    """The files of a service's certificate are missing, unreadable or do not belong together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A service's certificate as read from its files.

    Args:
        spiffe_id: who the certificate says the service is.
        chain: certificate, PEM.
        key: its private key, PEM.
        ca: the site's CA certificates, PEM.
        not_before: when it starts to be valid.
        not_after: when it, or the CA before it, expires.
        serial: of the certificate.
    """

    spiffe_id: SpiffeId
    chain: bytes
    key: bytes = field(repr=False)
    ca: bytes
    not_before: datetime
    not_after: datetime
    serial: int


def read(folder: Path, service: str) -> Credentials:
    """Read a service's certificate. One that has expired is read too: it is the health figure's job to say so.

    Raises:
        CertificateUnusable: with what is wrong and in which file.
    """
    paths = _paths(folder, service)
    try:
        chain, key, ca = (path.read_bytes() for path in paths)
    except OSError as wrong:
        raise CertificateUnusable(f"{wrong.filename}: {wrong.strerror}; run `esconfig pki issue {service}`.") from wrong
    try:
        certificate, *_ = x509.load_pem_x509_certificates(chain)
        authorities = x509.load_pem_x509_certificates(ca)
        private = load_pem_private_key(key, password=None)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        spiffe_id = SpiffeId.parse(uri)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound) as wrong:
        raise CertificateUnusable(f"{paths[0].parent}: not a certificate and key of a service: {wrong}.") from wrong
    if private.public_key() != certificate.public_key():
        raise CertificateUnusable(f"{paths[1]}: is not the key of {paths[0]}.")
    if not any(_issued(certificate, authority) for authority in authorities):
        raise CertificateUnusable(f"{paths[0]}: was not issued by the CA in {paths[2]}.")
    if spiffe_id.service != service:
        raise CertificateUnusable(f"{paths[0]}: belongs to {spiffe_id}, not to {service}.")
    return Credentials(
        spiffe_id=spiffe_id,
        chain=chain,
        key=key,
        ca=ca,
        not_before=certificate.not_valid_before_utc,
        not_after=min(certificate.not_valid_after_utc, *(one.not_valid_after_utc for one in authorities)),
        serial=certificate.serial_number,
    )


class ServiceCertificate:
    """The certificate a service uses now. Reads the files again when they change; safe to use from several threads.

    Files that cannot be used leave the certificate before them in force: the reason is logged once and kept in
    `problem`.

    Args:
        folder: of the site's certificates.
        service: whose certificate.
        clock: for the time until expiry.

    Raises:
        CertificateUnusable: at the start there is nothing to fall back on.
    """

    def __init__(self, folder: Path, service: str, clock: Clock) -> None:
        self._folder = folder
        self._service = service
        self._clock = clock
        self._reading = threading.Lock()
        home = folder / service
        self._watched = (str(home / "cert.pem"), str(home / "key.pem"), str(folder / "ca.pem"))
        self._stamp = _stamp(self._watched)
        self._current = read(folder, service)
        self.problem = ""

    def current(self) -> Credentials:
        """Return the certificate in the files. Costs three `stat` calls while nothing has changed."""
        with self._reading:
            stamp = _stamp(self._watched)
            if stamp != self._stamp:
                self._read_anew(stamp)
            return self._current

    def _read_anew(self, stamp: Stamp | None) -> None:
        try:
            self._current = read(self._folder, self._service)
        except CertificateUnusable as wrong:
            self.problem = wrong.message
            _log.warning("certificate files not taken over", service=self._service, problem=wrong.message)
        else:
            self.problem = ""
            _log.info("certificate taken over", service=self._service, not_after=self._current.not_after.isoformat())
        self._stamp = stamp

    def seconds_until_expiry(self) -> float:
        """Return for how many seconds the certificate is still valid; negative once it has expired."""
        return (self.current().not_after - self._clock.now()).total_seconds()

    def is_valid_for(self, margin: timedelta) -> bool:
        """Tell whether the certificate is valid now and will be for longer than `margin`: the health condition."""
        started = self.current().not_before <= self._clock.now()
        return started and self.seconds_until_expiry() > margin.total_seconds()

    def server_credentials(self) -> grpc.ServerCredentials:
        """Return credentials for `add_secure_port`: a client certificate of the site's CA is required.

        gRPC asks before each handshake, so new files count for the next connection; open ones are left alone.
        """
        given = self.current()

        def changed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal given
            current = self.current()
            if current is given:
                return None
            given = current
            return _server_configuration(current)

        return grpc.dynamic_ssl_server_credentials(_server_configuration(given), changed, True)  # type: ignore[arg-type]

    def server_context(self) -> ssl.SSLContext:
        """Return the same for a server that speaks HTTP; `renew_context` takes new files over."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_alpn_protocols(["http/1.1"])
        self.renew_context(context)
        return context

    def renew_context(self, context: ssl.SSLContext) -> None:
        """Put the certificate in force now into a context, for its next connections."""
        certificate, key, ca = _paths(self._folder, self._service)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(ca)

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Return credentials for one channel, from the files as they are now.

        gRPC keeps them as long as the channel lives: `mesh.renewing_channel` opens another one when the files change.
        """
        current = self.current()
        return grpc.ssl_channel_credentials(current.ca, current.key, current.chain)

    def channel_options(self, peer: str) -> tuple[tuple[str, str], ...]:
        """Return the options that make a channel insist on the certificate of `peer`, wherever it is reached.

        Args:
            peer: the service at the other end of the connection; behind a proxy that is `envoy-lan`.
        """
        return (("grpc.ssl_target_name_override", SpiffeId(self.current().spiffe_id.site, peer).dns_name),)


def _paths(folder: Path, service: str) -> tuple[Path, Path, Path]:
    """Return the three files; certificate and key from one generation, even while they are being replaced."""
    home = folder / service
    with contextlib.suppress(OSError):  # missing: whoever reads them says so
        home = (home / "cert.pem").resolve(strict=True).parent
    return home / "cert.pem", home / "key.pem", folder / "ca.pem"


def _stamp(paths: tuple[str, ...]) -> Stamp | None:
    try:
        seen = [os.stat(path) for path in paths]  # noqa: PTH116 - before every call and handshake: half the time of Path
    except OSError:
        return None
    return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in seen)


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:  # noqa: BLE001 - ValueError, TypeError or InvalidSignature: whatever it is, it is a no
        return False
    return True


def _server_configuration(credentials: Credentials) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(credentials.key, credentials.chain)], credentials.ca)
