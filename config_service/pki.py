"""The site's certificates on disk: make the CA, issue, renew, list.

    <folder>/ca.key  ca.pem <folder>/<service>/cert.pem -> current/cert.pem      key.pem -> current/key.pem
    <folder>/<service>/current -> 4f2a…                  one folder for each certificate ever in force, the last two
    kept

Certificate and key are two files and must change as one: both are written into a folder of their own, and one rename of
the link `current` puts them in force. A kill at any moment leaves the old pair or the new. Envoy notices by watching
`<folder>/<service>` (`watched_directory`), our services by `mesh.certificates`.
"""

import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from config_service import pki_certificates as certificates
from config_service.pki_certificates import BACKDATED, Pair
from mesh import private_files
from mesh.clock import Clock
from mesh.errors import AlreadyExists, FailedPrecondition, InvalidArgument, Violation
from mesh.spiffe import SpiffeId, check_site

SERVICES = ("config_service", "server_es", "server_business", "envoy-lan", "envoy-dmz")
DEFAULT_LIFETIME = timedelta(days=90)
SHORTEST_LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What became of a certificate that was due: the new end of validity, or the problem."""

    service: str
    not_after: datetime | None = None
    problem: str = ""


def init_site(folder: Path, site_name: str, clock: Clock) -> None:
    """Make the site's CA. Called again after a crash between its two files, it goes on with the key that is there.

    Raises:
        InvalidArgument: the site name cannot be a SPIFFE trust domain.
        AlreadyExists: there is a CA; replacing it would cut off every service of the site.
    """
    try:
        check_site(site_name)
    except ValueError as wrong:
        raise InvalidArgument([Violation("site_name", str(wrong))]) from wrong
    private_files.make_folder(folder)
    key_file, certificate_file = folder / "ca.key", folder / "ca.pem"
    if certificate_file.exists():
        raise AlreadyExists(f"{certificate_file} exists already and is not overwritten.")
    if not key_file.exists():
        private_files.create(key_file, certificates.private_pem(certificates.new_key()))
    made = certificates.authority(site_name, _key(private_files.read(key_file), key_file), clock.now())
    private_files.create(certificate_file, made.certificate_pem(), private_files.PUBLIC)


def issue(
    folder: Path,
    service: str,
    *,
    now: datetime,
    dns: Sequence[str] = (),
    ip: Sequence[str] = (),
    lifetime: timedelta = DEFAULT_LIFETIME,
) -> x509.Certificate:
    """Make a service's certificate and put it in force, in place of the one before.

    Args:
        folder: of the site's certificates.
        service: such as `server_es`; the five of `SERVICES`, or a further client such as `esweb`.
        now: start of validity.
        dns: host names under which clients reach the service.
        ip: addresses likewise.
        lifetime: at least one hour; cut at the end of the CA.

    Raises:
        InvalidArgument: a name, address or lifetime that cannot be; all of them at once.
        FailedPrecondition: there is no CA, or it has expired.
    """
    ca = _authority(folder)
    identity = _checked(certificates.site_of(ca.certificate), service, dns, ip, lifetime)
    if ca.certificate.not_valid_after_utc <= now:
        raise FailedPrecondition(f"{folder / 'ca.pem'}: the CA has expired; make a new one.")
    made = certificates.service(ca, identity, dns=dns, ip=ip, now=now, until=now + lifetime)
    _put_in_force(folder / service, made)
    return made.certificate


def renew(folder: Path, service: str, now: datetime) -> x509.Certificate:
    """Replace a certificate by a new one with a new key, the same names and the same lifetime.

    Raises:
        FailedPrecondition: there is none, or it cannot be read.
    """
    old = certificate_of(folder, service)
    names = certificates.names(old)
    own = SpiffeId(certificates.site_of(_authority(folder).certificate), service).dns_name
    return issue(
        folder,
        service,
        now=now,
        dns=[one for one in names.get_values_for_type(x509.DNSName) if one != own],
        ip=[str(one) for one in names.get_values_for_type(x509.IPAddress)],
        lifetime=max(old.not_valid_after_utc - old.not_valid_before_utc - BACKDATED, SHORTEST_LIFETIME),
    )


def renewal_time(certificate: x509.Certificate) -> datetime:
    """Return when a certificate is due: two thirds of its lifetime, so that a month of failures does no harm."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return start + (end - start) * 2 / 3


