"""A kill while settings are saved: the revision is there whole or not at all."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from config_service import schema
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.sealing import SecretBox
from tests.builders.processes import ROOT

_SAVER = """
import sys
from pathlib import Path
from config_service import schema
from mesh.sealing import SecretBox
from config_service.settings.first import ensure_first_revision
from mesh.clock import SystemClock
from mesh.database import Database

folder = Path(sys.argv[1])
box = SecretBox.load(folder)
with Database(f"sqlite:///{folder}/test.db", metadata=schema.metadata, clock=SystemClock()) as database:
    while True:
        with database.unit() as unit:
            ensure_first_revision(unit, schema.revisions, box)
            newest = schema.revisions.newest(unit)
            number = newest.number + 1
            newest.settings.server_es.service_user = f"user {number}"
            newest.settings.server_es.database.password.value = f"secret {number}"
            schema.revisions.append(unit, newest.settings, box, after=newest.number, author="saver", reason="")
        print(number, flush=True)
"""


def _save_until_killed(folder: Path, *, seconds: float = 60, **environment: str) -> list[int]:
    process = subprocess.Popen(
        [sys.executable, "-c", _SAVER, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'stubs'}", **environment},
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        told = [int(process.stdout.readline() or 0)] if not environment else []
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        return [*told, *map(int, process.stdout.read().split())]


def _check(folder: Path, told: list[int]) -> int:
    """Every revision that was told is there, each is whole, and none more than one beyond what was told."""
    box = SecretBox.load(folder)
    with (
        Database(f"sqlite:///{folder}/test.db", metadata=schema.metadata, clock=SystemClock()) as database,
        database.reading() as unit,
    ):
        oldest, newest = schema.revisions.kept(unit)
        assert newest - max(told, default=newest) in (0, 1)
        for number in range(max(oldest, 2), newest + 1):
            settings = schema.revisions.get(unit, number).settings
            schema.revisions.reveal(unit, settings, box)
            assert settings.server_es.service_user == f"user {number}"
            assert settings.server_es.database.password.value == f"secret {number}"
        return newest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    SecretBox.create(tmp_path)
    with Database(f"sqlite:///{tmp_path}/test.db", metadata=schema.metadata, clock=SystemClock()) as database:
        schema.metadata.create_all(database.engine)
    return tmp_path


def test_a_kill_right_before_the_commit_leaves_nothing_of_the_revision(folder: Path) -> None:
    assert _save_until_killed(folder, ESMESH_FAILPOINT="database.commit:4") == [2, 3, 4]
    assert _check(folder, [2, 3, 4]) == 4


def test_a_kill_at_any_moment_leaves_whole_revisions(folder: Path) -> None:
    chance = random.Random(4)
    for _ in range(5):
        _check(folder, _save_until_killed(folder, seconds=chance.uniform(0.01, 0.4)))
