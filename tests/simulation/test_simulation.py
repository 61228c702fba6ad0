"""Small companies on both databases; `make simulation` runs large ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.run import Size, replay, run

SMALL = Size(weeks=1, employees=12, calls=16, acts=60)
SHORT = Size(weeks=0.3, employees=10, calls=12, acts=40)


@pytest.mark.parametrize("seed", [3])
def test_the_laws_hold_for_weeks(seed: int, tmp_path: Path) -> None:
    report = run(seed, SMALL, f"sqlite:///{tmp_path / 'es.db'}", tmp_path)
    assert report.figures["escalations"] > 50
    assert report.figures["crashes"] > 3
    assert report.figures["letters"] > 20


@pytest.mark.postgres
@pytest.mark.parametrize("seed", [5])
def test_the_laws_hold_on_a_server(seed: int, tmp_path: Path, postgres: object) -> None:
    cluster: object = postgres
    name = cluster.create()  # type: ignore[attr-defined]
    try:
        report = run(seed, SHORT, cluster.url(name), tmp_path)  # type: ignore[attr-defined]
    finally:
        cluster.drop(name)  # type: ignore[attr-defined]
    assert report.figures["escalations"] > 10


def test_a_seed_replays_in_another_process(tmp_path: Path) -> None:
    """With another order of sets: nothing that happens may depend on it."""
    mine = run(7, SHORT, f"sqlite:///{tmp_path / 'es.db'}", tmp_path).digest
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    program = f"from tests.simulation.__main__ import main; main({command(7, SHORT)!r})"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert f"journal        {mine}\n" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]


def command(seed: int, size: Size) -> list[str]:
    said = f"--seed {seed} --weeks {size.weeks} --employees {size.employees} --calls {size.calls} --acts {size.acts}"
    return said.split()


def test_a_failure_says_how_to_see_it_again() -> None:
    assert replay(7, SHORT) == "make simulation SEED=7 WEEKS=0.3 EMPLOYEES=10 CALLS=12 ACTS=40"
