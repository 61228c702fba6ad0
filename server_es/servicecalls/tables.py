"""The tables of servicecalls: what is known of a call now, and the log of what happened to it."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    false,
)

from mesh.columns import UtcDateTime
from server_es.schema import METADATA

servicecall: Final = Table(
    "servicecall",
    METADATA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("title", String(80), nullable=False),
    Column("search", String(320), nullable=False),
    Column("address", ForeignKey("address.number"), nullable=False, index=True),
    Column("system", ForeignKey("system.number"), index=True),
    Column("component", String(40)),
    Column("contract", ForeignKey("contract.number"), index=True),
    Column("problem_category", ForeignKey("problem_category.id"), index=True),
    # As it was when the call was made; no foreign key, for the customer may get another one and this one may go.
    Column("significance", String(40)),
    Column("responsible_employee", ForeignKey("employee.personnel_number"), index=True),
    Column("responsible_team", ForeignKey("team.id"), index=True),
    Column("published", Boolean, nullable=False),
    Column("description", Text, nullable=False),
    Column("receive_time", UtcDateTime()),
    # What follows from the log, kept to filter by.
    Column("state", ForeignKey("servicecall_state.number"), nullable=False, index=True),
    Column("meaning", SmallInteger, nullable=False, index=True),
    Column("service_level", ForeignKey("service_level.number"), nullable=False, index=True),
    Column("level_rule", SmallInteger, nullable=False),
    Column("level_rule_source", String(200), nullable=False),
    Column("origin", String(200), nullable=False),
    Column("reporter_mail_address", String(254), nullable=False, server_default=""),
    Column("suppress_answers", Boolean, nullable=False, server_default=false()),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("update_time", UtcDateTime(), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("last_sequence", Integer, nullable=False),
    Column("last_event_time", UtcDateTime(), nullable=False),
    # A cache to sort by, never an answer: next due time of an open call, `due_times.NEVER` when nothing is due, NULL
    # when it is solved or done. Written with every event, and with every change of levels, calendars and states.
    Column("cached_due_time", UtcDateTime()),
    ForeignKeyConstraint(["system", "component"], ["component.system", "component.id"]),
    Index(None, "cached_due_time", "number"),
    info={"name": "servicecalls/{number}"},
)

# Only appended to.
servicecall_event: Final = Table(
    "servicecall_event",
    METADATA,
    Column("servicecall", ForeignKey("servicecall.number"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("event_time", UtcDateTime(), nullable=False),
    Column("record_time", UtcDateTime(), nullable=False),
    Column("actor", String(120), nullable=False),
    # Where they changed; no foreign keys, for the log outlives states and levels.
    Column("state", Integer),
    Column("service_level", Integer),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("servicecall", "sequence"),
    info={"name": "servicecalls/{servicecall}"},
    sqlite_with_rowid=False,
)

# Levels whose calls' cached due times are to be computed anew, and how far that is.
due_time_refresh: Final = Table(
    "due_time_refresh",
    METADATA,
    Column("service_level", Integer, primary_key=True, autoincrement=False),
    Column("after_call", BigInteger, nullable=False),
)

number_range: Final = Table(
    "number_range",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("last", BigInteger, nullable=False),
)
