from pathlib import Path

import pytest

from mesh.clock import SystemClock
from mesh.columns import new_metadata
from mesh.database import Database


def open_it(url: str) -> Database:
    return Database(url, metadata=new_metadata(), clock=SystemClock())


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://host/name", "The database 'mysql' is not supported"),
        ("sqlite://", "The SQLite database needs a file"),
        ("sqlite:////no/such/folder/a.db", "The folder '/no/such/folder' for the database 'a.db' does not exist"),
    ],
)
def test_a_wrong_address_is_explained_in_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        open_it(url)


def test_nobody_else_on_the_machine_may_read_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    open_it(f"sqlite:///{file}").close()
    assert file.stat().st_mode & 0o077 == 0
