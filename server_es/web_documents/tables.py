"""The tables of the web documents: access codes that were asked for, tickets that were given, documents that were
published.
"""

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from mesh.columns import UtcDateTime
from server_es.schema import METADATA

# A row for every code that was asked for, also when nobody is told: both cost the same time.
access_code: Final = Table(
    "web_access_code",
    METADATA,
    Column("id", String(36), primary_key=True),
    # As they were typed, normalised; no foreign keys, for they may be invented.
    Column("system", String(40), nullable=False),
    Column("mail_address", String(320), nullable=False),
    Column("place", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("attempts_left", Integer, nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("expire_time", UtcDateTime(), nullable=False),
    Column("used_time", UtcDateTime()),
    # The customer it is for; empty: the mail address has nothing to do with the system.
    Column("address", String(40), nullable=False),
    # The mail to be sent; both empty as soon as it was handed over, or never was to be sent.
    Column("recipient", String(320), nullable=False),
    Column("code", String(40), nullable=False),
    Index(None, "system", "mail_address", "create_time"),
    Index(None, "place", "create_time"),
    Index(None, "recipient"),
    Index(None, "expire_time"),
)

# A ticket holds only while its row says so.
ticket: Final = Table(
    "web_ticket",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("person", String(320), nullable=False, index=True),
    Column("staff", Boolean, nullable=False),
    Column("systems", JSON(none_as_null=True), nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("expire_time", UtcDateTime(), nullable=False),
    Column("revoke_time", UtcDateTime()),
    Column("place", Text, nullable=False),
    Index(None, "expire_time"),
)

# What server_business has published: the last word on a document and a system, kept when it was taken away.
publication: Final = Table(
    "web_publication",
    METADATA,
    Column("document", String(40), primary_key=True),
    Column("system", String(60), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    # The folders it lies in below the root, and its name there.
    Column("way", JSON(none_as_null=True), nullable=False),
    Column("file_name", Text, nullable=False),
    # Both in one, case folded; null: it was taken away. A name is given once.
    Column("place", Text, unique=True),
    Column("sha256", String(64), nullable=False),
    Column("update_time", UtcDateTime(), nullable=False),
)
