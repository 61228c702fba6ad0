"""The tables of escalations: what should happen when, what is next for every call, and what has happened."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from mesh.columns import UtcDateTime
from server_es.schema import METADATA

_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")

escalation_event: Final = Table(
    "escalation_event",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("title", String(80), nullable=False),
    Column("subject_text_module", ForeignKey("text_module.id"), index=True),
    Column("message_text_module", ForeignKey("text_module.id"), nullable=False, index=True),
    Column("channels", JSON, nullable=False),
    Column("notify_responsible_employee", Boolean, nullable=False),
    Column("notify_by_forwarding", Boolean, nullable=False),
    Column("recipients", JSON, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("update_time", UtcDateTime(), nullable=False),
    info={"name": "escalationEvents/{id}"},
)

escalation_point: Final = Table(
    "escalation_point",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("title", String(80), nullable=False),
    Column("event", ForeignKey("escalation_event.id"), nullable=False, index=True),
    Column("milestone", SmallInteger, nullable=False),
    Column("percent", Integer, nullable=False),
    Column("delay_working_duration", BigInteger),  # microseconds, as all durations
    Column("delay_duration", BigInteger),
    Column("state_ceiling", Integer, nullable=False),
    Column("new_state", ForeignKey("servicecall_state.number"), index=True),
    Column("assignments", JSON, nullable=False),
    Column("repeat_working_duration", BigInteger),
    Column("repeat_duration", BigInteger),
    Column("repeat_limit", Integer, nullable=False),
    Column("after_acknowledgement", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("update_time", UtcDateTime(), nullable=False),
    info={"name": "escalationPoints/{number}"},
)

# What a point's rows name. Derived from `assignments`: whoever deletes a level or a priority is told who needs it.
escalation_assignment: Final = Table(
    "escalation_assignment",
    METADATA,
    Column("id", _NUMBER, primary_key=True),
    Column("point", ForeignKey("escalation_point.number", ondelete="CASCADE"), nullable=False, index=True),
    Column("service_level", ForeignKey("service_level.number"), index=True),
    Column("priority", ForeignKey("priority.number"), index=True),
    info={"name": "escalationPoints/{point}"},
)

maintenance_window: Final = Table(
    "maintenance_window",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("title", String(80), nullable=False),
    Column("address", ForeignKey("address.number"), index=True),
    Column("system", ForeignKey("system.number"), index=True),
    Column("start_time", UtcDateTime(), nullable=False),
    Column("end_time", UtcDateTime(), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("update_time", UtcDateTime(), nullable=False),
    info={"name": "maintenanceWindows/{id}"},
)

# One row per call: when something is next to be looked at. Written in the transaction of every event of the call, under
# the lock of the call. Without pauses its clock is reckoned from this row alone, which is what makes it fast to re-time
# many; what else could have changed is looked at again before anything fires.
escalation_timer: Final = Table(
    "escalation_timer",
    METADATA,
    Column("servicecall", ForeignKey("servicecall.number"), primary_key=True, autoincrement=False),
    Column("due_time", UtcDateTime()),  # NULL: nothing is to come
    Column("service_level", Integer, nullable=False),
    Column("state", Integer, nullable=False),
    Column("receive_time", UtcDateTime(), nullable=False),
    Column("accept_time", UtcDateTime()),
    Column("met", SmallInteger, nullable=False),  # bits: 1 reaction, 2 arrival, 4 solution
    Column("paused", Boolean, nullable=False),  # its clock has ever stood: reckon from the log
    Column("cycle", Integer, nullable=False),
    Column("fired", Text, nullable=False),  # of this cycle: "point:count:microseconds since 1970", blanks between
    Column("acknowledged", Boolean, nullable=False),
    Column("held", Boolean, nullable=False),
    Index(
        None,
        "due_time",
        "servicecall",
        sqlite_where=text("due_time IS NOT NULL"),
        postgresql_where=text("due_time IS NOT NULL"),
    ),
    Index(None, "service_level", "servicecall"),
    info={"name": "servicecalls/{servicecall}"},
)

# Levels whose calls are to be timed anew, and how far that is.
escalation_retiming: Final = Table(
    "escalation_retiming",
    METADATA,
    Column("service_level", Integer, primary_key=True, autoincrement=False),
    Column("after_call", BigInteger, nullable=False),
    Column("from_log", Boolean, nullable=False),
)

# What has fired. Only appended to, but for the acknowledgement.
escalation: Final = Table(
    "escalation",
    METADATA,
    Column("id", _NUMBER, primary_key=True),
    Column("servicecall", ForeignKey("servicecall.number"), nullable=False),
    # No foreign keys: the record outlives points and events.
    Column("point", Integer, nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("point_title", String(80), nullable=False),
    Column("event", String(40), nullable=False),
    Column("due_time", UtcDateTime(), nullable=False),
    Column("fire_time", UtcDateTime(), nullable=False),
    Column("late", Boolean, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("hastened", Boolean, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("subject", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("new_state", Integer),
    Column("acknowledge_time", UtcDateTime()),
    Column("acknowledger", String(120), nullable=False),
    UniqueConstraint("servicecall", "point", "cycle", "round"),
    info={"name": "escalations/{id}"},
)
