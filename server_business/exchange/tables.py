"""The tables of the sync: how far each mailbox is, which item is which, and what was decided."""

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, SmallInteger, String, Table, Text

from mesh.columns import UtcDateTime
from server_business.schema import METADATA

mailbox: Final = Table(
    "exchange_mailbox",
    METADATA,
    Column("employee", String(40), primary_key=True),
    # Up to where each side was read, what an administrator is asked, and what he has allowed.
    Column("marks", JSON, nullable=False),
    Column("healthy", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("success_time", UtcDateTime()),
)

link: Final = Table(
    "exchange_link",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("employee", String(40), nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("uid", String(255), nullable=False),
    Column("origin", SmallInteger, nullable=False),
    Column("erp_id", String(64), nullable=False),
    Column("exchange_id", String(512), nullable=False),
    # Each side but its id: `rules.Side`.
    Column("erp", JSON, nullable=False),
    Column("exchange", JSON, nullable=False),
    Column("detached", Boolean, nullable=False),
    Column("intention", JSON(none_as_null=True)),
    Column("problem", String(500), nullable=False),
    Column("linked", Boolean, nullable=False),
    Column("due", Boolean, nullable=False),
    Index("ix_exchange_link_uid", "employee", "kind", "uid", unique=True),
    Index(None, "employee", "kind", "erp_id"),
    Index(None, "employee", "kind", "exchange_id"),
    Index(None, "employee", "due", "kind"),
)

log: Final = Table(
    "exchange_log",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("employee", String(40), nullable=False),
    Column("time", UtcDateTime(), nullable=False),
    Column("event", SmallInteger, nullable=False),
    Column("place", SmallInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("uid", String(255), nullable=False),
    Column("field", String(100), nullable=False),
    Column("overruled", String(500), nullable=False),
    Index(None, "employee", "id"),
)
