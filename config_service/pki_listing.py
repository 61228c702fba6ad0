"""What there is in the folder of the site's certificates, and what is wrong with it: `esconfig pki list`."""

import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from config_service import pki
from mesh import certificates
from mesh.errors import FailedPrecondition

CA_WARNING = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One certificate.

    Args:
        name: the service, or `ca`.
        spiffe_id: its URI name; empty if it cannot be read, as the four after it are then None.
        not_before: start of validity.
        not_after: end of validity.
        serial: in lower-case hexadecimal digits.
        days_left: whole days until the end; negative once it is over.
        problem: one sentence, or empty.
    """

    name: str
    spiffe_id: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    serial: str = ""
    days_left: int | None = None
    problem: str = ""


def inspect(folder: Path, now: datetime) -> list[Row]:
    """List the CA and every service's certificate, the CA first.

    Raises:
        FailedPrecondition: there is no such folder.
    """
    if not folder.is_dir():
        raise FailedPrecondition(f"{folder}: no such folder; run `esconfig pki init`.")
    rows = [_row("ca", folder, folder / "ca.pem", folder / "ca.key", now)]
    for service in pki.services(folder):
        home = folder / service
        rows.append(_row(service, folder, home / "cert.pem", home / "key.pem", now))
    return rows


def _row(name: str, folder: Path, certificate_file: Path, key_file: Path, now: datetime) -> Row:
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (OSError, ValueError, x509.ExtensionNotFound) as wrong:
        return Row(name=name, problem=f"{certificate_file}: cannot be read: {wrong}.")
    return Row(
        name=name,
        spiffe_id=" ".join(uris),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        serial=f"{certificate.serial_number:x}",
        days_left=(certificate.not_valid_after_utc - now) // timedelta(days=1),
        problem=_problem(name, folder, certificate, key_file, now),
    )


def _problem(name: str, folder: Path, certificate: x509.Certificate, key_file: Path, now: datetime) -> str:
    unusable = _unusable(certificate, key_file, now)
    if unusable:
        return unusable
    if name == "ca":
        soon = now >= certificate.not_valid_after_utc - CA_WARNING
        return "Expires within a year; plan the change of the CA." if soon else ""
    try:
        certificates.read(folder, name)
    except certificates.CertificateUnusable as wrong:
        return wrong.message
    return "Is due for renewal." if now >= pki.renewal_time(certificate) else ""


def _unusable(certificate: x509.Certificate, key_file: Path, now: datetime) -> str:
    """Return what keeps a certificate from being used whatever it is for, or nothing."""
    if now >= certificate.not_valid_after_utc:
        return f"Expired on {certificate.not_valid_after_utc:%Y-%m-%d}."
    if now < certificate.not_valid_before_utc:
        return "Is not valid yet; compare the clocks of the machines."
    try:
        mode = stat.S_IMODE(key_file.stat().st_mode)
    except OSError as wrong:
        return f"{key_file}: {wrong.strerror}."
    if mode & 0o077:
        return f"{key_file}: others may read it (mode {mode:04o})."
    return ""
