"""SIGKILL between the row and the short message, and between the short message and its record: it is sent once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from server_es.notices.rules import State
from server_es.notices.tables import notice

ROOT = Path(__file__).parents[3]


def run(url: str, folder: Path, hours: int, failpoint: str = "") -> int:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'stubs'}", "ESMESH_FAILPOINT": failpoint}
    command = [sys.executable, "-m", "tests.integration.server_es.notices_program", url, str(folder), str(hours)]
    return subprocess.run(command, cwd=ROOT, env=environment, timeout=60, check=False).returncode


@pytest.mark.parametrize("failpoint", ["notices.told", "notices.packed", "notices.sent"])
def test_a_kill_anywhere_loses_no_notice_and_sends_none_twice(
    database_url: str, tmp_path: Path, failpoint: str
) -> None:
    folder = tmp_path / "sent"
    folder.mkdir()
    assert run(database_url, folder, 0, failpoint) == -signal.SIGKILL
    assert run(database_url, folder, 1) == 0
    assert [one.read_text() for one in folder.iterdir()] == ["+4915111111111 Betreff c/1\nText"]
    engine = create_engine(database_url)
    with engine.connect() as connection:
        states = connection.execute(select(notice.c.state)).scalars().all()
    engine.dispose()
    assert states == [State.DELIVERED]
