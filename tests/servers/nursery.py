"""Processes that start at once: forked from one that has imported everything, so that a test can kill many.

A child knows nothing of its siblings; it is killed by SIGKILL as any other process. `python -m tests.servers.nursery`
reads one JSON line for each child and answers with its process id.
"""

import asyncio
import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, Self

MODULES = (
    "tests.servers.mail_worker",
    "tests.servers.es",
    "tests.servers.sender",
    "tests.servers.documents",
    "tests.servers.exchange_worker",
)
LEFT = "left by itself"


class Child:
    """A running process. `log` is what it writes."""

    def __init__(self, pid: int, log: Path) -> None:
        self.log = log
        self._pid = pid
        self._handle = os.pidfd_open(pid)

    def has_ended(self, within: float = 0) -> bool:
        """Wait for its end; whatever ended it but a kill fails the test."""
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        ended = bool(poll.poll(within * 1000))
        assert not ended or LEFT not in self.log.read_text(), self.log.read_text()[-3000:]
        return ended

    def fill_disk(self, room: int) -> None:
        """From now on no file may be written beyond so many bytes; the log may say that."""
        limit = self.log.stat().st_size + room
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (limit, limit))

    def kill(self) -> None:
        if not self.has_ended():
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            self.has_ended(10)


class Nursery:
    """Starts children until the block ends; then it kills them all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[Child] = []
        self._process: Any = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.nursery"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def start(self, module: str, *arguments: str, failpoint: str = "") -> Child:
        """Run the coroutine function `run` of one of `MODULES`."""
        log = self._folder / f"process-{len(self._children) + 1}.log"
        order = {"module": module, "arguments": arguments, "failpoint": failpoint, "log": str(log)}
        log.touch()
        self._process.stdin.write(json.dumps(order) + "\n")
        child = Child(int(self._process.stdout.readline()), log)
        self._children.append(child)
        return child

    def last_words(self) -> str:
        """Return the end of what every process wrote that still runs, and of the last one."""
        said = [one for one in self._children[:-1] if not one.has_ended()] + self._children[-1:]
        return "\n".join(one.log.read_text()[-1500:] for one in said)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._children:
            one.kill()
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def _serve() -> None:
    modules = {name: importlib.import_module(name) for name in MODULES}
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        child = os.fork()
        if child:
            print(child, flush=True)
        else:
            _live(modules[order["module"]], order)


def _live(module: Any, order: Any) -> None:
    from mesh.failpoints import arm

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with Path(order["log"]).open("ab", buffering=0) as log, Path(os.devnull).open("rb") as nothing:
        for number, file in enumerate((nothing, log, log)):
            os.dup2(file.fileno(), number)
    arm(order["failpoint"])
    try:
        asyncio.run(module.run(*order["arguments"]))
    except BaseException:  # noqa: BLE001 - a child must not go on as its parent
        os.write(2, traceback.format_exc().encode())
    os.write(2, LEFT.encode())
    os._exit(1)


if __name__ == "__main__":
    _serve()
