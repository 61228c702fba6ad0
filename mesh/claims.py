"""Rows that are jobs: claimed for a while, confirmed only by who still holds them.

The row is the job. A table becomes a queue by the columns of `job_columns()`; what is due is the room's own condition.
A worker that was taken for dead and comes back late is refused by the fencing token, not by its clock.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    RowMapping,
    String,
    Table,
    and_,
    bindparam,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from mesh.bulk import among
from mesh.columns import UtcDateTime
from mesh.database import UnitOfWork
from mesh.errors import Conflict


class ClaimLost(Conflict):
    """The lease ran out and somebody else took over, or the job is done already; the late result is refused."""

    reason = "CLAIM_LOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One row in the hands of one worker.

    Attributes:
        key: the row's primary key.
        token: the fencing token; larger than that of every earlier claim of the row.
        row: the row as it was claimed.
    """

    key: tuple[Any, ...]
    token: int
    row: RowMapping


def job_columns() -> list[Column[Any]]:
    """Return new columns that make a table a queue; put an index on `next_attempt_time`."""
    return [
        # Empty: nothing to do (any more).
        Column("next_attempt_time", UtcDateTime()),
        Column("lease_until", UtcDateTime()),
        Column("lease_token", BigInteger, nullable=False, server_default="0", default=0),
        # For the administrator who asks who works on it; nothing decides by it.
        Column("lease_owner", String(255)),
    ]


def claim(
    unit: UnitOfWork,
    table: Table,
    *,
    limit: int,
    lease: timedelta,
    owner: str,
    where: ColumnElement[bool] | None = None,
) -> list[Claim]:
    """Take up to `limit` due rows that nobody holds, the longest due first.

    Rows that another transaction claims at the same moment are passed over, never waited for.

    Args:
        unit: a short unit; the work itself comes after its commit.
        table: has the columns of `job_columns()`.
        limit: how many at most.
        lease: how long they are kept from others.
        owner: who works on them, for people to read.
        where: what must hold beside being due; a constant of the room, so that its statement is built once.
    """
    keys = table.primary_key.columns
    facts = {"the_now": unit.now, "the_end": unit.now + lease, "the_owner": owner, "the_limit": limit}
    rows = unit.connection.execute(_claiming(table, where), facts).mappings().all()
    claims = [Claim(key=tuple(row[key.name] for key in keys), token=row["lease_token"], row=row) for row in rows]
    return sorted(claims, key=lambda one: (one.row["next_attempt_time"], one.key))


@lru_cache(maxsize=64)
def _claiming(table: Table, where: ColumnElement[bool] | None) -> ReturningUpdate[Any]:
    """Return the statement, kept because to build it takes longer than to run it."""
    columns = table.c
    now = bindparam("the_now", type_=UtcDateTime())
    free = or_(columns.lease_until.is_(None), columns.lease_until <= now)
    due = and_(columns.next_attempt_time <= now, free)
    keys = table.primary_key.columns
    chosen = (
        select(*keys)
        .where(due if where is None else and_(due, where))
        .order_by(columns.next_attempt_time, *keys)
        .limit(bindparam("the_limit", type_=Integer()))
        .with_for_update(skip_locked=True)  # SQLite has no such clause and needs none: its writer is alone
        .cte("chosen")  # a CTE with FOR UPDATE runs once; a subquery may run again per row and exceed the limit
    )
    return (
        update(table)
        .where(*(key == chosen.c[key.name] for key in keys))
        .values(
            lease_until=bindparam("the_end", type_=UtcDateTime()),
            lease_token=columns.lease_token + 1,
            lease_owner=bindparam("the_owner"),
        )
        .returning(*columns)
    )


def confirm(unit: UnitOfWork, table: Table, claim: Claim, **values: Any) -> None:
    """Write the outcome into the row and end the claim: nothing is left to do.

    Raises:
        ClaimLost: the row is no longer ours; leave the unit by the exception, so that nothing else of it is saved.
    """
    _end(unit, table, claim, {"next_attempt_time": None, **values})


def confirm_all(unit: UnitOfWork, table: Table, claims: Sequence[Claim], **values: Any) -> None:
    """Write one and the same outcome into many rows with one statement. Raises as `confirm`, if any row is lost."""
    outcome = {"lease_until": None, "lease_owner": None, "next_attempt_time": None, **values}
    if not claims:
        return
    changed = unit.connection.execute(update(table).where(_among(table, claims)).values(outcome))
    if changed.rowcount != len(claims):
        raise ClaimLost(
            f"{len(claims) - changed.rowcount} of {len(claims)} rows of {table.name} are held by somebody else.",
            table=table.name,
        )


def release(unit: UnitOfWork, table: Table, claim: Claim, *, next_attempt_time: datetime, **values: Any) -> None:
    """Give the row back for another attempt at `next_attempt_time`. Raises as `confirm`."""
    _end(unit, table, claim, {"next_attempt_time": next_attempt_time, **values})


def extend(unit: UnitOfWork, table: Table, claim: Claim, *, lease: timedelta) -> None:
    """Keep the row from others for `lease` from now. Raises as `confirm`."""
    _change(unit, table, claim, {"lease_until": unit.now + lease})


def held(unit: UnitOfWork, table: Table, claims: Sequence[Claim]) -> list[Claim]:
    """Return which of the claims are still ours, and keep them so until the unit ends."""
    if not claims:
        return []
    keys = list(table.primary_key.columns)
    ours: ColumnElement[bool] = _among(table, claims)
    if len(keys) == 1:  # one parameter, however many they are
        ours = among(unit.connection, keys[0], [one.key[0] for one in claims]) & table.c.lease_until.is_not(None)
    query = select(*keys, table.c.lease_token).where(ours).with_for_update()
    found = {tuple(row) for row in unit.connection.execute(query)}
    return [claim for claim in claims if (*claim.key, claim.token) in found]


def give_back_of(unit: UnitOfWork, table: Table, dead: Collection[str]) -> int:
    """Free what owners hold that are certainly dead (see `mesh.predecessors`); return how many rows."""
    left = and_(table.c.lease_owner.in_(sorted(dead)), table.c.lease_until.is_not(None))
    free = update(table).where(left).values(lease_until=None, lease_owner=None)
    return unit.connection.execute(free).rowcount if dead else 0


def _among(table: Table, claims: Sequence[Claim]) -> ColumnElement[bool]:
    pairs = tuple_(*table.primary_key.columns, table.c.lease_token).in_([(*one.key, one.token) for one in claims])
    return and_(pairs, table.c.lease_until.is_not(None))


def _end(unit: UnitOfWork, table: Table, claim: Claim, values: dict[str, Any]) -> None:
    _change(unit, table, claim, {"lease_until": None, "lease_owner": None, **values})


def _change(unit: UnitOfWork, table: Table, claim: Claim, values: dict[str, Any]) -> None:
    changed = unit.connection.execute(update(table).where(_ours(table, claim)).values(values))
    if changed.rowcount != 1:
        raise ClaimLost(
            f"The row {claim.key} of {table.name} is held by somebody else or done already.", table=table.name
        )


def _ours(table: Table, claim: Claim) -> ColumnElement[bool]:
    keys = table.primary_key.columns
    same = (key == value for key, value in zip(keys, claim.key, strict=True))
    # An expired lease that nobody took is still ours; one that was ended is not.
    return and_(*same, table.c.lease_token == claim.token, table.c.lease_until.is_not(None))
