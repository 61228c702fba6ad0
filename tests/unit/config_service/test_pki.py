import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from config_service import pki
from config_service import pki_certificates as certificates
from config_service.pki_listing import inspect
from mesh.clock import ManualClock
from mesh.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from tests.builders.site import START, site

DAY = timedelta(days=1)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def kill(*_: object, **__: object) -> None:
    """Stands where a process is killed."""
    raise KeyboardInterrupt


def ca_of(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())


def test_the_ca_lasts_ten_years_and_signs_services_only(tmp_path: Path) -> None:
    ca = ca_of(site(tmp_path))
    limits = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert limits.critical
    assert (limits.value.ca, limits.value.path_length) == (True, 0)
    assert ca.not_valid_after_utc - START == timedelta(days=3652)
    key = ca.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.digital_signature) == (True, False)


def test_private_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    folder = site(tmp_path / "pki", "server_es")
    assert mode(folder / "ca.key") == mode(folder / "server_es/key.pem") == 0o600
    assert mode(folder) == mode(folder / "server_es") == 0o700


def test_a_second_ca_is_refused(tmp_path: Path) -> None:
    before = (site(tmp_path) / "ca.pem").read_bytes()
    with pytest.raises(AlreadyExists, match="is not overwritten"):
        pki.init_site(tmp_path, "muster", ManualClock(START))
    assert (tmp_path / "ca.pem").read_bytes() == before


def test_a_kill_between_the_ca_s_files_is_made_good_by_the_next_call(tmp_path: Path) -> None:
    key = (site(tmp_path) / "ca.key").read_bytes()
    (tmp_path / "ca.pem").unlink()
    pki.init_site(tmp_path, "muster", ManualClock(START))
    assert (tmp_path / "ca.key").read_bytes() == key
    pki.issue(tmp_path, "server_es", now=START)


@pytest.mark.parametrize("name", ["", "Muster", "muster gmbh", "a/b", "-a", "m" * 64])
def test_a_site_name_that_is_no_trust_domain_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidArgument, match="site name"):
        pki.init_site(tmp_path / "pki", name, ManualClock(START))
    assert not (tmp_path / "pki").exists()


@pytest.mark.parametrize("service", pki.SERVICES)
def test_a_service_is_named_by_its_uri_and_may_serve_and_call(tmp_path: Path, service: str) -> None:
    folder = site(tmp_path)
    made = pki.issue(folder, service, now=START, dns=["mesh.example", "*.mesh.example"], ip=["192.0.2.7", "::1"])
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [f"spiffe://muster/service/{service}"]
    own = f"{service.replace('_', '-')}.service.muster"
    assert names.get_values_for_type(x509.DNSName) == [own, "mesh.example", "*.mesh.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7", "::1"]
    purposes = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(purposes) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert made.not_valid_after_utc == START + 90 * DAY
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    made.verify_directly_issued_by(ca_of(folder))
    assert pki.certificate_of(folder, service) == made


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument) as error:
        pki.issue(
            site(tmp_path),
            "../x",
            now=START,
            dns=["a b", "config-service.service.muster"],
            ip=["300.1.1.1"],
            lifetime=DAY / 48,
        )
    assert [one.field for one in error.value.violations] == ["service", "dns[0]", "dns[1]", "ip[0]", "lifetime"]
    assert pki.services(tmp_path) == []


def test_no_service_outlives_the_ca(tmp_path: Path) -> None:
    folder = site(tmp_path)
    end = ca_of(folder).not_valid_after_utc
    assert pki.issue(folder, "server_es", now=end - DAY).not_valid_after_utc == end
    with pytest.raises(FailedPrecondition, match="the CA has expired"):
        pki.issue(folder, "server_es", now=end)


def test_a_certificate_is_renewed_at_two_thirds_of_its_life(tmp_path: Path) -> None:
    folder = site(tmp_path, "server_es", days=90)
    assert pki.renew_due(folder, START + 59 * DAY) == []
    (renewed,) = pki.renew_due(folder, START + 60 * DAY)
    assert (renewed.service, renewed.not_after, renewed.problem) == ("server_es", START + 150 * DAY, "")
    assert pki.renew_due(folder, START + 61 * DAY) == []


