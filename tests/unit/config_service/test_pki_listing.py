from datetime import timedelta
from pathlib import Path

import pytest

from config_service import pki
from config_service.pki_listing import inspect
from mesh.errors import FailedPrecondition
from tests.builders.site import START, site

DAY = timedelta(days=1)


def test_a_healthy_site_has_no_problems(tmp_path: Path) -> None:
    rows = inspect(site(tmp_path, "server_es", "envoy-lan"), START)
    assert [(row.name, row.problem) for row in rows] == [("ca", ""), ("envoy-lan", ""), ("server_es", "")]
    ca, _, server = rows
    assert (ca.spiffe_id, ca.days_left) == ("spiffe://muster", 3652)
    assert (server.spiffe_id, server.days_left) == ("spiffe://muster/service/server_es", 90)
    assert server.not_after == START + 90 * DAY
    assert server.serial == f"{pki.certificate_of(tmp_path, 'server_es').serial_number:x}"


@pytest.mark.parametrize(
    ("day", "problem", "left"),
    [
        (59, "", 31),
        (60, "Is due for renewal.", 30),
        (90, "Expired on 2027-05-30.", 0),
        (91, "Expired on 2027-05-30.", -1),
    ],
)
def test_age_is_told(tmp_path: Path, day: int, problem: str, left: int) -> None:
    row = inspect(site(tmp_path, "server_es"), START + day * DAY)[1]
    assert (row.problem, row.days_left) == (problem, left)


def test_a_certificate_of_tomorrow_is_told(tmp_path: Path) -> None:
    assert "not valid yet" in inspect(site(tmp_path), START - DAY)[0].problem


def test_the_ca_s_end_is_told_a_year_ahead(tmp_path: Path) -> None:
    assert "plan the change" in inspect(site(tmp_path), START + 3300 * DAY)[0].problem


def test_a_readable_key_is_told(tmp_path: Path) -> None:
    folder = site(tmp_path, "server_es")
    (folder / "server_es/key.pem").chmod(0o644)
    assert "others may read it (mode 0644)" in inspect(folder, START)[1].problem


def test_a_missing_key_is_told(tmp_path: Path) -> None:
    folder = site(tmp_path, "server_es")
    (folder / "server_es/current/key.pem").unlink()
    assert "No such file" in inspect(folder, START)[1].problem


def test_a_certificate_of_another_ca_is_told(tmp_path: Path) -> None:
    folder = site(tmp_path / "a", "server_es")
    other = site(tmp_path / "b", "server_es")
    (folder / "ca.pem").write_bytes((other / "ca.pem").read_bytes())
    assert "was not issued by the CA" in inspect(folder, START)[1].problem


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = site(tmp_path, "server_es")
    (folder / "server_es/current/cert.pem").write_text("nonsense")
    row = inspect(folder, START)[1]
    assert "cannot be read" in row.problem
    assert row.days_left is None


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="run `esconfig pki init`"):
        inspect(tmp_path / "none", START)
