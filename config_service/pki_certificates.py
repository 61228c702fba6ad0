"""How the certificates of a site look: the site's CA and its services (X.509, RFC 5280; SPIFFE X.509-SVID)."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mesh.spiffe import SpiffeId, check_site

CA_LIFETIME = timedelta(days=3652)
# A machine whose clock is behind must not refuse a certificate made this minute.
BACKDATED = timedelta(minutes=5)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_LONGEST_HOST = 253


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        return private_pem(self.key)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Write a private key as unencrypted PKCS #8: services start without anybody typing a password."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make an ECDSA P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def authority(site: str, key: ec.EllipticCurvePrivateKey, now: datetime) -> Pair:
    """Make the site's CA: ten years, and it may sign services only, no further CA (path length 0)."""
    check_site(site)
    name = _name(site, "CA")
    builder = (
        _builder(name, name, key, now, now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"spiffe://{site}")]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Pair(builder.sign(key, hashes.SHA256()), key)


def site_of(authority_certificate: x509.Certificate) -> str:
    """Return the site a CA was made for.

    Raises:
        ValueError: it is no CA of ours.
    """
    (uri,) = names(authority_certificate).get_values_for_type(x509.UniformResourceIdentifier)
    site = uri.removeprefix("spiffe://")
    check_site(site)
    return site


def service(
    ca: Pair, identity: SpiffeId, *, dns: Sequence[str], ip: Sequence[str], now: datetime, until: datetime
) -> Pair:
    """Make a service's certificate, good as server and as client.

    Args:
        ca: signs it.
        identity: becomes the one URI name and, as a DNS name, what gRPC clients compare with.
        dns: further host names under which it is reached.
        ip: addresses under which it is reached.
        now: the start of validity, a few minutes apart.
        until: the end; no later than the CA's own.
    """
    key = new_key()
    alternatives = [
        x509.UniformResourceIdentifier(str(identity)),
        *(x509.DNSName(one) for one in dict.fromkeys((identity.dns_name, *dns))),
        *(x509.IPAddress(ipaddress.ip_address(one)) for one in dict.fromkeys(ip)),
    ]
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    issuer_id = ca.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    end = min(until, ca.certificate.not_valid_after_utc)
    builder = (
        _builder(_name(identity.site, identity.service), ca.certificate.subject, key, now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id), critical=False)
    )
    return Pair(builder.sign(ca.key, hashes.SHA256()), key)


def names(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    """Return the alternative names of a certificate.

    Raises:
        ValueError: it has none.
    """
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as missing:
        raise ValueError("the certificate has no alternative names") from missing


def is_host_name(text: str) -> bool:
    """Tell whether `text` may stand in a certificate as a host name; `*` only as the whole first label."""
    return len(text) <= _LONGEST_HOST and _HOST.fullmatch(text) is not None


def is_address(text: str) -> bool:
    """Tell whether `text` is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _name(site: str, common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, site), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
