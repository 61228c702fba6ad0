import importlib
import shutil
import sys
from pathlib import Path

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, insert, inspect, select

from mesh.clock import SystemClock
from mesh.columns import UtcDateTime, new_metadata
from mesh.database import Database
from mesh.migrations import DatabaseTooNew, differences, upgrade
from mesh.revisions import main, write_revision
from tests.integration.mesh import processes
from tests.integration.mesh.programs import TABLES


def first_tables() -> MetaData:
    metadata = new_metadata()
    Table("team", metadata, Column("id", Integer, primary_key=True), Column("name", String(40), unique=True))
    Table(
        "employee",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("team_id", ForeignKey("team.id"), nullable=False),
        Column("left_time", UtcDateTime(), index=True),
    )
    return metadata


def second_tables() -> MetaData:
    metadata = new_metadata()
    Table("team", metadata, Column("id", Integer, primary_key=True), Column("name", String(40), nullable=False))
    Table(
        "employee",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("team_id", ForeignKey("team.id"), nullable=False),
        Column("since_time", UtcDateTime()),
    )
    return metadata


def open_with(url: str, metadata: MetaData) -> Database:
    return Database(url, metadata=metadata, clock=SystemClock())


def test_a_step_is_written_from_the_tables_and_leaves_no_difference(database_url: str, tmp_path: Path) -> None:
    steps = tmp_path / "migrations"
    file = write_revision(first_tables(), steps, "first tables")
    assert file is not None
    assert file.name == "0001_first_tables.py"
    assert write_revision(first_tables(), steps, "nothing") is None
    with open_with(database_url, first_tables()) as database:
        assert differences(database) != []
        assert upgrade(database, steps) == ["0001"]
        assert upgrade(database, steps) == []
        assert differences(database) == []


def test_the_next_step_keeps_the_rows_and_their_references(database_url: str, tmp_path: Path) -> None:
    steps = tmp_path / "migrations"
    write_revision(first_tables(), steps, "first tables")
    old = first_tables()
    with open_with(database_url, old) as database:
        upgrade(database, steps)
        with database.unit() as unit:
            unit.connection.execute(insert(old.tables["team"]), {"id": 1, "name": "North"})
            unit.connection.execute(insert(old.tables["employee"]), {"id": 7, "team_id": 1, "left_time": unit.now})
    assert write_revision(second_tables(), steps, "Names teams, no unique name!") == (
        steps / "versions" / "0002_names_teams_no_unique_name.py"
    )
    new = second_tables()
    with open_with(database_url, new) as database:
        assert upgrade(database, steps) == ["0002"]
        assert differences(database) == []
        with database.reading() as unit:
            assert unit.connection.execute(select(new.tables["team"].c.name)).scalar_one() == "North"
            assert unit.connection.execute(select(new.tables["employee"].c.team_id)).scalar_one() == 1


def test_a_step_that_fails_leaves_everything_as_it_was(database_url: str, tmp_path: Path) -> None:
    steps = tmp_path / "migrations"
    write_revision(first_tables(), steps, "first tables")
    file = steps / "versions" / "0001_first_tables.py"
    file.write_text(file.read_text() + "\n    raise RuntimeError('power cut')\n")
    with open_with(database_url, first_tables()) as database:
        with pytest.raises(RuntimeError, match="power cut"):
            upgrade(database, steps)
        assert inspect(database.engine).get_table_names() == []


def test_a_database_that_is_newer_than_the_program_is_refused(database_url: str, tmp_path: Path) -> None:
    steps, older = tmp_path / "migrations", tmp_path / "older"
    write_revision(first_tables(), steps, "first tables")
    shutil.copytree(steps, older)
    write_revision(second_tables(), steps, "second tables")
    with open_with(database_url, second_tables()) as database:
        assert upgrade(database, steps) == ["0001", "0002"]
        with pytest.raises(DatabaseTooNew, match="schema step 0002, this program knows only up to 0001"):
            upgrade(database, older)


def test_of_two_processes_that_start_at_once_one_migrates(database_url: str, tmp_path: Path) -> None:
    steps = tmp_path / "migrations"
    write_revision(TABLES, steps, "first tables")
    both = [processes.start("migrate", database_url, steps) for _ in range(2)]
    assert sorted(processes.end(one) for one in both) == [(0, ""), (0, "0001")]


def test_the_command_writes_and_checks_the_steps_of_a_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = tmp_path / "some_service"
    service.mkdir()
    (service / "__init__.py").touch()
    (service / "schema.py").write_text(
        "from sqlalchemy import Column, Integer, Table\n"
        "from mesh.columns import new_metadata\n"
        "metadata = new_metadata()\n"
        "Table('thing', metadata, Column('id', Integer, primary_key=True))\n"
    )
    (service / "migrations" / "versions").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    try:
        assert main(["check", "some_service"]) == 1
        assert main(["revision", "some_service"]) == 0
        assert main(["revision", "some_service"]) == 0
        assert main(["check", "some_service"]) == 0
    finally:
        for name in ("some_service", "some_service.schema"):
            sys.modules.pop(name, None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("missing in the steps: ")
    assert lines[1].endswith("0001_first_tables.py")
    assert lines[2:] == ["The steps are complete; nothing was written.", "The steps are complete."]
