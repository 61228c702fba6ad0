"""The tables of short messages: the queue, its parts at providers, stray receipts, and what was received."""

from typing import Final

from sqlalchemy import (
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
from server_business.schema import METADATA
from server_business.sending.store import SendQueue
from server_business.sending.tables import sending_table

_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")
_UNSENT: Final = text("next_attempt_time IS NOT NULL")

SMS: Final = SendQueue(
    sending_table(
        "sms",
        "sms",
        METADATA,
        Column("to", String(16), nullable=False),
        Column("text", Text, nullable=False),
        Column("alphabet", SmallInteger, nullable=False),
        Column("parts", Integer, nullable=False),
        Column("priority", SmallInteger, nullable=False, server_default="2"),
        Column("flash", Boolean, nullable=False, server_default="0"),
        # Which provider has it, or whose turn it is. Empty: none served the number when it was last looked at.
        Column("provider", String(40), nullable=False, server_default=""),
        Column("delivery", SmallInteger, nullable=False, server_default="0"),
        Column("delivery_time", UtcDateTime()),
    )
)
"""What everything that is sent has in common: a queue whose rows end in a named state, and never leave twice."""
Index(
    None,
    *(SMS.table.c[name] for name in ("provider", "state", "priority", "next_attempt_time")),
    sqlite_where=_UNSENT,
    postgresql_where=_UNSENT,
)

sms_part: Final = Table(
    "sms_part",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("sms", ForeignKey("sms.id", ondelete="CASCADE"), nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("provider", String(40), nullable=False),
    # How the provider names it, as it said, and as `delivery.keys` finds it. No key: nobody knows whether it has it.
    Column("reference", String(64), nullable=False),
    Column("key", String(64)),
    Column("state", SmallInteger, nullable=False),
    Column("error", String(10), nullable=False),
    Column("sent_time", UtcDateTime(), nullable=False),
    Column("state_time", UtcDateTime()),
    # When its state is asked for, or given up; empty once there is one.
    Column("ask_time", UtcDateTime()),
    UniqueConstraint("sms", "number"),
    Index(None, "provider", "key"),
    Index(None, "ask_time"),
    info={"name": "sms/{sms}"},
)

# Receipts that came before the answer to their submit, or whose answer never came. A few days long.
sms_receipt: Final = Table(
    "sms_receipt",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("provider", String(40), nullable=False),
    Column("reference", String(64), nullable=False),
    Column("key", String(64), nullable=False),
    Column("number", String(40), nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("error", String(10), nullable=False),
    Column("receive_time", UtcDateTime(), nullable=False, index=True),
    Index(None, "provider", "key"),
)

sms_provider: Final = Table(
    "sms_provider",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("healthy", Boolean, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("change_time", UtcDateTime(), nullable=False),
)

sms_inbound: Final = Table(
    "sms_inbound",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("provider", String(40), nullable=False),
    # The gateway's id; a digest of the message where it has none, which comes again when somebody says the same later.
    Column("reference", String(128), nullable=False),
    Column("sender", String(40), nullable=False),
    Column("recipient", String(40), nullable=False),
    Column("text", Text, nullable=False),
    Column("receive_time", UtcDateTime(), nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("request_id", String(36), nullable=False),
    *job_columns(),
    Index(None, "next_attempt_time"),
    Index(None, "provider", "reference"),
    info={"name": "inboundSms/{id}"},
)

# Parts of longer messages, until all are there.
sms_segment: Final = Table(
    "sms_segment",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("provider", String(40), nullable=False),
    Column("sender", String(40), nullable=False),
    Column("recipient", String(40), nullable=False),
    Column("reference", Integer, nullable=False),
    Column("total", SmallInteger, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("receive_time", UtcDateTime(), nullable=False),
    UniqueConstraint("provider", "sender", "recipient", "reference", "total", "number"),
)

sms_opt_out: Final = Table(
    "sms_opt_out",
    METADATA,
    Column("number", String(40), primary_key=True),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("message", BigInteger, nullable=False),
)
