"""Users as they lie in the database. A password is only ever a hash here."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mesh.columns import UtcDateTime
from mesh.database import UnitOfWork
from mesh.errors import AlreadyExists, Conflict, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user.

    Args:
        name: to sign in with.
        employee: personnel number, or empty.
        roles: names.
        service_user: has no password; services write records under the personnel number.
        password_hash: empty for a service user.
        last_sign_in_time: None before the first.
        revision: counts the changes; what the etag is made of.
    """

    name: str
    employee: str = ""
    roles: tuple[str, ...] = ()
    disabled: bool = False
    service_user: bool = False
    display_name: str = ""
    password_hash: str = ""
    last_sign_in_time: datetime | None = None
    create_time: datetime
    update_time: datetime
    revision: int = 1

    @property
    def etag(self) -> str:
        """Changes with every change of the user."""
        return hashlib.sha256(f"{self.name} {self.revision} {self.create_time}".encode()).hexdigest()[:16]


class UserStore:
    """The table `user_account`."""

    def __init__(self, metadata: MetaData) -> None:
        """Add the table to the schema of config_service."""
        self.users: Final = Table(
            "user_account",
            metadata,
            Column("name", String(64), primary_key=True),
            Column("employee", String(40), nullable=False),
            Column("roles", Text, nullable=False),  # JSON list
            Column("disabled", Boolean(create_constraint=False), nullable=False),
            Column("service_user", Boolean(create_constraint=False), nullable=False),
            Column("display_name", String(200), nullable=False),
            Column("password_hash", String(255), nullable=False),
            Column("last_sign_in_time", UtcDateTime()),
            Column("create_time", UtcDateTime(), nullable=False),
            Column("update_time", UtcDateTime(), nullable=False),
            Column("revision", Integer, nullable=False),
        )

    def find(self, unit: UnitOfWork, name: str) -> User | None:
        """Return the user of that name, or None."""
        row = unit.connection.execute(select(self.users).where(self.users.c.name == name)).first()
        return None if row is None else _user(row)

    def get(self, unit: UnitOfWork, name: str, *, etag: str = "") -> User:
        """Return the user of that name for a change.

        Raises:
            NotFound: there is none.
            Conflict: `etag` is given and is not the present one.
        """
        row = unit.connection.execute(select(self.users).where(self.users.c.name == name).with_for_update()).first()
        if row is None:
            raise NotFound(f"There is no user {name}.", resource=f"users/{name}")
        user = _user(row)
        if etag and etag != user.etag:
            raise Conflict(f"User {name} was changed since it was read; read it again, then decide again.")
        return user

    def page(self, unit: UnitOfWork, *, after: str, limit: int) -> Sequence[User]:
        """Return users by name, those after a name."""
        query = select(self.users).where(self.users.c.name > after).order_by(self.users.c.name).limit(limit)
        return [_user(row) for row in unit.connection.execute(query)]

    def is_empty(self, unit: UnitOfWork) -> bool:
        """Tell whether there is no user at all."""
        return not unit.connection.execute(select(func.count()).select_from(self.users)).scalar_one()

    def others(self, unit: UnitOfWork, name: str) -> Iterable[User]:
        """Return all users but one, kept as they are until the unit ends."""
        query = select(self.users).where(self.users.c.name != name).order_by(self.users.c.name).with_for_update()
        return [_user(row) for row in unit.connection.execute(query)]

    def add(self, unit: UnitOfWork, user: User) -> User:
        """Write a new user.

        Raises:
            AlreadyExists: there is one of this name.
        """
        try:
            unit.connection.execute(insert(self.users).values(**_row(user)))
        except IntegrityError as error:
            raise AlreadyExists(f"There is a user {user.name} already.", resource=f"users/{user.name}") from error
        return user

    def change(self, unit: UnitOfWork, user: User) -> User:
        """Write a user that was changed, and return it with its new revision."""
        changed = replace(user, revision=user.revision + 1, update_time=unit.now)
        unit.connection.execute(update(self.users).where(self.users.c.name == user.name).values(**_row(changed)))
        return changed

    def remove(self, unit: UnitOfWork, name: str) -> None:
        """Delete a user."""
        unit.connection.execute(delete(self.users).where(self.users.c.name == name))

    def record_sign_in(self, unit: UnitOfWork, user: User, new_hash: str) -> None:
        """Write down a sign-in; a stronger hash replaces the one that was checked. No change of the user: same etag."""
        unit.connection.execute(
            update(self.users).where(self.users.c.name == user.name).values(last_sign_in_time=unit.now)
        )
        if new_hash:
            same = (self.users.c.name == user.name) & (self.users.c.password_hash == user.password_hash)
            unit.connection.execute(update(self.users).where(same).values(password_hash=new_hash))


def _row(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "employee": user.employee,
        "roles": json.dumps(user.roles),
        "disabled": user.disabled,
        "service_user": user.service_user,
        "display_name": user.display_name,
        "password_hash": user.password_hash,
        "last_sign_in_time": user.last_sign_in_time,
        "create_time": user.create_time,
        "update_time": user.update_time,
        "revision": user.revision,
    }


def _user(row: Row[Any]) -> User:
    return User(**{**row._mapping, "roles": tuple(json.loads(row.roles))})  # noqa: SLF001 - SQLAlchemy's public name