def test_a_renewed_certificate_has_the_same_names_and_another_key(tmp_path: Path) -> None:
    folder = site(tmp_path)
    old = pki.issue(folder, "server_es", now=START, dns=["mesh.example"], ip=["::1"], lifetime=30 * DAY)
    new = pki.renew(folder, "server_es", START + 20 * DAY)
    kind = x509.SubjectAlternativeName
    assert new.extensions.get_extension_for_class(kind).value == old.extensions.get_extension_for_class(kind).value
    assert new.public_key() != old.public_key()
    assert new.not_valid_after_utc == START + 50 * DAY


def test_one_that_cannot_be_renewed_does_not_stop_the_next(tmp_path: Path) -> None:
    folder = site(tmp_path, "config_service", "server_es")
    (folder / "config_service/current/cert.pem").write_text("nonsense")
    broken, renewed = pki.renew_due(folder, START + 80 * DAY)
    assert "not a certificate in PEM" in broken.problem
    assert renewed.not_after == START + 170 * DAY


def test_only_the_last_two_certificates_are_kept(tmp_path: Path) -> None:
    folder = site(tmp_path, "server_es")
    for day in range(1, 4):
        pki.renew(folder, "server_es", START + day * DAY)
    home = folder / "server_es"
    assert len([one for one in home.iterdir() if one.is_dir() and not one.is_symlink()]) == 2
    assert sorted(one.name for one in home.iterdir() if one.is_symlink()) == ["cert.pem", "current", "key.pem"]


@pytest.mark.parametrize("step", ["private_files.replace", "_point"])
def test_a_kill_during_a_renewal_leaves_the_old_pair_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    folder = site(tmp_path, "server_es")
    before = pki.certificate_of(folder, "server_es")

    with monkeypatch.context() as patch:
        patch.setattr(f"config_service.pki.{step}", kill)
        with pytest.raises(KeyboardInterrupt):
            pki.renew(folder, "server_es", START + DAY)
    assert pki.certificate_of(folder, "server_es") == before
    assert inspect(folder, START + DAY)[1].problem == ""

    assert pki.renew(folder, "server_es", START + DAY) == pki.certificate_of(folder, "server_es")


def test_files_laid_there_by_hand_are_replaced(tmp_path: Path) -> None:
    folder = site(tmp_path, "server_es")
    home = folder / "esweb"
    home.mkdir()
    (home / "cert.pem").write_text("old")
    (home / "key.pem").write_text("old")
    made = pki.issue(folder, "esweb", now=START)
    assert pki.certificate_of(folder, "esweb") == made
    assert inspect(folder, START)[1].problem == ""


def test_without_a_ca_nothing_is_issued(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="run `esconfig pki`"):
        pki.issue(tmp_path, "server_es", now=START)


def other_key(folder: Path) -> None:
    (folder / "ca.key").write_bytes((folder / "server_es/key.pem").read_bytes())


def no_key(folder: Path) -> None:
    (folder / "ca.key").write_bytes(b"nonsense")


def edwards_key(folder: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    (folder / "ca.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def open_key(folder: Path) -> None:
    (folder / "ca.key").chmod(0o644)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (other_key, "is not the key of"),
        (no_key, "not an unencrypted private key"),
        (edwards_key, "not an elliptic-curve key"),
        (open_key, "others may read it"),
    ],
)
def test_a_ca_key_that_cannot_be_used_is_named(tmp_path: Path, spoil, sentence: str) -> None:  # noqa: ANN001
    folder = site(tmp_path, "server_es")
    spoil(folder)
    with pytest.raises(FailedPrecondition, match=sentence):
        pki.issue(folder, "server_es", now=START)


def test_a_certificate_without_names_is_not_renewed(tmp_path: Path) -> None:
    folder = site(tmp_path, "server_es")
    (folder / "server_es/current/cert.pem").write_bytes((folder / "ca.pem").read_bytes())
    (renewal,) = pki.renew_due(folder, START + 3600 * DAY)
    assert renewal.not_after is not None, "named anew after its folder"
    with pytest.raises(ValueError, match="no alternative names"):
        certificates.names(without_names())


def without_names() -> x509.Certificate:
    key = certificates.new_key()
    name = x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, START, START + DAY)
    return builder.sign(key, SHA256())
