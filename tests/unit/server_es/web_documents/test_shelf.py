"""The documents on disk: what is found, and what is never followed."""

import os
import socket
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mesh.errors import DomainError, Exhausted, NotFound, Unavailable
from server_es.web_documents import shelf as shelves
from server_es.web_documents.rules import Place
from server_es.web_documents.shelf import Shelf
from tests.builders.web_documents import fill, structure

MATCHCODE = "Anlage A-1"


@pytest.fixture
def system(tmp_path: Path) -> Path:
    return fill(tmp_path / "documents")


@pytest.fixture
def shelf(system: Path) -> Shelf:
    return Shelf(structure(system.parent))


def names(shelf: Shelf, folder: str = "plans") -> list[str]:
    return [one.name for one in shelf.files("A-1", MATCHCODE, shelf.folder(folder))]


def read(shelf: Shelf, name: str, folder: str = "plans") -> bytes:
    opened = shelf.open(MATCHCODE, Place("A-1", folder, name))
    try:
        return os.read(opened.handle, 1000)
    finally:
        opened.close()


def test_released_files_are_listed_by_name(shelf: Shelf) -> None:
    assert names(shelf) == ["Foto.png", "Schaltplan Übersicht.pdf"]


def test_only_folders_that_are_there_are_shown(shelf: Shelf) -> None:
    assert [one.id for one in shelf.present("A-1", MATCHCODE)] == ["plans", "electrical", "staff"]
    assert shelf.present("A-2", "Anlage A-2") == []


@pytest.mark.parametrize("kind", ["file", "folder", "system"])
def test_a_link_is_never_followed(shelf: Shelf, system: Path, tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "passwd.txt").write_text("root")
    if kind == "file":
        (system / "Pläne" / "passwd.txt").symlink_to(secret / "passwd.txt")
        assert "passwd.txt" not in names(shelf)
    elif kind == "folder":
        (system / "Wartung").symlink_to(secret)
        with pytest.raises(NotFound):
            names(shelf, "reports")
    else:
        (system / "Wartung").symlink_to(secret)
        system.rename(tmp_path / "moved")
        system.symlink_to(tmp_path / "moved")
    with pytest.raises(NotFound):
        read(shelf, "passwd.txt", "plans" if kind == "file" else "reports")


def test_a_pipe_a_socket_and_a_folder_are_no_documents(
    shelf: Shelf, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(system / "Pläne" / "pipe.pdf")
    (system / "Pläne" / "folder.pdf").mkdir()
    monkeypatch.chdir(system / "Pläne")  # a Unix socket's path is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.pdf")
        assert names(shelf) == ["Foto.png", "Schaltplan Übersicht.pdf"]
        for name in ("pipe.pdf", "folder.pdf", "socket.pdf"):
            with pytest.raises(NotFound):
                read(shelf, name)


def test_names_as_macos_writes_them_are_found_by_their_composed_form(shelf: Shelf, system: Path) -> None:
    (system / "Pläne").rename(system / unicodedata.normalize("NFD", "Pläne"))
    apart = system / unicodedata.normalize("NFD", "Pläne") / unicodedata.normalize("NFD", "Öl.txt")
    apart.write_text("apart")
    assert "Öl.txt" in names(shelf)
    assert read(shelf, "Öl.txt") == b"apart"
    apart.with_name("Öl.txt").write_text("composed")
    assert names(shelf).count("Öl.txt") == 1
    assert read(shelf, "Öl.txt") == b"composed"


def test_another_case_is_another_name(shelf: Shelf) -> None:
    with pytest.raises(NotFound):
        read(shelf, "foto.PNG")


@pytest.mark.parametrize("name", ["Plan_Entwurf.pdf", ".versteckt", "..", "../Intern/Preise.xlsx", "a\0b", "x" * 255])
def test_what_is_not_released_is_not_there(shelf: Shelf, name: str) -> None:
    with pytest.raises(NotFound):
        read(shelf, name)


def test_a_folder_outside_the_structure_is_not_there(shelf: Shelf) -> None:
    with pytest.raises(NotFound):
        read(shelf, "Geheim.pdf", "Nicht in der Struktur")


def test_a_change_of_a_file_changes_its_tag(shelf: Shelf, system: Path) -> None:
    at = Place("A-1", "plans", "Foto.png")
    first = shelf.open(MATCHCODE, at)
    (system / "Pläne" / "Foto.png").write_bytes(b"other")
    second = shelf.open(MATCHCODE, at)
    first.close()
    second.close()
    assert first.tag != second.tag
    assert second.size == 5
    assert second.written.tzinfo is UTC
    assert second.written <= datetime.fromtimestamp(second.written.timestamp() + 1, UTC)


def test_a_folder_that_is_too_full_is_refused(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "MOST_ENTRIES", 2)
    with pytest.raises(Exhausted, match="more than 2"):
        names(shelf)


def test_a_root_that_is_gone_is_unavailable_and_not_empty(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        Shelf(structure(tmp_path / "gone")).present("A-1", MATCHCODE)


def test_no_handle_is_left_open(shelf: Shelf) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    for name in ("Foto.png", "none.pdf", "..", "Plan_Entwurf.pdf"):
        for folder in ("plans", "reports", "nothing"):
            try:
                read(shelf, name, folder)
            except DomainError:
                continue
    names(shelf)
    shelf.present("A-2", "none")
    assert count() == before
