"""The small parent of a service: starts its worker process, starts it again, and back on the last good settings.

    healthy worker asks for a restart (exit code 75)   → the next one starts on the candidate settings
    the next one becomes healthy                       → it has made the candidate the last good settings itself
    it ends, or is not healthy within the limit        → the candidate is rejected with the reason, start on the last
    good
    worker crashes                                     → start again, later each time

Standard library only: a parent of a few MB that hardly can fail. `_start` and `_healthy_or_reason` are the seam for
starting the next worker beside the old one (both listen with SO_REUSEPORT) and draining the old one only then.
"""

import contextlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from mesh import bootstrap, private_files
from mesh.parent import VARIABLE
from mesh.settings_files import SettingsFiles

RESTART = 75
# glibc gives threads heaps of their own, up to eight a core. With two, each of 1,000 open streams takes 24 kB, not 26.
MEMORY = {"MALLOC_ARENA_MAX": "2"}
_LOOK_SECONDS = 5.0  # should what wakes us ever be lost
_LONGEST_BACKOFF = 30.0
_STEADY_SECONDS = 60.0  # a worker that lived so long has not crashed in a row
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    line: socket.socket
    heard: bytes = b""
    healthy: bool = False
    reason: str = ""

    def listen(self, woken: socket.socket, seconds: float) -> None:
        """Wait for what the worker says, for its end, or until we are woken; at most `seconds`."""
        ready, _, _ = select.select([self.line, woken], [], [], max(0.0, seconds))
        if woken in ready:
            woken.recv(4096)
        if self.line not in ready:
            return
        try:
            part = self.line.recv(65536)
        except OSError:
            part = b""
        if not part:  # it ends; its exit code is there in a moment
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(min(seconds, 1.0))
        self.heard += part
        *lines, self.heard = self.heard.split(b"\n")
        for said in map(json.loads, lines):
            self.healthy = self.healthy or "healthy" in said
            self.reason = said.get("failed", self.reason)


class Supervisor:
    """Supervises the worker of one service.

    Args:
        where: the service's definition, such as `server_es.app:definition`.
        arguments: the command line, handed on to the worker.
        said: the same, read.
    """

    def __init__(self, where: str, arguments: Sequence[str], said: bootstrap.Bootstrap) -> None:
        self._command = [sys.executable, "-m", "mesh.run", where, *arguments]
        self._said = said
        self._files = SettingsFiles(said.data)
        self._stopping = False
        self._woken = threading.Event()
        self._wake, self._waking = socket.socketpair()
        self._wake.setblocking(False)
        self._child: _Child | None = None

    def stop(self, number: int = signal.SIGTERM, _frame: object = None) -> None:
        """End the worker and then the supervisor; the handler of SIGTERM and SIGINT."""
        self._stopping = True
        self._woken.set()
        with contextlib.suppress(BlockingIOError):
            self._wake.send(b"!")
        if self._child is not None and self._child.process.poll() is None:
            self._child.process.send_signal(signal.SIGTERM)
        _log.info("told to stop by signal %s", number)

    def run(self) -> int:
        """Supervise until told to stop; return the exit code."""
        private_files.make_folder(self._said.data)
        self._files.forget_rejection()  # a person who starts the service anew wants the newest settings tried again
        failures = 0
        while not self._stopping:
            candidate = self._files.candidate()
            started = _monotonic()
            child = self._start()
            reason = self._healthy_or_reason(child)
            code = self._ended(child)
            if candidate is not None and reason and not self._stopping:
                _log.warning("revision %s rejected: %s", candidate.revision, reason)
                self._files.reject(candidate, reason)
                continue
            if code == RESTART or self._stopping:
                failures = 0
                continue
            failures = 1 if _monotonic() - started > _STEADY_SECONDS else failures + 1
            pause = min(_LONGEST_BACKOFF, 0.25 * 2.0 ** min(failures - 1, 20))
            _log.warning(
                "worker ended with code %s%s; next start in %g s", code, f": {reason}" if reason else "", pause
            )
            self._woken.wait(pause)
        return 0

    def _start(self) -> _Child:
        ours, theirs = socket.socketpair()
        with theirs:
            environment = {**MEMORY, **os.environ, VARIABLE: str(theirs.fileno())}
            process = subprocess.Popen(self._command, pass_fds=[theirs.fileno()], env=environment)  # noqa: S603 - ours
        child = self._child = _Child(process, ours)
        if self._stopping:  # told between the loop's look and now
            process.terminate()
        return child

    def _healthy_or_reason(self, child: _Child) -> str:
        """Wait until the worker is healthy; return an empty text, or why it did not become so."""
        limit = _monotonic() + self._said.healthy_within
        limited = self._files.candidate() is not None
        while child.process.poll() is None and not child.healthy and not self._stopping:
            child.listen(self._waking, min(_LOOK_SECONDS, limit - _monotonic()) if limited else _LOOK_SECONDS)
            if limited and _monotonic() > limit and not child.healthy:
                child.process.kill()
                child.process.wait()
                return f"did not become healthy within {self._said.healthy_within:g} s"
        child.listen(self._waking, 0)
        if child.healthy or self._stopping:
            return ""
        return child.reason or f"ended with code {child.process.wait()} before it was healthy"

    def _ended(self, child: _Child) -> int:
        """Wait for the worker's end, after a stop no longer than it may drain, and return its exit code."""
        with child.line:
            until: float | None = None
            while child.process.poll() is None:
                if self._stopping and until is None:
                    until = _monotonic() + self._said.drain_within + 5
                child.listen(self._waking, _LOOK_SECONDS if until is None else min(_LOOK_SECONDS, until - _monotonic()))
                if until is not None and _monotonic() > until:
                    _log.error("worker did not end within its time and is killed")
                    child.process.kill()
                    child.process.wait()
        self._child = None
        return int(child.process.returncode)


def main(where: str, arguments: Sequence[str] | None = None) -> int:
    """Run the service whose definition is at `where`, such as `server_es.app:definition`, under a supervisor."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    said = bootstrap.parse(where.partition(".")[0], arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s supervisor: %(message)s")
    supervisor = Supervisor(where, arguments, said)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.stop)
    return supervisor.run()


def _monotonic() -> float:
    from mesh.clock import SystemClock

    return SystemClock().monotonic()
