"""Named leases: of all replicas, one does the work that must not be done twice at a time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import BigInteger, Column, MetaData, String, Table, and_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mesh.columns import UtcDateTime
from mesh.database import UnitOfWork
from mesh.errors import Conflict


class LeaseLost(Conflict):
    """Somebody else holds the lease now; what was done in the belief to hold it is refused."""

    reason = "LEASE_LOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease in our hands. `token` is larger than that of every earlier holder: give it to whoever must fence."""

    name: str
    owner: str
    token: int


class Leases:
    """The table `lease` of one service."""

    def __init__(self, metadata: MetaData) -> None:
        """Add the table to the service's schema."""
        self.table: Final = Table(
            "lease",
            metadata,
            Column("name", String(100), primary_key=True),
            Column("owner", String(255), nullable=False),
            Column("token", BigInteger, nullable=False),
            # Empty: given back.
            Column("lease_until", UtcDateTime()),
        )

    def acquire(self, unit: UnitOfWork, name: str, *, owner: str, lease: timedelta) -> Lease | None:
        """Take the lease if it is free or has run out; None while somebody else holds it.

        An `owner` that asks again for what it holds gets a new token, which fences off its earlier self (a thread that
        hung).
        """
        columns = self.table.c
        insert = sqlite.insert if unit.connection.dialect.name == "sqlite" else postgresql.insert
        taken = unit.connection.execute(
            insert(self.table)
            .values(name=name, owner=owner, token=1, lease_until=unit.now + lease)
            .on_conflict_do_update(
                index_elements=[columns.name],
                set_={"owner": owner, "token": columns.token + 1, "lease_until": unit.now + lease},
                where=or_(columns.lease_until.is_(None), columns.lease_until <= unit.now, columns.owner == owner),
            )
            .returning(columns.token)
        ).scalar()
        return None if taken is None else Lease(name=name, owner=owner, token=taken)

    def renew(self, unit: UnitOfWork, held: Lease, *, lease: timedelta) -> None:
        """Keep the lease for `lease` from now.

        Raises:
            LeaseLost: somebody else took it over.
        """
        self._change(unit, held, unit.now + lease)

    def require(self, unit: UnitOfWork, held: Lease) -> None:
        """Make sure that the lease is ours until the unit ends: its effects are saved only then.

        Raises:
            LeaseLost: somebody else took it over.
        """
        columns = self.table.c
        query = select(columns.token).where(columns.name == held.name, columns.lease_until.is_not(None))
        token = unit.connection.execute(query.with_for_update(read=True)).scalar()
        if token != held.token:
            raise _lost(held)

    def release(self, unit: UnitOfWork, held: Lease) -> None:
        """Give the lease back at once instead of letting it run out. Raises as `renew`."""
        self._change(unit, held, None)

    def give_back_of(self, unit: UnitOfWork, dead: Collection[str]) -> int:
        """Give back what owners hold that are certainly dead (see `mesh.predecessors`); return how many leases.

        The next holder's token is larger all the same: what a dead owner has sent out is fenced off as ever.
        """
        columns = self.table.c
        held = and_(columns.owner.in_(sorted(dead)), columns.lease_until.is_not(None))
        return unit.connection.execute(update(self.table).where(held).values(lease_until=None)).rowcount if dead else 0

    def _change(self, unit: UnitOfWork, held: Lease, until: object) -> None:
        columns = self.table.c
        ours = and_(columns.name == held.name, columns.token == held.token, columns.lease_until.is_not(None))
        if unit.connection.execute(update(self.table).where(ours).values(lease_until=until)).rowcount != 1:
            raise _lost(held)


def _lost(held: Lease) -> LeaseLost:
    return LeaseLost(f"The lease '{held.name}' is no longer held by {held.owner}.", lease=held.name)
