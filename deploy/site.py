"""A whole site on one machine: certificates, first administrator, three services and the LAN Envoy, in one folder."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self

from config_service import pki
from config_service.envoy import bootstrap, launch
from config_service.envoy.rules import KeyPair
from mesh.clock import SystemClock

SERVICES = ("config_service", "server_es", "server_business")
ENVOYS = ("envoy-lan", "envoy-dmz")
LAN_PORT = int(os.environ.get("LAN_PORT", "12164"))
"""12164 as clients expect it; another one where that is taken: `LAN_PORT=12264 make run`."""
PORTS = {service: LAN_PORT + 6 + number for number, service in enumerate(SERVICES)}
DMZ_PORT = int(os.environ.get("DMZ_PORT", str(LAN_PORT + 11) if "LAN_PORT" in os.environ else "8443"))
"""8443 as browsers expect it; beside another LAN_PORT another one; where it is taken: `DMZ_PORT=8543 make run`."""
DOCUMENTS_PORT = LAN_PORT + 10
_END_SECONDS = 30


class Site:
    """The processes of a site; `with Site(...) as site` ends them whatever happens.

    Args:
        folder: holds everything the site writes.
        name: of the site, as in its certificates.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder.absolute()
        self.name = name
        self.certs = self.folder / "pki"
        self.ca = self.certs / "ca.pem"
        self._clock = SystemClock()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def make_certificates(self) -> None:
        """Make the CA and every certificate that is missing, renew what is due."""
        if not self.ca.exists():
            pki.init_site(self.certs, self.name, self._clock)
        for service in (*SERVICES, *ENVOYS):
            if not (self.certs / service / "cert.pem").exists():
                names = ["localhost"] if service in ENVOYS else []
                pki.issue(self.certs, service, now=self._clock.now(), dns=names, ip=["127.0.0.1"])
        pki.renew_due(self.certs, self._clock.now())

    def first_administrator(self, user: str, password: str) -> None:
        """Make the first user, unless there is one."""
        self.esconfig(
            "users", "bootstrap", user, "--data", str(self.folder / "config_service"), "--new-password-stdin",
            said=password, allowed=(0, 1),
        )  # fmt: skip

    def check_ports(self) -> None:
        """Look whether somebody else listens where the site wants to.

        Raises:
            RuntimeError: a port is taken.
        """
        for port in (LAN_PORT, DMZ_PORT, DOCUMENTS_PORT, *PORTS.values()):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    raise RuntimeError(
                        f"port {port} on 127.0.0.1 is taken; end what listens there, or: "
                        "LAN_PORT=12264 DMZ_PORT=8543 make run"
                    ) from None

    def start(self, service: str) -> None:
        """Start a service under its supervisor; its log stands in `log/<service>.log`."""
        command = [
            sys.executable, "-m", service, "--data", str(self.folder / service), "--certs", str(self.certs),
            "--listen", f"127.0.0.1:{PORTS[service]}", "--config-address", f"127.0.0.1:{PORTS['config_service']}",
        ]  # fmt: skip
        if service != "config_service":
            command += ["--envoy", f"127.0.0.1:{LAN_PORT}"]
        self._run(service, command)

    def start_envoy(self, node: str = "envoy-lan") -> None:
        """Start an Envoy, which fetches its configuration from config_service."""
        pair = KeyPair(certificate=str(self.certs / node / "cert.pem"), key=str(self.certs / node / "key.pem"))
        said = bootstrap.Bootstrap(
            site=self.name,
            node=node,
            instance="demo",
            control_plane=(("127.0.0.1", PORTS["config_service"]),),
            identity=pair,
            ca=str(self.ca),
        )
        self._run(node, launch.command(bootstrap.write(said, self.folder / node), threads=1))

    def esconfig(
        self, *words: str, said: str = "", user: str = "", password: str = "", allowed: Sequence[int] = (0,)
    ) -> str:
        """Run a command as an administrator would and return what it printed.

        Raises:
            RuntimeError: it ended with another exit code than those allowed; the text is what it said.
        """
        environment = {
            **os.environ,
            "ESCONFIG_PKI": str(self.certs),
            "ESCONFIG_CA": str(self.ca),
            "ESCONFIG_SERVER": f"127.0.0.1:{LAN_PORT}",
        }
        if user:
            environment |= {"ESCONFIG_USER": user, "ESCONFIG_PASSWORD": password}
        done = subprocess.run(
            [sys.executable, "-m", "config_service.cli", *words], input=said, text=True, capture_output=True,
            env=environment, check=False, timeout=60,
        )  # fmt: skip
        if done.returncode not in allowed:
            raise RuntimeError(f"esconfig {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def wait_until_reachable(self, *words: str, seconds: float = 60) -> None:
        """Wait until `esconfig … healthcheck` is content: over the Envoy, or with `--direct` without it.

        Raises:
            RuntimeError: a process has ended, or the time is up.
        """
        until = self._clock.monotonic() + seconds
        while True:
            for name, process in self._running.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with code {process.returncode}; see {self._log(name)}")
            try:
                self.esconfig(*words, "healthcheck")
            except RuntimeError as error:
                if self._clock.monotonic() > until:
                    raise RuntimeError(f"the site does not answer within {seconds:g} s: {error}") from error
                self._clock.wait(threading.Event(), timedelta(seconds=0.3))
            else:
                return

    def wait(self) -> None:
        """Wait until a process ends by itself, which none should."""
        while all(process.poll() is None for process in self._running.values()):
            self._clock.wait(threading.Event(), timedelta(seconds=1))

    def end(self) -> None:
        """End every process, the Envoy first, each by its own pid."""
        for name in reversed(self._running):
            self._running[name].send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    def _log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def _run(self, name: str, command: list[str]) -> None:
        with self._log(name).open("ab") as log:
            # A session of its own: Ctrl-C reaches us alone, and we end the others in order.
            self._running[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
