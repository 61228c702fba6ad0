"""The tables of the rosters. Nothing in them is rewritten but how long it holds: the past is told as it was."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)

from mesh.columns import UtcDateTime
from server_es.directory.tables import employee
from server_es.schema import METADATA

_EMPLOYEE: Final = employee.c.personnel_number


def _roster(**options: Any) -> Column[str]:
    return Column("roster", ForeignKey("duty_roster.id"), nullable=False, **options)


def _number() -> Column[int]:
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


def _made() -> tuple[Column[Any], ...]:
    return (
        Column("creator", String(120), nullable=False),
        Column("create_time", UtcDateTime(), nullable=False),
        Column("cancel_time", UtcDateTime()),
    )


duty_roster: Final = Table(
    "duty_roster",
    METADATA,
    Column("id", String(40), primary_key=True),
    # Another random number after each change of the roster, its overrides or plans: what is compiled is kept by it.
    Column("mark", BigInteger, nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("delete_time", UtcDateTime()),
    # Through when handoffs were told, and when the next one has to be. Empty: none is in sight.
    Column("told_time", UtcDateTime(), nullable=False),
    Column("next_notice_time", UtcDateTime(), index=True),
    info={"name": "rosters/{id}"},
)

duty_roster_version: Final = Table(
    "duty_roster_version",
    METADATA,
    _roster(),
    Column("number", Integer, nullable=False),
    Column("effective_time", UtcDateTime(), nullable=False),
    # The contract's message without what is output: it is read as a whole, and never searched in.
    Column("definition", LargeBinary, nullable=False),
    Column("editor", String(120), nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
    PrimaryKeyConstraint("roster", "number"),
    info={"name": "rosters/{roster}"},
)

# Who ever stood in a roster: so that he is not deleted while the past is told, and his rosters are found.
duty_member: Final = Table(
    "duty_member",
    METADATA,
    _roster(),
    Column("employee", ForeignKey(_EMPLOYEE), nullable=False, index=True),
    PrimaryKeyConstraint("roster", "employee"),
    info={"name": "rosters/{roster}"},
)

duty_override: Final = Table(
    "duty_override",
    METADATA,
    _number(),
    _roster(),
    Column("change", SmallInteger, nullable=False),
    Column("origin", SmallInteger, nullable=False),
    Column("employee", ForeignKey(_EMPLOYEE), index=True),
    Column("replaced", ForeignKey(_EMPLOYEE), index=True),
    Column("start_time", UtcDateTime(), nullable=False),
    Column("end_time", UtcDateTime(), nullable=False),
    Column("reason", String(400), nullable=False),
    *_made(),
    Index(None, "roster", "id"),
    info={"name": "dutyOverrides/{id}"},
)

duty_plan: Final = Table(
    "duty_plan",
    METADATA,
    _number(),
    _roster(),
    Column("title", String(80), nullable=False),
    Column("start_time", UtcDateTime(), nullable=False),
    Column("end_time", UtcDateTime(), nullable=False),
    # A contract's plan with nothing but its shifts.
    Column("shifts", LargeBinary, nullable=False),
    *_made(),
    Index(None, "roster", "id"),
    info={"name": "dutyPlans/{id}"},
)

duty_swap: Final = Table(
    "duty_swap",
    METADATA,
    _number(),
    _roster(index=True),
    Column("employee", ForeignKey(_EMPLOYEE), nullable=False, index=True),
    Column("start_time", UtcDateTime(), nullable=False),
    Column("end_time", UtcDateTime(), nullable=False),
    Column("reason", String(400), nullable=False),
    # The only one who may take it; empty: everybody in the roster.
    Column("asked", ForeignKey(_EMPLOYEE), index=True),
    Column("state", SmallInteger, nullable=False),
    Column("taken_by", ForeignKey(_EMPLOYEE), index=True),
    Column("override", ForeignKey("duty_override.id"), index=True),
    Column("creator", String(120), nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("close_time", UtcDateTime()),
    info={"name": "dutySwaps/{id}"},
)

duty_feed: Final = Table(
    "duty_feed",
    METADATA,
    _number(),
    # One of the two: the shifts of a roster, or of an employee.
    Column("roster", ForeignKey("duty_roster.id"), index=True),
    Column("employee", ForeignKey(_EMPLOYEE, ondelete="CASCADE"), index=True),
    # SHA-256 of the secret in the address: who reads the database cannot read the feed.
    Column("digest", LargeBinary(32), nullable=False),
    Column("creator", String(120), nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("revoke_time", UtcDateTime()),
    info={"name": "dutyFeeds/{id}"},
)
