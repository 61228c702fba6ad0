"""The tables of appointments and tasks, and of what has changed in whose calendar."""

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
)

from mesh.columns import UtcDateTime
from server_es.directory.tables import employee
from server_es.schema import METADATA


def _id() -> Column[int]:
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


def _kept() -> tuple[Column[Any], ...]:
    return (
        # Names it on both sides of a sync.
        Column("uid", String(255), nullable=False),
        Column("create_time", UtcDateTime(), nullable=False),
        Column("update_time", UtcDateTime(), nullable=False),
        Column("revision", Integer, nullable=False),
    )


appointment: Final = Table(
    "appointment",
    METADATA,
    _id(),
    Column("employee", ForeignKey(employee.c.personnel_number), nullable=False),
    Column("title", String(255), nullable=False),
    Column("description", Text, nullable=False),
    Column("location", String(255), nullable=False),
    Column("activity_type", String(40), nullable=False),
    Column("start_time", UtcDateTime(), nullable=False),
    Column("end_time", UtcDateTime(), nullable=False),
    Column("all_day", Boolean, nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("availability", SmallInteger, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("conference", Boolean, nullable=False),
    Column("recurrence", String(200), nullable=False),
    # The contract's exceptions, in JSON.
    Column("exceptions", JSON, nullable=False),
    # Name of what wrote it; it writes one only, however often it is asked. Empty: somebody's own appointment.
    Column("origin", String(120), unique=True),
    *_kept(),
    Index(None, "employee", "end_time"),
    Index("ix_appointment_uid", "employee", "uid", unique=True),
    info={"name": "appointments/{id}"},
    sqlite_autoincrement=True,  # a number that was deleted is not given again
)

task: Final = Table(
    "task",
    METADATA,
    _id(),
    Column("employee", ForeignKey(employee.c.personnel_number), nullable=False),
    Column("title", String(255), nullable=False),
    Column("description", Text, nullable=False),
    Column("start_date", Date),
    Column("due_date", Date),
    Column("status", SmallInteger, nullable=False),
    Column("percent_complete", SmallInteger, nullable=False),
    Column("importance", SmallInteger, nullable=False),
    Column("private", Boolean, nullable=False),
    *_kept(),
    Index("ix_task_uid", "employee", "uid", unique=True),
    info={"name": "tasks/{id}"},
    sqlite_autoincrement=True,
)

# How many changes there were in a calendar. Who changes one holds this row until he commits: its changes have an order.
calendar_revision: Final = Table(
    "calendar_revision",
    METADATA,
    Column("employee", ForeignKey(employee.c.personnel_number, ondelete="CASCADE"), primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

# The last change of each item. What is gone stays here.
calendar_change: Final = Table(
    "calendar_change",
    METADATA,
    Column("employee", ForeignKey(employee.c.personnel_number, ondelete="CASCADE"), nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("item", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "item"),
    Index(None, "employee", "kind", "revision"),
)
