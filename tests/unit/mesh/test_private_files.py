import os
import stat
from pathlib import Path

import pytest

from mesh import private_files
from mesh.errors import AlreadyExists, FailedPrecondition


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest):  # noqa: ANN201
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_only_the_owner_may_read_whatever_the_umask(tmp_path: Path) -> None:
    private_files.create(tmp_path / "a", b"1")
    private_files.replace(tmp_path / "b", b"2")
    private_files.replace(tmp_path / "c", b"3", private_files.PUBLIC)
    assert [mode(tmp_path / name) for name in "abc"] == [0o600, 0o600, 0o644]
    private_files.make_folder(tmp_path / "d")
    assert mode(tmp_path / "d") & 0o077 == 0


def test_what_is_there_is_not_overwritten_and_nothing_is_left_behind(tmp_path: Path) -> None:
    private_files.create(tmp_path / "a", b"1")
    with pytest.raises(AlreadyExists):
        private_files.create(tmp_path / "a", b"2")
    assert private_files.read(tmp_path / "a") == b"1"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_a_replaced_file_has_the_new_content(tmp_path: Path) -> None:
    private_files.create(tmp_path / "a", b"1")
    private_files.replace(tmp_path / "a", b"2")
    assert private_files.read(tmp_path / "a") == b"2"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    private_files.create(tmp_path / "a", b"1")
    (tmp_path / "a").chmod(0o640)
    with pytest.raises(FailedPrecondition, match=r"others may read it \(mode 0640\)"):
        private_files.read(tmp_path / "a")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="a: No such file"):
        private_files.read(tmp_path / "a")
