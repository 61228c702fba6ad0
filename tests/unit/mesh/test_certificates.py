from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from config_service import pki
from mesh.certificates import CertificateUnusable, ServiceCertificate, read
from tests.builders.site import START, clock, site

DAY = timedelta(days=1)


def test_a_service_s_certificate_is_read(tmp_path: Path) -> None:
    found = read(site(tmp_path, "server_es"), "server_es")
    assert str(found.spiffe_id) == "spiffe://muster/service/server_es"
    assert found.not_after == START + 90 * DAY
    assert "PRIVATE" not in repr(found)


def test_the_health_figure_counts_down(tmp_path: Path) -> None:
    now = clock()
    certificate = ServiceCertificate(site(tmp_path, "server_es"), "server_es", now)
    assert certificate.seconds_until_expiry() == 90 * 86400
    assert certificate.is_valid_for(89 * DAY)
    assert not certificate.is_valid_for(90 * DAY)
    now.advance(91 * DAY)
    assert certificate.seconds_until_expiry() == -86400
    assert not certificate.is_valid_for(timedelta())


def test_a_certificate_of_tomorrow_is_not_healthy(tmp_path: Path) -> None:
    folder = site(tmp_path, "server_es", now=START + DAY)
    assert not ServiceCertificate(folder, "server_es", clock()).is_valid_for(timedelta())


def test_the_ca_s_end_counts_if_it_is_the_nearer_one(tmp_path: Path) -> None:
    folder = site(tmp_path, "server_es", days=100)
    old = site(tmp_path / "old", "server_es", now=START - 3600 * DAY)
    both = (folder / "ca.pem").read_bytes() + (old / "ca.pem").read_bytes()
    (folder / "ca.pem").write_bytes(both)
    assert read(folder, "server_es").not_after == START + 52 * DAY


def test_new_files_are_taken_over_and_nothing_is_read_while_they_stay(tmp_path: Path) -> None:
    folder = site(tmp_path, "server_es")
    certificate = ServiceCertificate(folder, "server_es", clock())
    first = certificate.current()
    assert certificate.current() is first
    serial = pki.renew(folder, "server_es", START + DAY).serial_number
    assert certificate.current().serial == serial != first.serial
    assert certificate.problem == ""


def test_a_bad_change_is_kept_as_a_problem_until_it_is_put_right(tmp_path: Path) -> None:
    folder = site(tmp_path, "server_es")
    certificate = ServiceCertificate(folder, "server_es", clock())
    first = certificate.current()
    (folder / "server_es/current").unlink()
    assert certificate.current() is first
    assert "No such file" in certificate.problem
    pki.issue(folder, "server_es", now=START)
    assert certificate.current() is not first
    assert certificate.problem == ""


def test_files_laid_there_by_hand_are_read_too(tmp_path: Path) -> None:
    folder = site(tmp_path / "a", "server_es")
    by_hand = tmp_path / "b"
    (by_hand / "server_es").mkdir(parents=True)
    for name in ("ca.pem", "server_es/cert.pem", "server_es/key.pem"):
        (by_hand / name).write_bytes((folder / name).read_bytes())
    assert read(by_hand, "server_es") == read(folder, "server_es")


def garbage(folder: Path) -> None:
    (folder / "server_es/current/cert.pem").write_text("nonsense")


def no_names(folder: Path) -> None:
    (folder / "server_es/current/cert.pem").write_bytes((folder / "ca.pem").read_bytes())


def foreign_key(folder: Path) -> None:
    (folder / "server_es/current/key.pem").write_bytes((folder / "esweb/key.pem").read_bytes())


def foreign_service(folder: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (folder / "server_es/current" / name).write_bytes((folder / "esweb" / name).read_bytes())


def foreign_ca(folder: Path) -> None:
    (folder / "ca.pem").write_bytes((site(folder / "other") / "ca.pem").read_bytes())


def missing(folder: Path) -> None:
    (folder / "server_es/cert.pem").unlink()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (garbage, "not a certificate and key of a service"),
        (no_names, "not a certificate and key of a service"),
        (foreign_key, "is not the key of"),
        (foreign_service, "belongs to spiffe://muster/service/esweb"),
        (foreign_ca, "was not issued by the CA"),
        (missing, "run `esconfig pki issue server_es`"),
    ],
)
def test_at_the_start_unusable_files_are_named(tmp_path: Path, spoil: Callable[[Path], None], sentence: str) -> None:
    folder = site(tmp_path, "server_es", "esweb")
    spoil(folder)
    with pytest.raises(CertificateUnusable, match=sentence):
        ServiceCertificate(folder, "server_es", clock())
