"""Revisions and secrets as they lie in the database. A revision never changes; a secret is never in one."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from esoffice.config.v1 import settings_pb2
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Row, String, Table, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from config_service.settings.paths import completed
from mesh.columns import UtcDateTime
from mesh.database import UnitOfWork
from mesh.errors import Conflict, NotFound, OutOfRange
from mesh.sealing import SecretBox
from mesh.setting_paths import secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One save. `settings` are what is in effect: unset ones are filled with their defaults."""

    number: int
    settings: settings_pb2.Settings
    author: str
    reason: str
    create_time: datetime
    etag: str


class RevisionStore:
    """The tables `settings_revision` and `settings_secret`."""

    def __init__(self, metadata: MetaData) -> None:
        """Add the tables to the schema of config_service."""
        self.revisions: Final = Table(
            "settings_revision",
            metadata,
            Column("number", Integer, primary_key=True, autoincrement=False),
            Column("content", LargeBinary, nullable=False),  # esoffice.config.v1.Settings, secrets as references
            Column("author", String(255), nullable=False),
            Column("reason", String(1000), nullable=False),
            Column("create_time", UtcDateTime(), nullable=False),
            Column("etag", String(64), nullable=False),
        )
        self.secrets: Final = Table(
            "settings_secret",
            metadata,
            Column("number", Integer, primary_key=True),
            Column("sealed", LargeBinary),  # empty only inside the transaction that makes it
            Column("create_time", UtcDateTime(), nullable=False),
            sqlite_autoincrement=True,  # the number of a deleted secret must not come back under another one
        )

    def newest(self, unit: UnitOfWork) -> Revision | None:
        """Return the newest revision; None only before the first."""
        row = unit.connection.execute(select(self.revisions).order_by(self.revisions.c.number.desc()).limit(1)).first()
        return None if row is None else _revision(row)

    def get(self, unit: UnitOfWork, number: int) -> Revision:
        """Return a revision.

        Raises:
            NotFound: it does not exist (any more).
        """
        row = unit.connection.execute(select(self.revisions).where(self.revisions.c.number == number)).first()
        if row is None:
            name = f"revisions/{number}"
            raise NotFound(f"There is no revision {number} (any more).", resource=name)
        return _revision(row)

    def before(self, unit: UnitOfWork, number: int) -> Revision | None:
        """Return the revision before a revision, if it is still there."""
        row = unit.connection.execute(select(self.revisions).where(self.revisions.c.number == number - 1)).first()
        return None if row is None else _revision(row)

    def history(
        self, unit: UnitOfWork, *, below: int | None, limit: int
    ) -> list[Row[tuple[int, str, str, datetime, str]]]:
        """Return number, author, reason, create_time and etag of revisions below a number, the newest first."""
        columns = self.revisions.c
        query = select(columns.number, columns.author, columns.reason, columns.create_time, columns.etag)
        if below is not None:
            query = query.where(columns.number < below)
        return list(unit.connection.execute(query.order_by(columns.number.desc()).limit(limit)))

    def kept(self, unit: UnitOfWork) -> tuple[int, int]:
        """Return the numbers of the oldest and the newest revision; 0 and 0 before the first."""
        columns = self.revisions.c
        oldest, newest = unit.connection.execute(select(func.min(columns.number), func.max(columns.number))).one()
        return oldest or 0, newest or 0

    def after(self, unit: UnitOfWork, number: int, *, limit: int) -> list[Revision]:
        """Return a revision that was seen and those after it, in order: `limit` of them beside the first.

        Raises:
            OutOfRange: the revision is from the future, or no longer kept.
        """
        columns = self.revisions.c
        query = select(self.revisions).where(columns.number >= number).order_by(columns.number).limit(limit + 1)
        found = [_revision(row) for row in unit.connection.execute(query)]
        if not found or found[0].number != number:
            oldest, newest = self.kept(unit)
            raise OutOfRange(
                f"Revision {number} cannot be gone on from: the history holds {oldest} to {newest}; start without it.",
                oldest=str(oldest),
                newest=str(newest),
            )
        return found

    def append(
        self, unit: UnitOfWork, settings: settings_pb2.Settings, box: SecretBox, *, after: int, author: str, reason: str
    ) -> Revision:
        """Write the next revision; secrets with a value are sealed and become references, in `settings` too.

        Raises:
            Conflict: somebody else wrote the same revision at the same moment.
        """
        for _, secret in secrets(settings):
            if secret.value:
                secret.stored = self._seal(unit, secret.value, box)
                secret.value = ""
        content = settings.SerializeToString(deterministic=True)
        number = after + 1
        etag = f"{number}-{hashlib.sha256(content).hexdigest()[:16]}"
        row = {"number": number, "content": content, "author": author, "reason": reason}
        try:
            unit.connection.execute(insert(self.revisions).values(**row, create_time=unit.now, etag=etag))
        except IntegrityError as error:
            raise Conflict("Somebody else saved the settings at the same moment; read them again.") from error
        return Revision(number=number, settings=settings, author=author, reason=reason, create_time=unit.now, etag=etag)

    def reveal(self, unit: UnitOfWork, settings: settings_pb2.Settings, box: SecretBox) -> None:
        """Set the value of every secret in `settings`; only for the service they belong to."""
        wanted = {
            int(secret.stored.removeprefix("secrets/")): secret for _, secret in secrets(settings) if secret.stored
        }
        if not wanted:
            return
        columns = self.secrets.c
        query = select(columns.number, columns.sealed).where(columns.number.in_(wanted))
        opened = {number: box.open(f"secrets/{number}", sealed) for number, sealed in unit.connection.execute(query)}
        for _, secret in secrets(settings):
            if secret.stored:
                secret.value = opened[int(secret.stored.removeprefix("secrets/"))]

    def prune(self, unit: UnitOfWork, *, keep: int) -> int:
        """Delete all but the newest `keep` revisions, then the secrets that none of those kept refers to; return
        how many.
        """
        _, newest = self.kept(unit)
        gone = unit.connection.execute(delete(self.revisions).where(self.revisions.c.number <= newest - keep)).rowcount
        if gone:
            used = {0}
            for row in unit.connection.execute(select(self.revisions.c.content)):
                used |= _references(settings_pb2.Settings.FromString(row.content))
            known = set(unit.connection.execute(select(self.secrets.c.number)).scalars())
            for number in known - used:
                unit.connection.execute(delete(self.secrets).where(self.secrets.c.number == number))
        return gone

    def _seal(self, unit: UnitOfWork, value: str, box: SecretBox) -> str:
        number = unit.connection.execute(
            insert(self.secrets).values(create_time=unit.now).returning(self.secrets.c.number)
        ).scalar_one()
        name = f"secrets/{number}"
        changed = self.secrets.update().where(self.secrets.c.number == number)
        unit.connection.execute(changed.values(sealed=box.seal(name, value)))
        return name


def _revision(row: Row[tuple[object, ...]]) -> Revision:
    return Revision(
        number=row.number,
        settings=completed(settings_pb2.Settings.FromString(row.content)),
        author=row.author,
        reason=row.reason,
        create_time=row.create_time,
        etag=row.etag,
    )


def _references(settings: settings_pb2.Settings) -> set[int]:
    return {int(secret.stored.removeprefix("secrets/")) for _, secret in secrets(settings) if secret.stored}
