"""What the administrators see of the Envoys."""

from dataclasses import dataclass
from datetime import datetime

from config_service.envoy.conversation import Rejection
from config_service.envoy.snapshot import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class KindStatus:
    """How far one kind of resource has come on one Envoy."""

    kind: Kind
    wanted_version: str
    accepted_version: str
    rejection: Rejection | None

    @property
    def is_current(self) -> bool:
        return self.accepted_version == self.wanted_version


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyStatus:
    """One connected Envoy."""

    instance: str
    version: str
    peer: str
    connected_time: datetime
    kinds: tuple[KindStatus, ...]

    @property
    def is_current(self) -> bool:
        """Whether Envoy has accepted the whole snapshot."""
        return {one.kind for one in self.kinds} == set(Kind) and all(one.is_current for one in self.kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A configuration that was not published, and why."""

    time: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nack:
    """The last thing an Envoy of this node did not take; it may have taken a later one."""

    time: datetime
    instance: str
    rejection: Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """One node group: the Envoys that get the same snapshot."""

    node: str
    published_time: datetime | None
    """None: an Envoy of this node is connected, but there is nothing for it yet. It keeps what it has."""
    refusal: Refusal | None
    """Set while the last update was refused; the snapshot before it is in force."""
    last_nack: Nack | None
    envoys: tuple[EnvoyStatus, ...]

    @property
    def is_settled(self) -> bool:
        """Whether every connected Envoy has accepted the snapshot: what was published before is no longer in use."""
        return self.published_time is not None and all(one.is_current for one in self.envoys)
