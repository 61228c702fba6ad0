"""The tables of the client administration."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Table, Text

from mesh.columns import UtcDateTime
from server_es.schema import METADATA

client: Final = Table(
    "client",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("employee", String(40), nullable=False),
    Column("user", String(64), nullable=False),
    Column("machine", String(255), nullable=False),
    Column("version", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("connect_time", UtcDateTime(), nullable=False),
    Column("heard_time", UtcDateTime(), nullable=False),
    # Number of the last change, from the counter: what a watcher's cursor counts.
    Column("revision", BigInteger, nullable=False, unique=True),
    Column("update_answer", SmallInteger, nullable=False),
    Column("end_time", UtcDateTime()),
    Column("end_reason", SmallInteger, nullable=False),
    Column("end_text", Text, nullable=False),
)
_connected = client.c.end_time.is_(None)
Index("ix_client_connected", client.c.heard_time, sqlite_where=_connected, postgresql_where=_connected)
Index("ix_client_listed", client.c.connect_time, client.c.id)

# One row, locked by every change until its commit: changes are numbered in the order in which they become visible, and
# the last seat is given away once.
counter: Final = Table(
    "client_counter",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    # Changes up to this one may be forgotten already.
    Column("forgotten", BigInteger, nullable=False),
)

client_update: Final = Table(
    "client_update",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("starter", String(80), nullable=False),
    Column("start_time", UtcDateTime(), nullable=False),
    Column("announced_time", UtcDateTime()),
    Column("state", SmallInteger, nullable=False),
    Column("finish_time", UtcDateTime()),
)