def renew_due(folder: Path, now: datetime) -> list[Renewal]:
    """Renew every certificate that is due; one that fails does not stop the next. Returns what was tried."""
    tried = []
    for service in services(folder):
        try:
            if now < renewal_time(certificate_of(folder, service)):
                continue
            tried.append(Renewal(service=service, not_after=renew(folder, service, now).not_valid_after_utc))
        except (FailedPrecondition, InvalidArgument, OSError, ValueError) as wrong:
            tried.append(Renewal(service=service, problem=str(wrong)))
    return tried


def services(folder: Path) -> list[str]:
    """Return the names of the services that have a folder, in order."""
    return sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))


def certificate_of(folder: Path, service: str) -> x509.Certificate:
    """Read the certificate of a service that is in force.

    Raises:
        FailedPrecondition: there is none, or it cannot be read.
    """
    return _certificate(folder / service / "cert.pem")


def _put_in_force(home: Path, made: Pair) -> None:
    private_files.make_folder(home)
    link = home / "current"
    before = link.readlink().name if link.is_symlink() else ""
    fresh = home / f"{made.certificate.serial_number:040x}"
    private_files.make_folder(fresh)
    private_files.replace(fresh / "cert.pem", made.certificate_pem(), private_files.PUBLIC)
    private_files.replace(fresh / "key.pem", made.key_pem())
    _point(link, fresh.name)
    for name in ("cert.pem", "key.pem"):
        if not (home / name).is_symlink():  # the first time, or files laid there by hand
            _point(home / name, f"current/{name}")
    for old in home.iterdir():
        if old.is_dir() and not old.is_symlink() and old.name not in (fresh.name, before):
            shutil.rmtree(old)


def _point(link: Path, target: str) -> None:
    fresh = link.with_name(f".{link.name}.{secrets.token_hex(6)}")
    fresh.symlink_to(target)
    fresh.replace(link)
    private_files.settle(link.parent)


def _checked(site: str, service: str, dns: Sequence[str], ip: Sequence[str], lifetime: timedelta) -> SpiffeId:
    wrong = []
    identity = None
    try:
        identity = SpiffeId(site, service)
    except ValueError as reason:
        wrong.append(Violation("service", str(reason)))
    reserved = f".service.{site}"
    for place, name in enumerate(dns):
        if name.lower().endswith(reserved):  # otherwise one service could be issued the name of another
            wrong.append(Violation(f"dns[{place}]", f"names ending in {reserved} are given by the site itself"))
        elif not certificates.is_host_name(name):
            wrong.append(Violation(f"dns[{place}]", f"{name[:100]!r} is not a host name"))
    wrong += [
        Violation(f"ip[{place}]", f"{address[:100]!r} is not an IP address")
        for place, address in enumerate(ip)
        if not certificates.is_address(address)
    ]
    if lifetime < SHORTEST_LIFETIME:
        wrong.append(Violation("lifetime", "must be at least one hour"))
    if wrong or identity is None:
        raise InvalidArgument(wrong)
    return identity


def _authority(folder: Path) -> Pair:
    key_file = folder / "ca.key"
    pair = Pair(_certificate(folder / "ca.pem"), _key(private_files.read(key_file), key_file))
    if pair.certificate.public_key() != pair.key.public_key():
        raise FailedPrecondition(f"{key_file}: is not the key of {folder / 'ca.pem'}.")
    return pair


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as wrong:
        raise FailedPrecondition(f"{path}: {wrong.strerror}; run `esconfig pki`.") from wrong
    except ValueError as wrong:
        raise FailedPrecondition(f"{path}: not a certificate in PEM.") from wrong


def _key(content: bytes, path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as wrong:
        raise FailedPrecondition(f"{path}: not an unencrypted private key in PEM.") from wrong
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise FailedPrecondition(f"{path}: not an elliptic-curve key.")
    return key
