"""The first administrator: made on the machine itself, while there is no user at all."""

import secrets
from datetime import datetime

from config_service.identity import passwords
from config_service.identity.passwords import Passwords
from config_service.identity.rules import ADMINISTRATOR
from config_service.identity.store import User, UserStore
from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition, InvalidArgument, Violation

# No letters and digits that look alike: the password is read from a screen once.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _LENGTH = 5, 4


def new_password() -> str:
    """Return a password nobody guesses (99 bits), such as `k7mq-…-8xpt`."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)


def first_administrator(name: str, password: str, now: datetime) -> User:
    """Return the first administrator.

    Raises:
        InvalidArgument: the password is too weak.
    """
    weakness = passwords.weakness(password, user=name)
    if weakness:
        raise InvalidArgument([Violation("password", weakness)])
    hashed = Passwords().hash(password)
    return User(name=name, roles=(ADMINISTRATOR.name,), password_hash=hashed, create_time=now, update_time=now)


def write(unit: UnitOfWork, users: UserStore, user: User) -> None:
    """Write the first user.

    Raises:
        FailedPrecondition: there are users; whoever has lost the last password restores a backup.
    """
    if not users.is_empty(unit):
        raise FailedPrecondition(
            "There are users already; sign in as an administrator and use `esconfig users create`."
        )
    users.add(unit, user)
