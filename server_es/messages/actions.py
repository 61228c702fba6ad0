"""What can be done out of a message: the rooms say how, the messages only carry it (Schaltflächen)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition, InvalidArgument, PermissionDenied, Violation
from mesh.tokens import Caller
from server_es.messages import rules
from server_es.messages.rows import Told


class MessageExpired(FailedPrecondition):
    """What the message offers cannot be done any more."""

    reason = "MESSAGE_EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody does out of a message.

    Attributes:
        about: resource the message is about.
        etag: of that resource when the message was sent.
        text: what he says to it.
        who: he.
    """

    about: str
    etag: str
    text: str
    who: Caller


Act = Callable[[UnitOfWork, Asked], str]
"""Does it within the unit of work and returns a sentence. Raises DomainError: it is not possible (any more)."""


class Actions:
    """The actions of all rooms."""

    def __init__(self) -> None:
        self._known: Final[dict[str, tuple[str, Act]]] = {}

    def register(self, action: str, permission: str, act: Act) -> None:
        """Let messages offer an action, such as `absences.approve`, to who has a permission.

        Raises:
            ValueError: there is one of this name.
        """
        if action in self._known:
            raise ValueError(f"there are two actions named {action}")
        self._known[action] = permission, act

    def act(self, unit: UnitOfWork, told: Told, action: str, *, text: str, who: Caller) -> str:
        """Do what a message offers.

        Raises:
            InvalidArgument: it does not offer that.
            MessageExpired: it is out of date.
            PermissionDenied: he may not do it.
            DomainError: as the action says.
        """
        content = told.content
        offered = {one.action: one for one in content.actions if one.action in self._known}
        if action not in offered:
            known = ", ".join(sorted(offered)) or "nothing"
            raise InvalidArgument([Violation("action", f"this message does not offer '{action}'; it offers {known}")])
        if content.expire_time is not None and not rules.is_current(content.expire_time, unit.now):
            raise MessageExpired(
                f"This could be done until {content.expire_time:%Y-%m-%d %H:%M} UTC.",
                expire_time=content.expire_time.isoformat(),
            )
        permission, act = self._known[action]
        if not who.permissions.allow(permission):
            raise PermissionDenied(f"{who.name} needs the permission {permission} for this.", permission=permission)
        asked = Asked(about=content.about, etag=offered[action].etag, text=text, who=who)
        return act(unit, asked)
