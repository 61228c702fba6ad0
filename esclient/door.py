"""The way in: one TLS channel to the mesh, over which all services are reached."""

from pathlib import Path

import grpc
from cryptography import x509

from mesh.channel import connect
from mesh.spiffe import SpiffeId


class NoCertificate(Exception):
    """A file that should hold the CA does not; the text is the sentence to show."""


def open_channel(server: str, ca: Path | None = None) -> grpc.aio.Channel:
    """Open a channel to `host:port`, usually Envoy's port 12164. Call it inside the event loop.

    Args:
        server: the address.
        ca: PEM file of the CA the server's certificate must come from; without, the machine's own CAs.

    Raises:
        OSError: the file cannot be read.
        NoCertificate: it holds none.
    """
    if ca is None:
        return connect(server, grpc.ssl_channel_credentials())
    content = ca.read_bytes()
    try:
        certificates = x509.load_pem_x509_certificates(content)
    except ValueError as wrong:
        raise NoCertificate(f"{ca}: is no certificate in PEM.") from wrong
    return connect(server, grpc.ssl_channel_credentials(content), name=_envoy_of(certificates[0]))


def _envoy_of(ca: x509.Certificate) -> str:
    """Return the name of the site's Envoy if the CA is a site's own: by it the site is found under any address.

    With any other CA the certificate must carry the host's name.
    """
    try:
        names = ca.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (site,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        return SpiffeId(site.removeprefix("spiffe://"), "envoy-lan").dns_name
    except (x509.ExtensionNotFound, ValueError):
        return ""
