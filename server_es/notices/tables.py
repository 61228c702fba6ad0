"""The tables of notices: what was told to whom, which is the queue of what is still to do; and preferences."""

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

from mesh.claims import job_columns
from mesh.columns import UtcDateTime
from server_es.schema import METADATA


def _of_those_with(column: str) -> Index:
    some = text(f"{column} IS NOT NULL")
    return Index(None, column, sqlite_where=some, postgresql_where=some)


notice: Final = Table(
    "notice",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("cause", String(120), nullable=False),
    Column("about", String(255), nullable=False, index=True),
    # `employees/17`, or a free address or number. No foreign key: what was told outlives who was told.
    Column("recipient", String(320), nullable=False),
    Column("employee", String(40), nullable=False, index=True),
    Column("address", String(320), nullable=False),
    Column("channel", SmallInteger, nullable=False),
    Column("subject", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("digest", String(32), nullable=False, index=True),
    Column("state", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("sent_time", UtcDateTime()),
    Column("end_time", UtcDateTime()),
    Column("expire_time", UtcDateTime()),
    # The message in the inbox of `employee`.
    Column("inbox_sequence", BigInteger),
    # The popup that was not acknowledged, of a notice that follows it.
    Column("follows", BigInteger),
    # The notice this one left with. What stands for several is what is said; written once, the same for every attempt.
    Column("carried_by", BigInteger),
    Column("held", Boolean, nullable=False),
    Column("request_id", String(36)),
    Column("parcel_subject", String(200)),
    Column("parcel_text", Text),
    Column("remote_name", String(80), nullable=False),
    *job_columns(),
    UniqueConstraint("cause", "recipient", "channel"),
    # Of most rows these say nothing: what is written most often is kept out of the indexes that are asked for few.
    *(_of_those_with(name) for name in ("follows", "carried_by", "next_attempt_time")),
    Index(None, "recipient", "channel", "sent_time"),
    info={"name": "notices/{id}"},
)

preferences: Final = Table(
    "notification_preferences",
    METADATA,
    Column("employee", ForeignKey("employee.personnel_number", ondelete="CASCADE"), primary_key=True),
    Column("channels", JSON, nullable=False),
    Column("fallback_channels", JSON, nullable=False),
    Column("fallback_seconds", Integer),
    # [[weekdays, start_minute, end_minute], …]; weekdays as in the contract.
    Column("quiet_hours", JSON, nullable=False),
    Column("additional_mail_address", String(254), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("update_time", UtcDateTime(), nullable=False),
    info={"name": "employees/{employee}/notificationPreferences"},
)
