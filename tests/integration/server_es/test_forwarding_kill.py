"""SIGKILL while a call is forwarded: after the repeat it is forwarded once, and everybody was told once."""

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def forward(url: str, call: str, request_id: str, failpoint: str = "") -> tuple[int, list[str]]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'stubs'}", "ESMESH_FAILPOINT": failpoint}
    command = [sys.executable, "-m", "tests.integration.server_es.forwarding_program", url, call, request_id]
    done = subprocess.run(command, cwd=ROOT, env=environment, timeout=120, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("failpoint", ["forwarding.written", "messages.push"])
def test_a_kill_between_the_row_and_the_popup_loses_no_popup(database_url: str, failpoint: str) -> None:
    request_id = str(uuid.uuid4())
    code, (call,) = forward(database_url, "", request_id, failpoint)
    assert code == -signal.SIGKILL
    code, (said,) = forward(database_url, call, request_id)
    assert code == 0
    told = ["Servicecall 1 weitergeleitet: Pumpe steht"]
    assert json.loads(said) == {"forwardings": 1, "told": {"100": [], "101": told, "102": told}}
