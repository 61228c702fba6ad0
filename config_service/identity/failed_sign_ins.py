"""Failed sign-ins as they lie in the database, for `throttle`."""

import hashlib
from datetime import timedelta
from typing import Final

from sqlalchemy import Column, Integer, MetaData, String, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from config_service.identity.throttle import LIMITS, Count, Failures
from mesh.columns import UtcDateTime
from mesh.database import UnitOfWork

_FORGOTTEN: Final = max(limit.forgotten for limit in LIMITS.values()) + timedelta(hours=1)


class FailedSignIns:
    """The table `failed_sign_in`."""

    def __init__(self, metadata: MetaData) -> None:
        """Add the table to the schema of config_service."""
        self.table: Final = Table(
            "failed_sign_in",
            metadata,
            Column("counted_by", String(20), primary_key=True),
            # A digest: people type their password into the wrong field.
            Column("subject", String(64), primary_key=True),
            Column("number", Integer, nullable=False),
            Column("last_time", UtcDateTime(), nullable=False, index=True),
        )

    def hold(self, unit: UnitOfWork, user: str, address: str) -> None:
        """Let attempts counted together come one after the other until the unit ends; SQLite does so anyway."""
        if unit.connection.dialect.name == "postgresql":
            for subject in sorted(_subjects(user, address).values()):  # the same order everywhere: no deadlock
                number = int(subject[:15], 16)
                unit.connection.execute(select(func.pg_advisory_xact_lock(number)))

    def of(self, unit: UnitOfWork, user: str, address: str) -> dict[Count, Failures]:
        """Return the failures that count for a user and an address; a count without failures is left out."""
        facts = {}
        for count, subject in _subjects(user, address).items():
            columns = self.table.c
            query = select(columns.number, columns.last_time).where(
                columns.counted_by == count.value, columns.subject == subject
            )
            row = unit.connection.execute(query).first()
            if row is not None:
                facts[count] = Failures(row.number, row.last_time)
        return facts

    def keep(self, unit: UnitOfWork, user: str, address: str, facts: dict[Count, Failures]) -> None:
        """Write the failures that count for a user and an address; a count that is left out is deleted."""
        upsert = sqlite.insert if unit.connection.dialect.name == "sqlite" else postgresql.insert
        columns = self.table.c
        for count, subject in _subjects(user, address).items():
            if count not in facts:
                same = (columns.counted_by == count.value) & (columns.subject == subject)
                unit.connection.execute(delete(self.table).where(same))
                continue
            values = {"number": facts[count].number, "last_time": facts[count].last_time}
            unit.connection.execute(
                upsert(self.table)
                .values(counted_by=count.value, subject=subject, **values)
                .on_conflict_do_update(index_elements=[columns.counted_by, columns.subject], set_=values)
            )

    def forgive(self, unit: UnitOfWork, user: str) -> None:
        """Forget the failures of a user from anywhere."""
        columns = self.table.c
        same = (columns.counted_by == Count.USER.value) & (columns.subject == _digest(user))
        unit.connection.execute(delete(self.table).where(same))

    def prune(self, unit: UnitOfWork) -> int:
        """Delete failures that count no more; return how many."""
        return unit.connection.execute(
            delete(self.table).where(self.table.c.last_time < unit.now - _FORGOTTEN)
        ).rowcount


def _subjects(user: str, address: str) -> dict[Count, str]:
    return {
        Count.USER_AND_ADDRESS: _digest(f"{user} {address}"),
        Count.ADDRESS: _digest(address),
        Count.USER: _digest(user),
    }


def _digest(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()
