"""Real processes of real services on one machine, with the site's certificates, as an administrator would
start them.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import grpc

from config_service import pki
from mesh.certificates import ServiceCertificate
from mesh.channel import options
from mesh.clock import SystemClock
from mesh.renewing_channel import RenewingChannel

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
SITE = "muster"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site:
    """A site in a folder: certificates, and one data folder for each service started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certs = folder / "certs"
        clock = SystemClock()
        pki.init_site(self.certs, SITE, clock)
        for service in ("config_service", "server_es", "server_business"):
            pki.issue(self.certs, service, now=clock.now(), ip=["127.0.0.1"])
        self.config_port = free_port()
        self._running: list[Process] = []

    def start(self, module: str, name: str, *arguments: str, port: int = 0, **environment: str) -> "Process":
        """Start `python -m <module>` as service `name`."""
        command = [
            sys.executable, "-m", module, "--data", str(self.folder / name), "--certs", str(self.certs),
            "--listen", f"127.0.0.1:{port}", "--config-address", f"127.0.0.1:{self.config_port}", *arguments,
        ]  # fmt: skip
        process = Process(command, self.folder / f"{name}.log", environment)
        self._running.append(process)
        return process

    def start_config_service(self, **environment: str) -> "Process":
        return self.start("config_service", "config_service", port=self.config_port, **environment)

    def channel(self, caller: str, port: int, peer: str) -> grpc.aio.Channel:
        """Return a channel with the certificate of `caller` to the service `peer`."""
        certificate = ServiceCertificate(self.certs, caller, SystemClock())
        return RenewingChannel(f"127.0.0.1:{port}", certificate, peer, options())

    def close(self) -> None:
        for process in self._running:
            process.stop()


class Process:
    """A supervisor with its worker, in a process group of its own."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self.log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                command, stdout=file, stderr=file, cwd=ROOT, start_new_session=True,
                env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'stubs'}", **environment},
            )  # fmt: skip

    def stop(self, within: float = 30) -> int:
        """End it as an administrator does; what does not end is killed and fails the test."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(within)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return int(self._process.returncode)

    def kill(self) -> None:
        """End supervisor and worker as a power cut does."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def kill_worker(self) -> None:
        """End the worker alone, and leave its supervisor."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)

    def wait(self, within: float = 30) -> int:
        return int(self._process.wait(within))

    def text(self) -> str:
        return self.log.read_text()


async def eventually(look: Callable[[], Awaitable[T]], *, within: float = 30, every: float = 0.1) -> T:
    """Look until something true comes back, and return it; what the last look raised is raised."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while True:
        try:
            found = await look()
            if found:
                return found
            error: BaseException | None = None
        except (grpc.aio.AioRpcError, AssertionError) as wrong:
            error = wrong
        if loop.time() > until:
            raise error or AssertionError(f"nothing came within {within} s")
        await asyncio.sleep(every)
