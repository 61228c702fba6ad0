import os
import subprocess
import sys

import pytest

PROGRAM = """
from mesh.failpoints import failpoint
for n in range(1, 4):
    failpoint("a")
    failpoint("b")
    print(n, flush=True)
"""


@pytest.mark.parametrize(
    ("armed", "code", "lines"),
    [("", 0, "1 2 3"), ("other", 0, "1 2 3"), ("a", -9, ""), ("b:2", -9, "1"), ("b:4", 0, "1 2 3")],
)
def test_the_process_dies_at_the_hit_that_was_named(armed: str, code: int, lines: str) -> None:
    environment = {**os.environ, "ESMESH_FAILPOINT": armed}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, " ".join(done.stdout.split())) == (code, lines)
