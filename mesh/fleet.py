"""Tells config_service how this instance is, every few seconds."""

import socket
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import metadata

from esoffice.config.v1 import fleet_pb2 as pb

from mesh.settings import SettingsFollower
from mesh.settings_files import SettingsFiles
from mesh.upstream import Upstream
from mesh.workers import HealthLine

LEASE_SECONDS = 15
EVERY_SECONDS = 5
State = pb.Instance.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an instance can be called; port 0: nowhere yet."""

    address: str = ""
    port: int = 0


class StatusReporter:
    """Reports one instance.

    Args:
        upstream: config_service.
        files: tell which settings were rejected, and why.
        start_time: when the process started.
        modules: asks for the health lines of the service's modules.
    """

    def __init__(
        self,
        upstream: Upstream,
        files: SettingsFiles,
        start_time: datetime,
        modules: Callable[[], Iterable[HealthLine]],
    ) -> None:
        self.instance = f"{socket.gethostname()[:40]}-{uuid.uuid4().hex[:12]}"
        self.state: State.ValueType = pb.Instance.STATE_STARTING
        self.place = Place()
        self.follower: SettingsFollower | None = None
        self._upstream = upstream
        self._files = files
        self._start_time = start_time
        self._modules = modules

    async def report(self) -> None:
        """Say how the instance is now."""
        await self._upstream.report(pb.ReportStatusRequest(instance=self.status(), lease_seconds=LEASE_SECONDS))

    def status(self) -> pb.Instance:
        """Return how the instance is now."""
        status = pb.Instance(
            name=f"instances/{self.instance}",
            state=self.state,
            address=self.place.address,
            port=self.place.port,
            version=version(),
            host=socket.gethostname()[:255],
        )
        status.start_time.FromDatetime(self._start_time)
        if self.follower is not None:
            status.applied_revision = self.follower.current.revision
            status.needs_restart = self.follower.restart.is_set()
        rejection = self._files.rejection()
        if rejection is not None:
            status.rejected_revision, status.rejected_reason = rejection.revision, rejection.reason[:2000]
        for line in self._modules():
            status.modules.add(name=line.name, healthy=line.healthy, sentence=line.sentence[:2000])
        return status


@cache  # a file is read for it
def version() -> str:
    """Return the version of the program."""
    try:
        return metadata.version("esoffice-mesh")
    except metadata.PackageNotFoundError:
        return "0"


def own_address(towards: str) -> str:
    """Return the IP address with which this machine reaches `host:port`; nothing is sent.

    Raises:
        OSError: the host's name is not known, or there is no way to it.
    """
    host, _, port = towards.rpartition(":")
    family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])
