"""Leases of a process that was killed are taken over at once; those of one that lives are not."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import MetaData

from mesh.database import Database
from mesh.leases import LeaseLost
from mesh.predecessors import Predecessors
from tests.integration.mesh.programs import TABLES, leases

HOUR = timedelta(hours=1)
LIVES = """
import sys, threading
from pathlib import Path
from mesh.predecessors import Predecessors
with Predecessors(Path(sys.argv[1]), sys.argv[2]):
    print("lives", flush=True)
    threading.Event().wait()
"""


@pytest.fixture
def metadata() -> MetaData:
    return TABLES


@contextmanager
def living(folder: Path, owner: str) -> Iterator[subprocess.Popen[str]]:
    """A process that works out of the folder until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", LIVES, folder, owner], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "lives\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_who_was_killed_gives_its_leases_back_and_is_fenced_off(database: Database, tmp_path: Path) -> None:
    with living(tmp_path, "old") as process:
        with database.unit() as unit:
            late = leases.acquire(unit, "imap", owner="old", lease=HOUR)
        assert late
        process.kill()
        process.wait()
        with Predecessors(tmp_path, "new") as before:
            assert before.dead == ["old"]
            with database.unit() as unit:
                assert leases.give_back_of(unit, before.dead) == 1
            before.forget()
            with database.unit() as unit:
                new = leases.acquire(unit, "imap", owner="new", lease=HOUR)
        assert new
        assert new.token > late.token
        with pytest.raises(LeaseLost), database.unit() as unit:
            leases.require(unit, late)


def test_who_lives_keeps_its_leases(database: Database, tmp_path: Path) -> None:
    with living(tmp_path, "old"):
        with database.unit() as unit:
            held = leases.acquire(unit, "imap", owner="old", lease=HOUR)
        assert held
        with Predecessors(tmp_path, "new") as before, database.unit() as unit:
            assert (before.dead, leases.give_back_of(unit, before.dead)) == ([], 0)
            leases.require(unit, held)


def test_who_ends_in_order_leaves_nothing_behind(tmp_path: Path) -> None:
    with Predecessors(tmp_path, "old"):
        pass
    with Predecessors(tmp_path, "new") as before:
        assert before.dead == []
        before.forget()
    assert list(tmp_path.iterdir()) == []


def test_two_successors_find_the_same_dead(tmp_path: Path) -> None:
    with living(tmp_path, "old") as process:
        process.kill()
        process.wait()
    with Predecessors(tmp_path, "one") as one, Predecessors(tmp_path, "two") as two:
        assert (one.dead, two.dead) == (["old"], ["old"])
        one.forget()
        two.forget()
