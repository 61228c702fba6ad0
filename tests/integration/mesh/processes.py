"""Starts the programs beside the tests."""

import os
import subprocess
import sys


def start(program: str, url: str, *arguments: object, failpoint: str = "") -> subprocess.Popen[str]:
    environment = {**os.environ, "ESMESH_FAILPOINT": failpoint}
    command = [sys.executable, "-m", "tests.integration.mesh.programs", program, url, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end; return exit code and output."""
    out, err = process.communicate(timeout=60)
    assert process.returncode in {0, -9}, err
    return process.returncode, out
