"""A site's CA and its certificates, for tests only."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Certificates are checked by real programs against the machine's clock, so they cannot start at a time made up.
_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_UNTIL = datetime(2099, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key, as bytes and as files."""

    certificate: bytes
    key: bytes
    certificate_path: Path
    key_path: Path
    serial: int


class Authority:
    """A CA that issues certificates with a SPIFFE id into a folder."""

    def __init__(self, folder: Path, *, site: str = "demo", name: str = "ca") -> None:
        self.folder = folder
        self.site = site
        folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{site} {name}")])
        builder = _builder(self._name, self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self.certificate)

    def issue(self, service: str, *, file: str | None = None) -> Issued:
        """Issue a certificate for `spiffe://<site>/service/<service>` on this machine; an older one is replaced."""
        return self.issue_uri(f"spiffe://{self.site}/service/{service}", file=file or service)

    def issue_uri(self, uri: str, *, file: str, hosts: Sequence[str] = ("localhost",)) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, file)]), self._name, key.public_key())
        names = [
            x509.UniformResourceIdentifier(uri),
            *(x509.DNSName(host) for host in hosts),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        issued = Issued(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
            self.folder / f"{file}.pem",
            self.folder / f"{file}.key",
            certificate.serial_number,
        )
        # By rename, and the key first: who watches the folder reads the pair when the certificate appears.
        for path, content in ((issued.key_path, issued.key), (issued.certificate_path, issued.certificate)):
            new = path.with_suffix(".new")
            new.write_bytes(content)
            new.replace(path)
        return issued


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
    )
