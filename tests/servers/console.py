"""The console scripts in a process of their own each, forked from one that has imported them: a start costs nothing.

`python -m tests.servers.console` reads one JSON line a command and answers with its process id. How the real scripts
start is seen in tests/integration/cli and tests/e2e.
"""

import asyncio
import atexit
import contextlib
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODULES = {"esclient": "esclient.cli", "esconfig": "config_service.cli"}
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def command(script: str, *arguments: str, environment: dict[str, str], stdin: str = "") -> Ran:
    """Run `esclient` or `esconfig` to its end."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in").write_text(stdin, encoding="utf-8")
        here = {"environment": {**os.environ, **environment}, "folder": folder}
        order = {"script": script, "arguments": arguments, **here}
        process = _warm()
        process.stdin.write(json.dumps(order) + "\n")
        await _ended(int(process.stdout.readline()))
        code, out, err = ((Path(folder) / name).read_text(encoding="utf-8") for name in ("code", "out", "err"))
    return Ran(int(code), out, err)


async def _ended(pid: int) -> None:
    handle, over = os.pidfd_open(pid), asyncio.Event()
    try:
        asyncio.get_running_loop().add_reader(handle, over.set)
        await asyncio.wait_for(over.wait(), _SECONDS)
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        asyncio.get_running_loop().remove_reader(handle)
        os.close(handle)


@functools.cache
def _warm() -> Any:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.console"], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip
    atexit.register(process.kill)
    return process


def _serve() -> None:
    for name in MODULES.values():
        importlib.import_module(f"{name}.app")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who is asked to end is the test, not this
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        child = os.fork()
        if not child:
            _live(order)
        print(child, flush=True)


def _live(order: Any) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(order["folder"])
    for number, name, mode in ((0, "in", "rb"), (1, "out", "wb"), (2, "err", "wb")):
        with (folder / name).open(mode) as file:
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    code = 1
    try:
        importlib.import_module(MODULES[order["script"]]).main(order["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:  # noqa: BLE001 - a child must not go on as its parent
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    (folder / "code").write_text(str(code))
    _keep_coverage()
    os._exit(code)


def _keep_coverage() -> None:
    coverage = sys.modules.get("coverage")
    if coverage is not None and (current := coverage.Coverage.current()) is not None:
        current.stop()
        current.save()


if __name__ == "__main__":
    _serve()
