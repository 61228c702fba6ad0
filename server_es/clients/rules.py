"""Who may connect, who must make room, who is gone (Clientadministration)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mesh.errors import Exhausted, FailedPrecondition

MISSED_HEARTBEATS: Final = 3


class UpdateInProgress(FailedPrecondition):
    """An update is initiated: nobody new is let in."""

    reason = "CLIENT_UPDATE_IN_PROGRESS"


class TooOld(FailedPrecondition):
    """The client program is older than the site allows."""

    reason = "CLIENT_TOO_OLD"


class AlreadyConnected(FailedPrecondition):
    """The employee has as many clients as the site allows."""

    reason = "CLIENT_ALREADY_CONNECTED"


class ClientGone(FailedPrecondition):
    """The client is not connected any more."""

    reason = "CLIENT_GONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the site allows.

    Attributes:
        minimum_version: the oldest program that may connect; empty: every one.
        clients_per_employee: how many at a time; 0: any number.
        replace_oldest: the employee's oldest client makes room instead of refusing the new one.
        seats: how many clients of the whole site at a time; 0: any number.
    """

    minimum_version: str = ""
    clients_per_employee: int = 0
    replace_oldest: bool = False
    seats: int = 0


@dataclass(frozen=True, slots=True)
class Connected:
    """A client that is connected: its id, whose it is, since when."""

    id: str
    employee: str
    since: datetime


def admit(
    employee: str, version: str, connected: Sequence[Connected], policy: Policy, *, updating: bool
) -> tuple[str, ...]:
    """Let a new client in; return the ids of those that make room for it.

    Args:
        employee: personnel number of who connects.
        version: of the client program, such as `24.2.1`.
        connected: all clients of the site that are connected now.
        policy: what the site allows.
        updating: an update is initiated, and this client has no leave to come in nevertheless.

    Raises:
        UpdateInProgress, TooOld, AlreadyConnected, Exhausted: what stands against it, the first of these.
    """
    if updating:
        raise UpdateInProgress(
            "The clients are being updated; sign in again when the administrator has ended the update."
        )
    if policy.minimum_version and version_key(version) < version_key(policy.minimum_version):
        raise TooOld(
            f"This client is version {version}, needed is at least {policy.minimum_version}; update it first.",
            minimum_version=policy.minimum_version,
        )
    own = sorted((one for one in connected if one.employee == employee), key=lambda one: (one.since, one.id))
    too_many = len(own) + 1 - policy.clients_per_employee if policy.clients_per_employee else 0
    if too_many > 0 and not policy.replace_oldest:
        raise AlreadyConnected(
            f"employees/{employee} is connected {len(own)} times already, allowed are {policy.clients_per_employee}; "
            "close a client elsewhere first."
        )
    replaced = tuple(one.id for one in own[: max(too_many, 0)])
    if policy.seats and len(connected) - len(replaced) >= policy.seats:
        raise Exhausted(f"All {policy.seats} seats are taken; somebody has to close a client first.")
    return replaced


def version_key(version: str) -> tuple[int, ...]:
    """Make versions comparable: 24.10 is newer than 24.9, 24.0 the same as 24."""
    numbers = [int(part) for part in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def silent_since(now: datetime, heartbeat: timedelta) -> datetime:
    """Return the instant: who was not heard of after it is gone."""
    return now - MISSED_HEARTBEATS * heartbeat
